/**
 * Starting the program: its image, its interpreter, its first thread and stack.
 *
 *     programStart(strings)       0, or -errno with nothing started
 *
 * The stack is laid out as Linux does (System V ABI for x86-64, 3.4.1):
 *
 *     argc | argv… 0 | envp… 0 | auxv… | padding | random bytes, platform | strings | end
 */
import { addressOf, load8 } from "../arch/hw";
import { cpuidFeatures } from "../arch/x86_64/cpu-features";
import { KERNEL_CS, KERNEL_SS } from "../arch/x86_64/descriptors";
import { RFLAGS_IF, TrapFrame } from "../arch/x86_64/trap-frame";
import { vectorStateSize } from "../arch/x86_64/vector-state";
import { File, filePut } from "../fs/file";
import { isError } from "../fs/inode";
import { vfsOpenPath } from "../fs/vfs";
import { EFAULT, ENOMEM } from "../lib/errno";
import { randomBytes, randomU64 } from "../lib/random";
import { mapRegion, pageAlign, setMapTop } from "../mem/address-space";
import { PROT_READ, PROT_WRITE, VMA_MAY_WRITE, VMA_STACK } from "../mem/vma";
import { threadStart } from "../sched/scheduler";
import { NAME_SIZE, Thread, threadName } from "../sched/thread";
import { ElfImage, elfLoad, interpreter } from "./elf";
import { setHeapStart } from "./memory-calls";
import { ProgramStrings } from "./program-strings";
import { updateSignalWork } from "./signal";
import { taskCreate } from "./task";
import { applicationThread } from "./thread-calls";
import { copyToUser } from "./user-memory";
import { vdsoMap } from "./vdso";

const STACK_SIZE: u64 = 8 << 20;
/** Where a static PIE or the main program goes, without randomness: Linux's ELF_ET_DYN_BASE. */
const PROGRAM_BASE: u64 = 0x555555554000;
const STACK_TOP: u64 = 0x7ffffffff000;
/**
 * Pages of randomness: 28 bits for programs and maps as on Linux; 16 MiB-granular ones for the
 * stack would be wasted.
 */
const RANDOM_PAGES_MASK: u64 = (1 << 28) - 1;
const STACK_RANDOM_MASK: u64 = (1 << 22) - 1;
/** What the heap keeps from the program's end at most. */
const HEAP_RANDOM_MASK: u64 = (1 << 13) - 1;

// Auxiliary vector, include/uapi/linux/auxvec.h
const AT_NULL: u64 = 0;
const AT_PHDR: u64 = 3;
const AT_PHENT: u64 = 4;
const AT_PHNUM: u64 = 5;
const AT_PAGESZ: u64 = 6;
const AT_BASE: u64 = 7;
const AT_FLAGS: u64 = 8;
const AT_ENTRY: u64 = 9;
const AT_UID: u64 = 11;
const AT_EUID: u64 = 12;
const AT_GID: u64 = 13;
const AT_EGID: u64 = 14;
const AT_PLATFORM: u64 = 15;
const AT_HWCAP: u64 = 16;
const AT_CLKTCK: u64 = 17;
const AT_SECURE: u64 = 23;
const AT_RANDOM: u64 = 25;
const AT_HWCAP2: u64 = 26;
const AT_EXECFN: u64 = 31;
const AT_SYSINFO_EHDR: u64 = 33;
const AT_MINSIGSTKSZ: u64 = 51;
const CLOCK_TICKS: u64 = 100;
const PHENT: u64 = 56;
/** The signal frame without the vector state, and slack. */
const SIGNAL_FRAME_MIN: u64 = 1024;

/** What /proc/self tells of the start. */
@unmanaged
class StartedProgram {
  // Where on the stack arguments, environment and auxiliary vector are.
  argumentsStart: u64;
  argumentsEnd: u64;
  environmentEnd: u64;
  auxiliaryStart: u64;
  auxiliaryEnd: u64;
  /** With a reference; null before. */
  file: File | null;
}

export const started: StartedProgram = changetype<StartedProgram>(memory.data(48, 8));

const image: ElfImage = changetype<ElfImage>(memory.data(64, 8));
const interpreterImage: ElfImage = changetype<ElfImage>(memory.data(64, 8));

let stackTop: u64 = 0;

const WORD: u64 = 8;
/** Room for the auxiliary vector, and for what it points to. */
const PART_SIZE: usize = 1024;
const part: usize = memory.data(1024, 8);

/**
 * The part of the stack under construction, which ends at `partTop`: filled downwards in the
 * kernel, then copied out in one step.
 */
let partTop: u64 = 0;
let used: usize = 0;

/** Places n bytes at the lowest used end; returns their address on the stack. */
function pushBytes(from: usize, n: usize): u64 {
  used += n;
  memory.copy(part + PART_SIZE - used, from, n);
  return partTop - used;
}

function pushWord(value: u64): void {
  used += 8;
  store<u64>(part + PART_SIZE - used, value);
}

/** ASCII. */
function pushText(text: string): u64 {
  const length = String.UTF8.byteLength(text, true);
  used += length;
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, part + PART_SIZE - used, true);
  return partTop - used;
}

function pushAux(type: u64, value: u64): void {
  pushWord(value);
  pushWord(type);
}

/** Fills the part: from what the auxiliary vector points to, down to the vector. */
function pushVector(pathAt: u64, vdso: u64, isOdd: bool): void {
  used = 0;
  const platformAt = pushText("x86_64");
  used = (used + 15) & ~15;
  const random = memory.data(16, 8);
  randomBytes(random, 16);
  const randomAt = pushBytes(random, 16);
  // The words below, argc included, must end on a multiple of 16.
  if (isOdd) pushWord(0);
  started.auxiliaryEnd = partTop - used;
  pushAux(AT_NULL, 0);
  pushAux(AT_MINSIGSTKSZ, SIGNAL_FRAME_MIN + vectorStateSize());
  if (vdso != 0) pushAux(AT_SYSINFO_EHDR, vdso);
  pushAux(AT_EXECFN, pathAt);
  pushAux(AT_HWCAP2, 0);
  pushAux(AT_RANDOM, randomAt);
  pushAux(AT_SECURE, 0);
  pushAux(AT_CLKTCK, CLOCK_TICKS);
  pushAux(AT_HWCAP, cpuidFeatures());
  pushAux(AT_PLATFORM, platformAt);
  pushAux(AT_EGID, 0);
  pushAux(AT_GID, 0);
  pushAux(AT_EUID, 0);
  pushAux(AT_UID, 0);
  pushAux(AT_ENTRY, image.entry);
  pushAux(AT_FLAGS, 0);
  pushAux(AT_BASE, image.hasInterpreter ? interpreterImage.bias : 0);
  pushAux(AT_PAGESZ, 4096);
  pushAux(AT_PHNUM, image.headerCount);
  pushAux(AT_PHENT, PHENT);
  pushAux(AT_PHDR, image.headers);
  started.auxiliaryStart = partTop - used;
}

/** The words that are next: a piece of the stack that is filled upwards, page by page. */
const words: usize = memory.data(4096, 8);
const WORDS_SIZE: usize = 4096;
let wordsAt: u64 = 0;
let wordBytes: usize = 0;

function flushWords(): i32 {
  const error = copyToUser(wordsAt, addressOf(words), wordBytes);
  wordsAt += wordBytes;
  wordBytes = 0;
  return error;
}

function putWord(value: u64): i32 {
  store<u64>(words + wordBytes, value);
  wordBytes += <usize>WORD;
  return wordBytes == WORDS_SIZE ? flushWords() : 0;
}

/**
 * Writes the addresses of `count` strings and a null. The first string is at kernel address `from`,
 * and at `at` on the stack. Returns the bytes of the strings, or -EFAULT.
 */
function putAddresses(from: u64, at: u64, count: u64): i64 {
  let length: u64 = 0;
  for (let i: u64 = 0; i < count; i++) {
    if (putWord(at + length) != 0) return -EFAULT;
    while (load8(from + length) != 0) length++;
    length++;
  }
  return putWord(0) == 0 ? <i64>length : -EFAULT;
}

/** Writes argc and the two vectors of addresses, at the stack pointer. 0 or -EFAULT. */
function putVectors(sp: u64, strings: ProgramStrings, stringsAt: u64): i32 {
  wordsAt = sp;
  wordBytes = 0;
  if (putWord(strings.argumentCount) != 0) return -EFAULT;
  const bytes = putAddresses(strings.address, stringsAt, strings.argumentCount);
  if (bytes < 0) return -EFAULT;
  started.argumentsStart = stringsAt;
  started.argumentsEnd = stringsAt + bytes;
  const rest = putAddresses(strings.address + bytes, stringsAt + bytes, strings.environmentCount);
  return rest < 0 ? -EFAULT : flushWords();
}

/** Builds the stack; returns the stack pointer, or 0 when it could not be written. */
function buildStack(strings: ProgramStrings, vdso: u64): u64 {
  // The last word is zero, as the new page is.
  const pathSize = strings.pathLength() + 1;
  const pathAt = stackTop - WORD - pathSize;
  const stringsAt = pathAt - strings.bytes;
  started.environmentEnd = pathAt;
  if (copyToUser(pathAt, strings.address, pathSize) != 0) return 0;
  if (copyToUser(stringsAt, strings.address, strings.bytes) != 0) return 0;
  const count = 1 + strings.argumentCount + 1 + strings.environmentCount + 1;
  partTop = stringsAt & ~15;
  pushVector(pathAt, vdso, (count & 1) != 0);
  const vectorAt = partTop - used;
  if (copyToUser(vectorAt, addressOf(part + PART_SIZE - used), used) != 0) return 0;
  const sp = vectorAt - count * WORD;
  return putVectors(sp, strings, stringsAt) == 0 ? sp : 0;
}

/** Opens and maps the program and its interpreter. */
function loadImages(path: string): i32 {
  const file = vfsOpenPath(path, 0);
  if (isError(file)) return <i32>file;
  const program = changetype<File>(file);
  const base = PROGRAM_BASE + ((randomU64() & RANDOM_PAGES_MASK) << 12);
  // The reference stays: the program's file is /proc/self/exe.
  started.file = program;
  const error = elfLoad(program, base, image);
  if (error != 0 || !image.hasInterpreter) return error;
  return loadInterpreter();
}

function loadInterpreter(): i32 {
  const path = String.UTF8.decodeUnsafe(interpreter, interpreterLength(), false);
  const file = vfsOpenPath(path, 0);
  if (isError(file)) return <i32>file;
  const loader = changetype<File>(file);
  const error = elfLoad(loader, 0, interpreterImage);
  filePut(loader);
  return error;
}

function interpreterLength(): usize {
  let length: usize = 0;
  while (load<u8>(interpreter + length) != 0) length++;
  return length;
}

/** Names the first thread after the program, without its folder. */
function nameThread(thread: Thread, path: string): void {
  const name = path.substring(path.lastIndexOf("/") + 1);
  const to = threadName(thread);
  for (let i = 0; i < NAME_SIZE; i++) {
    store<u8>(to + <usize>i, i < min(name.length, NAME_SIZE - 1) ? <u8>name.charCodeAt(i) : 0);
  }
}

/** Starts the program that is the first of its arguments; `strings` have no flaw. */
export function programStart(strings: ProgramStrings): i32 {
  const path = strings.path();
  stackTop = STACK_TOP - ((randomU64() & STACK_RANDOM_MASK) << 12);
  const gap = (randomU64() & RANDOM_PAGES_MASK) << 12;
  setMapTop(stackTop - STACK_SIZE - (1 << 20) - gap);
  const error = loadImages(path);
  if (error != 0) return error;
  setHeapStart(pageAlign(image.highest) + ((randomU64() & HEAP_RANDOM_MASK) << 12));
  const flags = VMA_MAY_WRITE | VMA_STACK;
  const rights = PROT_READ | PROT_WRITE;
  const stackError = mapRegion(stackTop - STACK_SIZE, STACK_SIZE, rights, flags, null, 0);
  if (stackError != 0) return stackError;
  const sp = buildStack(strings, vdsoMap());
  const thread = applicationThread("");
  if (sp == 0 || !thread) return -ENOMEM;
  nameThread(thread, path);
  // The host may have sent a signal already.
  const task = taskCreate(thread);
  if (!task) return -ENOMEM;
  updateSignalWork(task);
  const frame = changetype<TrapFrame>(
    <usize>(thread.stackTop - addressOf(0)) - offsetof<TrapFrame>(),
  );
  memory.fill(changetype<usize>(frame), 0, offsetof<TrapFrame>());
  frame.rip = image.hasInterpreter ? interpreterImage.entry : image.entry;
  frame.cs = KERNEL_CS;
  frame.ss = KERNEL_SS;
  frame.rflags = RFLAGS_IF;
  frame.rsp = sp;
  threadStart(thread);
  return 0;
}
