/**
 * Faults that are put into the kernel on purpose, to see that the simulation of sleeps finds each.
 * A fault is an edit of a source file; all of them are compiled into one module, each behind a
 * switch, and the number that the module's import `fault` returns says which one is on:
 *
 *     wake();            →     if (simFault() == 3) { } else { wake(); }
 *     a != b             →     (simFault() == 4 ? true : a != b)
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { listFiles } from "../../../toolchain/cache.ts";
import { kernelDirectory } from "../../../toolchain/paths.ts";
import type { Fault } from "../interleave/load.ts";

/** What is there in the source, once, and what is to be there instead. */
export interface Edit {
  /** The file, from kernel/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** What is around it, where `from` alone is there more than once. */
  readonly within?: string;
  /** An expression; otherwise whole statements. */
  readonly isExpression?: boolean;
}

export interface SourceFault extends Fault {
  readonly edits: readonly Edit[];
  /** What the edits call, at the end of a file. */
  readonly additions?: readonly { readonly file: string; readonly text: string }[];
}

const SWITCH = "simFault";
/** In a file of that name, the compiler takes a declaration for an import of `sim`. */
const SWITCH_FILE = path.join("lib", "sim");

/** `text` with its only occurrence of `from` replaced; undefined when there are more or none. */
function replaceOnce(text: string, from: string, to: string): string | undefined {
  const parts = text.split(from);
  return parts.length === 2 ? parts.join(to) : undefined;
}

function edited(text: string, edit: Edit, number: number, fault: string): string {
  const { from, to, within = from, file, isExpression } = edit;
  const isOn = `${SWITCH}() == ${number}`;
  const both = isExpression
    ? `(${isOn} ? ${to} : ${from})`
    : `if (${isOn}) { ${to} } else { ${from} }`;
  const around = replaceOnce(within, from, both);
  const result = around === undefined ? undefined : replaceOnce(text, within, around);
  if (result === undefined) throw new Error(`kernel/${file} has changed: no place for '${fault}'`);
  return result;
}

/** Writes the kernel with all faults into `root`, which has a folder `kernel/` then. */
export function writeFaultyKernel(root: string, faults: readonly SourceFault[]): void {
  const sources = new Map<string, string>();
  for (const file of listFiles(kernelDirectory, (name) => name.endsWith(".ts"))) {
    sources.set(path.relative(kernelDirectory, file), readFileSync(file, "utf8"));
  }
  const changed = new Set<string>();
  const textOf = (file: string): string => {
    const text = sources.get(file);
    if (text === undefined) throw new Error(`there is no kernel/${file}`);
    return text;
  };
  faults.forEach(({ name, edits, additions = [] }, index) => {
    for (const { file, text } of additions) sources.set(file, textOf(file) + text);
    for (const edit of edits) {
      sources.set(edit.file, edited(textOf(edit.file), edit, index + 1, name));
      changed.add(edit.file);
    }
  });
  for (const file of changed) {
    const from = path.relative(path.dirname(file), SWITCH_FILE);
    const place = from.startsWith(".") ? from : `./${from}`;
    const imported = `import { fault as ${SWITCH} } from "${place}";\n`;
    sources.set(file, imported + textOf(file));
  }
  rmSync(root, { recursive: true, force: true });
  for (const [file, text] of sources) {
    const target = path.join(root, "kernel", file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
}
