/**
 * What the two builds of the kernel contain: the release kernel pays for no check.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

/** The names of all functions of the module that became the kernel, and their code's strings. */
function readKernel(elf: string): { names: string; strings: string } {
  const wasm = readFileSync(path.join(path.dirname(elf), "kernel.wasm"));
  const sections = WebAssembly.Module.customSections(new WebAssembly.Module(wasm), "name");
  const names = sections.map((section) => Buffer.from(section).toString("latin1")).join();
  return { names, strings: wasm.toString("utf16le") + wasm.subarray(1).toString("utf16le") };
}

const elf = process.env.VIRGA_TEST_KERNEL;
const isDebug = path.basename(path.dirname(elf ?? "")) === "debug";

test("allocations that fail on purpose are in the debug kernel, and only there", {
  skip: !elf,
}, () => {
  const { names } = readKernel(elf ?? "");
  assert.equal(names.includes("runtime/failing/"), isDebug);
  assert.equal(names.includes("fs/proc-fail-nth/"), isDebug);
});

test("the lock checker is in the debug kernel, and only there", { skip: !elf }, () => {
  const { names, strings } = readKernel(elf ?? "");
  assert.match(names, /sched\/scheduler\/schedule/, "names are there to look at");
  assert.match(strings, /locked twice by the same thread/, "strings are there to look at");
  assert.equal(names.includes("sched/lock-order/"), isDebug);
  assert.equal(strings.includes("page cache (2)"), isDebug);
});
