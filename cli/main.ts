/*
 * The entry of the `virga` command: finds the command, runs it, and turns what it throws into one
 * line on stderr and an exit status. Nothing else in the tools prints an error or ends the process.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildDirectory } from "../toolchain/paths.ts";
import { explained } from "./build-folder.ts";
import { commands, helpOf, overview } from "./commands.ts";
import { EXIT_RUNNER, UsageError, VirgaError } from "./errors.ts";
import { exactArguments } from "./exact-arguments.ts";
import { repositoryRoot } from "./paths.ts";

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const topic = commands.find((each) => each.name === rest[0]);
    process.stdout.write(topic === undefined ? overview() : helpOf(topic));
    return name === undefined ? new UsageError("").exitCode : 0;
  }
  if (name === "--version" || name === "-V" || name === "version") {
    process.stdout.write(`virga ${version()}\n`);
    return 0;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    throw new UsageError(`no such command: ${name}; \`virga --help\` lists them`);
  }
  if (!command.hasOwnHelp && asksForHelp(rest)) {
    process.stdout.write(helpOf(command));
    return 0;
  }
  return await command.run(rest);
}

function version(): string {
  const text = readFileSync(join(repositoryRoot, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/**
 * `--help` first, or among the options before the first word: `run ./program --help` is the
 * program's.
 */
function asksForHelp(args: readonly string[]): boolean {
  const firstWord = args.findIndex((arg) => !arg.startsWith("-") || arg === "--");
  const own = firstWord < 0 ? args : args.slice(0, firstWord);
  return own.includes("--help") || own.includes("-h");
}

/**
 * Errors of the other parts have a `code` too; what has none is a mistake of ours and shows its
 * stack.
 */
function report(thrown: unknown): number {
  const error = explained(thrown, buildDirectory);
  if (error instanceof Error && "code" in error && !String(error.code).startsWith("ERR_")) {
    process.stderr.write(`virga: ${error.message}\n`);
    return error instanceof VirgaError ? error.exitCode : EXIT_RUNNER;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`virga: unexpected error: ${text}\n`);
  return EXIT_RUNNER;
}

/**
 * A reader that went away (`virga ps | head -1`) is no error of ours. Anything else (a full disk, a
 * terminal that was closed) is told once, if there still is somebody to tell.
 */
let hasLostOutput = false;
process.stderr.on("error", () => {});
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE" || hasLostOutput) return;
  hasLostOutput = true;
  process.exitCode = report(new VirgaError("output", `standard output: ${error.message}`));
});
const status = await main(exactArguments(process.argv.slice(2))).catch(report);
process.exitCode = hasLostOutput ? EXIT_RUNNER : status;
