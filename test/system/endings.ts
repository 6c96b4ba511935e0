/*
 * What test/guest/crash.c, resolve.c and hello.c have to look like from outside: a table of
 * arguments, the end that is expected, and what the console must and must not say.
 */
import type { BootOptions, MachineType } from "../../cli/qemu/index.ts";
import type { Variant } from "./programs.ts";

export type ExpectedEnd =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly name: string; readonly signal: number };

export interface Ending {
  /** Default crash. */
  readonly program?: string;
  /** The program's argument. */
  readonly way: string;
  readonly end: ExpectedEnd;
  readonly says?: readonly RegExp[];
  readonly saysNot?: RegExp;
  /** The program's; default static. */
  readonly variant?: Variant;
  /** Of the machine; default what all have. */
  readonly memoryMib?: number;
  /** With a network card. */
  readonly hasNetwork?: boolean;
  /** On the kernel's command line. */
  readonly boot?: Pick<BootOptions, "ip" | "dns" | "hostname">;
}

const SIGNALS = { ILL: 4, ABRT: 6, FPE: 8, KILL: 9, SEGV: 11, TERM: 15 } as const;

function exits(code: number): ExpectedEnd {
  return { kind: "exit", code };
}

function dies(name: keyof typeof SIGNALS): ExpectedEnd {
  return { kind: "signal", name: `SIG${name}`, signal: SIGNALS[name] };
}

/** What test/guest/exhaust.c asks for until there is no more. */
const EXHAUSTED = [
  ...["eventfd", "timerfd", "epoll", "item", "tcp", "udp", "unix", "memfd", "open", "pipe"],
  ...["full", "unread", "thread", "mkdir", "link", "file", "map", "protect"],
] as const;

export const ENDINGS: readonly Ending[] = [
  { way: "empty", end: exits(0) },
  { way: "exit-3", end: exits(3), says: [/buffered, without newline/, /atexit handler/] },
  { way: "_exit-42", end: exits(42), saysNot: /atexit/ },
  { way: "exit-256", end: exits(5) },
  { way: "thread-exit", end: exits(7) },
  { way: "main-thread-exit", end: exits(0) },
  { way: "last-thread-exit", end: exits(9) },
  { way: "stderr", end: exits(0), says: [/^to standard error$/m] },
  { way: "none-such", end: exits(2), says: [/no such way: none-such/] },
  { way: "big-stdout", end: exits(0) },
  { way: "null-read", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "null-write", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "null-call", end: dies("SEGV"), says: [/SIGSEGV/, frames("main")] },
  { way: "write-text", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "blocked-segv", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "thread-null", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "stack-overflow", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "read-only-altstack", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "unmapped-altstack", end: dies("SEGV"), says: [/SIGSEGV/] },
  { way: "abort", end: dies("ABRT"), says: [/SIGABRT/, frames("abort", "main")] },
  ...(["static", "static-pie", "dynamic", "musl-static", "musl"] as const).flatMap(backtraces),
  { way: "divide", end: dies("FPE"), says: [/SIGFPE/] },
  { way: "illegal", end: dies("ILL"), says: [/SIGILL/] },
  ...(["dynamic", "musl-static", "musl"] as const).map(
    (variant): Ending => ({
      program: "resolve",
      way: "look-up",
      variant,
      boot: { dns: ["127.0.0.1"] },
      end: exits(0),
      says: [/^name\.example is 192\.0\.2\.7$/m, /^localhost is 127\.0\.0\.1$/m],
    }),
  ),
  {
    program: "resolve",
    way: "files",
    boot: { dns: ["192.0.2.1", "192.0.2.2"], hostname: "box" },
    end: exits(0),
    says: [
      /resolv\.conf: nameserver 192\.0\.2\.1\n.*resolv\.conf: nameserver 192\.0\.2\.2\n/,
      /^\/etc\/hosts: 127\.0\.0\.1 localhost virga$/m,
      /^\/etc\/hostname: box$/m,
      /^uname: box$/m,
    ],
  },
  {
    program: "resolve",
    way: "lease",
    hasNetwork: true,
    boot: { ip: "dhcp" },
    end: exits(0),
    says: [/resolv\.conf: nameserver 10\.0\.2\.3$/m],
  },
  ...EXHAUSTED.map(
    (way): Ending => ({
      program: "exhaust",
      way,
      memoryMib: 24,
      end: exits(0),
      says: [/^\w+: ends in an error$/m],
    }),
  ),
  { way: "raise-term", end: dies("TERM") },
  { way: "raise-kill", end: dies("KILL") },
];

/**
 * Consecutive lines of a backtrace, innermost function first. A part of a function may be apart.
 */
function frames(...names: readonly string[]): RegExp {
  const lines = names.map(
    (name) => `  #\\d+ 0x[0-9a-f]{16} in ${name}(\\.cold)?\\+0x[0-9a-f]+ \\(/\\S+\\).*\\n`,
  );
  return new RegExp(lines.join(""));
}

/** Call stacks of programs without frame pointers, through the C library and a signal's handler. */
function backtraces(variant: Variant): Ending[] {
  const program = `/test/crash.${variant}`;
  const end = dies("SEGV");
  return [
    {
      way: "two-functions",
      variant,
      end,
      says: [
        frames("read_field", "read_record", "main"),
        new RegExp(`#0 0x[0-9a-f]{16} in read_field\\+0x[0-9a-f]+ \\(${program}\\)\n`),
      ],
    },
    { way: "in-libc", variant, end, says: [frames("measure", "main")] },
    {
      way: "in-handler",
      variant,
      end,
      says: [frames("read_field", "read_record", "crash_in_handler"), / \(interrupted\)\n/],
    },
  ];
}

/** The lines that `crash big-stdout` prints. */
export function bigOutput(): string[] {
  const letters = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh".slice(0, 54);
  return Array.from({ length: 4096 }, (_, index) => `${String(index).padStart(8, "0")} ${letters}`);
}

export interface HelloCase {
  readonly name: string;
  readonly machine: MachineType;
  readonly root: "disk" | "module";
  readonly memoryMib: number;
  readonly args: readonly string[];
}

/**
 * Every machine, both ways to get the root, little and much memory, and words that need quoting.
 */
export const HELLO_CASES: readonly HelloCase[] = [
  { name: "microvm-disk", machine: "microvm", root: "disk", memoryMib: 24, args: [] },
  { name: "microvm-module", machine: "microvm", root: "module", memoryMib: 128, args: ["a", "b"] },
  { name: "q35-disk", machine: "q35", root: "disk", memoryMib: 256, args: ["one"] },
  { name: "q35-module", machine: "q35", root: "module", memoryMib: 4096, args: [] },
  { name: "pc-disk", machine: "pc", root: "disk", memoryMib: 1024, args: ["one"] },
  { name: "pc-module", machine: "pc", root: "module", memoryMib: 128, args: [] },
  {
    name: "quoting",
    machine: "microvm",
    root: "disk",
    memoryMib: 128,
    args: ["two words", 'a "quote"', "back\\slash", "", "--", "key=value", "ünïcode"],
  },
];
