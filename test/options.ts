/* The arguments of `virga test`. */
import { parseOptions } from "../cli/arguments.ts";
import { UsageError } from "../cli/errors.ts";

export const PHASES = ["lint", "unit", "sim", "system"] as const;
export type Phase = (typeof PHASES)[number];

export interface TestOptions {
  /**
   * In the order in which they run; a fast one that fails tells more per second than a slow one.
   */
  readonly phases: readonly Phase[];
  /** Only files, guest programs and boots whose name contains one of these; empty: all. */
  readonly only: readonly string[];
  /**
   * Guest programs run on this host's Linux instead of a virtual machine, which checks the checks.
   */
  readonly isOnHost: boolean;
  /** The debug kernel. */
  readonly isDebug: boolean;
  readonly isVerbose: boolean;
}

export function parseTestOptions(args: readonly string[]): TestOptions {
  const { values, positionals } = parseOptions(args, {
    only: { type: "string", multiple: true },
    host: { type: "boolean" },
    debug: { type: "boolean" },
    verbose: { type: "boolean" },
  });
  const unknown = positionals.find((name) => !(PHASES as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`no such kind of test: ${unknown}; there are ${PHASES.join(", ")}`);
  }
  return {
    phases: PHASES.filter((phase) => positionals.length === 0 || positionals.includes(phase)),
    only: values.only ?? [],
    isOnHost: values.host ?? false,
    isDebug: values.debug ?? false,
    isVerbose: values.verbose ?? false,
  };
}

export function isWanted(options: Pick<TestOptions, "only">, name: string): boolean {
  return options.only.length === 0 || options.only.some((part) => name.includes(part));
}
