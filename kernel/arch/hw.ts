/**
 * The hardware, as TypeScript sees it: the facade of `arch/`. Each function is an import of the
 * wasm module. On the machine it is an inlined instruction or two (arch/x86_64/hw.h); in Node, a
 * fake (toolchain/fake-hardware.ts).
 *
 * Two kinds of address exist. A *pointer* (usize, 32 bits) is an offset in linear memory, where
 * kernel objects live and which TypeScript's own loads reach. An *address* (u64) is a virtual
 * address: application memory, the direct map of physical memory, devices. `addressOf` turns a
 * pointer into an address.
 */

// ---- Memory by address: little-endian, alignment free -------------------------------------------
export declare function load8(address: u64): u32;
export declare function load16(address: u64): u32;
export declare function load32(address: u64): u32;
export declare function load64(address: u64): u64;
export declare function store8(address: u64, value: u32): void;
export declare function store16(address: u64, value: u32): void;
export declare function store32(address: u64, value: u32): void;
export declare function store64(address: u64, value: u64): void;

/**
 * For what another CPU, an interrupt or a device changes (rings, registers): never merged or left
 * out. On x86 a load is an acquire and a store a release; only a store before a load needs `fence`.
 */
export declare function volatileLoad8(address: u64): u32;
export declare function volatileLoad16(address: u64): u32;
export declare function volatileLoad32(address: u64): u32;
export declare function volatileLoad64(address: u64): u64;
export declare function volatileStore8(address: u64, value: u32): void;
export declare function volatileStore16(address: u64, value: u32): void;
export declare function volatileStore32(address: u64, value: u32): void;
export declare function volatileStore64(address: u64, value: u64): void;

export declare function exchange64(address: u64, value: u64): u64;
/** 1 when `expected` was there and has been replaced, else 0. */
export declare function compareExchange64(address: u64, expected: u64, value: u64): u32;
export declare function compareExchange32(address: u64, expected: u32, value: u32): u32;
/** (a * b) >> shift, with a product of 128 bits. */
export declare function multiplyShift(a: u64, b: u64, shift: u32): u64;
/** Orders earlier stores before later loads, on all CPUs and devices. */
export declare function fence(): void;
/** Keeps the compiler, and only it, from moving memory accesses across. */
export declare function compilerBarrier(): void;

/** The address of a pointer into linear memory. */
export declare function addressOf(pointer: usize): u64;
/** Copies n bytes between addresses that are known to be mapped; the ranges do not overlap. */
export declare function copy(to: u64, from: u64, n: u64): void;
export declare function fill(address: u64, byte: u32, n: u64): void;
/**
 * As `copy`, but one side is the application's: returns how many bytes could not be copied (0: all
 * were).
 */
export declare function userCopy(to: u64, from: u64, n: u64): u64;

// ---- Ports --------------------------------------------------------------------------------------
export declare function in8(port: u32): u32;
export declare function in16(port: u32): u32;
export declare function in32(port: u32): u32;
export declare function out8(port: u32, value: u32): void;
export declare function out16(port: u32, value: u32): void;
export declare function out32(port: u32, value: u32): void;

// ---- The processor ------------------------------------------------------------------------------
export declare function readTsc(): u64;
export declare function readMsr(register: u32): u64;
export declare function writeMsr(register: u32, value: u64): void;
/** Stores eax, ebx, ecx, edx at `out` (four u32). */
export declare function cpuid(leaf: u32, subleaf: u32, out: usize): void;
/**
 * A number of the CPU's random generator (CPUID tells whether it has one); 0 when there is none
 * right now.
 */
export declare function rdrand(): u64;
export declare function readCr0(): u64;
export declare function readCr2(): u64;
export declare function readCr3(): u64;
export declare function readCr4(): u64;
export declare function writeCr0(value: u64): void;
export declare function writeCr3(value: u64): void;
export declare function writeCr4(value: u64): void;
export declare function invalidatePage(address: u64): void;
export declare function writeXcr0(value: u64): void;
/** The vector state, to and from a 64-byte aligned area. */
export declare function xsave(area: u64): void;
export declare function xsaveopt(area: u64): void;
export declare function xrstor(area: u64): void;
export declare function fxsave(area: u64): void;
export declare function fxrstor(area: u64): void;
export declare function writeFsBase(value: u64): void;
export declare function loadGdt(descriptor: u64): void;
export declare function loadIdt(descriptor: u64): void;
export declare function loadTaskRegister(selector: u32): void;

// ---- Interrupts ---------------------------------------------------------------------------------
export declare function enableInterrupts(): void;
export declare function disableInterrupts(): void;
/** With interrupts off: enables them and halts in one step, and returns with them off again. */
export declare function waitForInterrupt(): void;
/** Stops this CPU for good. */
export declare function halt(): void;
/** A hint that the CPU polls. */
export declare function pause(): void;

// ---- This CPU and its threads -------------------------------------------------------------------
/** The pointer of this CPU's `Cpu` object. */
export declare function cpu(): usize;
/** The pointer of the running `Thread`. */
export declare function currentThread(): usize;
/** Stores the stack pointer in the u64 at `save` and continues on the stack at address `load`. */
export declare function switchStacks(save: usize, load: u64): void;
/**
 * Loads all registers from the frame, which lies on the current kernel stack, and continues there.
 */
export declare function enterFrame(frame: usize): void;
/** The frame pointer of the caller, where a backtrace starts. */
export declare function framePointer(): u64;

/**
 * Sets what entry.S calls for a system call: a function by its index in the function table. With
 * `needsFrame` the whole TrapFrame is filled in before and loaded after.
 */
export declare function setSyscallHandler(number: u32, functionIndex: u32, needsFrame: u32): void;

// ---- Addresses of the image's parts and of its assembly entries ---------------------------------
export declare function trapStubs(): u64;
export declare function syscallFromInstruction(): u64;
/** Code that is copied to each page of system call stubs, and in it, the window of the way out. */
export declare function stubEntry(): u64;
export declare function stubExitStart(): u64;
export declare function stubExitEnd(): u64;
export declare function stubEntryEnd(): u64;
export declare function syscallSlow(): u64;
export declare function syscallExitStart(): u64;
export declare function syscallExitEnd(): u64;
export declare function kernelTextStart(): u64;
export declare function kernelTextEnd(): u64;
export declare function kernelRodataEnd(): u64;
export declare function kernelImageEnd(): u64;
export declare function linearInitialStart(): u64;
export declare function linearInitialEnd(): u64;
export declare function userAccessStart(): u64;
export declare function userAccessEnd(): u64;
export declare function userAccessFixup(): u64;
export declare function vdsoStart(): u64;
export declare function vdsoEnd(): u64;
export declare function threadEntry(): u64;

/** Makes linear memory usable up to `bytes` (from 0). Returns 1, or 0 when no page is left. */
export declare function growLinear(bytes: usize): u32;
