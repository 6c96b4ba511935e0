/*
 * Arguments and environment as large as Linux allows, and of any bytes: what the program finds
 * (test/guest/arguments.c), on every type of machine, and what is refused.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { bytesOf, textOf } from "../../cli/exact-arguments.ts";
import { buildKernel } from "../../cli/modules.ts";
import { MACHINE_TYPES } from "../../cli/qemu/index.ts";
import { programModule } from "../../cli/qemu/program-module.ts";
import { type BootRequest, boot, describeEnd, tailOf } from "./boot.ts";
import { compileProgram } from "./programs.ts";
import { composeTestRoot, guestPath } from "./root.ts";

const skip = Boolean(process.env.VIRGA_TEST_HOST);
const LIMIT = 2 * 1024 * 1024;
/** Of a string, without its zero. */
const STRING_MAX = 131_071;
const POINTER_AND_ZERO = 9;

let machine: Pick<BootRequest, "kernel" | "image">;
let path: string;
let file: string;

before(async () => {
  if (skip) return;
  const program = await compileProgram("arguments", "static");
  path = guestPath(program);
  file = program.path;
  const kernel = process.env.VIRGA_TEST_KERNEL ?? (await buildKernel(false));
  machine = { kernel, image: await composeTestRoot([program]) };
});

/** What the program says of strings. */
function told(what: string, texts: readonly string[]): string {
  let sum = 0;
  let length = 0;
  for (const text of texts) {
    for (const byte of bytesOf(text)) {
      sum = (((sum >> 1) | (sum << 15)) + byte) & 0xffff;
      length++;
    }
  }
  return `${what}: ${texts.length} of ${length} bytes, sum ${sum}`;
}

async function expectSums(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  machineType: (typeof MACHINE_TYPES)[number],
  memoryMib = 256,
): Promise<void> {
  const result = await boot({ ...machine, argv, env, machine: machineType, memoryMib });
  assert.equal(describeEnd(result.end), "exit code 0", tailOf(result.text));
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const lines = result.text.split("\n");
  const wanted = [told("arguments", argv), told("environment", variables)];
  for (const line of [...wanted, "cmdline agrees", "environ agrees"]) {
    assert(lines.includes(line), `${line}; it says ${tailOf(result.text)}`);
  }
}

/** So many arguments that with their pointers, and the path's, nothing is left. */
function fullArguments(): string[] {
  const left = LIMIT - 2 * (path.length + 1) - 8;
  const argv = [path];
  for (let i = 0; i < 100_000; i++) argv.push(`${i}`.padStart(11, "."));
  argv.push("end".padEnd(left - 100_000 * (11 + POINTER_AND_ZERO) - POINTER_AND_ZERO, "."));
  return argv;
}

for (const machineType of MACHINE_TYPES) {
  test(`100,000 arguments, to the last byte of 2 MiB, on ${machineType}`, { skip }, async () => {
    await expectSums(fullArguments(), {}, machineType);
  });
}

test("the module lies somewhere in 3 GiB of memory", { skip }, async () => {
  await expectSums(fullArguments(), {}, "q35", 3072);
});

test("1.9 MiB of environment in the longest strings", { skip }, async () => {
  const env: Record<string, string> = {};
  for (let i = 0; i < 15; i++) env[`V${i}`] = "v".repeat(STRING_MAX - `V${i}=`.length);
  await expectSums([path, "sum"], env, "microvm");
});

test("bytes that are no text", { skip }, async () => {
  const all = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
  const result = await boot({
    ...machine,
    argv: [path, "bytes", textOf(all), "", "ü"],
    env: { BYTES: textOf(Buffer.from("fffe41c3", "hex")) },
  });
  const said = result.text.split("\n").filter((line) => /^[0-9a-f]*\.$/.test(line));
  assert.deepEqual(said, [`${all.toString("hex")}.`, ".", "c3bc.", "fffe41c3."]);
});

interface Refused {
  readonly what: string;
  readonly module: () => Buffer;
  readonly says: RegExp;
}

/** The module with some of its bytes changed. */
function changed(change: (module: Buffer) => Buffer | undefined): Buffer {
  const module = programModule([path, "sum"], ["A=1"]);
  return change(module) ?? module;
}

const REFUSED: readonly Refused[] = [
  {
    what: "one byte over the limit",
    module: () => {
      const argv = fullArguments();
      return programModule([...argv.slice(0, -1), `${argv.at(-1)}.`], []);
    },
    says: /longer than 2097152 bytes/,
  },
  {
    what: "a string over the limit",
    module: () => programModule([path, "x".repeat(STRING_MAX + 1)], []),
    says: /longer than 131071 bytes/,
  },
  {
    what: "a module that is cut off",
    module: () => changed((module) => module.subarray(0, -1)),
    says: /the module is shorter than it says/,
  },
  {
    what: "counts that lie",
    module: () => changed((module) => void module.writeUInt32LE(0xffff, 8)),
    says: /the strings are not as many as they are said to be/,
  },
  {
    what: "a string without an end",
    module: () => changed((module) => void module.writeUInt8(65, module.length - 1)),
    says: /the last string has no end/,
  },
];

for (const { what, module, says } of REFUSED) {
  test(`${what} is refused with one line`, { skip }, async () => {
    const result = await boot({ ...machine, argv: [path], module: module() });
    assert.equal(describeEnd(result.end), "exit code 127", tailOf(result.text));
    assert.match(result.text, says);
    assert.equal(result.text.trim().split("\n").length, 1, result.text);
  });
}

const virga = fileURLToPath(new URL("../../virga", import.meta.url));

test("`virga run` passes on the bytes that it was called with", { skip }, () => {
  // A shell makes the bytes: Node passes on text alone.
  const command = `exec "$0" run -e "BYTES=$(printf '\\377=\\303\\274')" "$1" bytes "$(printf 'a\\200b')"`;
  const result = spawnSync("sh", ["-c", command, virga, file], { encoding: "utf8" });
  assert.equal(result.status, 0, result.stderr);
  assert.deepEqual(result.stdout.trim().split(/\r?\n/), ["618062.", "ff3dc3bc."]);
});

test("`virga run` names the limit", { skip }, () => {
  // With a larger stack Linux lets more than 2 MiB through to this process.
  const script = `ulimit -s 65536 && x=$(printf '%0${STRING_MAX}d' 0) &&
    exec "$0" run "$1" ${'"$x" '.repeat(16)}`;
  const result = spawnSync("sh", ["-c", script, virga, file], { encoding: "utf8" });
  assert.equal(result.status, 2, result.stderr);
  assert.match(
    result.stderr,
    /^virga: argument list too long: .* are \d+ bytes .*; the limit is 2097152\n$/,
  );
});
