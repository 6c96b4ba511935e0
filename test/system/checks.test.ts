import assert from "node:assert/strict";
import { test } from "node:test";
import { incompleteness, readChecks } from "./checks.ts";

test("a complete report", () => {
  const report = readChecks("# brk\nok one\nkernel: noise\nnot ok two: brk.c:3: no\n1..2\n");
  assert.deepEqual(report, {
    passed: 1,
    failed: ["two: brk.c:3: no"],
    planned: 2,
    lastGroup: "brk",
  });
  assert.equal(incompleteness(report), null);
});

test("a program that crashed", () => {
  assert.match(incompleteness(readChecks("# brk\nok one\n# mmap\n")) ?? "", /last group: mmap/);
});

test("lost output", () => {
  assert.match(incompleteness(readChecks("ok one\n1..2\n")) ?? "", /1 results seen, 2 announced/);
});

test("no output at all", () => {
  assert.notEqual(incompleteness(readChecks("")), null);
});
