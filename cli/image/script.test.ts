/* The first line of a script, as execve(2) reads it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readScript } from "./script.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-script-"));
after(() => rmSync(folder, { recursive: true }));

test("the interpreter, and the rest of the line as one argument", () => {
  const cases: [text: string, expected: ReturnType<typeof readScript>][] = [
    ["#!/bin/sh\necho", { interpreter: "/bin/sh", argument: [] }],
    ["#! /usr/bin/env -S node --x \n", { interpreter: "/usr/bin/env", argument: ["-S node --x"] }],
    ["#!/bin/sh", { interpreter: "/bin/sh", argument: [] }],
    ["#!\n", null],
    ["\x7fELF", null],
    ["", null],
  ];
  const path = join(folder, "script");
  for (const [text, expected] of cases) {
    writeFileSync(path, text);
    assert.deepEqual(readScript(path), expected, text);
  }
});
