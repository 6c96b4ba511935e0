/*
 * The style that a program can check: headers, width, length, import direction, the size of what is
 * not TypeScript. docs/architecture.md ("Imports") and docs/contributing.md say what is meant.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "./paths.ts";

const WIDTH_MAX = 100;
const LINES_MAX = 600;
/** C and assembly of the kernel, all files together. */
const MACHINE_LINES_MAX = 1500;

const FOLDERS = ["apps", "bench", "cli", "kernel", "test", "toolchain"];

/**
 * What a folder of the kernel may import, beside itself, `arch/hw` and, but for `runtime`, `lib`
 * and `runtime`.
 */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  arch: ["mem/", "sched/", "time/", "linux/"], // calls up, from traps
  runtime: ["lib/panic", "lib/verify"],
  lib: [],
  time: ["mem/"],
  sched: ["arch/", "mem/", "time/", "fs/io-vector"],
  mem: ["arch/", "fs/file", "fs/page-source"],
  dev: ["arch/", "mem/", "sched/", "time/", "net/device", "net/ethernet", "net/packet"],
  fs: ["dev/", "mem/", "sched/", "time/", "linux/user-memory", "linux/signal"],
  net: ["fs/", "mem/", "sched/", "time/", "linux/user-memory", "linux/signal"],
  ipc: ["fs/", "mem/", "sched/", "time/", "linux/credentials"],
  linux: ["arch/", "fs/", "ipc/", "mem/", "net/", "sched/", "time/"],
};

interface Source {
  readonly file: string;
  readonly text: string;
  readonly lines: readonly string[];
}

function readSources(): Source[] {
  const sources: Source[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && entry.name !== "node_modules") walk(path);
      if (!entry.isFile() || !/\.(ts|mjs|c|h|S|ld)$/.test(entry.name)) continue;
      const text = readFileSync(path, "utf8");
      sources.push({
        file: relative(repositoryRoot, path),
        text,
        lines: text.trimEnd().split("\n"),
      });
    }
  };
  for (const folder of FOLDERS) walk(join(repositoryRoot, folder));
  return sources;
}

const sources = readSources();
const isTest = (file: string): boolean => /(\.test\.ts|\/testing\.ts|\/fixture\.ts)$/.test(file);
const kernel = sources.filter(({ file }) => file.startsWith("kernel/") && file.endsWith(".ts"));

function expectNone(found: readonly string[], what: string): void {
  assert.equal(found.length, 0, `${what}:\n${found.slice(0, 40).join("\n")}`);
}

test("tidy: every file begins with a comment that says what it is for", () => {
  const found = sources.filter(({ file, text }) => {
    return !file.endsWith(".test.ts") && !/^(#!.*\n)?(\/\*|\/\/)/.test(text);
  });
  expectNone(
    found.map(({ file }) => file),
    "no comment on top",
  );
});

/** Running text in a comment; tables and drawings may be wider, and code is the formatter's. */
function isProse(line: string): boolean {
  return /^\s*(\*|\/\/|\/\*\*?) \S/.test(line) && !/\S {2,}\S|^\s*\S+ \|/.test(line);
}

test("tidy: comments are at most 100 columns wide", () => {
  const found = sources.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) =>
      isProse(line) && [...line].length > WIDTH_MAX ? [`${file}:${index + 1}`] : [],
    ),
  );
  expectNone(found, "too wide");
});

test("tidy: files are at most 600 lines long", () => {
  const found = sources
    .filter(({ lines }) => lines.length > LINES_MAX)
    .map(({ file, lines }) => `${file}: ${lines.length} lines`);
  expectNone(found, "split by concept");
});

test("tidy: kernel folders import what architecture.md says, and nothing else", () => {
  const found: string[] = [];
  for (const { file, text } of kernel) {
    const folder = file.split("/")[1] ?? "";
    if (isTest(file) || folder.endsWith(".ts")) continue;
    const always = folder === "runtime" ? [] : ["lib/", "runtime/"];
    const allowed = [`${folder}/`, "arch/hw", ...always, ...(IMPORTS[folder] ?? [])];
    for (const [, from] of text.matchAll(/^(?:import|export|\}).* from "(\.[^"]+)";$/gm)) {
      const target = relative("kernel", join(dirname(file), from ?? ""));
      const isAllowed = allowed.some((each) => target.startsWith(each));
      if (!isAllowed) found.push(`${file} imports ${target}`);
    }
  }
  expectNone(found, "imports against the direction");
});

test("tidy: the kernel's modules export no variables, which would be results or anybody's", () => {
  const found = kernel.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) =>
      /^export let /.test(line) && !isTest(file) ? [`${file}:${index + 1}`] : [],
    ),
  );
  expectNone(found, "return it, write it to the caller's object, or let a function tell it");
});

test("tidy: user memory is copied where its addresses are checked, and nowhere else", () => {
  const allowed: Readonly<Record<string, string>> = {
    userCopy: "kernel/linux/user-memory.ts",
    copyChecked: "kernel/fs/io-vector.ts",
  };
  const found: string[] = [];
  for (const { file, text } of kernel) {
    for (const [, names] of text.matchAll(/^import \{([^}]*)\} from/gm)) {
      for (const [name, place] of Object.entries(allowed)) {
        if (names?.match(`\\b${name}\\b`) && file !== place) found.push(`${file} imports ${name}`);
      }
    }
    if (/\bhw\.userCopy\b/.test(text)) found.push(`${file} calls hw.userCopy`);
  }
  expectNone(found, "use linux/user-memory.ts or an IoVector");
});

test("tidy: the kernel's C and assembly stay under 1500 lines", () => {
  const machine = sources.filter(({ file }) => /^kernel\/.*\.(c|h|S|ld)$/.test(file));
  const count = machine.reduce((sum, { lines }) => sum + lines.length, 0);
  assert.ok(count <= MACHINE_LINES_MAX, `${count} lines`);
});

test("tidy: files that kernel comments name are there", () => {
  const found: string[] = [];
  for (const { file, lines } of kernel) {
    lines.forEach((line, index) => {
      if (!/^\s*(\*|\/\*|\/\/)/.test(line)) return;
      for (const [name] of line.matchAll(/(?<![\w/.*-])[\w-]+(\/[\w-]+)*\.(ts|S|md)\b/g)) {
        const places = ["", "kernel", "kernel/arch", dirname(file)];
        const isThere = places.some((place) => existsSync(join(repositoryRoot, place, name)));
        if (!isThere && !isInside(name)) found.push(`${file}:${index + 1}: ${name}`);
      }
    });
  }
  expectNone(found, "no such file");
});

/** Whether some file's path ends so: comments leave out folders that the context tells. */
function isInside(name: string): boolean {
  return sources.some(({ file }) => file.endsWith(`/${name}`));
}

test("tidy: what is left to do says when it is worth doing", () => {
  const found = sources.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) =>
      /\b(TODO|FIXME)\b(?!: \w.{20})/.test(line) && !file.endsWith("tidy.test.ts")
        ? [`${file}:${index + 1}: ${line.trim()}`]
        : [],
    ),
  );
  expectNone(found, "no reason");
});
