/*
 * What the compiler says about a wrong `attempt`, and a missing one. That a right one does what it
 * should is kernel/runtime/attempt.test.ts.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { mayBePlain } from "./assemblyscript-runtime.mjs";
import { compileWasm } from "./compile-wasm.ts";
import { buildDirectory } from "./paths.ts";

const directory = path.join(buildDirectory, "unit", "attempt-errors");

async function compileErrors(body: string): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const entry = path.join(directory, "entry.ts");
  const source = [
    'import { attempt } from "../../../kernel/runtime/attempt";',
    "class Thing { value: u32 = 1; }",
    `export function run(): u32 { ${body} }`,
  ];
  writeFileSync(entry, source.join("\n"));
  try {
    await compileWasm({ entries: [entry], output: path.join(directory, "out.wasm"), debug: true });
    return "";
  } catch (error) {
    return String(error);
  }
}

test("attempt: an object that nobody has checked cannot be used", async () => {
  const errors = await compileErrors("return attempt(new Thing()).value;");
  assert.match(errors, /TS2322: Type '.*Thing \| null' is not assignable to type '.*Thing'/);
});

test("attempt: whatever is no `new` expression is refused", async () => {
  const errors = await compileErrors("const t = new Thing(); return attempt(t) ? 1 : 0;");
  assert.match(errors, /attempt takes a `new` expression/);
});

test("attempt: a checked object compiles", async () => {
  const errors = await compileErrors("const t = attempt(new Thing()); return t ? t.value : 0;");
  assert.equal(errors, "");
});

test("new: may be plain in constructors, in tests and at boot, and nowhere else in the kernel", () => {
  const allowed = (internalName: string, name = "f") => mayBePlain({ name, internalName });
  assert.ok(!allowed("kernel/linux/event-calls/sys_eventfd2"));
  assert.ok(!allowed("kernel/fs/pipe/pipeCreate"));
  assert.ok(allowed("kernel/fs/pipe/Pipe#constructor", "constructor"));
  assert.ok(allowed("kernel/fs/init/fsInit"));
  assert.ok(allowed("kernel/fs/pipe.test/make"));
  assert.ok(allowed("kernel/net/testing/make"));
  assert.ok(allowed("start:kernel/fs/pipe"));
});
