/* The program's strings as a boot module, when there is one, and the limits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import { bootOf } from "./command-line.ts";
import { checkProgramStrings, programModule } from "./program-module.ts";

test("a module has counts, the size, and strings with zeros", () => {
  assert.equal(
    programModule(["/a", "", "\udcff"], ["K=ü"]).toString("latin1"),
    "VirgaArg\x03\0\0\0\x01\0\0\0\x0b\0\0\0\0\0\0\0/a\0\0\xff\0K=\xc3\xbc\0",
  );
});

test("what fits the command line and is text stays there", () => {
  const short = bootOf({ argv: ["/a", "ü"], env: { A: "1" }, cwd: "/w" });
  assert.deepEqual(short, { commandLine: "cwd=/w env=A=1 -- /a ü" });
  for (const argv of [
    ["/a", "x".repeat(3500)],
    ["/a", "\udc80"],
  ]) {
    const { commandLine, module } = bootOf({ argv, env: { A: "1" }, cwd: "/w" });
    assert.equal(commandLine, "cwd=/w --");
    assert.deepEqual(module, programModule(argv, ["A=1"]));
  }
  assert.deepEqual(
    bootOf({ argv: ["/a"], env: { A: "\udc80" } }).module,
    programModule(["/a"], ["A=\udc80"]),
  );
});

test("the limits are those of Linux", () => {
  const refuses = (argv: string[], variables: string[], message: RegExp): void => {
    assert.throws(
      () => checkProgramStrings(argv, variables),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  };
  checkProgramStrings(["/a", "x".repeat(131_071)], []);
  refuses(["/a", "ü".repeat(65_536)], [], /^argument or variable too long: üü.* has 131072 bytes/);
  refuses(["/a"], [`V=${"x".repeat(131_070)}`], /too long: V=xx/);
  // The path twice, each argument with a zero and a pointer.
  const left = 2 * 1024 * 1024 - (3 + 3 + 8);
  const empty = Array<string>(Math.floor(left / 9)).fill("");
  checkProgramStrings(["/a", ...empty], []);
  refuses(["/a", ...empty, ""], [], /^argument list too long: .* the limit is 2097152$/);
});
