/**
 * Step 2: WebAssembly to C, by wabt's wasm2c, and what the kernel changes in its output.
 *
 * wasm2c writes for a program that has many instances of a module, each with a memory that may
 * move. The kernel is one instance, and its memory lies at a constant address. So here
 *  - a wasm pointer p is the address LINEAR_MEMORY + p: one `mov disp32(%reg)`;
 *  - the instance is a static variable and no parameter;
 *  - the function table is a constant array, and an indirect call is one load and a call (its index and type
 *    are checked in debug builds only: the AssemblyScript type checker has done it already);
 *  - functions carry their TypeScript names in the symbol table;
 *  - what assemblyscript-inlining.mjs keeps apart stays apart.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readableName } from "./names.ts";
import { modulesBin, repositoryRoot } from "./paths.ts";
import { runTool, ToolError } from "./process.ts";
import { splitC } from "./split-c.ts";

/** Replaces `pattern`, which must be there: wasm2c's output is checked, not trusted. */
function replaceRequired(text: string, pattern: RegExp, replacement: string): string {
  if (text.search(pattern) < 0) {
    throw new ToolError(`wasm2c's output has changed: ${pattern} does not occur in it`);
  }
  return text.replace(pattern, replacement);
}

/** Takes the instance (and the instances of imported modules) out of parameters and arguments. */
function dropInstances(text: string): string {
  return text
    .replace(/\((?:struct )?w2c_(?:kernel|hw|env)\s?\*\s?(?:instance)?, /g, "(")
    .replace(/\((?:struct )?w2c_(?:kernel|hw|env)\s?\*\s?(?:instance)?\)/g, "(void)")
    .replace(/\(instance(?:->w2c_(?:hw|env)_instance)?, /g, "(")
    .replace(/\(instance(?:->w2c_(?:hw|env)_instance)?\)/g, "()")
    .replace(/\binstance->/g, "kernel_instance.");
}

/** The names of the functions in the table, from its element segments, in order. */
function tableFunctions(text: string): string[] {
  const functions: string[] = [];
  for (const match of text.matchAll(
    /\{RefFunc, w2c_kernel_t\d+, \(wasm_rt_function_ptr_t\)wrap_(\w+),/g,
  )) {
    functions.push(match[1] ?? "");
  }
  return functions;
}

function rewriteIndirectCalls(text: string): string {
  const functions = tableFunctions(text);
  const table = [
    "typedef void (*kernel_function)(void);",
    "static const kernel_function kernel_table[] = {",
    "  0,",
    ...functions.map((name) => `  (kernel_function)${name},`),
    "};",
    "",
  ].join("\n");
  let result = text.replace(
    /CALL_INDIRECT\(instance->w2c_0, (\S+) \(\*\)\(void\*(?:, )?([^)]*)\), w2c_kernel_t\d+, (\w+), instance->w2c_0\.data\[\w+\]\.module_instance(?:, )?/g,
    (_, result: string, parameters: string, index: string) =>
      `((${result} (*)(${parameters || "void"}))kernel_table[TABLE_INDEX(${index}, ${functions.length + 1})])(`,
  );
  result = result.replace(/static (?:\w+) wrap_w2c_kernel[\s\S]*?\n\}\n/g, "");
  result = result.replace(/static const wasm_elem_segment_expr_t[\s\S]*?\n\};\n/g, "");
  result = result.replace(
    /(static void init_tables\(w2c_kernel\* instance\) \{\n)[\s\S]*?\n\}/,
    "$1}",
  );
  return replaceRequired(result, /static void init_globals/, `${table}\nstatic void init_globals`);
}

/** Segments closer than this are copied as one, with the zeros between them. */
const DATA_GAP = 64;

/**
 * Lays the data segments out as a few runs that a loop copies. asc makes a segment of every string,
 * two thousand, and wasm2c a call of each: code that runs once, and that an emulator translates for
 * 10 ms before the kernel's first line.
 */
function mergeDataSegments(text: string): string {
  const contents = new Map<string, string[]>();
  const arrays = /static const u8 (data_segment_data_\w+)\[\] = \{([^}]*)\};\n/g;
  for (const [, name = "", bytes = ""] of text.matchAll(arrays)) {
    contents.set(name, bytes.match(/0x[0-9a-f]+/g) ?? []);
  }
  const loads = /^ {2}LOAD_DATA\([^,]*, (\d+)u, (\w+), (\d+)\);\n/gm;
  const segments = [...text.matchAll(loads)].map(([, offset, name = "", size]) => {
    const bytes = contents.get(name) ?? [];
    if (bytes.length !== Number(size)) throw new ToolError(`wasm2c's ${name} is not understood`);
    return { offset: Number(offset), bytes };
  });
  segments.sort((a, b) => a.offset - b.offset);
  const runs: { offset: number; bytes: string[] }[] = [];
  for (const { offset, bytes } of segments) {
    const last = runs.at(-1);
    const gap = last === undefined ? Infinity : offset - (last.offset + last.bytes.length);
    if (last === undefined || gap > DATA_GAP) runs.push({ offset, bytes: [...bytes] });
    else last.bytes.push(...new Array<string>(gap).fill("0"), ...bytes);
  }
  const tables = [
    `static const u8 kernel_data[] = {${runs.flatMap((run) => run.bytes).join(",")}};`,
    "static const struct { u32 offset, size; } kernel_data_runs[] = {",
    ...runs.map((run) => `  {${run.offset}u, ${run.bytes.length}u},`),
    "};",
    "",
  ].join("\n");
  const copy = [
    "  const u8* from = kernel_data;",
    "  for (u32 i = 0; i < sizeof(kernel_data_runs) / sizeof(kernel_data_runs[0]); i++) {",
    "    u32 size = kernel_data_runs[i].size;",
    "    load_data((u8*)(LINEAR_MEMORY + kernel_data_runs[i].offset), from, size);",
    "    from += size;",
    "  }",
    "",
  ].join("\n");
  const result = text.replace(arrays, "").replace(loads, "");
  return replaceRequired(
    result,
    /static void init_memories\(w2c_kernel\* instance\) \{\n/,
    `${tables}$&${copy}`,
  );
}

/** Gives every internal function its TypeScript name as its symbol. */
function nameSymbols(text: string): string {
  return text.replace(
    /^(static \w+ )(w2c_kernel_\w+)(\([^;{]*\));$/gm,
    (line, head: string, name: string, tail: string) =>
      name.includes("0x2F") || name.includes("0x7E")
        ? `${head}${name}${tail} __asm__("${readableName(name)}");`
        : line,
  );
}

/** The functions that the stubs of virtual calls call. */
function dispatchedFunctions(text: string): Set<string> {
  const names = new Set<string>();
  for (const [body] of text.matchAll(
    /^\w+ w2c_kernel_\w+0x40override\([^;]*?\) \{\n[\s\S]*?^\}/gm,
  )) {
    const [, ...calls] = body.matchAll(/\b(w2c_kernel_\w+)\(/g);
    for (const [, name = ""] of calls) names.add(name);
  }
  return names;
}

/** See assemblyscript-inlining.mjs. */
function keepApart(text: string): string {
  const dispatched = dispatchedFunctions(text);
  if (dispatched.size === 0) throw new ToolError("wasm2c's output has changed: no virtual calls");
  return text.replace(
    /^static (\w+ (w2c_kernel_\w+)\([^;{]*\);)$/gm,
    (line, declaration: string, name: string) => {
      if (name.endsWith("Slowly")) return `static __attribute__((noinline, cold)) ${declaration}`;
      return dispatched.has(name) ? `static __attribute__((noinline)) ${declaration}` : line;
    },
  );
}

export function rewriteC(source: string): string {
  let text = source;
  text = replaceRequired(
    text,
    /#define MEM_ADDR\(mem, addr, n\) &\(\(mem\)->data\[addr\]\)/,
    "#define MEM_ADDR(mem, addr, n) ((uint8_t*)(LINEAR_MEMORY + (addr)))",
  );
  text = replaceRequired(
    text,
    /^#define RANGE_CHECK[\s\S]*?while \(0\);$/m,
    "#define RANGE_CHECK(mem, offset, len)",
  );
  text = replaceRequired(
    text,
    /^#define LOAD_DATA[\s\S]*?while \(0\)$/m,
    "#define LOAD_DATA(m, o, i, s) load_data(MEM_ADDR(&m, o, s), i, s)",
  );
  text = replaceRequired(
    text,
    /static inline void load_data/,
    "static __attribute__((noinline)) void load_data",
  );
  // Floating point and tables of references: the kernel uses neither.
  text = replaceRequired(
    text,
    /^static float quiet_nanf[\s\S]*?(?=^static inline void memory_fill)/m,
    "",
  );
  text = replaceRequired(
    text,
    /^typedef enum \{ RefFunc[\s\S]*?(?=^#if defined\(__GNUC__\) \|\| defined\(__clang__\)\n#define FUNC_TYPE_DECL)/m,
    "",
  );
  text = replaceRequired(
    text,
    /#define FORCE_READ_INT\(var\) __asm__.*/,
    "#define FORCE_READ_INT(var)",
  );
  text = text.replace(/^wasm_rt_func_type_t wasm2c_kernel_get_func_type[\s\S]*?^\}\n/m, "");
  text = text.replace(/^void wasm2c_kernel_free[\s\S]*?^\}\n/m, "");
  text = text.replace(/^static void init_instance_import[\s\S]*?^\}\n/m, "");
  text = text.replace(/^ {2}(init_instance_import|assert)\(.*\n/gm, "");
  text = text.replace(/^FUNC_TYPE_T.*\n/gm, "");
  text = text.replace(/^#include <(?:assert|math|malloc|stdlib|alloca|string)\.h>$/gm, "");
  text = text.replace(/wasm_rt_allocate_memory\(.*\n/, "\n");
  // For a memory that is not shared, wasm2c's read-modify-write operations are not atomic (and
  // return the new value): the shared kind is what the kernel means.
  text = text.replace(/\b(i(?:32|64)_atomic_\w+?)_default32\(&/g, "$1_shared_default32(&");
  text = mergeDataSegments(text);
  text = rewriteIndirectCalls(text);
  text = dropInstances(text);
  text = text.replace(
    /^void wasm2c_kernel_instantiate\(.*\{/m,
    "void wasm2c_kernel_instantiate(void) {",
  );
  return keepApart(nameSymbols(text));
}

export function rewriteHeader(source: string): string {
  let text = source.replace(/^void wasm2c_kernel_(?:instantiate|free).*$/gm, "");
  text = text.replace(/^wasm_rt_func_type_t wasm2c_kernel_get_func_type.*$/gm, "");
  text = dropInstances(text);
  return text.replace(
    /\} w2c_kernel;/,
    "} w2c_kernel;\n\nstatic w2c_kernel kernel_instance;\nvoid wasm2c_kernel_instantiate(void);",
  );
}

/** Makes `kernel.c` and `kernel.h` in `directory` from `wasm`. */
export async function wasmToC(wasm: string, directory: string): Promise<void> {
  const [source, header] = await translate(wasm, directory);
  writeFileSync(path.join(directory, "kernel.c"), source);
  writeFileSync(path.join(directory, "kernel.h"), header);
}

/**
 * The same in parts: `kernel.c` has what is left, and each part is a C file in the folder `parts`.
 * Returns those, sorted.
 */
export async function wasmToParts(wasm: string, directory: string): Promise<string[]> {
  const [source, header] = await translate(wasm, directory);
  const split = splitC(source, header);
  writeFileSync(path.join(directory, "kernel.c"), split.main);
  writeFileSync(path.join(directory, "kernel.h"), split.header);
  const folder = path.join(directory, "parts");
  mkdirSync(folder, { recursive: true });
  const lines = ['#include "wasm-rt.h"', '#include "hw.h"', split.common];
  writeFileSync(path.join(folder, "kernel-part.h"), lines.join("\n"));
  const files = split.parts.map(({ name, text }) => {
    const file = path.join(folder, `${name}.c`);
    writeFileSync(file, `#include "kernel-part.h"\n${text}`);
    return file;
  });
  return files.sort();
}

async function translate(wasm: string, directory: string): Promise<[string, string]> {
  const output = path.join(directory, "kernel.c");
  const header = path.join(directory, "kernel.h");
  await runTool(
    path.join(modulesBin, "wasm2c"),
    [wasm, "-o", output, "-n", "kernel", "--enable-threads"],
    repositoryRoot,
  );
  return [rewriteC(readFileSync(output, "utf8")), rewriteHeader(readFileSync(header, "utf8"))];
}
