/**
 * The x87, SSE and AVX registers of the application's threads. The kernel uses none of them, so
 * they stay in the CPU during system calls and are saved only when another thread of the
 * application gets the CPU.
 */

import { allocSparePages, directMap, freePages } from "../../mem/page-allocator";
import * as hw from "../hw";

/** Unmasked SSE exceptions are #XM, not #UD. */
const CR4_OSXMMEXCPT: u64 = 1 << 10;
const CR4_OSXSAVE: u64 = 1 << 18;
const CR4_FSGSBASE: u64 = 1 << 16;
const CPUID_ECX_XSAVE: u32 = 1 << 26;
const CPUID_EXTENDED_STATE: u32 = 0xd;
const CPUID_STRUCTURED: u32 = 7;
const CPUID_EBX_FSGSBASE: u32 = 1;
/** x87, SSE, AVX, AVX-512 (three parts). */
const XCR0_WANTED: u64 = 0b11100111;
const FXSAVE_SIZE: u32 = 512;
const FSW_OFFSET: u64 = 2;
const MXCSR_OFFSET: u64 = 24;
const MXCSR_MASK_OFFSET: u64 = 28;
const MXCSR_DEFAULT: u32 = 0x1f80;
/** Of a CPU that tells none (Intel SDM volume 1, 11.6.6). */
const MXCSR_MASK_DEFAULT: u32 = 0xffbf;
const FCW_DEFAULT: u32 = 0x037f;

let areaSize: u32 = FXSAVE_SIZE;
/** XCR0. */
let features: u64 = 0;
let useXsave = false;
let useXsaveopt = false;
/** What a new program has. */
let initialState: u64 = 0;
/** The bits of MXCSR that this CPU has; loading another one is an exception. */
let mxcsrMask: u32 = MXCSR_MASK_DEFAULT;
const out: usize = memory.data(16, 4);
/** For learning the mask. */
const probe: usize = memory.data(512, 16);

/** Enables the vector extensions of this CPU and learns the size of their state. */
export function vectorStateInit(): void {
  hw.writeCr4(hw.readCr4() | CR4_OSXMMEXCPT);
  hw.fxsave(hw.addressOf(probe));
  const mask = hw.load32(hw.addressOf(probe) + MXCSR_MASK_OFFSET);
  if (mask != 0) mxcsrMask = mask;
  hw.cpuid(CPUID_STRUCTURED, 0, out);
  if ((load<u32>(out, 4) & CPUID_EBX_FSGSBASE) != 0) hw.writeCr4(hw.readCr4() | CR4_FSGSBASE);
  hw.cpuid(1, 0, out);
  if ((load<u32>(out, 8) & CPUID_ECX_XSAVE) == 0) return;
  hw.writeCr4(hw.readCr4() | CR4_OSXSAVE);
  hw.cpuid(CPUID_EXTENDED_STATE, 0, out);
  features = (<u64>load<u32>(out) | ((<u64>load<u32>(out, 12)) << 32)) & XCR0_WANTED;
  hw.writeXcr0(features);
  hw.cpuid(CPUID_EXTENDED_STATE, 0, out);
  areaSize = load<u32>(out, 4);
  hw.cpuid(CPUID_EXTENDED_STATE, 1, out);
  useXsave = true;
  useXsaveopt = (load<u32>(out) & 1) != 0;
}

/** Bytes of one saved state. */
export function vectorStateSize(): u32 {
  return areaSize;
}

/**
 * An area for one state, not filled; its address, or 0. It takes one page: the state is up to 2.7
 * KB.
 */
export function vectorStateArea(): u64 {
  const page = allocSparePages(0);
  return page != 0 ? directMap(page) : 0;
}

/** An area with the state that a new program has; its address, or 0. */
export function vectorStateAllocate(): u64 {
  const area = vectorStateArea();
  if (area == 0) return 0;
  hw.fill(area, 0, 4096);
  hw.store16(area, FCW_DEFAULT);
  hw.store32(area + MXCSR_OFFSET, MXCSR_DEFAULT);
  return area;
}

/** Gives the registers the state that a new program has: for a signal's handler. */
export function vectorStateReset(): void {
  if (initialState == 0) initialState = vectorStateAllocate();
  if (initialState != 0) loadVectorState(initialState);
}

/**
 * The exceptions that have happened and are not masked, in the bits of the status registers (Intel
 * SDM volume 1, 8.1.3 and 10.2.3), of a saved state: of the x87 unit or of SSE.
 */
export function vectorExceptions(area: u64, isX87: bool): u32 {
  if (isX87) return hw.load16(area + FSW_OFFSET) & ~hw.load16(area) & 0x3f;
  const mxcsr = hw.load32(area + MXCSR_OFFSET);
  return mxcsr & ~(mxcsr >> 7) & 0x3f;
}

export function vectorStateFree(area: u64): void {
  freePages(area - directMap(0), 0);
}

export function saveVectorState(area: u64): void {
  if (useXsaveopt) hw.xsaveopt(area);
  else if (useXsave) hw.xsave(area);
  else hw.fxsave(area);
}

export function loadVectorState(area: u64): void {
  if (useXsave) hw.xrstor(area);
  else hw.fxrstor(area);
}

const XSAVE_HEADER: u64 = 512;

/**
 * Makes a state that the application may have changed safe to load: only features we have, no
 * reserved bits.
 */
export function vectorStateSanitize(area: u64): void {
  hw.store32(area + MXCSR_OFFSET, hw.load32(area + MXCSR_OFFSET) & mxcsrMask);
  if (!useXsave) return;
  hw.store64(area + XSAVE_HEADER, hw.load64(area + XSAVE_HEADER) & features);
  for (let i: u64 = 1; i < 8; i++) hw.store64(area + XSAVE_HEADER + (i << 3), 0);
}
