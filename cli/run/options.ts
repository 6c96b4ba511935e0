/*
 * `virga run`: its options, and what there is to run, as typed values.
 *
 *   virga run [options] RECIPE [options] [-- more arguments]
 *   virga run [options] PROGRAM [arguments]          PROGRAM: a file of this host, or a name on PATH
 *   virga run [options] --root FOLDER [--] PROGRAM [arguments]
 */
import { existsSync, statSync } from "node:fs";
import { totalmem } from "node:os";
import { basename, join } from "node:path";
import { findRecipe, type Recipe, recipes } from "../../apps/index.ts";
import { parseOptions, splitArguments } from "../arguments.ts";
import {
  ProgramNotFoundError,
  TooLittleMemoryError,
  TooMuchMemoryError,
  UsageError,
  VirgaError,
} from "../errors.ts";
import {
  ACCELERATORS,
  type Accelerator,
  chooseAccelerator,
  type Forward,
  LOG_LEVELS,
  type LogLevel,
  MACHINE_TYPES,
  type MachineType,
  whyNotKvm,
} from "../qemu/index.ts";
import {
  formatSize,
  parseChoice,
  parseCount,
  parseForward,
  parseSize,
  parseVariable,
} from "../values.ts";

export type Subject =
  | { readonly kind: "recipe"; readonly recipe: Recipe }
  | { readonly kind: "program"; readonly path: string }
  | { readonly kind: "folder"; readonly folder: string; readonly program: string };

export interface RunOptions {
  readonly subject: Subject;
  /** What argv[0] is followed by. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly forwards: readonly Forward[];
  /** The ports that tell that it is up; empty for a program that need not listen. */
  readonly awaited: readonly number[];
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly machine: MachineType;
  readonly accelerator: Accelerator;
  readonly name: string;
  readonly isNameFixed: boolean;
  readonly isDetached: boolean;
  readonly isJson: boolean;
  readonly isDebug: boolean;
  /** What the kernel tells on the console. */
  readonly log: LogLevel;
  /** A kernel other than the one built from this repository. */
  readonly kernel: string | null;
}

export const RUN_OPTIONS = {
  root: { type: "string" },
  memory: { type: "string", short: "m" },
  cpus: { type: "string" },
  port: { type: "string", short: "p", multiple: true },
  machine: { type: "string" },
  accel: { type: "string" },
  env: { type: "string", short: "e", multiple: true },
  detach: { type: "boolean", short: "d" },
  name: { type: "string" },
  json: { type: "boolean" },
  debug: { type: "boolean" },
  log: { type: "string" },
  kernel: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** Below this the kernel does not boot, whatever the program. */
export const MEMORY_LEAST = 4 * 1024 * 1024;
const MEMORY_DEFAULT = "128M";
/** The kernel runs one CPU so far; the option is there for when it runs more. */
const CPUS_MOST = 64;

export function parseRun(args: readonly string[]): RunOptions {
  const split = splitArguments(args, RUN_OPTIONS);
  const words = takeWords(args, split);
  const { values } = parseOptions(words.own, RUN_OPTIONS);
  const { subject, rest } = chooseSubject(values.root, words.program, words.rest);
  const recipe = subject.kind === "recipe" ? subject.recipe : null;

  const memoryText = values.memory ?? recipe?.memory ?? MEMORY_DEFAULT;
  const memoryBytes = parseSize("--memory", memoryText);
  if (memoryBytes < MEMORY_LEAST) {
    throw new TooLittleMemoryError(memoryText, formatSize(MEMORY_LEAST));
  }
  if (memoryBytes > totalmem()) {
    throw new TooMuchMemoryError(memoryText, formatSize(totalmem()));
  }
  const given = (values.port ?? []).map((text) => parseForward("--port", text));
  checkForwards(given);
  const forwards = mergeForwards(given, recipe?.ports ?? []);
  const env = (values.env ?? []).map((text) => parseVariable("--env", text));
  return {
    subject,
    args: [...(recipe?.args ?? []), ...rest],
    env: { ...recipe?.env, ...Object.fromEntries(env) },
    forwards,
    awaited: forwards.map((each) => each.guestPort),
    memoryBytes,
    cpus: parseCount("--cpus", values.cpus ?? "1", CPUS_MOST),
    machine: parseChoice("--machine", values.machine ?? "microvm", MACHINE_TYPES),
    accelerator: parseAccelerator(values.accel),
    name: values.name ?? defaultName(subject),
    isNameFixed: values.name !== undefined,
    isDetached: values.detach ?? false,
    isJson: values.json ?? false,
    isDebug: values.debug ?? false,
    log: parseChoice("--log", values.log ?? (values.debug ? "info" : "warn"), LOG_LEVELS),
    kernel: values.kernel ?? null,
  };
}

interface Words {
  /** What parseArgs is to judge. */
  readonly own: readonly string[];
  readonly program: string | null;
  readonly rest: readonly string[];
}

/**
 * A program's arguments begin right behind it, with or without `--`; a recipe has its own, so
 * Virga's options may stand behind its name too.
 */
function takeWords(args: readonly string[], split: ReturnType<typeof splitArguments>): Words {
  if (split.firstWord < 0) {
    return { own: split.own, program: split.rest?.[0] ?? null, rest: split.rest?.slice(1) ?? [] };
  }
  const word = args[split.firstWord] ?? "";
  const before = args.slice(0, split.firstWord);
  const hasRoot = before.some((each) => each === "--root" || each.startsWith("--root="));
  if (!hasRoot && findRecipe(word) !== undefined) {
    const behind = split.own.slice(split.firstWord + 1);
    const stray = splitArguments(behind, RUN_OPTIONS).firstWord;
    if (stray >= 0) {
      throw new UsageError(`${behind[stray]}: arguments for ${word} go behind --`);
    }
    return { own: [...before, ...behind], program: word, rest: split.rest ?? [] };
  }
  return { own: before, program: word, rest: args.slice(split.firstWord + 1) };
}

function chooseSubject(
  root: string | undefined,
  word: string | null,
  rest: readonly string[],
): { subject: Subject; rest: readonly string[] } {
  if (word === null) {
    const names = recipes.map((recipe) => recipe.name).join(", ");
    throw new UsageError(`what to run? A recipe (${names}), or a program's path`);
  }
  if (root !== undefined) {
    const program = word.startsWith("/") ? word : `/${word.replace(/^\.\//, "")}`;
    return { subject: { kind: "folder", folder: root, program }, rest };
  }
  const recipe = findRecipe(word);
  if (recipe !== undefined) return { subject: { kind: "recipe", recipe }, rest };
  return { subject: { kind: "program", path: findProgram(word) }, rest };
}

/** A path as it is; a bare name on PATH. */
function findProgram(word: string): string {
  if (word.includes("/")) {
    if (!existsSync(word)) throw new ProgramNotFoundError(word, "there is no such file");
    return word;
  }
  for (const folder of (process.env.PATH ?? "").split(":").filter(Boolean)) {
    const path = join(folder, word);
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) return path;
  }
  const names = recipes.map((recipe) => recipe.name).join(", ");
  const hint = existsSync(word) ? `the file here is ./${word}` : `recipes: ${names}`;
  throw new ProgramNotFoundError(word, `neither a recipe nor on PATH; ${hint}`);
}

/**
 * A guest on a KVM that does not work hangs without a word, so it is refused even when asked for.
 */
function parseAccelerator(text: string | undefined): Accelerator {
  if (text === undefined) return chooseAccelerator();
  const accelerator = parseChoice("--accel", text, ACCELERATORS);
  const reason = accelerator === "kvm" ? whyNotKvm() : null;
  if (reason !== null) throw new VirgaError("no-kvm", `--accel kvm: ${reason}`);
  return accelerator;
}

function checkForwards(forwards: readonly Forward[]): void {
  const seen = new Set<string>();
  for (const { hostPort, protocol } of forwards) {
    const key = `${hostPort}/${protocol}`;
    if (seen.has(key)) throw new UsageError(`--port: host port ${key} is given twice`);
    seen.add(key);
  }
}

/** The recipe's ports on the same port of the host, unless --port forwards them otherwise. */
function mergeForwards(given: readonly Forward[], ports: readonly number[]): Forward[] {
  const missing = ports.filter(
    (port) => !given.some((each) => each.guestPort === port && each.protocol === "tcp"),
  );
  const own = missing.map(
    (port): Forward => ({
      hostPort: port,
      guestPort: port,
      protocol: "tcp",
    }),
  );
  return [...given, ...own];
}

function defaultName(subject: Subject): string {
  if (subject.kind === "recipe") return subject.recipe.name;
  const file = basename(subject.kind === "program" ? subject.path : subject.program);
  return file.replace(/[^A-Za-z0-9_.-]/g, "-").replace(/^[^A-Za-z0-9]+/, "") || "program";
}
