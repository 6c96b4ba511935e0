/**
 * The texts of /proc and /sys that are about the machine and the kernel (proc(5), sysfs(5)).
 */
import { cpuid } from "../arch/hw";
import { KERNEL_RELEASE, KERNEL_VERSION, SYSTEM_NAME } from "../lib/release";
import { TextBuffer } from "../lib/text-buffer";
import { monotonicNs } from "../time/clock";
import { processInfo } from "./process-info";

const NS_PER_SECOND: u64 = 1_000_000_000;
const NS_PER_TICK: u64 = 10_000_000;
/** eax, ebx, ecx, edx. */
const REGISTERS: usize = memory.data(16, 4);

/** Names of the feature bits of cpuid leaf 1, edx then ecx; bits without a name are "". */
const FEATURES_EDX =
  "fpu,vme,de,pse,tsc,msr,pae,mce,cx8,apic,,sep,mtrr,pge,mca,cmov,pat,pse36,pn,clflush,,dts,acpi,mmx,fxsr,sse,sse2,ss,ht,tm,ia64,pbe";
const FEATURES_ECX =
  "pni,pclmulqdq,dtes64,monitor,ds_cpl,vmx,smx,est,tm2,ssse3,cid,sdbg,fma,cx16,xtpr,pdcm,,pcid,dca,sse4_1,sse4_2,x2apic,movbe,popcnt,tsc_deadline_timer,aes,xsave,,avx,f16c,rdrand,hypervisor";
/** Leaf 7, ebx. */
const FEATURES_7_EBX =
  "fsgsbase,tsc_adjust,sgx,bmi1,hle,avx2,,smep,bmi2,erms,invpcid,rtm,cqm,,mpx,rdt_a,avx512f,avx512dq,rdseed,adx,smap,avx512ifma,,clflushopt,clwb,intel_pt,avx512pf,avx512er,avx512cd,sha_ni,avx512bw,avx512vl";
/** Leaf 0x80000001, edx and ecx, those that programs look for. */
const FEATURES_EXTENDED_EDX =
  ",,,,,,,,,,,syscall,,,,,,,,,nx,,mmxext,,,fxsr_opt,pdpe1gb,rdtscp,,lm,3dnowext,3dnow";
const FEATURES_EXTENDED_ECX =
  "lahf_lm,cmp_legacy,svm,extapic,cr8_legacy,abm,sse4a,misalignsse,3dnowprefetch,,,,,,,,,,,,,,,,,,,,,,,";

/** Puts the names of the bits that are set, from a list of 32 names separated by commas. */
function putFeatures(out: TextBuffer, bits: u32, names: string): void {
  let bit = 0;
  let started = false;
  for (let i = 0; i < names.length; i++) {
    const code = names.charCodeAt(i);
    if (code == 44) {
      bit++;
      started = false;
    } else if (((bits >> bit) & 1) != 0) {
      if (!started) out.byte(32);
      started = true;
      out.byte(code);
    }
  }
}

function putAllFeatures(out: TextBuffer): void {
  cpuid(1, 0, REGISTERS);
  putFeatures(out, load<u32>(REGISTERS + 12), FEATURES_EDX);
  putFeatures(out, load<u32>(REGISTERS + 8), FEATURES_ECX);
  cpuid(0x80000000, 0, REGISTERS);
  const extended = load<u32>(REGISTERS) >= 0x80000001;
  if (extended) {
    cpuid(0x80000001, 0, REGISTERS);
    putFeatures(out, load<u32>(REGISTERS + 12), FEATURES_EXTENDED_EDX);
    putFeatures(out, load<u32>(REGISTERS + 8), FEATURES_EXTENDED_ECX);
  }
  cpuid(0, 0, REGISTERS);
  if (load<u32>(REGISTERS) >= 7) {
    cpuid(7, 0, REGISTERS);
    putFeatures(out, load<u32>(REGISTERS + 4), FEATURES_7_EBX);
  }
}

function putModelName(out: TextBuffer): void {
  cpuid(0x80000000, 0, REGISTERS);
  if (load<u32>(REGISTERS) < 0x80000004) return;
  for (let leaf: u32 = 0x80000002; leaf <= 0x80000004; leaf++) {
    cpuid(leaf, 0, REGISTERS);
    for (let i: usize = 0; i < 16; i++) {
      const byte = load<u8>(REGISTERS + i);
      if (byte != 0) out.byte(byte);
    }
  }
}

/** What CPUID tells of physical and virtual addresses; where it does not, nothing. */
function putAddressSizes(out: TextBuffer): void {
  cpuid(0x80000000, 0, REGISTERS);
  if (load<u32>(REGISTERS) < 0x80000008) return;
  cpuid(0x80000008, 0, REGISTERS);
  const sizes = load<u32>(REGISTERS);
  out
    .put("address sizes\t: ")
    .decimal(sizes & 0xff)
    .put(" bits physical, ");
  out.decimal((sizes >> 8) & 0xff).put(" bits virtual\n");
}

export function procCpuinfo(out: TextBuffer, subject: u32): void {
  const count = processInfo().cpuCount();
  for (let cpu: u32 = 0; cpu < count; cpu++) {
    out.put("processor\t: ").decimal(cpu).put("\nvendor_id\t: ");
    cpuid(0, 0, REGISTERS);
    out
      .bytes(REGISTERS + 4, 4)
      .bytes(REGISTERS + 12, 4)
      .bytes(REGISTERS + 8, 4);
    cpuid(1, 0, REGISTERS);
    const signature = load<u32>(REGISTERS);
    const family = (signature >> 8) & 15;
    const model = (signature >> 4) & 15;
    const extended = family == 6 || family == 15;
    out.put("\ncpu family\t: ").decimal(family == 15 ? 15 + ((signature >> 20) & 255) : family);
    out.put("\nmodel\t\t: ").decimal(extended ? model + ((signature >> 12) & 0xf0) : model);
    out.put("\nmodel name\t: ");
    putModelName(out);
    out.put("\nstepping\t: ").decimal(signature & 15);
    out.put("\nphysical id\t: 0\nsiblings\t: ").decimal(count);
    out.put("\ncore id\t\t: ").decimal(cpu).put("\ncpu cores\t: ").decimal(count);
    out
      .put("\napicid\t\t: ")
      .decimal(cpu)
      .put("\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: ");
    cpuid(0, 0, REGISTERS);
    out.decimal(load<u32>(REGISTERS)).put("\nwp\t\t: yes\nflags\t\t:");
    putAllFeatures(out);
    out.put("\nclflush size\t: 64\ncache_alignment\t: 64\n");
    putAddressSizes(out);
    out.put("power management:\n\n");
  }
}

/** Seconds with two decimals. */
function putSeconds(out: TextBuffer, ns: u64): void {
  const hundredths = (ns / NS_PER_TICK) % 100;
  out
    .decimal(ns / NS_PER_SECOND)
    .put(hundredths < 10 ? ".0" : ".")
    .decimal(hundredths);
}

export function procUptime(out: TextBuffer, subject: u32): void {
  const now = monotonicNs();
  const busy = processInfo().cpuTimeNs(0);
  putSeconds(out, now);
  out.byte(32);
  putSeconds(out, now > busy ? now - busy : 0);
  out.put("\n");
}

export function procVersion(out: TextBuffer, subject: u32): void {
  out.put(SYSTEM_NAME).put(" version ").put(KERNEL_RELEASE).put(" (virga) ");
  out.put(KERNEL_VERSION).put("\n");
}

export function procFilesystems(out: TextBuffer, subject: u32): void {
  out.put("nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\toverlay\n\terofs\n");
}

export function procEmpty(out: TextBuffer, subject: u32): void {}
