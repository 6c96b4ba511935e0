import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../cli/errors.ts";
import { isWanted, parseTestOptions } from "./options.ts";

test("without arguments, everything", () => {
  const options = parseTestOptions([]);
  assert.deepEqual(options.phases, ["lint", "unit", "sim", "system"]);
  assert.ok(isWanted(options, "anything"));
});

test("phases run in their own order", () => {
  assert.deepEqual(parseTestOptions(["system", "unit"]).phases, ["unit", "system"]);
});

test("--only selects by a part of the name", () => {
  const options = parseTestOptions(["system", "--only", "mem.", "--only", "redis"]);
  assert.ok(isWanted(options, "mem.static") && isWanted(options, "redis/data-types"));
  assert.ok(!isWanted(options, "mem-file.static"));
});

test("an unknown kind of test is refused", () => {
  assert.throws(() => parseTestOptions(["systme"]), UsageError);
  assert.throws(() => parseTestOptions(["--onyl", "x"]), UsageError);
});
