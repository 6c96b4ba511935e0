/**
 * The application's call stack, from the innermost function outward, for the crash report.
 *
 *     const stack = new CallStack();
 *     stack.start(frame);            the function that was trapped
 *     while (… && stack.next()) …    its caller, and so on; may sleep
 *     stack.address, stack.kind, stack.file, stack.fileAddress
 *
 * A caller is found by the first of these that applies:
 *
 * 1. The return address is that of a signal's restorer: the frame under it is ours
 *    (signal-frame.ts) and has the registers of the code that the signal interrupted. Exact.
 * 2. The ELF file that the code is mapped from has call frame information for it (eh-frame.ts).
 *    Exact.
 * 3. The trapped function may not have moved the stack pointer yet, or the program has called an
 *    address where no code is: what lies at the stack pointer follows a call instruction. A guess.
 * 4. The frame pointer leads to a return address that follows a call instruction. Functions that
 *    keep none are skipped, what is shown is right.
 * 5. The first word up the stack that is an address behind a call instruction. A guess: it may be
 *    left over from a function that has returned.
 */
import { interruptedRegisters } from "../arch/x86_64/signal-frame";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { PAGE_SHIFT } from "../mem/page-allocator";
import { PROT_EXEC, Vma, vmaFind, vmaLastBelow } from "../mem/vma";
import { callerRegisters, DWARF_RBP, DWARF_REGISTERS, DWARF_RIP, DWARF_RSP } from "./eh-frame";
import { elfMapped, MappedElf } from "./elf";
import { SIGNAL_MAX } from "./signal-numbers";
import { signalAction } from "./task";
import { loadUser } from "./user-memory";

/** The address of an instruction that was about to run: the trapped one. */
export const FRAME_TRAPPED: u32 = 0;
/** The same of one that a signal's handler has interrupted. */
export const FRAME_INTERRUPTED: u32 = 1;
/** A return address. */
export const FRAME_RETURN: u32 = 2;
/** A word that looks like one. */
export const FRAME_GUESS: u32 = 3;

/** How many words of stack rule 5 looks at. */
const SEARCH_WORDS: u64 = 512;
/**
 * The longest call instruction that is looked for: two prefixes, opcode, ModRM, SIB, displacement.
 */
const CALL_SIZE_MAX: u64 = 7;

// Operations of instructions (Intel SDM volume 2, CALL): E8 has a displacement of 4 bytes, FF /2 an
// address in a register or in memory.
const CALL_RELATIVE: u8 = 0xe8;
const CALL_RELATIVE_SIZE: u64 = 5;
const GROUP_5: u8 = 0xff;
const GROUP_5_CALL: u8 = 2;

/** In DWARF's order. */
const registers: usize = memory.data(136, 8);
const interrupted: TrapFrame = changetype<TrapFrame>(memory.data(176, 8));
const elf: MappedElf = changetype<MappedElf>(memory.data(32, 8));
const bytes: usize = memory.data(16, 8);
if (DWARF_REGISTERS * 8 != 136 || offsetof<MappedElf>() != 32) ERROR("sizes of static records");
if (offsetof<TrapFrame>() != 176) ERROR("sizes of static records");

function get(number: u32): u64 {
  return load<u64>(registers + ((<usize>number) << 3));
}

function set(number: u32, value: u64): void {
  store<u64>(registers + ((<usize>number) << 3), value);
}

function fillRegisters(frame: TrapFrame): void {
  store<u64>(registers, frame.rax);
  store<u64>(registers, frame.rdx, 8);
  store<u64>(registers, frame.rcx, 16);
  store<u64>(registers, frame.rbx, 24);
  store<u64>(registers, frame.rsi, 32);
  store<u64>(registers, frame.rdi, 40);
  set(DWARF_RBP, frame.rbp);
  set(DWARF_RSP, frame.rsp);
  store<u64>(registers, frame.r8, 64);
  store<u64>(registers, frame.r9, 72);
  store<u64>(registers, frame.r10, 80);
  store<u64>(registers, frame.r11, 88);
  store<u64>(registers, frame.r12, 96);
  store<u64>(registers, frame.r13, 104);
  store<u64>(registers, frame.r14, 112);
  store<u64>(registers, frame.r15, 120);
  set(DWARF_RIP, frame.rip);
}

function loadWord(address: u64): u64 {
  return loadUser(bytes, address, 8) == 0 ? load<u64>(bytes) : 0;
}

/** Whether an address lies in code, behind a call. */
function followsCall(address: u64): bool {
  const area = vmaFind(address - 1);
  if (!area || (area.protection & PROT_EXEC) == 0) return false;
  if (loadUser(bytes, address - CALL_SIZE_MAX, CALL_SIZE_MAX) != 0) return false;
  const end = bytes + <usize>CALL_SIZE_MAX;
  if (load<u8>(end - <usize>CALL_RELATIVE_SIZE) == CALL_RELATIVE) return true;
  for (let size: usize = 2; size <= <usize>CALL_SIZE_MAX; size++) {
    if (load<u8>(end - size) != GROUP_5) continue;
    const modRm = load<u8>(end - size + 1);
    if (((modRm >> 3) & 7) == GROUP_5_CALL && 1 + addressSize(modRm, end - size + 2) == size)
      return true;
  }
  return false;
}

/** Size of ModRM and of what belongs to it. */
function addressSize(modRm: u8, sib: usize): usize {
  const mode = modRm >> 6;
  const base = modRm & 7;
  if (mode == 3) return 1;
  const hasSib = base == 4;
  const displacement = mode == 1 ? 1 : mode == 2 || base == 5 ? 4 : 0;
  if (hasSib && mode == 0 && (load<u8>(sib) & 7) == 5) return 6;
  return 1 + (hasSib ? 1 : 0) + displacement;
}

function isRestorer(address: u64): bool {
  for (let signal = 1; signal <= SIGNAL_MAX; signal++) {
    if (signalAction(signal).restorer == address) return address != 0;
  }
  return false;
}

/** The mapping of the beginning of the file that `area` maps: loaders map a file in order. */
function firstPage(area: Vma): Vma | null {
  let first: Vma | null = area;
  while (first && first.source == area.source && first.pageOffset != 0) {
    first = vmaLastBelow(first.start);
  }
  return first && first.source == area.source ? first : null;
}

@unmanaged
export class CallStack {
  address: u64;
  kind: u32;
  /** The mapping that the address is in, if it is one of a file. */
  file: Vma | null;
  /** The address as the file's symbols have it; the offset in the file if it is not ELF. */
  fileAddress: u64;
  /** What `elf` says is about that file. */
  private isElf: bool;

  start(frame: TrapFrame): void {
    fillRegisters(frame);
    this.kind = FRAME_TRAPPED;
    this.locate();
  }

  /** False at the outermost function, and where nothing leads on. */
  next(): bool {
    const sp = get(DWARF_RSP);
    if (isRestorer(this.address)) {
      if (!interruptedRegisters(sp, interrupted)) return false;
      fillRegisters(interrupted);
      this.kind = FRAME_INTERRUPTED;
      this.locate();
      return true;
    }
    const inside = this.kind >= FRAME_RETURN ? this.address - 1 : this.address;
    if (this.isElf && callerRegisters(elf, inside, registers)) {
      this.kind = FRAME_RETURN;
      // The stack of callers is higher, or this goes round in circles.
      if (get(DWARF_RSP) <= sp) return false;
    } else if (!this.guess(sp)) {
      return false;
    }
    this.locate();
    return this.address != 0;
  }

  private guess(sp: u64): bool {
    const isLeaf = this.kind < FRAME_RETURN && followsCall(loadWord(sp));
    if (isLeaf) return this.take(sp, FRAME_GUESS);
    const area = vmaFind(sp);
    if (!area) return false;
    const base = get(DWARF_RBP);
    if (base >= sp && base + 16 <= area.end && (base & 7) == 0 && followsCall(loadWord(base + 8))) {
      set(DWARF_RBP, loadWord(base));
      return this.take(base + 8, FRAME_RETURN);
    }
    const end = min(area.end, sp + (SEARCH_WORDS << 3));
    for (let at = sp; at < end; at += 8) {
      if (followsCall(loadWord(at))) return this.take(at, FRAME_GUESS);
    }
    return false;
  }

  /** The caller's return address is the word at `at`. */
  private take(at: u64, kind: u32): bool {
    set(DWARF_RIP, loadWord(at));
    set(DWARF_RSP, at + 8);
    this.kind = kind;
    return true;
  }

  private locate(): void {
    this.address = get(DWARF_RIP);
    this.file = null;
    this.isElf = false;
    const area = vmaFind(this.address);
    const file = area ? area.file : null;
    if (!area || !file) return;
    this.file = area;
    const first = firstPage(area);
    if (first && elfMapped(file, first.start, elf)) {
      this.isElf = true;
      this.fileAddress = this.address - elf.bias;
    } else {
      this.fileAddress = this.address - area.start + (area.pageOffset << PAGE_SHIFT);
    }
  }
}
