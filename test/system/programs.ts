/*
 * The guest programs of test/guest and how they are compiled: each against two C libraries, static
 * and dynamic, as fixed-address and position-independent programs, since each of these starts in
 * another way.
 *
 * A binary is compiled again only if its sources, the compiler or the flags have changed.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { runTool } from "../../cli/process.ts";
import { markUsed, prune } from "../../toolchain/prune.ts";
import { buildFolder, guestFolder } from "../paths.ts";

export const VARIANTS = ["static", "static-pie", "dynamic", "musl-static", "musl"] as const;
export type Variant = (typeof VARIANTS)[number];

export interface GuestProgram {
  /** As in `mem.static-pie`. */
  readonly name: string;
  readonly source: string;
  readonly variant: Variant;
  /** The binary on this host. */
  readonly path: string;
}

interface Compiler {
  readonly command: string;
  readonly flags: readonly string[];
  readonly debianPackage: string;
}

const COMPILERS: Readonly<Record<Variant, Compiler>> = {
  static: { command: "gcc", flags: ["-static", "-no-pie"], debianPackage: "gcc" },
  "static-pie": { command: "gcc", flags: ["-static-pie"], debianPackage: "gcc" },
  dynamic: { command: "clang-19", flags: ["-pie", "-fPIE"], debianPackage: "clang-19" },
  "musl-static": { command: "musl-gcc", flags: ["-static"], debianPackage: "musl-tools" },
  musl: { command: "musl-gcc", flags: [], debianPackage: "musl-tools" },
};

/** Some five times as many as there are: those of a few commits. About 300 KiB each. */
const PROGRAMS_KEPT = 2000;

const FLAGS = ["-std=gnu11", "-O2", "-g0", "-Wall", "-Wextra", "-Werror", "-pthread"];

/** Programs whose checks are looked at from outside, not counted in their output. */
export const SPECIAL_SOURCES: readonly string[] = [
  "arguments",
  "hello",
  "crash",
  "host",
  "resolve",
  "farewell",
  "exhaust",
  "fail-nth",
];

/** The sources that are lists of checks, without `.c`. */
export function checkSources(): string[] {
  return readdirSync(guestFolder)
    .filter((name) => name.endsWith(".c"))
    .map((name) => name.slice(0, -2))
    .filter((name) => !SPECIAL_SOURCES.includes(name))
    .sort();
}

export async function compileProgram(source: string, variant: Variant): Promise<GuestProgram> {
  const { command, flags, debianPackage } = COMPILERS[variant];
  const name = `${source}.${variant}`;
  const args = [...FLAGS, ...flags];
  const folder = buildFolder("test", "guest", hashOf(source, [compilerVersion(command), ...args]));
  const path = join(folder, name);
  if (!existsSync(path)) {
    const work = `${path}.work-${process.pid}`;
    await runTool(command, [...args, join(guestFolder, `${source}.c`), "-o", work], {
      debianPackage,
    });
    renameSync(work, path);
    prune(dirname(folder), { accept: () => true, countMax: PROGRAMS_KEPT });
  }
  markUsed(folder);
  pointAt(path, join(buildFolder("test", "programs"), name));
  return { name, source, variant, path };
}

/** For people, who don't know which of the folders is the last. */
function pointAt(path: string, link: string): void {
  const target = relative(dirname(link), path);
  if (lstatSync(link, { throwIfNoEntry: false }) && readlinkSync(link) === target) return;
  const work = `${link}.work-${process.pid}`;
  symlinkSync(target, work);
  renameSync(work, link);
}

function hashOf(source: string, words: readonly string[]): string {
  const hash = createHash("sha256").update(words.join("\0"));
  for (const name of sourceFiles(`${source}.c`)) {
    hash.update(readFileSync(join(guestFolder, name)));
  }
  return hash.digest("hex").slice(0, 16);
}

/** A source and the headers beside it that it includes, and those that they include. */
function sourceFiles(source: string): Set<string> {
  const files = new Set([source]);
  for (const name of files) {
    const text = readFileSync(join(guestFolder, name), "utf8");
    for (const [, header] of text.matchAll(/^#include "(.+)"$/gm)) files.add(header as string);
  }
  return files;
}

const versions = new Map<string, string>();

/**
 * What a compiler says it is; empty when it is not there, which compiling will then tell better.
 */
function compilerVersion(command: string): string {
  let version = versions.get(command);
  if (version === undefined) {
    try {
      version = execFileSync(command, ["--version"], { encoding: "utf8" });
    } catch {
      version = "";
    }
    versions.set(command, version);
  }
  return version;
}
