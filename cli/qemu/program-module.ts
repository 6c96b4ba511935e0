/*
 * A program's arguments and environment as a boot module (docs/boot-protocol.md, "Program module"),
 * and the limits that Linux has for them.
 *
 * Strings may hold bytes that are no UTF-8, each as a lone surrogate (cli/exact-arguments.ts).
 */
import { UsageError } from "../errors.ts";
import { bytesOf } from "../exact-arguments.ts";

const MAGIC = "VirgaArg";
const HEADER_SIZE = 24;
const POINTER_SIZE = 8;
/** As on Linux with a stack of 8 MiB: the strings, their pointers, and the path once more. */
const STRINGS_MAX = 2 * 1024 * 1024;
/** Linux's MAX_ARG_STRLEN, which counts the terminator. */
const STRING_MAX = 131_072;

/** The module's bytes, whatever is in it: the kernel refuses what it can't start. */
export function programModule(argv: readonly string[], variables: readonly string[]): Buffer {
  const strings = stringsOf([...argv, ...variables]);
  const header = Buffer.alloc(HEADER_SIZE);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(argv.length, 8);
  header.writeUInt32LE(variables.length, 12);
  header.writeBigUInt64LE(BigInt(strings.length), 16);
  return Buffer.concat([header, strings]);
}

/** Each with a zero behind it. */
function stringsOf(texts: readonly string[]): Buffer {
  return bytesOf(texts.map((text) => `${text}\0`).join(""));
}

/** Throws a `UsageError` where Linux's execve gives E2BIG. */
export function checkProgramStrings(argv: readonly string[], variables: readonly string[]): void {
  const all = [...argv, ...variables];
  let total = bytesOf(argv[0] ?? "").length + 1;
  for (const text of all) {
    const bytes = bytesOf(text).length + 1;
    if (bytes > STRING_MAX) {
      const start = `${text.slice(0, 20)}…`;
      throw new UsageError(
        `argument or variable too long: ${start} has ${bytes - 1} bytes; the limit is ${STRING_MAX - 1}`,
      );
    }
    total += bytes + POINTER_SIZE;
  }
  if (total > STRINGS_MAX) {
    throw new UsageError(
      `argument list too long: arguments and environment are ${total} bytes with their pointers; ` +
        `the limit is ${STRINGS_MAX}`,
    );
  }
}
