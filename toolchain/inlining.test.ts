/*
 * What the optimizer must leave apart: the methods behind a virtual call, and what a fast path
 * leaves for (assemblyscript-inlining.mjs).
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import binaryen from "binaryen";
import { compileWasm } from "./compile-wasm.ts";
import { buildDirectory } from "./paths.ts";

const SOURCE = `
abstract class Shape { abstract area(n: i32): i32; }
class Sum extends Shape {
  area(n: i32): i32 { let s = 0; for (let i = 0; i < n; i++) s += i * n; return s; }
}
class Mix extends Shape {
  area(n: i32): i32 { let s = 1; for (let i = 0; i < n; i++) s ^= i * n; return s; }
}
let shape: Shape = new Sum();
export function choose(n: i32): void { shape = n != 0 ? new Mix() : new Sum(); }
export function area(n: i32): i32 { return shape.area(n); }

function roundSlowly(n: i32): i32 { return (n + 7) & ~7; }
export function round(n: i32): i32 { return (n & 7) == 0 ? n : roundSlowly(n); }
`;

test("methods stay out of the stub of a virtual call, and slow ways out of fast ones", async () => {
  const directory = path.join(buildDirectory, "unit", "inlining");
  mkdirSync(directory, { recursive: true });
  const entry = path.join(directory, "entry.ts");
  const output = path.join(directory, "out.wasm");
  writeFileSync(entry, SOURCE);
  await compileWasm({ entries: [entry], output, debug: false });
  const text = binaryen.readBinary(readFileSync(output)).emitText();
  for (const name of ["Sum#area", "Mix#area", "roundSlowly"]) {
    assert.match(text, new RegExp(`\\(func \\$\\S*/${name} `), `${name} is a function of its own`);
    assert.match(text, new RegExp(`\\(call \\$\\S*/${name}\\s`), `${name} is called`);
  }
});
