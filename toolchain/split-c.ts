/**
 * The generated C in parts, for a kernel that is to be there soon: parts are compiled side by side,
 * and one that an edit did not change is not compiled again (build.ts).
 *
 *     splitC(text, header)        of what wasm-to-c.ts makes
 *
 * A part is a folder of the kernel's sources, or a share of a large one. What it needs of the
 * others it declares itself, and only that: so a new function or a new variable changes the parts
 * that know it. A release kernel is one unit: there clang sees all callers of a function, and calls
 * cost 10 to 50 % less.
 */
import { ToolError } from "./process.ts";

export interface Part {
  readonly name: string;
  readonly text: string;
}

export interface SplitC {
  /** kernel.h: the types, and the doors into the kernel. */
  readonly header: string;
  /** kernel.c: the data, the function table, the doors. */
  readonly main: string;
  /** What stands before each part's code: kernel-part.h. */
  readonly common: string;
  readonly parts: readonly Part[];
}

/** A folder with more C than this is several parts. */
const PART_BYTES = 250_000;

/** `static u32 NAME(u32, u64) __asm__("net/ipv4/ipv4Output");` */
const PROTOTYPE = /^static ((?:__attribute__\(\([^)]*\)\) )?\w+ (w2c_kernel_\w+)\([^;{]*\).*;)\n/gm;
const DEFINITION = /^\w+ (w2c_kernel_\w+)\([^;{]*\) \{\n[\s\S]*?^\}\n/gm;
/** A mutable variable of TypeScript's modules, in the struct of the instance. */
const VARIABLE = /^ {2}(u32|u64) (w2c_\w+);\n/gm;
const USE_OF_VARIABLE = /\bkernel_instance\.(w2c_\w+)/g;
const TABLE = /^static (const kernel_function kernel_table\[\])/m;
const TABLE_USE = /TABLE_INDEX\((\w+), \d+\)/g;

/** `net/tcp/input.ts` of `w2c_kernel_kernel0x2Fnet0x2Ftcp0x2Finput0x2FtcpInput`. */
function sourceOf(name: string): string {
  const plain = name.replace(/0x3C.*/, ""); // what a generic one is of
  const words = plain.split("0x2F").slice(1, -1);
  return words.length === 0 ? "lib/none" : words.join("/");
}

function folderOf(source: string): string {
  return source.includes("/") ? source.replace(/\/[^/]*$/, "") : "main";
}

/** A number that says nothing: the same for the same text. */
function scatter(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return hash;
}

interface Definition {
  readonly name: string;
  readonly text: string;
}

/** By part. The number of a folder's parts is a power of two, so that it seldom changes. */
function group(definitions: readonly Definition[]): Map<string, Definition[]> {
  const sizes = new Map<string, number>();
  for (const { name, text } of definitions) {
    const folder = folderOf(sourceOf(name));
    sizes.set(folder, (sizes.get(folder) ?? 0) + text.length);
  }
  const parts = new Map<string, Definition[]>();
  for (const definition of definitions) {
    const source = sourceOf(definition.name);
    const folder = folderOf(source);
    const shares = 2 ** Math.ceil(Math.log2(Math.max(1, (sizes.get(folder) ?? 0) / PART_BYTES)));
    const part = `${folder.replaceAll("/", "-")}-${scatter(source) % shares}`;
    parts.set(part, [...(parts.get(part) ?? []), definition]);
  }
  return parts;
}

export function splitC(text: string, header: string): SplitC {
  const prototypes = new Map<string, string>();
  for (const [, declaration = "", name = ""] of text.matchAll(PROTOTYPE)) {
    prototypes.set(name, declaration);
  }
  const variables = new Map<string, string>();
  for (const [, type = "", name = ""] of header.matchAll(VARIABLE)) variables.set(name, type);
  const first = text.search(PROTOTYPE);
  if (prototypes.size === 0 || variables.size === 0 || !TABLE.test(text)) {
    throw new ToolError("wasm2c's output has changed: it can't be split");
  }
  const definitions: Definition[] = [];
  let rest = text.slice(first).replace(DEFINITION, (definition, name: string) => {
    if (!prototypes.has(name)) return definition;
    definitions.push({ name, text: definition });
    return "";
  });
  const count = (text.match(TABLE_USE)?.[0] ?? "").replace(/.*, |\)/g, "");
  rest = rest
    .replace(PROTOTYPE, "$1\n")
    .replace(TABLE, "$1")
    .replace(USE_OF_VARIABLE, (use, name: string) => (variables.has(name) ? name : use));
  const own = [...variables].map(([name, type]) => `${type} ${name};\n`).join("");
  const common = text.slice(0, first);
  const others = [
    "typedef void (*kernel_function)(void);",
    "extern const kernel_function kernel_table[];",
    "extern const u32 kernel_table_size;",
    "",
  ].join("\n");
  const partOf = ([name, members]: [string, Definition[]]): Part => {
    const body = members.map((each) => each.text).join("\n");
    const code = body
      .replace(USE_OF_VARIABLE, (use, of: string) => (variables.has(of) ? of : use))
      .replace(TABLE_USE, "TABLE_INDEX($1, kernel_table_size)");
    const words = new Set(code.match(/\bw2c_\w+/g));
    const needed = [...words].sort().flatMap((word) => {
      const type = variables.get(word);
      return prototypes.get(word) ?? (type === undefined ? [] : `extern ${type} ${word};`);
    });
    return { name, text: [...needed, "", code].join("\n") };
  };
  return {
    header: header.replace(VARIABLE, ""),
    main: `${common}${own}const u32 kernel_table_size = ${count || 0};\n${rest}`,
    common: common + others,
    parts: [...group(definitions)].map(partOf),
  };
}
