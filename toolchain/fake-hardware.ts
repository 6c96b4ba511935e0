/**
 * The hardware, played by JavaScript, for running kernel modules in Node.
 *
 * Addresses: 0xffffffff80000000 + p is byte p of the wasm's linear memory, as on the machine.
 * Physical memory is an array; the direct map of it starts at 0xffff800000000000. Application
 * addresses (the low half, up to the size of physical memory) are the same array, as if mapped one
 * to one: `userCopy` fails outside it. A module under test gets what it needs by overriding single
 * functions.
 */
import { cpuidOf } from "./fake-cpuid.ts";

const LINEAR_MEMORY = 0xffffffff80000000n;
const DIRECT_MAP = 0xffff800000000000n;
/** The kernel's memory does not grow beyond this: enough for any test, and soon exhausted. */
const LINEAR_LIMIT = 64 * 1024 * 1024;
/** Any address of the kernel's. */
const THREAD_ENTRY = 0xffffffff80001000n;
/** Offsets of `current` and `interruptWork` in a Cpu (kernel/sched/cpu.ts). */
const CPU_CURRENT = 16;
const CPU_INTERRUPT_WORK = 28;

export interface FakeHardware {
  imports: WebAssembly.Imports;
  /** Physical memory. */
  physical: Uint8Array;
  /** To be called with the instance before its code runs. */
  attach(instance: WebAssembly.Instance): void;
  /** What the module wrote to the first serial port. */
  console(): string;
  /** Nanoseconds (and TSC ticks: the fake TSC runs at 1 GHz). */
  setTime(now: bigint): void;
}

type HardwareFunction = (...values: never[]) => unknown;

export class KernelAbort extends Error {}

/** Reads an AssemblyScript string: UTF-16, its size in bytes in the word before it. */
export function readString(memory: WebAssembly.Memory, pointer: number): string {
  const view = new DataView(memory.buffer);
  const length = view.getUint32(pointer - 4, true);
  return Buffer.from(memory.buffer, pointer, length).toString("utf16le");
}

export function createFakeHardware(
  physicalBytes: number,
  overrides: Record<string, HardwareFunction> = {},
): FakeHardware {
  const physical = new Uint8Array(physicalBytes);
  const physicalView = new DataView(physical.buffer);
  let memory: WebAssembly.Memory;
  let linearView: DataView;
  let linearBytes: Uint8Array;
  let text = "";
  let now = 0n;
  let areInterruptsOn = true;

  const refresh = () => {
    linearView = new DataView(memory.buffer);
    linearBytes = new Uint8Array(memory.buffer);
  };
  const locate = (address: bigint): { view: DataView; bytes: Uint8Array; offset: number } => {
    const unsigned = BigInt.asUintN(64, address);
    if (unsigned >= LINEAR_MEMORY) {
      if (linearView.buffer !== memory.buffer) refresh();
      return { view: linearView, bytes: linearBytes, offset: Number(unsigned - LINEAR_MEMORY) };
    }
    const offset = Number(unsigned >= DIRECT_MAP ? unsigned - DIRECT_MAP : unsigned);
    return { view: physicalView, bytes: physical, offset };
  };
  const copy = (to: bigint, from: bigint, n: bigint) => {
    const target = locate(to);
    const source = locate(from);
    target.bytes.set(
      source.bytes.subarray(source.offset, source.offset + Number(n)),
      target.offset,
    );
  };

  const hw: Record<string, HardwareFunction> = {
    addressOf: (pointer: number) => LINEAR_MEMORY + BigInt(pointer >>> 0),
    copy,
    fill: (address: bigint, byte: number, n: bigint) => {
      const { bytes, offset } = locate(address);
      bytes.fill(byte, offset, offset + Number(n));
    },
    userCopy: (to: bigint, from: bigint, n: bigint) => {
      for (const address of [to, from]) {
        const { bytes, offset } = locate(address);
        if (offset + Number(n) > bytes.length) return n;
      }
      copy(to, from, n);
      return 0n;
    },
    exchange64: (address: bigint, value: bigint) => {
      const { view, offset } = locate(address);
      const old = view.getBigUint64(offset, true);
      view.setBigUint64(offset, value, true);
      return old;
    },
    compareExchange64: (address: bigint, expected: bigint, value: bigint) => {
      const { view, offset } = locate(address);
      if (view.getBigUint64(offset, true) !== BigInt.asUintN(64, expected)) return 0;
      view.setBigUint64(offset, value, true);
      return 1;
    },
    compareExchange32: (address: bigint, expected: number, value: number) => {
      const { view, offset } = locate(address);
      if (view.getUint32(offset, true) !== expected >>> 0) return 0;
      view.setUint32(offset, value, true);
      return 1;
    },
    cpuid: (leaf: number, index: number, out: number) => {
      if (linearView.buffer !== memory.buffer) refresh();
      cpuidOf(leaf, index).forEach((value, at) => {
        linearView.setUint32((out >>> 0) + at * 4, value, true);
      });
    },
    /** An image of 1 MiB, where QEMU loads it. */
    kernelImageEnd: () => 0xffff_ffff_c020_0000n,
    out8: (port: number, value: number) => {
      if (port === 0x3f8) text += String.fromCharCode(value & 0xff);
    },
    multiplyShift: (a: bigint, b: bigint, shift: number) =>
      BigInt.asUintN(64, (BigInt.asUintN(64, a) * BigInt.asUintN(64, b)) >> BigInt(shift)),
    readTsc: () => now,
    // As on the machine, from the Cpu object: it lies at 0, where `cpu` says by saying nothing.
    currentThread: () => {
      if (linearView.buffer !== memory.buffer) refresh();
      return linearView.getUint32(CPU_CURRENT, true);
    },
    disableInterrupts: () => {
      areInterruptsOn = false;
    },
    enableInterrupts: () => {
      areInterruptsOn = true;
    },
    // A halt ends at once, by the interrupts that the test has marked as pending.
    waitForInterrupt: () => {
      if (areInterruptsOn) throw new KernelAbort("an interrupt could come before the halt");
      if (linearView.buffer !== memory.buffer) refresh();
      const hasCome = linearView.getUint32(CPU_INTERRUPT_WORK, true) !== 0;
      if (hasCome) throw new KernelAbort("the CPU halts though an interrupt has come");
      linearView.setUint32(CPU_INTERRUPT_WORK, 1, true);
    },
    // Never reached: no stack is switched.
    threadEntry: () => THREAD_ENTRY,
    // Where a backtrace ends.
    framePointer: () => 0n,
    // There is no way out of a system call that could be interrupted.
    syscallExitStart: () => 0n,
    syscallExitEnd: () => 0n,
    growLinear: (bytes: number) => {
      if (bytes >>> 0 > LINEAR_LIMIT) return 0;
      const pages = Math.ceil((bytes >>> 0) / 65536) - memory.buffer.byteLength / 65536;
      if (pages > 0) memory.grow(pages);
      return 1;
    },
    halt: () => {
      throw new KernelAbort(`the kernel stopped:\n${text}`);
    },
  };
  for (const kind of ["", "volatile"]) {
    const name = (verb: string, bits: number) =>
      kind === "" ? `${verb.toLowerCase()}${bits}` : `${kind}${verb}${bits}`;
    hw[name("Load", 8)] = (address: bigint) => {
      const { view, offset } = locate(address);
      return view.getUint8(offset);
    };
    hw[name("Load", 16)] = (address: bigint) => {
      const { view, offset } = locate(address);
      return view.getUint16(offset, true);
    };
    hw[name("Load", 32)] = (address: bigint) => {
      const { view, offset } = locate(address);
      return view.getUint32(offset, true);
    };
    hw[name("Load", 64)] = (address: bigint) => {
      const { view, offset } = locate(address);
      return view.getBigUint64(offset, true);
    };
    hw[name("Store", 8)] = (address: bigint, value: number) => {
      const { view, offset } = locate(address);
      view.setUint8(offset, value);
    };
    hw[name("Store", 16)] = (address: bigint, value: number) => {
      const { view, offset } = locate(address);
      view.setUint16(offset, value, true);
    };
    hw[name("Store", 32)] = (address: bigint, value: number) => {
      const { view, offset } = locate(address);
      view.setUint32(offset, value, true);
    };
    hw[name("Store", 64)] = (address: bigint, value: bigint) => {
      const { view, offset } = locate(address);
      view.setBigUint64(offset, value, true);
    };
  }
  Object.assign(hw, overrides);

  const abort = (message: number, file: number, line: number) => {
    const what = message ? readString(memory, message) : "aborted";
    const where = file ? ` (${readString(memory, file)}:${line})` : "";
    throw new KernelAbort(`${what}${where}${text ? `\nconsole:\n${text}` : ""}`);
  };
  /** What the fake does not play returns nothing: zero. */
  const inert = () => 0;
  return {
    imports: {
      env: { abort },
      hw: new Proxy(hw, {
        get: (known, name) => known[String(name)] ?? inert,
      }) as WebAssembly.ModuleImports,
    },
    physical,
    attach: (instance) => {
      memory = instance.exports.memory as WebAssembly.Memory;
      refresh();
    },
    console: () => text,
    setTime: (value) => {
      now = value;
    },
  };
}
