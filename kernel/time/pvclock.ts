/**
 * KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/msr.rst and cpuid.rst): the host tells
 * how its TSC runs, so nothing has to be calibrated.
 *
 *     pvclockInit() → bool         false when the hypervisor has none
 *     pvclockTscHz()               frequency of the TSC
 *     pvclockNs()                  the host's clock: ns since it started, continuous over a migration
 *     pvclockWallAtBoot()          ns since 1970 at which that clock was 0
 *
 * The host writes a structure in our memory: an odd version means that it is at it.
 */
import * as hw from "../arch/hw";
import { allocPages, directMap } from "../mem/page-allocator";

const CPUID_HYPERVISOR: u32 = 0x40000000;
const CPUID_FEATURES: u32 = 1;
const CPUID_ECX_HYPERVISOR: u32 = 1 << 31;
const SIGNATURE_KVM_0: u32 = 0x4b4d564b; // "KVMKVMKVM\0\0\0" in ebx, ecx, edx
const SIGNATURE_KVM_1: u32 = 0x564b4d56;
const SIGNATURE_KVM_2: u32 = 0x0000004d;
const KVM_FEATURE_CLOCKSOURCE2: u32 = 1 << 3;

const MSR_KVM_WALL_CLOCK_NEW: u32 = 0x4b564d00;
const MSR_KVM_SYSTEM_TIME_NEW: u32 = 0x4b564d01;
const SYSTEM_TIME_ENABLE: u64 = 1;

// struct pvclock_vcpu_time_info
const VERSION: u64 = 0; // u32
const TSC_TIMESTAMP: u64 = 8; // u64
const SYSTEM_TIME: u64 = 16; // u64, ns
const TSC_TO_NS: u64 = 24; // u32, a fraction of 2^32
const TSC_SHIFT: u64 = 28; // i8
// struct pvclock_wall_clock, kept in the same page
const WALL: u64 = 64;
const WALL_SECONDS: u64 = WALL + 4;
const WALL_NS: u64 = WALL + 8;

const NS_PER_SECOND: u64 = 1_000_000_000;

const cpuidOut: usize = memory.data(16, 4);
/** Virtual address of the structures; 0: there is no such clock. With more CPUs: one per CPU. */
let page: u64 = 0;

function isKvm(): bool {
  hw.cpuid(CPUID_FEATURES, 0, cpuidOut);
  if ((load<u32>(cpuidOut, 8) & CPUID_ECX_HYPERVISOR) == 0) return false;
  hw.cpuid(CPUID_HYPERVISOR, 0, cpuidOut);
  if (load<u32>(cpuidOut, 4) != SIGNATURE_KVM_0 || load<u32>(cpuidOut, 8) != SIGNATURE_KVM_1) {
    return false;
  }
  if (load<u32>(cpuidOut, 12) != SIGNATURE_KVM_2) return false;
  hw.cpuid(CPUID_HYPERVISOR + 1, 0, cpuidOut);
  return (load<u32>(cpuidOut) & KVM_FEATURE_CLOCKSOURCE2) != 0;
}

/** Asks the host for its clock. */
export function pvclockInit(): bool {
  if (!isKvm()) return false;
  const physical = allocPages(0);
  if (physical == 0) return false;
  page = directMap(physical);
  hw.fill(page, 0, WALL + 16);
  hw.writeMsr(MSR_KVM_SYSTEM_TIME_NEW, physical | SYSTEM_TIME_ENABLE);
  hw.writeMsr(MSR_KVM_WALL_CLOCK_NEW, physical + WALL);
  return hw.volatileLoad32(page + TSC_TO_NS) != 0;
}

export function pvclockTscHz(): u64 {
  const fraction = <u64>hw.volatileLoad32(page + TSC_TO_NS);
  const shift = <i32>(<i8>hw.volatileLoad8(page + TSC_SHIFT));
  if (fraction == 0) return 0;
  // ns = (ticks << shift) * fraction >> 32, so a second takes 10^9 * 2^32 / fraction ticks, shifted
  // back.
  const hz = (NS_PER_SECOND << 32) / fraction;
  return shift >= 0 ? hz >> shift : hz << -shift;
}

/** a * b >> 32 without losing the upper bits. */
function scale(ticks: u64, fraction: u64): u64 {
  return (ticks >> 32) * fraction + (((ticks & 0xffff_ffff) * fraction) >> 32);
}

export function pvclockNs(): u64 {
  let time: u64 = 0;
  let version: u32 = 0;
  do {
    version = hw.volatileLoad32(page + VERSION);
    hw.compilerBarrier();
    let ticks = hw.readTsc() - hw.volatileLoad64(page + TSC_TIMESTAMP);
    const shift = <i32>(<i8>hw.volatileLoad8(page + TSC_SHIFT));
    if (shift >= 0) ticks <<= shift;
    else ticks >>= -shift;
    const fraction = <u64>hw.volatileLoad32(page + TSC_TO_NS);
    time = hw.volatileLoad64(page + SYSTEM_TIME) + scale(ticks, fraction);
    hw.compilerBarrier();
  } while ((version & 1) != 0 || hw.volatileLoad32(page + VERSION) != version);
  return time;
}

/** The wall clock, ns since 1970; 0 without such a clock. */
export function pvclockWallNs(): u64 {
  return page == 0 ? 0 : pvclockWallAtBoot() + pvclockNs();
}

export function pvclockWallAtBoot(): u64 {
  const seconds = <u64>hw.volatileLoad32(page + WALL_SECONDS);
  return seconds * NS_PER_SECOND + hw.volatileLoad32(page + WALL_NS);
}
