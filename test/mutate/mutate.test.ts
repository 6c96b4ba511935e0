// The mutation tool's own logic: where a file is changed, how all changes fit in one text, and what
// is read from a machine's console.
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../cli/errors.ts";
import { parseMutateOptions } from "./main.ts";
import { findMutants } from "./operators.ts";
import { applyMutants } from "./schemata.ts";
import { readCovered } from "./system-runs.ts";

const PATH = "kernel/fs/example.ts";

/** The operators of a function's mutants, in order, with what becomes of each place. */
function found(body: string): string[] {
  const text = `export function f(a: i32, queue: Queue, file: File | null): i32 {\n${body}\n}\n`;
  return findMutants(PATH, text).map(
    ({ operator, start, end, becomes }) => `${operator}: ${text.slice(start, end)} -> ${becomes}`,
  );
}

test("a call for its effect is dropped with its semicolon", () => {
  assert.deepEqual(found("queue.wakeAll();"), ["drop call: queue.wakeAll(); -> (left out)"]);
});

test("an error check is skipped, and its comparison swapped", () => {
  assert.deepEqual(found("if (a < 0) return -EINVAL;"), [
    "skip check: a < 0 -> false",
    "compare: a < 0 -> a <= 0",
    "no error: -EINVAL -> 0",
  ]);
});

test("a condition with two ways is negated", () => {
  assert.deepEqual(found("if (a == 1) queue.push(a); else queue.pop();"), [
    "negate: a == 1 -> !(a == 1)",
    "compare: a == 1 -> a != 1",
    "drop call: queue.push(a); -> (left out)",
    "drop call: queue.pop(); -> (left out)",
  ]);
});

test("what the compiler knows to be no null stays known", () => {
  assert.deepEqual(found("if (!file) return a;"), []);
  assert.deepEqual(found("if (!file || a > 3) return a;"), ["compare: a > 3 -> a >= 3"]);
});

test("assertions, logs, panics and debug code are left alone", () => {
  assert.deepEqual(found('assert(a < 3, "small"); put("a" + b); panic("f", "no");'), []);
  assert.deepEqual(found("if (VERIFY) check(a);"), []);
});

test("all changes fit in one text, one inside another, on the lines they were on", () => {
  const text = "function f(a: i32): i32 {\n  if (a + 1 < 3) return -EIO;\n  return a;\n}\n";
  const mutants = findMutants(PATH, text);
  assert.deepEqual(
    mutants.map(({ operator, line }) => [operator, line]),
    [
      ["skip check", 2],
      ["compare", 2],
      ["arithmetic", 2],
      ["no error", 2],
    ],
  );
  assert.equal(
    applyMutants(text, mutants, 7),
    "function f(a: i32): i32 {\n  if (!isMutant(7) && ((isMutant(8) ? (a + 1 <= 3) : " +
      "((isMutant(9) ? (a - 1) : (a + 1)) < 3)))) return (isMutant(10) ? 0 : -EIO);\n" +
      "  return a;\n}\n",
  );
});

test("what is left out keeps its braces, so that an else stays with its condition", () => {
  const text = "function f(a: i32): void {\n  if (a) g(); else h();\n}\n";
  assert.equal(
    applyMutants(text, findMutants(PATH, text), 0),
    "function f(a: i32): void {\n  if (a) { if (!isMutant(0)) { g(); } } " +
      "else { if (!isMutant(1)) { h(); } }\n}\n",
  );
});

test("a machine's console tells the places it came by, four a digit", () => {
  assert.deepEqual([...readCovered("1..3\nmutants: 50a\n")], [0, 2, 9, 11]);
  assert.deepEqual([...readCovered("no such line")], []);
});

test("a folder that is none of the kernel's is refused", () => {
  assert.throws(() => parseMutateOptions(["cli"]), UsageError);
  assert.throws(() => parseMutateOptions(["kernel/nothing"]), UsageError);
  assert.throws(() => parseMutateOptions(["--sample", "x"]), /--sample x: must be a whole number/);
  assert.deepEqual(parseMutateOptions(["kernel/fs/"]).folders, ["kernel/fs"]);
});
