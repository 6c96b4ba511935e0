/* `virga run`: its command line, its ports, its console. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import {
  PortInUseError,
  ProgramNotFoundError,
  TooLittleMemoryError,
  TooMuchMemoryError,
  UsageError,
} from "../errors.ts";
import { ConsoleFilter, type Names } from "./console.ts";
import { standardInput } from "./input.ts";
import { parseRun } from "./options.ts";
import { checkPorts } from "./ports.ts";
import { Reporter } from "./report.ts";

test("a recipe brings its arguments, memory and ports", () => {
  const options = parseRun(["redis"]);
  assert.equal(options.subject.kind, "recipe");
  assert.equal(options.memoryBytes, 128 << 20);
  assert.deepEqual(options.forwards, [{ hostPort: 6379, guestPort: 6379, protocol: "tcp" }]);
  assert.deepEqual(options.args.slice(0, 2), ["--port", "6379"]);
  assert.equal(options.name, "redis");
});

test("options may stand on both sides of a recipe, arguments behind --", () => {
  const options = parseRun([
    "--memory",
    "24M",
    "redis",
    "--port=7000:6379",
    "--",
    "--io-threads",
    "2",
  ]);
  assert.equal(options.memoryBytes, 24 << 20);
  assert.deepEqual(options.forwards, [{ hostPort: 7000, guestPort: 6379, protocol: "tcp" }]);
  assert.deepEqual(options.args.slice(-2), ["--io-threads", "2"]);
  assert.throws(() => parseRun(["redis", "stray"]), UsageError);
});

test("what follows a program is the program's", () => {
  const options = parseRun(["-m", "64M", "/bin/ls", "--port", "-l", "--", "x"]);
  assert.deepEqual(options.subject, { kind: "program", path: "/bin/ls" });
  assert.deepEqual(options.args, ["--port", "-l", "--", "x"]);
  assert.deepEqual(options.forwards, []);
  assert.deepEqual(parseRun(["--", "/bin/ls", "-l"]).args, ["-l"]);
});

test("a bare name is looked up on PATH", () => {
  const { subject } = parseRun(["sh"]);
  assert(subject.kind === "program" && subject.path.endsWith("/sh"));
  assert.throws(() => parseRun(["no-such-program-anywhere"]), ProgramNotFoundError);
  assert.throws(() => parseRun(["./no-such-program"]), ProgramNotFoundError);
});

test("with --root the program is in the folder", () => {
  for (const args of [
    ["--root", "/r", "--", "/bin/app", "-x"],
    ["--root=/r", "bin/app", "-x"],
    ["--root", "/r", "/bin/app", "-x"],
  ]) {
    const options = parseRun(args);
    assert.deepEqual(options.subject, { kind: "folder", folder: "/r", program: "/bin/app" });
    assert.deepEqual(options.args, ["-x"]);
  }
});

test("environment variables may have any value", () => {
  const { env } = parseRun(["--env", "A=b=c", "-e", "EMPTY=", "/bin/ls"]);
  assert.deepEqual(env, { A: "b=c", EMPTY: "" });
});

test("wrong values are refused, each with its option's name", () => {
  const wrong: [args: string[], message: RegExp][] = [
    [["--memory", "lots", "redis"], /--memory lots/],
    [["--cpus", "0", "redis"], /--cpus 0/],
    [["--port", "70000:1", "redis"], /--port 70000:1: ports are 1 to 65535/],
    [["--port", "0", "redis"], /--port 0: ports are 1 to 65535/],
    [["--memory", "128", "redis"], /--memory 128: the unit is missing; 128M or 128G\?/],
    [["--memory", "-5M", "redis"], /--memory: its value begins with a dash/],
    [["--memory=-5M", "redis"], /--memory -5M: expected a size/],
    [["--port", "1:2:3", "redis"], /--port 1:2:3/],
    [["--port", "80:1", "--port", "80:2", "redis"], /given twice/],
    [["--machine", "vax", "redis"], /--machine vax: expected microvm or q35 or pc/],
    [["--accel", "fast", "redis"], /--accel fast/],
    [["--env", "=x", "redis"], /--env =x/],
    [["--frobnicate", "redis"], /frobnicate/],
    [["--memory"], /memory/],
    [[], /what to run/],
  ];
  for (const [args, message] of wrong) {
    assert.throws(
      () => parseRun(args),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
      args.join(" "),
    );
  }
  assert.throws(() => parseRun(["--memory", "1M", "redis"]), TooLittleMemoryError);
  assert.throws(() => parseRun(["--memory", "90000G", "redis"]), TooMuchMemoryError);
});

test("standard input is fed from what may have something to say", () => {
  const files: [path: string, kind: string][] = [
    ["/dev/null", "null"],
    ["/dev/zero", "pipe"],
    [process.execPath, "pipe"],
  ];
  for (const [path, kind] of files) {
    const fd = openSync(path, "r");
    assert.equal(standardInput(fd), kind, path);
    closeSync(fd);
  }
  assert.equal(standardInput(1_000_000), "null", "closed");
});

test("a port in use is found before anything starts", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  const forward = { hostPort: address.port, guestPort: 1, protocol: "tcp" } as const;
  await assert.rejects(checkPorts([forward]), PortInUseError);
  await new Promise((resolve) => server.close(resolve));
  await checkPorts([forward]);
});

function filtered(chunks: readonly string[]): { parts: string[]; ended: string } {
  const parts: string[] = [];
  const names: Names = {
    kernel: (address) =>
      address === 0xffffffffc0001234n ? "net/tcp/connection#input kernel/net/tcp.ts:5" : null,
    program: (path, address, isReturn) =>
      path === "/bin/a b" && address === 0x1155n ? `${isReturn ? "caller" : "parse"}+0x5` : null,
  };
  const filter = new ConsoleFilter(names, (bytes) => parts.push(bytes.toString("latin1")));
  for (const chunk of chunks) filter.push(Buffer.from(chunk, "latin1"));
  const before = parts.length;
  filter.end();
  return { parts, ended: parts.slice(before).join("") };
}

test("backtrace lines get names, in however many pieces they come", () => {
  const text = "panic\n  #0 0xffffffffc0001234\r\n  #1 0xffffffffc0009999\n#hash\n";
  const expected =
    "panic\n  #0 0xffffffffc0001234 net/tcp/connection#input kernel/net/tcp.ts:5\r\n" +
    "  #1 0xffffffffc0009999\n#hash\n";
  assert.equal(filtered([text]).parts.join(""), expected);
  assert.equal(filtered([...text]).parts.join(""), expected);
});

test("the program's backtraces get functions for offsets, where there is a symbol", () => {
  const text =
    "  #0 0x00005555555551f5 in /bin/a b+0x1155\r\n" +
    "  #1 0x00005555555551f5 in /bin/a b+0x1155\n" +
    "  #2 0x00005555555551f5 in /bin/a b+0x1155 (interrupted)\n" +
    "  #3 0x00005555555551f5 in /bin/a b+0x1155 ?\n" +
    "  #4 0x00005555555551f5 in /lib/x+0x1155\n  #5 0x0000000000000000\n";
  const expected =
    "  #0 0x00005555555551f5 in parse+0x5 (/bin/a b)\r\n" +
    "  #1 0x00005555555551f5 in caller+0x5 (/bin/a b)\n" +
    "  #2 0x00005555555551f5 in parse+0x5 (/bin/a b) (interrupted)\n" +
    "  #3 0x00005555555551f5 in caller+0x5 (/bin/a b) ?\n" +
    "  #4 0x00005555555551f5 in /lib/x+0x1155\n  #5 0x0000000000000000\n";
  assert.equal(filtered([text]).parts.join(""), expected);
  assert.equal(filtered([...text]).parts.join(""), expected);
});

test("other bytes pass at once and unchanged", () => {
  assert.deepEqual(filtered(["> ", "prompt", " \xff\x00\n"]).parts, [
    "> ",
    "prompt",
    " \xff\x00\n",
  ]);
  assert.equal(filtered(["  #1 0xfff"]).ended, "  #1 0xfff");
});

test("ready is when all awaited ports listen, or at the start if none is awaited", () => {
  const options = { forwards: [], isJson: false, isDetached: false };
  const silence = process.stderr.write;
  process.stderr.write = () => true;
  try {
    const server = new Reporter("x", { ...options, awaited: [1, 2] });
    assert.equal(server.event({ event: "start", ns: 1 }, 1), false);
    assert.equal(server.event({ event: "serve", port: 1 }, 1), false);
    assert.equal(server.event({ event: "serve", port: 2 }, 1), true);
    assert.equal(server.event({ event: "serve", port: 2 }, 1), false);
    const tool = new Reporter("x", { ...options, awaited: [] });
    assert.equal(tool.event({ event: "start", ns: 1 }, 1), true);
  } finally {
    process.stderr.write = silence;
  }
});
