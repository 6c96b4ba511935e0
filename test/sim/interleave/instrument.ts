/**
 * Makes a module suspendable, so that several simulated CPUs, or the threads of one (../sleep), can
 * run in it by turns. The code stays what the compiler made of it; binaryen adds
 *
 *  - where CPUs are simulated, before each load, store and atomic, and each call of a `hw` function
 *    that accesses memory, a call of an imported `step` with the address, at which the simulated
 *    CPU may stop;
 *  - in place of named functions (those that sleep and wake), a call of the import that plays it;
 *  - exports of all mutable globals, so that a run can begin where the last one began;
 *  - by its `asyncify` pass, what it takes to leave a function in its middle and come back.
 *
 * The text format is what is worked on: after the `flatten` pass every operand is a local or a
 * constant, so a step can be put around the address without anything being evaluated in between.
 */
import path from "node:path";
import binaryen from "binaryen";
import type { Build, Mutation } from "./load.ts";

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

/** A function that exists under its own name, and was not inlined. */
function functionNamed(module: binaryen.Module, name: string): binaryen.FunctionRef {
  const reference = module.getFunction(`kernel/${name}`);
  if (reference === 0) throw new Error(`${name} is no function of the module: was it inlined?`);
  return reference;
}

/** Calls an import in place of each function that is played. */
function playFunctions(module: binaryen.Module, played: Build["played"]): void {
  for (const [name, external] of Object.entries(played)) {
    const { params, results } = binaryen.getFunctionInfo(functionNamed(module, name));
    module.removeFunction(`kernel/${name}`);
    module.addFunctionImport(`kernel/${name}`, "sim", external, params, results);
  }
}

/** What the module calls an import of `hw`. */
function importName(module: binaryen.Module, name: string): string {
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const info = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (info.module === "hw" && info.base === name) return info.name;
  }
  throw new Error(`the module does not import ${name}`);
}

/** Calls functions of the module in place of imports of `hw`. */
function redirect(module: binaryen.Module, redirected: NonNullable<Build["redirected"]>): void {
  for (const [name, target] of Object.entries(redirected)) {
    const { params, results } = binaryen.getFunctionInfo(functionNamed(module, target));
    const operands = binaryen
      .expandType(params)
      .map((type, index) => module.local.get(index, type));
    const imported = importName(module, name);
    module.removeFunction(imported);
    const body = module.call(`kernel/${target}`, operands, results);
    module.addFunction(imported, params, results, [], body);
  }
}

function exportGlobals(module: binaryen.Module): void {
  for (let index = 0; index < module.getNumGlobals(); index++) {
    const { name, mutable } = binaryen.getGlobalInfo(module.getGlobalByIndex(index));
    if (mutable) module.addGlobalExport(name, `global${index}`);
  }
}

function flatten(module: binaryen.Module): string {
  module.runPasses(["flatten"]);
  return module.emitText();
}

function parse(text: string): binaryen.Module {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  return module;
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

/** Puts a step before each access to memory, and before that, a fault in. */
function addStops(
  module: binaryen.Module,
  build: Build,
  mutation: Mutation | undefined,
): binaryen.Module {
  let text = flatten(module);
  if (mutation !== undefined) text = flatten(parse(mutate(text, build, mutation)));
  const imports = [
    `(import "sim" "step" (func $sim/step (param i32 i32) (result i32)))`,
    `(import "sim" "step64" (func $sim/step64 (param i64) (result i64)))`,
  ];
  text = addHardwareSteps(addSteps(text));
  return parse(replaceRequired(text, /\n \(import /, `\n ${imports.join("\n ")}\n (import `));
}

export function instrument(
  wasm: Uint8Array,
  build: Build,
  mutation: Mutation | undefined,
): Uint8Array {
  let module = binaryen.readBinary(wasm);
  module.setFeatures(binaryen.Features.All);
  if (build.stopsAtAccesses) module = addStops(module, build, mutation);
  playFunctions(module, build.played);
  redirect(module, build.redirected ?? {});
  exportGlobals(module);
  binaryen.setPassArgument("asyncify-imports", "sim.*");
  module.runPasses(["asyncify"]);
  if (!module.validate()) throw new Error("the instrumented module is not valid");
  return module.emitBinary();
}
