/**
 * The arguments and the environment that the launcher gives the program, as they are to lie on its
 * stack: all arguments, then all variables, each with a zero behind it and of any other bytes.
 *
 *     takeProgramLine(strings, line)           from the command line, which holds some 4000 bytes
 *     isProgramModule(address, size)           whether a boot module holds them
 *     takeProgramModule(strings, …)            from there, where they stay
 *     strings.flaw()                           to be asked before they are used
 *
 * The module (docs/boot-protocol.md), numbers little-endian:
 *
 *     0 magic "VirgaArg" | 8 u32 arguments | 12 u32 variables | 16 u64 bytes of strings | 24 strings
 */
import { addressOf, load8, load32, load64 } from "../arch/hw";
import { PATH_MAX } from "../fs/mount";
import { CommandLine } from "../lib/command-line";

/** "VirgaArg". */
const MAGIC: u64 = 0x6772416167726956;
const ARGUMENT_COUNT: u64 = 8;
const ENVIRONMENT_COUNT: u64 = 12;
const BYTES: u64 = 16;
const HEADER_SIZE: u64 = 24;

/** As on Linux: a quarter of the stack, for strings, their pointers, and the path once more. */
const STRINGS_MAX: u64 = 2 << 20;
const POINTER_SIZE: u64 = 8;
/** Linux's MAX_ARG_STRLEN, which counts the zero. */
const STRING_MAX: u64 = 131072;

const STRING_TOO_LONG = "an argument or variable is longer than 131071 bytes";
const WRONG_COUNT = "the strings are not as many as they are said to be";

export class ProgramStrings {
  /** Kernel address of the first. */
  address: u64 = 0;
  /** Of all, zeros included. */
  bytes: u64 = 0;
  argumentCount: u64 = 0;
  environmentCount: u64 = 0;
  /** The module ends before what it says that it holds. */
  isCutOff: bool = false;

  /** Bytes of the first argument, the program's path, without its zero. */
  pathLength(): u64 {
    let length: u64 = 0;
    while (load8(this.address + length) != 0) length++;
    return length;
  }

  /** The first argument, as a string of bytes; at most a walk's path long. */
  path(): string {
    const length = <usize>this.pathLength();
    const units = heap.alloc((length + 1) << 1);
    for (let i: usize = 0; i < length; i++) {
      store<u16>(units + (i << 1), <u16>load8(this.address + i));
    }
    const path = String.UTF16.decodeUnsafe(units, length << 1);
    heap.free(units);
    return path;
  }

  /** Why no program can be started with them; null: it can. */
  flaw(): string | null {
    const count = this.argumentCount + this.environmentCount;
    if (this.isCutOff) return "the module is shorter than it says";
    if (this.argumentCount == 0) return "there is no program's path";
    let found: u64 = 0;
    let start: u64 = 0;
    // More than the limit is not looked at: the size is judged below.
    for (let i: u64 = 0; i < min(this.bytes, STRINGS_MAX); i++) {
      if (load8(this.address + i) != 0) continue;
      if (i + 1 - start > STRING_MAX) return STRING_TOO_LONG;
      start = i + 1;
      found++;
    }
    if (this.bytes + count * POINTER_SIZE > STRINGS_MAX) return tooLong();
    if (start != this.bytes) return "the last string has no end";
    if (found != count) return WRONG_COUNT;
    const pathLength = this.pathLength();
    if (pathLength == 0) return "the program's path is empty";
    if (pathLength >= <u64>PATH_MAX) return "the program's path is longer than 4095 bytes";
    return this.bytes + count * POINTER_SIZE + pathLength + 1 > STRINGS_MAX ? tooLong() : null;
  }
}

function tooLong(): string {
  return "with their pointers and the path they are longer than 2097152 bytes";
}

/** Whether the module at a kernel address says that it is one of these. */
export function isProgramModule(address: u64, size: u64): bool {
  return size >= 8 && load64(address) == MAGIC;
}

/** Takes what the module says. The module has to stay until the program is started. */
export function takeProgramModule(strings: ProgramStrings, address: u64, size: u64): void {
  strings.isCutOff = size < HEADER_SIZE || load64(address + BYTES) > size - HEADER_SIZE;
  if (strings.isCutOff) return;
  strings.address = address + HEADER_SIZE;
  strings.bytes = load64(address + BYTES);
  strings.argumentCount = load32(address + ARGUMENT_COUNT);
  strings.environmentCount = load32(address + ENVIRONMENT_COUNT);
}

/** Writes a word's bytes and a zero; returns where it ends. */
function putWord(to: usize, word: string): usize {
  for (let i = 0; i < word.length; i++) store<u8>(to++, <u8>word.charCodeAt(i));
  store<u8>(to++, 0);
  return to;
}

function wordBytes(words: string[]): usize {
  let bytes: usize = 0;
  for (let i = 0; i < words.length; i++) bytes += words[i].length + 1;
  return bytes;
}

/** Takes what the command line says, into memory of the heap that stays. */
export function takeProgramLine(strings: ProgramStrings, line: CommandLine): void {
  const environment = line.values("env");
  const bytes = wordBytes(line.argv) + wordBytes(environment);
  const from = heap.alloc(bytes + 1);
  let to = from;
  for (let i = 0; i < line.argv.length; i++) to = putWord(to, line.argv[i]);
  for (let i = 0; i < environment.length; i++) to = putWord(to, environment[i]);
  strings.address = addressOf(from);
  strings.bytes = bytes;
  strings.argumentCount = line.argv.length;
  strings.environmentCount = environment.length;
}
