import { addressOf } from "../arch/hw";
import { parseCommandLine } from "../lib/command-line";
import { expect, expectEqual, test } from "../lib/testing";
import {
  isProgramModule,
  ProgramStrings,
  takeProgramLine,
  takeProgramModule,
} from "./program-strings";

const HEADER: i32 = 24;
const LIMIT: i32 = 2 << 20;

/** A module of these counts whose strings are `text`, each zero of which is written as "|". */
function moduleOf(argumentCount: u32, environmentCount: u32, text: string): StaticArray<u8> {
  const module = new StaticArray<u8>(HEADER + text.length);
  const at = changetype<usize>(module);
  store<u64>(at, 0x6772416167726956);
  store<u32>(at + 8, argumentCount);
  store<u32>(at + 12, environmentCount);
  store<u64>(at + 16, text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    module[HEADER + i] = <u8>(byte == 124 ? 0 : byte);
  }
  return module;
}

function taken(module: StaticArray<u8>, size: u64): ProgramStrings {
  const strings = new ProgramStrings();
  takeProgramModule(strings, addressOf(changetype<usize>(module)), size);
  return strings;
}

function flawOf(argumentCount: u32, environmentCount: u32, text: string): string {
  const module = moduleOf(argumentCount, environmentCount, text);
  const flaw = taken(module, module.length).flaw();
  return flaw ? flaw : "none";
}

test("program strings: a module", () => {
  const module = moduleOf(3, 1, "/bin/a||\xff\x80|K=V|");
  const at = addressOf(changetype<usize>(module));
  expect(isProgramModule(at, module.length), "it has the magic number");
  expect(!isProgramModule(at, 7), "which has to be whole");
  expect(!isProgramModule(at + 8, HEADER), "and at its beginning");
  const strings = taken(module, module.length + 100);
  expect(strings.flaw() == null, "no flaw, whatever follows");
  expect(strings.path() == "/bin/a", "its path");
  expectEqual(strings.argumentCount, 3, "arguments");
  expectEqual(strings.environmentCount, 1, "variables");
  expectEqual(strings.bytes, 15, "bytes");
  expectEqual(strings.address, at + HEADER, "they stay where they are");
});

test("program strings: a module that is cut off, at every byte", () => {
  const module = moduleOf(2, 1, "/bin/a|b|K=V|");
  for (let size = 8; size < module.length; size++) {
    expect(taken(module, size).flaw() == "the module is shorter than it says", "cut off");
  }
  store<u64>(changetype<usize>(module) + 16, U64.MAX_VALUE);
  expect(taken(module, module.length).flaw() == "the module is shorter than it says", "huge");
});

test("program strings: counts and ends that are wrong", () => {
  const wrong = "the strings are not as many as they are said to be";
  expect(flawOf(1, 0, "/a|b|") == wrong, "too few");
  expect(flawOf(2, 1, "/a|b|") == wrong, "too many");
  expect(flawOf(0, 1, "A=1|") == "there is no program's path", "no argument");
  expect(flawOf(0, 0, "") == "there is no program's path", "nothing");
  expect(flawOf(1, 0, "") == wrong, "no strings");
  expect(flawOf(1, 0, "|") == "the program's path is empty", "an empty path");
  expect(flawOf(2, 0, "/a|b") == "the last string has no end", "no end");
  expect(flawOf(1, 0, "/a") == "the last string has no end", "no end at all");
  expect(flawOf(u32.MAX_VALUE, u32.MAX_VALUE, "/a|").startsWith("with their"), "4 billion");
  expect(flawOf(1, 0, "/".repeat(4095) + "|") == "none", "the longest path");
  expect(flawOf(1, 0, "/".repeat(4096) + "|").endsWith("4095 bytes"), "a longer one");
});

test("program strings: a string may have 131071 bytes", () => {
  expect(flawOf(2, 0, "/a|" + "x".repeat(131071) + "|") == "none", "as many");
  expect(flawOf(2, 0, "/a|" + "x".repeat(131072) + "|").endsWith("131071 bytes"), "one more");
  expect(flawOf(1, 1, "/a|" + "x".repeat(131072) + "|").endsWith("131071 bytes"), "a variable");
});

/** The flaw of `/a` and `count` arguments of `length` bytes each, and one of `last`. */
function flawOfMany(count: i32, length: i32, last: i32): string {
  const bytes = 3 + count * (length + 1) + (last + 1);
  const text = new StaticArray<u8>(bytes);
  memory.fill(changetype<usize>(text), 120, bytes);
  text[2] = 0;
  for (let i = 1; i <= count; i++) text[2 + i * (length + 1)] = 0;
  text[bytes - 1] = 0;
  const strings = new ProgramStrings();
  strings.address = addressOf(changetype<usize>(text));
  strings.bytes = bytes;
  strings.argumentCount = 2 + count;
  const flaw = strings.flaw();
  return flaw ? flaw : "none";
}

test("program strings: two MiB in all, with pointers and the path once more", () => {
  const path = 3 + 8 + 3;
  const rest = LIMIT - path - 20 * 100000 - 9;
  expect(flawOfMany(20, 99991, rest) == "none", "exactly");
  expect(flawOfMany(20, 99991, rest + 1).startsWith("with their"), "one byte more");
  const empty = (LIMIT - path) / 9 - 1;
  expect(flawOfMany(empty, 0, 0) == "none", "many that are empty");
  expect(flawOfMany(empty + 1, 0, 0).startsWith("with their"), "one more");
});

test("program strings: the command line's words keep their bytes", () => {
  const bytes = String.UTF8.encode("env=A=\xfc -- /bin/\xe9 b", true);
  const line = parseCommandLine(addressOf(changetype<usize>(bytes)));
  const strings = new ProgramStrings();
  takeProgramLine(strings, line);
  expect(strings.flaw() == null, "no flaw");
  expectEqual(strings.pathLength(), 7, "two bytes for one letter");
  expectEqual(strings.bytes, 8 + 2 + 5, "bytes");
  expectEqual(load<u8>(<usize>(strings.address - addressOf(0)) + 6), 0xa9, "as they were");
});
