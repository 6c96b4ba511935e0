/* What the build folder keeps, and what it never loses. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { markUsed, prune } from "./prune.ts";

const HOUR_MS = 3_600_000;
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "virga-prune-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Files of 1,000 bytes, last used so many hours ago. */
function add(ages: Readonly<Record<string, number>>): void {
  for (const [name, hours] of Object.entries(ages)) {
    const path = join(folder, name);
    writeFileSync(path, Buffer.alloc(1000));
    const time = new Date(Date.now() - hours * HOUR_MS);
    utimesSync(path, time, time);
  }
}

const accept = (name: string): boolean => name.endsWith(".x");

test("the oldest go when there are too many, and nothing else", () => {
  add({ "a.x": 2, "b.x": 3, "c.x": 4, "d.x": 5, "other.y": 9 });
  prune(folder, { accept, countMax: 2 });
  assert.deepEqual(readdirSync(folder), ["a.x", "b.x", "other.y"]);
});

test("the oldest go when all together are too large", () => {
  add({ "a.x": 2, "b.x": 3, "c.x": 4 });
  prune(folder, { accept, countMax: 100, bytesMax: 2500 });
  assert.deepEqual(readdirSync(folder), ["a.x", "b.x"]);
});

test("what is in use stays, and what was used a moment ago", () => {
  add({ "a.x": 0, "b.x": 0.5, "c.x": 3, "d.x": 4, "e.x": 5 });
  markUsed(join(folder, "e.x"));
  prune(folder, { accept, countMax: 0, isInUse: (path) => path.endsWith("/d.x") });
  assert.deepEqual(readdirSync(folder), ["a.x", "b.x", "d.x", "e.x"]);
});

test("folders go as files do, by when they were marked, with what is in them", () => {
  for (const name of ["a.x", "b.x", "c.x"]) {
    mkdirSync(join(folder, name, "inside"), { recursive: true });
    writeFileSync(join(folder, name, "inside", "file"), Buffer.alloc(1000));
    const old = new Date(Date.now() - 5 * HOUR_MS);
    utimesSync(join(folder, name), old, old);
  }
  markUsed(join(folder, "b.x"));
  prune(folder, { accept, countMax: 100, bytesMax: 1500 });
  assert.deepEqual(readdirSync(folder), ["b.x"]);
});

test("what another process has removed meanwhile is no error", () => {
  add({ "a.x": 3, "b.x": 4 });
  const isInUse = (path: string): boolean => {
    rmSync(path, { force: true });
    return false;
  };
  prune(folder, { accept, countMax: 0, bytesMax: 0, isInUse });
  assert.deepEqual(readdirSync(folder), []);
});
