/*
 * The tree of mutants: a copy of the repository's sources, in build/mutate, whose kernel has all
 * mutants of the chosen folder in it. The tools in the copy build it like any other.
 *
 *     const tree = await makeTree(folder, sample, seed, say)     what the compiler refuses is left out
 *     tree.mutants, tree.modules, tree.kernel
 *
 * The active mutant is told by its number: to the tests in Node by the export `mutantActivate`, to
 * a booted kernel by a variable of the program's environment. Which places a run has come by is
 * remembered: `mutantCovered`, and a line on the serial port before the machine ends.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { repositoryRoot } from "../paths.ts";
import { type Build, buildSource } from "../sim/interleave/load.ts";
import { MUTEX_BUILD } from "../sim/interleave/mutex.ts";
import { SLEEP_BUILD } from "../sim/sleep/suite.ts";
import type { NodeModules } from "./node-suite.ts";
import { findMutants, type Mutant } from "./operators.ts";
import { applyMutants, IS_ACTIVE } from "./schemata.ts";

/** What the copy needs to build a kernel and run its unit tests. */
const COPIED = ["kernel", "toolchain", "package.json", "package-lock.json"];

/** The environment variable that tells a booted kernel which mutant is active. */
export const MUTANT_VARIABLE = "VIRGA_MUTANT";

export interface NumberedMutant extends Mutant {
  readonly number: number;
  /** From the repository's root. */
  readonly file: string;
  readonly original: string;
}

export interface MutantTree {
  readonly root: string;
  readonly mutants: readonly NumberedMutant[];
  /** Places that the compiler takes in no changed form: a fault there can't come to a test. */
  readonly refused: number;
  /** What the tests in Node run: `tests`, the unit tests; `sleep` and `mutex`, the simulations. */
  readonly modules: NodeModules;
  /** The kernel to boot: its path. */
  readonly kernel: string;
  /** The same with assertions, and with allocations that can be made to fail. */
  readonly debugKernel: string;
}

/** Numbers and remembers; `activate` and `covered` are for who runs the tests. */
function runtimeModule(count: number): string {
  return `/** Mutants: which one is active, and which have been come by. */
const covered: usize = memory.data(${Math.max(count, 1)});
let active: i32 = -1;
export function ${IS_ACTIVE}(number: i32): bool {
  store<u8>(covered + <usize>number, 1);
  return number == active;
}
export function mutantActivate(number: i32): void {
  active = number;
}
export function mutantCovered(number: i32): bool {
  return load<u8>(covered + <usize>number) != 0;
}
export function mutantReport(out: (byte: u32) => void): void {
  const start = "\\nmutants: ";
  for (let i = 0; i < start.length; i++) out(start.charCodeAt(i));
  for (let at = 0; at < ${count}; at += 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit++) {
      if (at + bit < ${count} && mutantCovered(at + bit)) digit |= 1 << bit;
    }
    out(digit < 10 ? 48 + digit : 87 + digit);
  }
  out(10);
}
`;
}

/** A change to a file of the copy that has to find its place. */
function edit(file: string, before: string, after: string): void {
  const text = readFileSync(file, "utf8");
  if (!text.includes(before))
    throw new Error(`${file}: the text that mutants hook into has changed`);
  writeFileSync(
    file,
    text.replace(before, () => after),
  );
}

/** The kernel of the copy takes the active mutant from its command line, and reports at its end. */
function hookKernel(root: string): void {
  const main = join(root, "kernel/main.ts");
  const parsed = "const line = parseCommandLine(startCommandLine());\n";
  const chosen = `for (let i = 0; i < line.words.length; i++) {
    if (line.words[i].startsWith("env=${MUTANT_VARIABLE}=")) {
      mutantActivate(<i32>I32.parseInt(line.words[i].substring(${MUTANT_VARIABLE.length + 5})));
    }
  }`;
  edit(main, parsed, `${parsed}  ${chosen}\n`);
  edit(main, "// What assembly and C call.", `import { mutantActivate } from "./lib/mutant";\n`);
  const events = join(root, "kernel/lib/events.ts");
  for (const name of ["eventExit(code: u32)", "eventSignal(signal: u32, name: string)"]) {
    const head = `export function ${name}: void {\n`;
    edit(events, head, `${head}  mutantReport((byte: u32) => { out8(0x3f8, byte); });\n`);
  }
  edit(
    events,
    "const DEBUG_CONSOLE",
    `import { mutantReport } from "./mutant";\nconst DEBUG_CONSOLE`,
  );
  const names = "mutantActivate, mutantCovered";
  for (const { entry } of [SLEEP_BUILD, MUTEX_BUILD]) {
    const file = join(root, "kernel", entry);
    const lines = `export { ${names} } from "../lib/mutant";\n`;
    writeFileSync(file, readFileSync(file, "utf8") + lines);
  }
  edit(
    join(root, "kernel/lib/testing.ts"),
    "const cases:",
    `export { ${names} } from "./mutant";\nconst cases:`,
  );
  edit(join(root, "toolchain/unit-module.ts"), "testRun }", `testRun, ${names} }`);
}

function copySources(root: string): void {
  mkdirSync(root, { recursive: true });
  for (const name of COPIED) {
    rmSync(join(root, name), { recursive: true, force: true });
    cpSync(join(repositoryRoot, name), join(root, name), { recursive: true });
  }
  const modules = join(root, "node_modules");
  if (!existsSync(modules)) symlinkSync(join(repositoryRoot, "node_modules"), modules);
}

/** Kernel files of a folder or of one file, tests and helpers of tests aside. */
function sourceFiles(target: string): string[] {
  const full = join(repositoryRoot, target);
  if (target.endsWith(".ts")) return [target];
  return readdirSync(full, { recursive: true, encoding: "utf8" })
    .filter(
      (name) =>
        name.endsWith(".ts") && !/(\.test|(^|\/)testing|(^|\/)sim-[^/]*|fixture)\.ts$/.test(name),
    )
    .map((name) => join(target, name))
    .sort();
}

/** A generator of numbers in [0, 1) by a seed (mulberry32). */
function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Chosen {
  readonly file: string;
  readonly text: string;
  readonly mutants: Mutant[];
}

/** `sample` mutants of all, by chance; 0: all of them. */
function choose(files: readonly string[], sample: number, seed: number): Chosen[] {
  const random = randomBy(seed);
  const all = files.map((file) => {
    const text = readFileSync(join(repositoryRoot, file), "utf8");
    return { file, text, mutants: findMutants(file, text) };
  });
  const keys = all.flatMap(({ file, mutants }) =>
    mutants.map((_, index) => ({ key: `${file}:${index}`, order: random() })),
  );
  if (sample === 0 || sample >= keys.length) return all;
  keys.sort((a, b) => a.order - b.order);
  const kept = new Set(keys.slice(0, sample).map(({ key }) => key));
  return all.map(({ file, text, mutants }) => ({
    ...{ file, text },
    mutants: mutants.filter((_, index) => kept.has(`${file}:${index}`)),
  }));
}

function writeMutants(root: string, chosen: readonly Chosen[]): NumberedMutant[] {
  const numbered: NumberedMutant[] = [];
  for (const { file, text, mutants } of chosen) {
    const target = join(root, file);
    const first = numbered.length;
    for (const mutant of mutants) {
      const original = text.slice(mutant.start, mutant.end);
      numbered.push({ ...mutant, file, original, number: numbered.length });
    }
    const runtime = relative(dirname(target), join(root, "kernel/lib/mutant"));
    const from = runtime.startsWith(".") ? runtime : `./${runtime}`;
    const changed = applyMutants(text, mutants, first);
    const uses = mutants.length > 0 ? `import { ${IS_ACTIVE} } from "${from}";\n` : "";
    // Behind the text, so that its lines keep their numbers.
    writeFileSync(target, changed + uses);
  }
  writeFileSync(join(root, "kernel/lib/mutant.ts"), runtimeModule(numbered.length));
  return numbered;
}

/** Errors of the compiler, by file and line: `in kernel/fs/pipe.ts(107,9)`. */
function refusals(report: string): { file: string; line: number }[] {
  return [...report.matchAll(/in (kernel\/[\w./-]+)\((\d+),\d+\)/g)].map(([, file, line]) => ({
    file: file as string,
    line: Number(line),
  }));
}

/**
 * Leaves out the mutants of the function in which the compiler met an error: it follows what a
 * condition says of a variable, and a changed condition says less.
 */
function withoutRefused(chosen: readonly Chosen[], report: string): Chosen[] {
  const refused = refusals(report);
  return chosen.map(({ file, text, mutants }) => {
    const lines = refused.filter((each) => each.file === file).map(({ line }) => line);
    const functions = new Set(
      lines.map((line) => mutants.filter((each) => each.line <= line).at(-1)?.within),
    );
    const kept = mutants.filter(({ within, operator, line }) => {
      if (!functions.has(within)) return true;
      if (lines.includes(line)) return false;
      return !["skip check", "negate", "and/or", "drop assignment"].includes(operator);
    });
    return { file, text, mutants: kept };
  });
}

/** The copy's own tools build it: where things lie follows from where they lie. */
async function build(
  root: string,
): Promise<Pick<MutantTree, "modules" | "kernel" | "debugKernel">> {
  const tools = (name: string) => pathToFileURL(join(root, "toolchain", name)).href;
  const unit = (await import(
    tools("unit-module.ts")
  )) as typeof import("../../toolchain/unit-module.ts");
  const kernel = (await import(tools("build.ts"))) as typeof import("../../toolchain/build.ts");
  const { elfPath } = await kernel.buildKernel({ profile: "release" });
  const debug = await kernel.buildKernel({ profile: "debug" });
  const tests = await unit.compileTests("");
  if (tests === null) throw new Error("the kernel has no unit tests");
  const simulated = (of: Build, name: string) =>
    buildSource(of, { root, debug: false, stem: `${basename(root)}-${name}` });
  const sleep = await simulated(SLEEP_BUILD, "sleep");
  const mutex = await simulated(MUTEX_BUILD, "mutex");
  return { modules: { tests, sleep, mutex }, kernel: elfPath, debugKernel: debug.elfPath };
}

const count = (chosen: readonly Chosen[]) =>
  chosen.reduce((sum, { mutants }) => sum + mutants.length, 0);

/** How often the compiler may refuse before it is taken for a fault of this tool. */
const ATTEMPTS_MAX = 12;

export async function makeTree(
  target: string,
  sample: number,
  seed: number,
  say: (text: string) => void,
): Promise<MutantTree> {
  const root = join(repositoryRoot, "build/mutate", target.replace(/\W/g, "-"));
  copySources(root);
  hookKernel(root);
  let chosen = choose(sourceFiles(target), sample, seed);
  const wanted = count(chosen);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const mutants = writeMutants(root, chosen);
    say(`compiling ${mutants.length} mutants`);
    try {
      return { root, mutants, refused: wanted - mutants.length, ...(await build(root)) };
    } catch (error) {
      const fewer = withoutRefused(chosen, (error as Error).message);
      if (count(fewer) === count(chosen)) throw error;
      chosen = fewer;
    }
  }
  throw new Error(`${target}: the compiler still refuses after ${ATTEMPTS_MAX} attempts`);
}
