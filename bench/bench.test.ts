// What the benchmark computes and parses, without starting a guest.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseCalls } from "./calls-measures.ts";
import { type CpioEntry, newc } from "./cpio.ts";
import { Blocks, largest, spent } from "./instructions/blocks.ts";
import { comparedRow, exceeding } from "./instructions/compare.ts";
import { countsOf } from "./instructions/count.ts";
import { buildCounter, Counters } from "./instructions/counters.ts";
import { modulesFor } from "./linux-guest.ts";
import { parseOptions } from "./options.ts";
import { CALLS_MEASURES, REDIS_MEASURES } from "./plan.ts";
import { parseCsv } from "./redis-benchmark.ts";
import { formatJson, formatTable, round, Samples } from "./report.ts";
import { decodeReply, encodeCommand, firstPong, request } from "./resp.ts";
import { smallest } from "./search.ts";
import { median, medianRatio } from "./stats.ts";

const GET = { name: "get", unit: "req/s", better: "higher" } as const;
/** The columns of instructions, where none were counted. */
const NOT_COUNTED = {
  insn_virga: null,
  insn_linux: null,
  insn_user_virga: null,
  insn_user_linux: null,
};
const BOOT = { name: "boot_to_ping", unit: "ms", better: "lower" } as const;

test("the median of an even number of values is the mean of the middle two", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.throws(() => median([]), RangeError);
});

test("a ratio above one means that the first is better, whichever way better is", () => {
  assert.equal(medianRatio("higher", [20], [10]), 2);
  assert.equal(medianRatio("lower", [20], [10]), 0.5);
  assert.equal(medianRatio("lower", [], []), null);
});

test("the ratio is taken pair by pair, not from the medians", () => {
  // The medians are 30 and 10, a ratio of 3; the pairs have 1, 3 and 2.
  assert.equal(medianRatio("higher", [10, 30, 40], [10, 10, 20]), 2);
});

test("a run that one guest did not finish has no part in the ratio", () => {
  const samples = new Samples();
  samples.add("virga", "get", 0, 100);
  samples.add("virga", "get", 1, 30);
  samples.add("linux", "get", 1, 10);
  assert.deepEqual(samples.row(GET), {
    measure: "get",
    unit: "req/s",
    better: "higher",
    virga: 65,
    linux: 10,
    ratio: 3,
    ...NOT_COUNTED,
  });
});

test("what was not measured is null", () => {
  const row = new Samples().row(BOOT);
  assert.deepEqual([row.virga, row.linux, row.ratio], [null, null, null]);
});

test("the JSON has rows with exactly the documented fields", () => {
  const samples = new Samples();
  samples.add("virga", "boot_to_ping", 0, 200);
  samples.add("linux", "boot_to_ping", 0, 1700);
  assert.deepEqual(JSON.parse(formatJson(samples.rows([BOOT]))), {
    rows: [
      {
        measure: "boot_to_ping",
        unit: "ms",
        better: "lower",
        virga: 200,
        linux: 1700,
        ratio: 8.5,
        ...NOT_COUNTED,
      },
    ],
  });
});

test("instructions are told per operation, kernel and program apart", () => {
  const samples = new Samples();
  samples.count("virga", "get", { kernel: 2540.4, user: 4457.2 });
  samples.count("linux", "get", { kernel: 20985, user: 4598 });
  const row = samples.row(GET);
  assert.deepEqual([row.insn_virga, row.insn_user_virga], [2540, 4457]);
  assert.deepEqual([row.insn_linux, row.insn_user_linux], [20985, 4598]);
  assert.match(formatTable([row]), /2540 \+ 4457\s+20985 \+ 4598/);
});

test("a program's marks come in pairs, one pair for each measure it prints", () => {
  const console = '{"measure":"getpid","count":10}\r\n{"measure":"pipe","count":2}\n{"done":true}';
  const at = (kernel: number, user: number) => ({ kernel, user });
  const counts = countsOf(console, [at(100, 1), at(150, 21), at(160, 30), at(168, 34)]);
  assert.deepEqual(Object.fromEntries(counts), {
    getpid: { kernel: 5, user: 2 },
    pipe: { kernel: 4, user: 2 },
  });
  assert.throws(() => countsOf(console, [at(0, 0), at(1, 1)]), /2 measures .* 2 marks/);
});

test("the counter compiles, and its file is read by the layout it is written in", () => {
  const folder = mkdtempSync(join(tmpdir(), "virga-counter-"));
  try {
    buildCounter(folder);
    const counters = new Counters(join(folder, "counts"), null);
    assert.throws(() => counters.read(), /has counted nothing/);
    const words = [7n, 8n, 2n, 0n, 1n, 2n, 3n, 4n];
    const bytes = Buffer.alloc(32 + 1024 * 16);
    words.forEach((word, index) => {
      bytes.writeBigUInt64LE(word, index * 8);
    });
    writeFileSync(counters.file, bytes);
    assert.deepEqual(counters.read(), { kernel: 7, user: 8 });
    assert.deepEqual(counters.marks(), [
      { kernel: 1, user: 2 },
      { kernel: 3, user: 4 },
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the kernel's blocks are told by the functions that they lie in, at any mark", () => {
  const folder = mkdtempSync(join(tmpdir(), "virga-blocks-"));
  try {
    const kernel = join(folder, "kernel.elf");
    const source = `.globl first, second
      .type first, @function
      .type second, @function
      first: .skip 16
      .size first, 16
      second: .skip 8
      .size second, 8\n`;
    writeFileSync(join(folder, "a.s"), source);
    const assemble = ["-c", join(folder, "a.s"), "-o", join(folder, "a.o")];
    execFileSync("gcc", assemble);
    const link = ["-Ttext=0x10000", "-e", "0", join(folder, "a.o"), "-o", kernel];
    execFileSync("ld", link);
    const blocks = new Blocks(join(folder, "blocks"), kernel);
    const part = Buffer.alloc(65536 * 16);
    const put = (index: number, address: bigint, count: bigint) => {
      part.writeBigUInt64LE(address, index * 16);
      part.writeBigUInt64LE(count, index * 16 + 8);
    };
    put(0, 0x10000n, 5n);
    put(1, 0x10004n, 7n);
    put(2, 0x10010n, 3n);
    put(3, 0x100n, 1n);
    const now = Buffer.from(part);
    put(0, 0x10000n, 2n);
    put(1, 0n, 0n);
    writeFileSync(blocks.file, Buffer.concat([now, part.subarray(0, 16)]));
    const after = blocks.now();
    assert.deepEqual(Object.fromEntries(after), { first: 12, second: 3, "(made at run time)": 1 });
    const before = blocks.atMark(0);
    assert.deepEqual(Object.fromEntries(before), { first: 2 });
    assert.equal(spent(after, before).get("first"), 10);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("of two kernels' functions those come first that differ most", () => {
  const base = new Map(Object.entries({ same: 100, gone: 10, less: 30, none: 0 }));
  const now = new Map(Object.entries({ same: 100, less: 10, new: 5, none: 0 }));
  const rows = largest(base, now, 4);
  assert.deepEqual(
    rows.map((row) => [row.name, row.base, row.now]),
    [
      ["less", 30, 10],
      ["gone", 10, 0],
      ["new", 0, 5],
      ["same", 100, 100],
    ],
  );
  assert.equal(largest(base, now, 9).length, 4);
});

test("a kernel that executes more than the limit above its base is told", () => {
  const run = (kernel: number) => new Map([["get", { kernel, user: 50 }]]);
  const row = comparedRow("get", [run(1000), run(1010)], [run(1031), run(1040)]);
  assert.deepEqual([row.insn_base, row.insn_now, row.change], [1000, 1031, 3.1]);
  assert.deepEqual(exceeding([row], 2), ["get"]);
  assert.deepEqual(exceeding([row], 4), []);
  assert.equal(comparedRow("get", [], [run(5)]).change, null);
});

test("the table's lines are equally long", () => {
  const samples = new Samples();
  samples.add("linux", "get", 0, 12345);
  const lines = formatTable(samples.rows([GET, BOOT])).split("\n");
  assert.equal(lines.length, 3);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
});

test("values are rounded to four digits, and no digit before the point is lost", () => {
  assert.equal(round(12345.6), 12346);
  assert.equal(round(1.23456), 1.235);
  assert.equal(round(Number.NaN), null);
});

test("the measures have the names that programs rely on", () => {
  const names = REDIS_MEASURES.map((measure) => measure.name);
  const documented = ["boot_to_ping", "get", "set", "get_p16", "set_p16", "p99", "memory_min"];
  assert.deepEqual(names, [...documented, "image_overhead"]);
  const calls = CALLS_MEASURES.map((measure) => measure.name);
  const pairs = ["futex_pingpong", "pipe_pingpong", "thread_create", "mmap_touch_1m"];
  for (const name of ["getpid", "write_null", "clock_gettime", ...pairs, "epoll_idle"]) {
    assert.ok(calls.includes(name), name);
  }
});

test("cpio reads the archive that newc wrote", () => {
  const entries: CpioEntry[] = [
    { kind: "directory", path: "etc" },
    { kind: "file", path: "etc/five", mode: 0o755, data: Buffer.from("12345") },
    { kind: "link", path: "link", target: "etc/five" },
  ];
  const archive = newc(entries);
  assert.equal(archive.length % 4, 0);
  const options = { input: archive, encoding: "utf8" } as const;
  const list = execFileSync("cpio", ["-itv", "--quiet"], options).trim().split("\n");
  assert.equal(list.length, 3);
  assert.match(list[0] ?? "", /^drwxr-xr-x .* etc$/);
  assert.match(list[1] ?? "", /^-rwxr-xr-x .* 5 .* etc\/five$/);
  assert.match(list[2] ?? "", /^lrwxrwxrwx .* link -> etc\/five$/);
  const text = execFileSync("cpio", ["-i", "--to-stdout", "--quiet", "etc/five"], options);
  assert.equal(text, "12345");
});

test("redis-benchmark's CSV is read by the names of its columns", () => {
  const text = [
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"',
    '"GET","13333.33","3.5","1.0","3.4","4.1","5.2","9.0"',
  ].join("\n");
  assert.deepEqual(parseCsv(text, "get"), { requestsPerSecond: 13333.33, p99Ms: 5.2 });
  assert.throws(() => parseCsv(text, "set"), /no line for set/);
});

test("measures are found between other text on a console", () => {
  const text =
    'x{"measure":"getpid","ns":12.5}\r\n[1.0] y\r\n{"measure":"epoll_idle","ns":900.0}\n';
  assert.deepEqual(Object.fromEntries(parseCalls(text)), { getpid: 12.5, epoll_idle: 900 });
});

test("RESP replies are complete or null", () => {
  assert.equal(encodeCommand(["GET", "ä"]), "*2\r\n$3\r\nGET\r\n$2\r\nä\r\n");
  assert.equal(decodeReply("+PONG\r"), null);
  assert.equal(decodeReply("+PONG\r\n"), "+PONG");
  assert.equal(decodeReply("$5\r\nab"), null);
  assert.equal(decodeReply("$2\r\nab\r\n"), "ab");
  assert.equal(decodeReply("$-1\r\n"), "");
});

test("a request to a port where nobody listens fails", async () => {
  await assert.rejects(request({ host: "127.0.0.1", port: 1 }, ["PING"], 1000));
  const options = { intervalMs: 2, openMax: 2, timeoutMs: 20, ended: () => false };
  await assert.rejects(firstPong({ host: "127.0.0.1", port: 1 }, options), /nothing in 20 ms/);
});

test("the search finds the smallest number that works, if any", async () => {
  for (const limit of [8, 9, 57, 256]) {
    assert.equal(await smallest(8, 256, async (value) => value >= limit), limit);
  }
  assert.equal(await smallest(8, 256, async () => false), null);
});

test("modules come after those they depend on", () => {
  const order = modulesFor("q35", true, "disk");
  const at = (name: string) => order.findIndex((module) => module.endsWith(`/${name}.ko`));
  assert.ok(at("virtio_ring") < at("virtio") && at("virtio") < at("virtio_pci"));
  assert.ok(at("failover") < at("net_failover") && at("net_failover") < at("virtio_net"));
  assert.ok(at("libcrc32c") < at("erofs"));
  assert.deepEqual(modulesFor("microvm", false, "initramfs"), []);
});

test("options: defaults, lists, and one line for each mistake", () => {
  const options = parseOptions(["redis", "--only", "get,p99", "--runs", "3"]);
  assert.deepEqual(
    options.measures.map((measure) => measure.name),
    ["get", "p99"],
  );
  assert.equal(options.runs, 3);
  assert.throws(() => parseOptions(["redis", "--only", "getpid"]), /--only getpid: must be one of/);
  assert.throws(() => parseOptions(["redis", "--runs", "0"]), /whole number from 1 on/);
  assert.throws(() => parseOptions(["nonsense"]), /must be one of redis, calls/);
  assert.throws(() => parseOptions(["instructions"]), /--base COMMIT says what to compare with/);
  assert.throws(() => parseOptions(["redis", "--base", "HEAD"]), /--base goes with/);
  assert.throws(
    () => parseOptions(["instructions", "--base", "HEAD", "--limit", "x"]),
    /--limit x: must be a number/,
  );
});
