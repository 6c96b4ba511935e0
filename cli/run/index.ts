/*
 * `virga run`: composes the image and builds the kernel, starts the machine, passes standard input,
 * console and signals on, says when and where it is reachable, and ends with the program's status.
 */
import { basename } from "node:path";
import { EXIT_PANIC, MachineVanishedError, PortInUseError } from "../errors.ts";
import { imageOfFolder, imageOfProgram, imageOfRecipe, type RootImage } from "../image/index.ts";
import { claimName, forget, sweep, writeRecord } from "../machines/registry.ts";
import { buildKernel, loadNames } from "../modules.ts";
import { note } from "../progress.ts";
import {
  type BootOptions,
  bootOf,
  checkProgramStrings,
  type Machine,
  type MachineEnd,
  type MachineEvent,
  type StartOptions,
  startMachine,
  variablesOf,
} from "../qemu/index.ts";
import { ConsoleFilter } from "./console.ts";
import { inputOf, standardInput } from "./input.ts";
import { parseRun, type RunOptions } from "./options.ts";
import { Outputs } from "./outputs.ts";
import { checkPorts } from "./ports.ts";
import { Reporter } from "./report.ts";
import { Signals } from "./signals.ts";

const NS_PER_MS = 1_000_000n;

/** What the kernel uses of the machine. */
const KERNEL_CPUS = 1;

/** signal(7): what a program gets that writes where nobody reads. */
const SIGPIPE = 13;
const SIGKILL = 9;

/** How often `--detach` says that it still waits for the program to be reachable. */
const DETACH_PROGRESS_MS = 10_000;

export async function run(args: readonly string[]): Promise<number> {
  const options = parseRun(args);
  await checkPorts(options.forwards);
  if (options.cpus > KERNEL_CPUS) {
    note(`--cpus ${options.cpus}: the kernel uses one CPU so far, the others stay idle`);
  }
  // First, so that the likely mistakes, and that there is no network, are known before anything is
  // compiled.
  const image = await imageFor(options);
  const kernel = options.kernel ?? (await buildKernel(options.isDebug));
  await sweep();
  const { name, folder } = await claimName(options.name, options.isNameFixed);
  const reporter = new Reporter(name, options);
  const signals = new Signals();
  let isKept = false;
  try {
    const names = await loadNames(kernel, image.path);
    const outputs = new Outputs(options.isJson);
    const filter = new ConsoleFilter(names, (bytes) => outputs.console(bytes));
    let onReady = (): void => {};
    const ready = new Promise<"ready">((resolve) => {
      onReady = () => resolve("ready");
    });
    const stdin = options.isDetached ? "null" : standardInput();
    const output = options.isDetached ? undefined : outputs.output;
    if (!options.isDetached) signals.take();
    const machine = await startMachine({
      folder,
      ...machineFor(options, kernel, image, {
        stdin,
        ...(options.isDetached ? {} : outputs.kinds),
      }),
      ...(stdin === "null" ? {} : { input: inputOf(name) }),
      shielded: true,
      detached: options.isDetached,
      onConsole: (bytes) => {
        filter.push(bytes);
        return outputs.consoleRoom();
      },
      ...(output === undefined ? {} : { onOutput: output }),
      onEvent: (event: MachineEvent, atMs: number) => {
        if (reporter.event(event, atMs)) onReady();
      },
    });
    reporter.pid = machine.pid;
    writeRecord(folder, recordOf(options, name, machine, { kernel, image: image.path }));
    if (options.isDetached) {
      isKept = true;
      return await detach(machine, ready, reporter);
    }
    signals.attach(machine, name);
    outputs.onFailed(({ code }) => {
      if (code === "EPIPE") signals.send(SIGPIPE);
      else void machine.stop();
    });
    const end = await machine.ended;
    filter.end();
    return statusOf(end, signals.last, reporter);
  } finally {
    signals.release();
    if (!isKept) forget(folder);
  }
}

async function imageFor(options: RunOptions): Promise<RootImage> {
  const { subject, env } = options;
  switch (subject.kind) {
    case "recipe":
      return await imageOfRecipe(subject.recipe);
    case "program": {
      const libraryPath = (env.LD_LIBRARY_PATH ?? "").split(":").filter(Boolean);
      return await imageOfProgram(subject.path, libraryPath);
    }
    case "folder":
      return await imageOfFolder(subject.folder, subject.program);
  }
}

function machineFor(
  options: RunOptions,
  kernel: string,
  image: RootImage,
  standard: Pick<BootOptions, "stdin" | "stdout" | "stderr">,
): Pick<StartOptions, "qemu" | "module"> {
  const { subject } = options;
  const cwd = subject.kind === "recipe" ? subject.recipe.cwd : undefined;
  const argv = [image.program, ...image.scriptArguments, ...options.args];
  const env = environmentOf(options.env, standard);
  checkProgramStrings(argv, variablesOf(env));
  const { commandLine, module } = bootOf({
    argv,
    env,
    timeNs: BigInt(Date.now()) * NS_PER_MS,
    ...(cwd === undefined ? {} : { cwd }),
    // QEMU's user network always gives this address, and asking for it by DHCP would cost a round
    // trip or two.
    ip: "10.0.2.15/24,10.0.2.2",
    dns: ["10.0.2.3"],
    ...standard,
    log: options.log,
  });
  return {
    ...(module === undefined ? {} : { module }),
    qemu: {
      machine: options.machine,
      accelerator: options.accelerator,
      memoryBytes: options.memoryBytes,
      cpus: options.cpus,
      kernel,
      commandLine,
      disks: [{ path: image.path, readOnly: true }],
      network: { kind: "user", forwards: options.forwards },
    },
  };
}

/** What a login gives a program at least; and a terminal's kind, where it has one. */
function environmentOf(
  own: Readonly<Record<string, string>>,
  { stdin, stdout, stderr }: Pick<BootOptions, "stdin" | "stdout" | "stderr">,
): Record<string, string> {
  const hasTerminal = stdin === "terminal" || stdout === "terminal" || stderr === "console";
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    ...(hasTerminal ? { TERM: process.env.TERM ?? "dumb" } : {}),
    ...own,
  };
}

function recordOf(
  options: RunOptions,
  name: string,
  machine: Machine,
  files: { readonly kernel: string; readonly image: string },
) {
  const { subject } = options;
  const program = subject.kind === "recipe" ? subject.recipe.name : programOf(subject);
  return {
    name,
    pid: machine.pid,
    program: [program, ...(subject.kind === "recipe" ? [] : options.args)].join(" "),
    forwards: options.forwards,
    memoryBytes: options.memoryBytes,
    cpus: options.cpus,
    machine: options.machine,
    ...files,
    startedAt: Date.now(),
    isDetached: options.isDetached,
  };
}

function programOf(subject: Exclude<RunOptions["subject"], { kind: "recipe" }>): string {
  return basename(subject.kind === "program" ? subject.path : subject.program);
}

/**
 * Waits until the machine is reachable or has ended, however long that takes: only the program
 * knows. Somebody who has waited enough interrupts us, and the machine stays.
 */
async function detach(
  machine: Machine,
  ready: Promise<"ready">,
  reporter: Reporter,
): Promise<number> {
  const { name } = reporter;
  const begin = performance.now();
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - begin) / 1000);
    note(
      `${name} runs since ${seconds} s and does not serve ${reporter.missing} yet; \`virga logs ${name}\``,
    );
  }, DETACH_PROGRESS_MS);
  const first = await Promise.race([ready, machine.ended]);
  clearInterval(progress);
  machine.release();
  if (first === "ready") return 0;
  const status = statusOf(first, 0, reporter);
  note(`see \`virga logs ${name}\``);
  return status;
}

/** QEMU's words where another run took the port since we looked whether it is free. */
const LOST_PORT = /host forwarding rule '(tcp|udp):127\.0\.0\.1:(\d+)-/;

function statusOf(end: MachineEnd, signal: number, reporter: Reporter): number {
  reporter.end(end);
  switch (end.kind) {
    case "exit":
      return end.code;
    case "signal":
      return 128 + end.signal;
    case "panic":
      return EXIT_PANIC;
    case "stopped":
      // Not by a signal of ours: by `virga stop`, as if by SIGKILL.
      return 128 + (signal || SIGKILL);
    case "vanished": {
      const port = LOST_PORT.exec(end.detail);
      if (port !== null) throw new PortInUseError(Number(port[2]), port[1] ?? "");
      throw new MachineVanishedError(reporter.name, end.detail);
    }
  }
}
