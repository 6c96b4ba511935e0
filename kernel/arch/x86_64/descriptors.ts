/**
 * Segments and gates: GDT, task state segment with IST stacks, IDT. Intel SDM volume 3, chapters 3,
 * 6 and 7.
 */

import { Cpu } from "../../sched/cpu";
import * as hw from "../hw";
import { RFLAGS_DF, RFLAGS_NT, RFLAGS_TF } from "./trap-frame";

const GDT_CODE: u64 = 0x00af9b000000ffff;
const GDT_DATA: u64 = 0x00cf93000000ffff;
export const KERNEL_CS: u64 = 0x08;
export const KERNEL_SS: u64 = 0x10;
const TSS_SELECTOR: u32 = 0x18;
const TSS_AVAILABLE: u64 = 0x89;
const TSS_SIZE: usize = 104;
const TSS_IST1: usize = 36;

const GATE_INTERRUPT: u64 = 0x8e;
const TRAP_STUB_SIZE: u64 = 16;
const VECTORS: u64 = 256;

/** Where ordinary traps, NMIs, double faults and machine checks land. */
const IST_TRAP: u64 = 1;
const IST_NMI: u64 = 2;
const IST_DOUBLE_FAULT: u64 = 3;
const IST_MACHINE_CHECK: u64 = 4;
const IST_COUNT: usize = 4;
const IST_STACK_SIZE: usize = 4096;

const MSR_STAR: u32 = 0xc0000081;
const MSR_LSTAR: u32 = 0xc0000082;
const MSR_SFMASK: u32 = 0xc0000084;
const MSR_GS_BASE: u32 = 0xc0000101;
/** Flags that `syscall` clears: those that kernel code can't run with. Interrupts stay on. */
const SFMASK: u64 = RFLAGS_DF | RFLAGS_TF | RFLAGS_NT;

const gdt: usize = memory.data(5 * 8, 8);
const tss: usize = memory.data(104, 16);
const idt: usize = memory.data(256 * 16, 16);
const istStacks: usize = memory.data(4 * 4096, 16);
const pointer: usize = memory.data(16, 8);

function istOf(vector: u64): u64 {
  if (vector == 2) return IST_NMI;
  if (vector == 8) return IST_DOUBLE_FAULT;
  if (vector == 18) return IST_MACHINE_CHECK;
  return IST_TRAP;
}

function loadTable(base: usize, size: usize): void {
  store<u16>(pointer + 6, <u16>(size - 1));
  store<u64>(pointer + 8, hw.addressOf(base));
}

/**
 * Sets up the tables of the boot CPU and its %gs base. Before this, any trap is fatal without a
 * word.
 */
export function descriptorsInit(cpu: Cpu): void {
  store<u64>(gdt + 8, GDT_CODE);
  store<u64>(gdt + 16, GDT_DATA);
  const base = hw.addressOf(tss);
  store<u64>(
    gdt + 24,
    (TSS_SIZE - 1) |
      ((base & 0xffffff) << 16) |
      (TSS_AVAILABLE << 40) |
      (((base >> 24) & 0xff) << 56),
  );
  store<u64>(gdt + 32, base >> 32);
  for (let i: usize = 0; i < IST_COUNT; i++) {
    store<u64>(tss + TSS_IST1 + i * 8, hw.addressOf(istStacks) + (i + 1) * IST_STACK_SIZE);
  }
  loadTable(gdt, 5 * 8);
  hw.loadGdt(hw.addressOf(pointer) + 6);
  hw.loadTaskRegister(TSS_SELECTOR);

  for (let vector: u64 = 0; vector < VECTORS; vector++) {
    const entry = hw.trapStubs() + vector * TRAP_STUB_SIZE;
    const gate = idt + ((<usize>vector) << 4);
    store<u64>(
      gate,
      (entry & 0xffff) |
        (KERNEL_CS << 16) |
        (istOf(vector) << 32) |
        (GATE_INTERRUPT << 40) |
        (((entry >> 16) & 0xffff) << 48),
    );
    store<u64>(gate, entry >> 32, 8);
  }
  loadTable(idt, <usize>VECTORS * 16);
  hw.loadIdt(hw.addressOf(pointer) + 6);
  hw.writeMsr(MSR_GS_BASE, hw.addressOf(changetype<usize>(cpu)));
}

/** Points the `syscall` instruction at our entry. */
export function syscallEntryInit(): void {
  hw.writeMsr(MSR_STAR, KERNEL_CS << 32);
  hw.writeMsr(MSR_LSTAR, hw.syscallFromInstruction());
  hw.writeMsr(MSR_SFMASK, SFMASK);
}
