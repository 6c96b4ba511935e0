/**
 * How fast the time-stamp counter and the local APIC's timer count.
 *
 *     calibrationStart()       at the very start
 *     calibrationFinish()      as late as possible before somebody wants the time
 *
 * A hypervisor that knows says so by CPUID. Otherwise both are compared with channel 2 of the 8254
 * timer, which counts down from its start once: at 1.193182 MHz it takes 54.9 ms to the end.
 * Nothing waits for it: boot itself is the interval. Only when boot took less than MEASURE_MIN does
 * the finish wait for the rest, and when it took longer than the timer counts (a busy host), the
 * finish starts it again and waits for MEASURE_MIN.
 */

import { clockSetFrequency, clockStart } from "../../time/clock";
import { pvclockInit, pvclockTscHz } from "../../time/pvclock";
import * as hw from "../hw";
import { apicTimerCount, apicTimerFree, apicTimerSetFrequency } from "./apic";

const PIT_HZ: u64 = 1_193_182;
const PIT_CHANNEL2: u32 = 0x42;
const PIT_COMMAND: u32 = 0x43;
/** Channel 2, low byte then high byte, mode 0 (interrupt on terminal count). */
const PIT_CHANNEL2_ONE_SHOT: u32 = 0xb0;
const PIT_CHANNEL2_LATCH: u32 = 0x80;
/** Bit 0: channel 2 counts; bit 1: the speaker. */
const SYSTEM_CONTROL_B: u32 = 0x61;
/**
 * Read-back: the status of channel 2 is to be read next; its bit 7 is the output, high once the
 * count is through.
 */
const PIT_CHANNEL2_STATUS: u32 = 0xe8;
const PIT_OUTPUT_HIGH: u32 = 0x80;
const PIT_START: u32 = 0xffff;
/** 2 ms, in ticks of the 8254: then a reading error of 1 µs is 0.05 %. */
const MEASURE_MIN: u32 = 2386;
/** So many equal readings in a row: there is no timer. */
const STILL_MAX = 10_000;
/** A measurement is good when its readings took less than 1/256 of it. */
const DOUBT_SHIFT: u64 = 8;
/** After so many, one that isn't good must do. */
const TRIES_MAX = 20;

const CPUID_HYPERVISOR: u32 = 0x40000000;
/** VMware's timing leaf, KVM and Xen have it too: eax = TSC kHz, ebx = APIC bus kHz. */
const CPUID_HYPERVISOR_TIMING: u32 = 0x40000010;

const registers: usize = memory.data(16, 4);
/** Readings at the start of the measurement. */
let tscStart: u64 = 0;
/** How long the reading at the start took: the host may have taken the CPU away in its midst. */
let startDoubt: u64 = 0;
let apicStart: u32 = 0;
/** The TSC when the APIC's timer was read. */
let apicTsc: u64 = 0;

function startPit(): void {
  hw.out8(PIT_COMMAND, PIT_CHANNEL2_ONE_SHOT);
  hw.out8(PIT_CHANNEL2, PIT_START & 0xff);
  const before = hw.readTsc();
  hw.out8(PIT_CHANNEL2, PIT_START >> 8);
  tscStart = hw.readTsc();
  startDoubt = tscStart - before;
}

export function calibrationStart(): void {
  hw.out8(SYSTEM_CONTROL_B, (hw.in8(SYSTEM_CONTROL_B) & ~(<u32>2)) | 1);
  startPit();
  clockStart(tscStart);
}

/** The APIC is mapped later than the TSC starts; its timer runs at a constant rate from here. */
export function calibrationApicStart(): void {
  apicTimerFree();
  apicStart = apicTimerCount();
  apicTsc = hw.readTsc();
}

function readPit(): u32 {
  hw.out8(PIT_COMMAND, PIT_CHANNEL2_LATCH);
  const low = hw.in8(PIT_CHANNEL2);
  return low | (hw.in8(PIT_CHANNEL2) << 8);
}

/** The frequencies as the hypervisor tells them; false when it does not. */
function fromHypervisor(): bool {
  hw.cpuid(CPUID_HYPERVISOR, 0, registers);
  if (load<u32>(registers) < CPUID_HYPERVISOR_TIMING) return false;
  hw.cpuid(CPUID_HYPERVISOR_TIMING, 0, registers);
  const tscKhz = load<u32>(registers);
  const apicKhz = load<u32>(registers, 4);
  if (tscKhz == 0 || apicKhz == 0) return false;
  clockSetFrequency(<u64>tscKhz * 1000);
  apicTimerSetFrequency(<u64>apicKhz * 1000);
  return true;
}

/**
 * The counter's frequency by KVM's clock, and the APIC timer's by the counter. False without such a
 * clock.
 */
function fromPvclock(): bool {
  const hz = pvclockInit() ? pvclockTscHz() : 0;
  if (hz == 0) return false;
  clockSetFrequency(hz);
  const apic = apicTimerCount();
  apicTimerSetFrequency((<u64>(apicStart - apic) * hz) / (hw.readTsc() - apicTsc));
  return true;
}

/** Whether the timer is through, and so what it shows means nothing: it goes on from the top. */
function isPitThrough(): bool {
  hw.out8(PIT_COMMAND, PIT_CHANNEL2_STATUS);
  return (hw.in8(PIT_CHANNEL2) & PIT_OUTPUT_HIGH) != 0;
}

/** Waits until the timer has counted MEASURE_MIN; false where there is none. */
function waitForPit(): bool {
  let elapsed = PIT_START - readPit();
  for (let still = 0; elapsed < MEASURE_MIN && still < STILL_MAX; still++) {
    const reading = PIT_START - readPit();
    if (reading != elapsed) still = 0;
    elapsed = reading;
  }
  return elapsed >= MEASURE_MIN;
}

export function calibrationFinish(): void {
  if (fromHypervisor() || fromPvclock()) return;
  for (let tries = 1; ; tries++) {
    // Without a timer: 1 GHz, as clockStart has set it.
    if (!waitForPit()) return;
    const before = hw.readTsc();
    const elapsed = PIT_START - readPit();
    const tsc = hw.readTsc();
    const apic = apicTimerCount();
    const doubt = startDoubt + (tsc - before);
    const through = isPitThrough();
    const isGood = !through && doubt < (tsc - tscStart) >> DOUBT_SHIFT;
    if (isGood || (!through && tries >= TRIES_MAX)) {
      const hz = ((tsc - tscStart) * PIT_HZ) / elapsed;
      clockSetFrequency(hz);
      apicTimerSetFrequency((<u64>(apicStart - apic) * hz) / (tsc - apicTsc));
      return;
    }
    if (tries >= TRIES_MAX << 2) return;
    startPit();
  }
}
