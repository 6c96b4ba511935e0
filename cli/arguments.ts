/*
 * Reading the command line: `node:util`'s parseArgs, with our errors, and with the rule that
 * options may end at the first word that is no option, because what follows belongs to the guest's
 * program.
 */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "./errors.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

export interface Split {
  /** Options and the words between them. */
  readonly own: readonly string[];
  /** What follows `--`; null if there is none. */
  readonly rest: readonly string[] | null;
  /**
   * Index in `args` of the first word that is neither an option nor its value; -1 if there is none.
   */
  readonly firstWord: number;
}

/** Finds `--` and the first word, without judging the options. */
export function splitArguments(args: readonly string[], options: Options): Split {
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const end = tokens.find((token) => token.kind === "option-terminator")?.index ?? args.length;
  const word = tokens.find((token) => token.kind === "positional");
  return {
    own: args.slice(0, end),
    rest: end < args.length ? args.slice(end + 1) : null,
    firstWord: word !== undefined && word.index < end ? word.index : -1,
  };
}

/** parseArgs, strict, with a `UsageError` of one line. */
export function parseOptions<T extends Options>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const option = /^Option '(?:-\w, )?(--\w+).*argument is ambiguous/.exec(message)?.[1];
    if (option !== undefined) throw new UsageError(`${option}: its value begins with a dash`);
    throw new UsageError(message.split(/\.\s/)[0] ?? message);
  }
}
