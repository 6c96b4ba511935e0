/*
 * `virga mutate [FOLDER]…`: how good are the tests? Puts small faults into the kernel, one at a
 * time, runs the tests that come by them, and lists those that no test has noticed.
 *
 *     await runMutate(["kernel/fs", "--sample", "300"])      the exit status
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../../cli/errors.ts";
import { repositoryRoot } from "../paths.ts";
import { runInNode } from "./node-runs.ts";
import { runSystemTests } from "./system-runs.ts";
import { type MutantTree, makeTree, type NumberedMutant } from "./tree.ts";

const DEFAULT_FOLDERS = ["kernel/fs", "kernel/sched", "kernel/linux"];

interface MutateOptions {
  readonly folders: readonly string[];
  /** Mutants of each folder, chosen by chance; 0: all. */
  readonly sample: number;
  readonly seed: number;
  readonly isNodeOnly: boolean;
  readonly isJson: boolean;
}

interface FolderResult {
  readonly folder: string;
  readonly mutants: number;
  readonly killed: number;
  readonly refused: number;
  readonly survivors: readonly Survivor[];
}

interface Survivor {
  readonly file: string;
  readonly line: number;
  readonly within: string;
  readonly operator: string;
  readonly original: string;
  readonly becomes: string;
  /** Whether a test comes by the place at all. */
  readonly isCovered: boolean;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  throw new UsageError(`--${name} ${text}: must be a whole number`);
}

export function parseMutateOptions(args: readonly string[]): MutateOptions {
  const string = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const options = { sample: string, seed: string, node: flag, json: flag };
  let parsed: ReturnType<typeof parse>;
  const parse = () => parseArgs({ args: [...args], options, allowPositionals: true });
  try {
    parsed = parse();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { values, positionals } = parsed;
  const folders = positionals.map((each) => each.replace(/\/+$/, ""));
  for (const folder of folders) {
    const isKernel = folder.startsWith("kernel/") && existsSync(join(repositoryRoot, folder));
    if (!isKernel) throw new UsageError(`${folder}: no folder or file of kernel/`);
  }
  return {
    folders: folders.length > 0 ? folders : DEFAULT_FOLDERS,
    sample: wholeNumber("sample", values.sample ?? "0"),
    seed: wholeNumber("seed", values.seed ?? "1"),
    isNodeOnly: values.node,
    isJson: values.json,
  };
}

function survivorOf(mutant: NumberedMutant, isCovered: boolean): Survivor {
  const { file, line, within, operator, original, becomes } = mutant;
  return { file, line, within, operator, original: oneLine(original), becomes, isCovered };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 100);
}

async function runFolder(
  folder: string,
  options: MutateOptions,
  say: (text: string) => void,
): Promise<FolderResult> {
  const tree: MutantTree = await makeTree(folder, options.sample, options.seed, say);
  const killers = new Map<number, string>();
  const left = () => tree.mutants.map(({ number }) => number).filter((each) => !killers.has(each));
  for (const kind of ["unit", "sim"] as const) {
    const killed = await runInNode(kind, tree, left());
    for (const [mutant, killer] of killed) killers.set(mutant, killer);
    say(`${killed.size} of ${tree.mutants.length} killed by ${kind} tests`);
  }
  const system = options.isNodeOnly
    ? { killers: new Map<number, string>(), covered: new Set<number>() }
    : await runSystemTests(tree, left(), say);
  for (const [mutant, killer] of system.killers) killers.set(mutant, killer);
  const survivors = tree.mutants.filter(({ number }) => !killers.has(number));
  return {
    folder,
    mutants: tree.mutants.length,
    killed: tree.mutants.length - survivors.length,
    refused: tree.refused,
    survivors: survivors.map((each) => survivorOf(each, system.covered.has(each.number))),
  };
}

function formatResult(result: FolderResult): string {
  const { folder, mutants, killed, refused, survivors } = result;
  const percent = mutants === 0 ? 100 : (killed / mutants) * 100;
  const lines = survivors.map(({ file, line, within, operator, original, becomes, isCovered }) => {
    const note = isCovered ? "" : "  [no program comes by]";
    return `${file}:${line} ${within}: ${operator}: ${original} -> ${oneLine(becomes)}${note}`;
  });
  const sum = `${folder}: ${killed} of ${mutants} killed, ${percent.toFixed(1)} %`;
  return [...lines, `${sum} (${refused} do not compile)`].join("\n");
}

export async function runMutate(args: readonly string[]): Promise<number> {
  const options = parseMutateOptions(args);
  const results: FolderResult[] = [];
  for (const folder of options.folders) {
    const result = await runFolder(folder, options, (text) => {
      process.stderr.write(`${folder}: ${text}\n`);
    });
    results.push(result);
    if (!options.isJson) process.stdout.write(`${formatResult(result)}\n`);
  }
  if (options.isJson) process.stdout.write(`${JSON.stringify({ folders: results })}\n`);
  return 0;
}
