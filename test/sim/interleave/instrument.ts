/**
 * Makes a module suspendable at each access to memory, so that several simulated CPUs can run in it
 * by turns. The code stays what the compiler made of it; binaryen adds
 *
 *  - before each load, store and atomic, and each call of a `hw` function that accesses memory, a
 *    call of an imported `step` with the address, at which the simulated CPU may stop;
 *  - in place of named functions (those that sleep and wake), a call of the import that plays it;
 *  - exports of all mutable globals, so that a run can begin where the last one began;
 *  - by its `asyncify` pass, what it takes to leave a function in its middle and come back.
 *
 * The text format is what is worked on: after the `flatten` pass every operand is a local or a
 * constant, so a step can be put around the address without anything being evaluated in between.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import binaryen from "binaryen";
import { cached, hashInputs, listFiles } from "../../../toolchain/cache.ts";
import { compileWasm } from "../../../toolchain/compile-wasm.ts";
import { buildDirectory, kernelDirectory, repositoryRoot } from "../../../toolchain/paths.ts";

/** A deliberate fault, to see that the simulation finds it. */
export interface Mutation {
  name: string;
  /** In the flattened text: `ADDRESS` and `VALUE` stand for an operand, and are captured. */
  pattern: string;
  replacement: string;
  /** Where it shows, and how. */
  scenario: string;
  failure: RegExp;
  /** The schedule that shows it, when it takes more preemptions than are tried. */
  schedule?: string;
}

export interface Build {
  /** The entry file, from kernel/. */
  entry: string;
  /** Functions of the kernel that the simulation plays: their names, and those of the imports. */
  played: Readonly<Record<string, string>>;
}

const OPERAND = String.raw`\((?:local\.get \S+|i(?:32|64)\.const -?\w+)\)`;
const MEMORY_ACCESS =
  /(\((?:[if](?:32|64))\.(?:atomic\.)?(?:load|store|rmw)\S*(?: offset=(\d+))?(?: align=\d+)?\s+)/;
const HARDWARE_ACCESS = /^(?:(?:volatile)?(?:load|store)\d+|(?:exchange|compareExchange)\d+)$/i;

function replaceRequired(text: string, pattern: RegExp, replacement: string): string {
  if (text.search(pattern) < 0) throw new Error(`the module has changed: no ${pattern} in it`);
  return text.replace(pattern, replacement);
}

/** Calls `step` with the address, and the constant offset to be added, of each access. */
function addSteps(text: string): string {
  const access = new RegExp(`${MEMORY_ACCESS.source}(${OPERAND})`, "g");
  return text.replace(
    access,
    (_, head: string, offset: string | undefined, address: string) =>
      `${head}(call $sim/step ${address} (i32.const ${offset ?? 0}))`,
  );
}

/** The same for the imports that access memory by 64-bit address. */
function addHardwareSteps(text: string): string {
  let result = text;
  for (const [, name = "", local = ""] of text.matchAll(/\(import "hw" "(\w+)" \(func (\S+)/g)) {
    if (!HARDWARE_ACCESS.test(name)) continue;
    const call = new RegExp(
      String.raw`(\(call ${local.replaceAll("$", "\\$")}\s+)(${OPERAND})`,
      "g",
    );
    result = result.replace(call, "$1(call $$sim/step64 $2)");
  }
  return result;
}

/** The text of a function, from its parenthesis to the closing one. */
function functionText(text: string, name: string): string {
  const start = text.indexOf(`\n (func $kernel/${name} `);
  const end = text.indexOf("\n )\n", start);
  const bare = text.indexOf(`\n (func $kernel/${name}\n`);
  if (start < 0 && bare < 0)
    throw new Error(`${name} is no function of the module: was it inlined?`);
  if (start < 0) return text.slice(bare + 1, text.indexOf("\n )\n", bare) + 3);
  return text.slice(start + 1, end + 3);
}

function playFunctions(text: string, played: Build["played"]): { text: string; imports: string[] } {
  let result = text;
  const imports: string[] = [];
  for (const [name, external] of Object.entries(played)) {
    const body = functionText(result, name);
    const parameters = [...body.slice(0, body.indexOf("\n")).matchAll(/\(param (\S+) (\w+)\)/g)];
    const types = parameters.map(([, , type]) => `(param ${type})`).join(" ");
    imports.push(`(import "sim" "${external}" (func $sim/${external} ${types}))`);
    const head = `(func $kernel/${name} ${parameters.map(([whole]) => whole).join(" ")}`;
    const operands = parameters.map(([, local]) => `(local.get ${local})`).join(" ");
    result = result.replace(body, () => ` ${head} (call $sim/${external} ${operands}))`);
  }
  return { text: result, imports };
}

function exportGlobals(text: string): string {
  const globals = [...text.matchAll(/\n \(global (\S+) \(mut /g)];
  const exports = globals.map(([, name], index) => `(export "global${index}" (global ${name}))`);
  return text.replace(/\n \(export /, () => `\n ${exports.join("\n ")}\n (export `);
}

function flatten(module: binaryen.Module): string {
  module.setFeatures(binaryen.Features.All);
  module.runPasses(["flatten"]);
  return module.emitText();
}

/**
 * Only code of the entry file's folder is changed: the compiler may have inlined it in the exports.
 */
function mutate(text: string, build: Build, mutation: Mutation): string {
  const folder = `(func $kernel/${path.dirname(build.entry)}/`;
  const source = mutation.pattern
    .replaceAll("ADDRESS", `(?<address>${OPERAND})`)
    .replaceAll("VALUE", `(?<value>${OPERAND})`)
    .replaceAll(" ", "\\s+");
  const pattern = new RegExp(source, "g");
  const replacement = mutation.replacement
    .replaceAll("ADDRESS", "$<address>")
    .replaceAll("VALUE", "$<value>");
  const functions = text.split(/(?<=\n)(?= \(func )/);
  const changed = functions.map((each) =>
    each.trimStart().startsWith(folder) ? each.replace(pattern, replacement) : each,
  );
  if (changed.every((each, index) => each === functions[index])) {
    throw new Error(`the module has changed: nothing to mutate for '${mutation.name}'`);
  }
  return changed.join("");
}

function instrument(wasm: Uint8Array, build: Build, mutation: Mutation | undefined): Uint8Array {
  let text = flatten(binaryen.readBinary(wasm));
  if (mutation !== undefined) text = flatten(binaryen.parseText(mutate(text, build, mutation)));
  const played = playFunctions(text, build.played);
  const imports = [
    `(import "sim" "step" (func $sim/step (param i32 i32) (result i32)))`,
    `(import "sim" "step64" (func $sim/step64 (param i64) (result i64)))`,
    ...played.imports,
  ];
  text = exportGlobals(addHardwareSteps(addSteps(played.text)));
  text = replaceRequired(text, /\n \(import /, `\n ${imports.join("\n ")}\n (import `);
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  binaryen.setPassArgument("asyncify-imports", "sim.*");
  module.runPasses(["asyncify"]);
  if (!module.validate()) throw new Error("the instrumented module is not valid");
  return module.emitBinary();
}

/** The release build of `build`, instrumented; compiled when its sources have changed. */
export async function loadInstrumented(
  build: Build,
  mutation?: Mutation,
): Promise<WebAssembly.Module> {
  const directory = path.join(buildDirectory, "sim");
  mkdirSync(directory, { recursive: true });
  const stem = build.entry.replace(/\W/g, "-");
  const compiled = path.join(directory, `${stem}.wasm`);
  const sources = listFiles(kernelDirectory, (name) => name.endsWith(".ts"));
  const tools = listFiles(path.join(repositoryRoot, "toolchain"), (name) =>
    /\.m?[jt]s$/.test(name),
  );
  const compiledHash = hashInputs([...sources, ...tools], [build.entry]);
  await cached(compiled, compiledHash, () =>
    compileWasm({
      entries: [path.join(kernelDirectory, build.entry)],
      output: compiled,
      debug: false,
    }),
  );
  const output = path.join(
    directory,
    `${stem}${mutation ? `-${mutation.name.replace(/\W/g, "-")}` : ""}.sim.wasm`,
  );
  const parts = [JSON.stringify(build), mutation?.pattern ?? "", mutation?.replacement ?? ""];
  await cached(output, hashInputs([compiled, import.meta.filename], parts), async () => {
    writeFileSync(output, instrument(readFileSync(compiled), build, mutation));
  });
  return new WebAssembly.Module(readFileSync(output));
}
