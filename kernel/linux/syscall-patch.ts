/**
 * Turns a system call site into a jump, the first time its `syscall` instruction is executed.
 *
 *     b8 nr nr nr nr   mov $nr, %eax               e9 rel32   jmp stub
 *     0f 05            syscall              →      0f 05      syscall      (stays: code may jump right to it)
 *
 *     stub:  mov $nr, %eax;  lea back(%rip), %rcx;  jmp entry
 *
 * Stubs lie in pages of the application's half, near its code. Each page starts with a copy of the
 * kernel's `stub_entry` (arch/x86_64/entry.S), so that the way in has one indirect jump less, and
 * a translator that follows jumps within a page follows this one.
 *
 * A jump and no call, because the site may be in a leaf function that keeps data below its stack
 * pointer. Only code that comes from a file, mapped privately and not writable, is changed, in a
 * private copy of its page: what a program generates it may also read or rewrite. rt_sigreturn is
 * left alone, unwinders know signal frames by its bytes.
 *
 * Other CPUs may execute the site meanwhile, so the first byte becomes int3 until the other four
 * are in place; a thread that runs into it starts the instruction again (`isPatching`). On one CPU
 * nobody can, the order is kept all the same.
 */
import * as hw from "../arch/hw";
import { flushPage, PTE_ADDRESS, PTE_PRIVATE, PTE_WRITE } from "../arch/x86_64/paging";
import { TrapFrame } from "../arch/x86_64/trap-frame";
import { findFreeNear, mapRegion, unmapRegion } from "../mem/address-space";
import { allocPages, directMap, PAGE_SIZE, pagePut } from "../mem/page-allocator";
import { entryFlags, entryOf, mapPage } from "../mem/user-pages";
import { PROT_EXEC, PROT_READ, PROT_WRITE, VMA_SHARED, vmaFind } from "../mem/vma";
import { SYSCALL_COUNT } from "../sched/cpu";

const OPCODE_MOV_EAX: u32 = 0xb8;
const OPCODE_JMP: u32 = 0xe9;
const OPCODE_INT3: u32 = 0xcc;
const SYSCALL_BYTES: u32 = 0x050f;
const SITE_SIZE: u64 = 7;
const SYS_RT_SIGRETURN: u32 = 15;
const STUB_SIZE: u64 = 32;
/** A jump reaches 2 GiB; one less page is asked for on either side. */
const REACH: u64 = 0x7fff0000;

/**
 * The page that stubs are made in: its address in the application's half, its frame, and the next
 * free byte.
 */
let stubPage: u64 = 0;
let stubFrame: u64 = 0;
let stubNext: u64 = PAGE_SIZE;
/** The site that is being changed, for the breakpoint handler. */
let patching: u64 = 0;

/** Whether the int3 that a thread ran into at `address` is one of ours. */
export function isPatching(address: u64): bool {
  return address == patching;
}

/** Makes room for a stub within reach of `site`; false when there is none. */
function prepareStub(site: u64): bool {
  const inReach = stubPage + PAGE_SIZE - site < REACH || site - stubPage < REACH;
  if (stubNext + STUB_SIZE <= PAGE_SIZE && inReach) return true;
  const address = findFreeNear(PAGE_SIZE, site, REACH);
  if (address == 0) return false;
  const frame = allocPages(0);
  if (frame == 0) return false;
  if (mapRegion(address, PAGE_SIZE, PROT_READ | PROT_EXEC, 0, null, 0) != 0) {
    pagePut(frame);
    return false;
  }
  if (!mapPage(address, frame, entryFlags(PROT_READ | PROT_EXEC, false) | PTE_PRIVATE)) {
    pagePut(frame);
    unmapRegion(address, PAGE_SIZE);
    return false;
  }
  stubPage = address;
  stubFrame = directMap(frame);
  const entrySize = hw.stubEntryEnd() - hw.stubEntry();
  hw.copy(stubFrame, hw.stubEntry(), entrySize);
  stubNext = (entrySize + STUB_SIZE - 1) & ~(STUB_SIZE - 1);
  return true;
}

/** Writes a stub for call `number` that returns to `back`; its address. */
function makeStub(number: u32, back: u64): u64 {
  const stub = stubPage + stubNext;
  const at = stubFrame + stubNext;
  hw.store8(at, OPCODE_MOV_EAX);
  hw.store32(at + 1, number);
  hw.store8(at + 5, 0x48);
  hw.store16(at + 6, 0x0d8d);
  hw.store32(at + 8, <u32>(back - (stub + 12)));
  hw.store8(at + 12, OPCODE_JMP);
  hw.store32(at + 13, <u32>(stubPage - (stub + 17)));
  stubNext += STUB_SIZE;
  return stub;
}

/** The frame behind a code page, made the mapping's own; 0 when that can't be. */
function privateFrame(page: u64): u64 {
  const entry = entryOf(page);
  if (entry == 0) return 0;
  const value = hw.load64(entry);
  if ((value & PTE_PRIVATE) != 0) return value & PTE_ADDRESS;
  const copy = allocPages(0);
  if (copy == 0) return 0;
  // Making room may have taken this very page out of the mapping.
  if (value == 0 || hw.load64(entry) != value) {
    pagePut(copy);
    return 0;
  }
  const old = value & PTE_ADDRESS;
  hw.copy(directMap(copy), directMap(old), PAGE_SIZE);
  hw.store64(entry, copy | (value & ~(PTE_ADDRESS | PTE_WRITE)) | PTE_PRIVATE);
  flushPage(page);
  pagePut(old);
  return copy;
}

/**
 * Looks at the site of the `syscall` instruction that the frame comes from, and patches it when it
 * has the form above.
 */
export function patchSite(frame: TrapFrame): void {
  const site = frame.rip - SITE_SIZE;
  const page = site & ~(PAGE_SIZE - 1);
  // A site across two pages is rare enough to stay as it is.
  if (page != ((frame.rip - 1) & ~(PAGE_SIZE - 1))) return;
  if (hw.load8(site) != OPCODE_MOV_EAX || hw.load16(site + 5) != SYSCALL_BYTES) return;
  const number = hw.load32(site + 1);
  if (number == SYS_RT_SIGRETURN || <u64>number != frame.error) return;
  // The stubs' entry does not check it.
  if (number >= SYSCALL_COUNT) return;
  const area = vmaFind(site);
  if (!area || area.source == null) return;
  if ((area.flags & VMA_SHARED) != 0 || (area.protection & PROT_WRITE) != 0) return;
  if (!prepareStub(site)) return;
  const code = privateFrame(page);
  if (code == 0) return;
  const jump = <u32>(makeStub(number, frame.rip) - (site + 5));
  const at = directMap(code) + (site & (PAGE_SIZE - 1));
  patching = site;
  hw.volatileStore8(at, OPCODE_INT3);
  hw.volatileStore32(at + 1, jump);
  hw.volatileStore8(at, OPCODE_JMP);
  patching = 0;
}
