/**
 * The local APIC: end of interrupt, the one-shot timer, and the interrupts that wait for their
 * handlers. Intel SDM volume 3, chapter 11.
 *
 *     endInterrupt(vector)         first of all, with interrupts off; then one of
 *     handleInterrupt(vector)      runs its handler: the application was interrupted
 *     deferInterrupt(cpu, vector)  the kernel was: only sets its bit in the CPU's `pending` words.
 *                                  The handler runs at the next point where no kernel code is
 *                                  under way: before the return to the application, or when the
 *                                  CPU is about to idle (`runPendingInterrupts`)
 *
 * An interrupt is ended as it comes, not as it has been handled: an EOI ends whichever interrupt in
 * service has the highest priority. One that came during another's handler would be ended by that
 * handler's EOI, could come again and melt into its mark, and of the two that are then in service
 * nobody would ever end one. All routes are edges, so nothing comes again before its device has
 * been looked at.
 */

import { VERIFY } from "../../lib/verify";
import { Cpu, thisCpu } from "../../sched/cpu";
import { handlerRuns } from "../../sched/lock-order";
import { timerInterrupt } from "../../sched/scheduler";
import { monotonicNs } from "../../time/clock";
import * as hw from "../hw";
import { interruptCounted, interruptDispatch } from "./interrupts";
import { mapDevice } from "./paging";

const MSR_APIC_BASE: u32 = 0x1b;
const APIC_BASE_X2APIC: u64 = 1 << 10;
const APIC_BASE_ENABLE: u64 = 1 << 11;
const APIC_BASE_ADDRESS: u64 = 0x000ffffffffff000;
const MSR_X2APIC: u32 = 0x800;

// Register offsets; in x2APIC mode register r is MSR 0x800 + r / 16.
const APIC_ID: u32 = 0x020;
const APIC_TPR: u32 = 0x080;
const APIC_EOI: u32 = 0x0b0;
const APIC_SPURIOUS: u32 = 0x0f0;
const APIC_LVT_TIMER: u32 = 0x320;
const APIC_TIMER_INITIAL: u32 = 0x380;
const APIC_TIMER_CURRENT: u32 = 0x390;
const APIC_TIMER_DIVIDE: u32 = 0x3e0;

const SPURIOUS_ENABLE: u32 = 0x100;
const LVT_MASKED: u32 = 0x10000;
const DIVIDE_BY_1: u32 = 0b1011;

export const VECTOR_TIMER: u32 = 0xf0;
export const VECTOR_SPURIOUS: u32 = 0xff;
const REGISTER_PAGE: u64 = 4096;

const CPUID_FEATURES: u32 = 1;
const CPUID_ECX_X2APIC: u32 = 1 << 21;

let registers: u64 = 0;
let x2apic = false;
/** Timer ticks per ns, times 2^32. */
let timerScale: u64 = (<u64>1) << 32;
const cpuidOut: usize = memory.data(16, 4);

function read(register: u32): u32 {
  if (x2apic) return <u32>hw.readMsr(MSR_X2APIC + (register >> 4));
  return hw.volatileLoad32(registers + register);
}

function write(register: u32, value: u32): void {
  if (x2apic) hw.writeMsr(MSR_X2APIC + (register >> 4), value);
  else hw.volatileStore32(registers + register, value);
}

/** Enables this CPU's APIC. */
export function apicInit(): void {
  hw.cpuid(CPUID_FEATURES, 0, cpuidOut);
  x2apic = (load<u32>(cpuidOut, 8) & CPUID_ECX_X2APIC) != 0;
  let base = hw.readMsr(MSR_APIC_BASE);
  if (x2apic) {
    hw.writeMsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
  } else {
    hw.writeMsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    registers = mapDevice(base & APIC_BASE_ADDRESS, REGISTER_PAGE);
  }
  write(APIC_TPR, 0);
  write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

/** The id of this CPU's APIC, as interrupt messages address it. */
export function apicId(): u32 {
  return x2apic ? read(APIC_ID) : read(APIC_ID) >> 24;
}

/** The interrupt that has just come is over for the APIC. A spurious one is none (11.9). */
export function endInterrupt(vector: u32): void {
  if (vector != VECTOR_SPURIOUS) write(APIC_EOI, 0);
}

/** Lets the timer count down from its largest value without interrupting, for calibration. */
export function apicTimerFree(): void {
  write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
  write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
  write(APIC_TIMER_INITIAL, u32.MAX_VALUE);
}

export function apicTimerCount(): u32 {
  return read(APIC_TIMER_CURRENT);
}

export function apicTimerSetFrequency(hz: u64): void {
  timerScale = (hz << 32) / 1_000_000_000;
  write(APIC_TIMER_INITIAL, 0);
  write(APIC_LVT_TIMER, VECTOR_TIMER);
}

/** Sets the one-shot timer to `deadline` in monotonic ns; a past one fires at once. */
export function setHardwareTimer(deadline: u64): void {
  const now = monotonicNs();
  const wait = deadline > now ? deadline - now : 0;
  const ticks = hw.multiplyShift(wait, timerScale, 32);
  write(APIC_TIMER_INITIAL, <u32>min<u64>(max<u64>(ticks, 1), u32.MAX_VALUE));
}

/** Notes an interrupt that can't be handled now. Called with interrupts off. */
export function deferInterrupt(cpu: Cpu, vector: u32): void {
  const word = changetype<usize>(cpu) + offsetof<Cpu>("pending0") + ((<usize>(vector >> 6)) << 3);
  store<u64>(word, load<u64>(word) | ((<u64>1) << (vector & 63)));
  cpu.interruptWork = 1;
}

/** Runs one interrupt's handler. Thread context. */
export function handleInterrupt(vector: u32): void {
  if (VERIFY) handlerRuns(true);
  interruptCounted(vector);
  if (vector == VECTOR_TIMER) timerInterrupt();
  else if (vector != VECTOR_SPURIOUS) interruptDispatch(vector);
  if (VERIFY) handlerRuns(false);
}

/** Takes the highest pending vector out; 0 when there is none. Interrupts off. */
function takePending(cpu: Cpu): u32 {
  for (let i: i32 = 3; i >= 0; i--) {
    const word = changetype<usize>(cpu) + offsetof<Cpu>("pending0") + ((<usize>i) << 3);
    const bits = load<u64>(word);
    if (bits == 0) continue;
    const bit = 63 - clz<u64>(bits);
    store<u64>(word, bits & ~((<u64>1) << bit));
    return <u32>(i << 6) + <u32>bit;
  }
  return 0;
}

/**
 * Runs the handlers of all interrupts that came while the kernel was at work, the highest priority
 * first.
 */
export function runPendingInterrupts(): void {
  const cpu = thisCpu();
  while (cpu.interruptWork != 0) {
    hw.disableInterrupts();
    const vector = takePending(cpu);
    if (vector == 0) cpu.interruptWork = 0;
    hw.enableInterrupts();
    if (vector != 0) handleInterrupt(vector);
  }
}
