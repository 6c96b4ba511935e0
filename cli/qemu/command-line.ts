/*
 * The kernel's command line, as docs/boot-protocol.md has it: `key=value … -- argv0 argv1 …`, words
 * separated by blanks, a word in double quotes where it has blanks, quotes or backslashes in it, or
 * nothing at all.
 */
import { hasRawBytes } from "../exact-arguments.ts";
import { programModule } from "./program-module.ts";

/** From the least to the most that the kernel tells. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What standard input is: docs/boot-protocol.md. */
export type StandardInput = "console" | "null" | "pipe" | "terminal";

/** What standard output is. */
export type StandardOutput = "stderr" | "pipe" | "terminal";
/** What standard error is. */
export type StandardError = "console" | "pipe";

export interface BootOptions {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly root?: "disk" | "module";
  /** `dhcp`, `none` or `address/prefix,gateway`. */
  readonly ip?: string;
  readonly dns?: readonly string[];
  readonly hostname?: string;
  readonly stdin?: StandardInput;
  readonly stdout?: StandardOutput;
  readonly stderr?: StandardError;
  readonly log?: LogLevel;
  /** The wall clock's time, in nanoseconds since 1970. */
  readonly timeNs?: bigint;
}

/** QEMU's boot loader takes 4 KiB and a little less, with what microvm appends. */
const COMMAND_LINE_MAX = 3_500;

export interface Boot {
  readonly commandLine: string;
  /** The program's arguments and environment, where the command line does not hold them. */
  readonly module?: Buffer;
}

/** The command line, or that and a boot module for what is long or no text. */
export function bootOf(options: BootOptions): Boot {
  const variables = variablesOf(options.env);
  const commandLine = kernelCommandLine(options);
  const isText = ![...options.argv, ...variables].some(hasRawBytes);
  if (isText && Buffer.byteLength(commandLine) <= COMMAND_LINE_MAX) return { commandLine };
  return {
    commandLine: kernelCommandLine({ ...options, argv: [], env: {} }),
    module: programModule(options.argv, variables),
  };
}

/** An environment as execve(2) takes it. */
export function variablesOf(env: BootOptions["env"] = {}): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

export function kernelCommandLine(options: BootOptions): string {
  const words: string[] = [];
  const put = (key: string, value: string | undefined): void => {
    if (value !== undefined) words.push(quoteWord(`${key}=${value}`));
  };
  put("root", options.root);
  put("cwd", options.cwd);
  put("ip", options.ip);
  for (const server of options.dns ?? []) put("dns", server);
  put("hostname", options.hostname);
  put("stdin", options.stdin);
  put("stdout", options.stdout);
  put("stderr", options.stderr);
  put("log", options.log);
  put("time", options.timeNs?.toString());
  for (const variable of variablesOf(options.env)) put("env", variable);
  return [...words, "--", ...options.argv.map(quoteWord)].join(" ");
}

export function quoteWord(word: string): string {
  if (/^[^\s"\\]+$/.test(word)) return word;
  return `"${word.replace(/["\\]/g, "\\$&")}"`;
}
