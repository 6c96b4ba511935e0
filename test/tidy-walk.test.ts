/*
 * Whether the guest program that hands bad pointers to every system call (guest/walk.c) knows every
 * call: each row of the kernel's table whose handler has a parameter of 64 bits, which may be a
 * pointer, has a row in guest/walk.h that tells what each such parameter is.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "./paths.ts";

const folder = join(repositoryRoot, "kernel/linux");
const sources = readdirSync(folder)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => readFileSync(join(folder, name), "utf8"))
  .join("\n");

interface Call {
  readonly number: number;
  readonly name: string;
  /** How many parameters there are up to the last one of 64 bits; 0: none is. */
  readonly wide: number;
}

/** Parameters of each handler, by its name. */
function handlers(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [, name, list] of sources.matchAll(/export function (sys_\w+)\(([^)]*)\)/g)) {
    const parameters = (list ?? "").split(",").map((each) => each.trim());
    found.set(
      name ?? "",
      parameters.filter((each) => each !== ""),
    );
  }
  return found;
}

function kernelCalls(): Call[] {
  const known = handlers();
  const calls: Call[] = [];
  for (const match of sources.matchAll(/\brow(?:WithFrame)?\((\d+), "(\w+)", (sys_\w+)\)/g)) {
    const [, number, name, handler] = match;
    const parameters = known.get(handler ?? "");
    assert.ok(parameters, `${handler} is not found: is it declared as others are?`);
    const wide = parameters.findLastIndex((each) => each.endsWith(": u64")) + 1;
    calls.push({ number: Number(number), name: name ?? "", wide });
  }
  return calls;
}

/** The text between the brace at `start` and the one that closes it. */
function braced(text: string, start: number): string {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "{" || text[at] === "(") depth++;
    if (text[at] === "}" || text[at] === ")") depth--;
    if (depth === 0) return text.slice(start + 1, at);
  }
  throw new Error("a brace of walk.h is not closed");
}

/** Number of items in a list, those inside of braces not counted. */
function itemCount(list: string): number {
  let depth = 0;
  let count = list.trim() === "" ? 0 : 1;
  for (const letter of list) {
    if (letter === "{" || letter === "(") depth++;
    if (letter === "}" || letter === ")") depth--;
    if (letter === "," && depth === 0) count++;
  }
  return count;
}

/** How many arguments the walk gives each call, by number and name. */
function walkedCalls(): Map<string, number> {
  const text = readFileSync(join(repositoryRoot, "test/guest/walk.h"), "utf8");
  const walked = new Map<string, number>();
  for (const match of text.matchAll(/\{(\d+),\s*"(\w+)[^"]*",\s*(?=\{)/g)) {
    const given = itemCount(braced(text, match.index + match[0].length));
    // One call may have several rows; the one that tells most counts.
    const key = `${match[1]} ${match[2]}`;
    walked.set(key, Math.max(given, walked.get(key) ?? 0));
  }
  return walked;
}

test("tidy: the walk with bad pointers knows every system call that may have one", () => {
  const walked = walkedCalls();
  const calls = kernelCalls();
  assert.ok(calls.length > 200 && walked.size > 100, "the tables are read");
  const missing = calls.filter(
    ({ number, name, wide }) => wide > (walked.get(`${number} ${name}`) ?? 0),
  );
  const rows = missing.map(({ number, name, wide }) => `${number} ${name}: ${wide} arguments`);
  assert.equal(rows.length, 0, `add a row to test/guest/walk.h:\n${rows.join("\n")}`);
});
