/*
 * The commands: one row each, with all of `--help`. Dispatch, the overview and the help derive from
 * this table.
 */
import { recipes } from "../apps/index.ts";
import { runBench, runMutate, runSimulation, runTests } from "./modules.ts";

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly usage: readonly string[];
  readonly help: string;
  /** The command answers --help itself, with all its options. */
  readonly hasOwnHelp?: boolean;
  /** Loads what the command needs and runs it; returns its exit status. */
  readonly run: (args: string[]) => Promise<number>;
}

const RUN_HELP = `Boots one program in a virtual machine of its own: a recipe, a Linux program of this
host with the libraries it needs, or a program in a folder that is taken as the root.

  -m, --memory SIZE    memory of the machine, e.g. 24M or 1G (default: the recipe's, or 128M)
  --cpus N             virtual CPUs (1); the kernel uses one so far
  -p, --port HOST:GUEST  forward a port of 127.0.0.1; repeatable; PORT for the same on both
                       sides, with /udp behind for UDP
  --machine TYPE       microvm, q35 or pc (microvm)
  --accel NAME         tcg or kvm (kvm where it really works)
  -e, --env NAME=VALUE an environment variable of the program; repeatable. PATH, HOME and, at a
                       terminal, TERM are there without
  --root FOLDER        the root file system; the program is a path in it
  -d, --detach         return when it is reachable, and leave it running
  --name NAME          for ps, logs and stop (default: the program's name)
  --json               what Virga has to say as JSON on stdout, the console on stderr
  --debug              the debug kernel, with assertions and checks, and --log info
  --log LEVEL          what the kernel tells: error, warn, info or debug (warn)
  --kernel FILE        another kernel than this repository's

Standard input, at a terminal line by line, is the program's once it reads it; with --detach it
has none. Ctrl-C sends the program SIGINT, and the second Ctrl-C ends the machine; SIGTERM,
SIGHUP and SIGQUIT are passed on, too.

The program's exit status is the command's; 128+N if signal N ended it, 70 for a kernel
panic, 125 if Virga failed, 126 not executable, 127 not found, 2 wrong usage.

Recipes:
${recipes.map((recipe) => `  ${recipe.name.padEnd(20)} ${recipe.summary}`).join("\n")}`;

export const commands: readonly Command[] = [
  {
    name: "run",
    summary: "boot a program in a virtual machine",
    usage: [
      "run [options] RECIPE [options] [-- arguments]",
      "run [options] PROGRAM [arguments]",
      "run [options] --root FOLDER -- /PROGRAM [arguments]",
    ],
    help: RUN_HELP,
    run: async (args) => (await import("./run/index.ts")).run(args),
  },
  {
    name: "ps",
    summary: "list machines",
    usage: ["ps [--all] [--json]"],
    help: "  -a, --all     those that have ended too\n  --json        as JSON",
    run: async (args) => (await import("./machines/commands.ts")).ps(args),
  },
  {
    name: "logs",
    summary: "print a machine's console",
    usage: ["logs [--follow] NAME"],
    help: `Prints what a machine has said so far: its program's standard output and error, and the
kernel's log. Works while it runs, and until it is stopped or forgotten.

  -f, --follow  go on as it says more, until it ends`,
    run: async (args) => (await import("./machines/commands.ts")).logs(args),
  },
  {
    name: "stop",
    summary: "stop a machine",
    usage: ["stop [--timeout SECONDS] NAME", "stop --all"],
    help: `Sends the program SIGTERM, as its end is its own business, waits for it, and ends the machine
if it takes longer. Then forgets the machine with its log.

  -t, --timeout SECONDS    how long to wait (10); 0: the machine ends at once
  -a, --all                all machines`,
    run: async (args) => (await import("./machines/commands.ts")).stop(args),
  },
  {
    name: "build-kernel",
    summary: "compile the kernel and print its path",
    usage: ["build-kernel [--debug]"],
    help: "  --debug   with assertions and checks",
    run: async (args) => (await import("./build-kernel.ts")).buildKernelCommand(args),
  },
  {
    name: "gdb",
    summary: "attach gdb to a machine",
    usage: ["gdb [NAME] [-- gdb arguments]"],
    help: `Stops a running machine and attaches gdb to it, with the symbols of its kernel. When gdb
detaches or quits, the machine goes on. NAME may be left out if only one machine runs.`,
    run: async (args) => (await import("./machines/gdb.ts")).gdb(args),
  },
  {
    name: "test",
    summary: "run the tests",
    usage: ["test [lint|unit|sim|system]… [options]"],
    help: `Runs all tests, or some: lint (formatter, linter, types), unit and sim (in Node), system (in QEMU).

  --only PART   those with PART in their name; repeatable
  --debug       system tests with the debug kernel
  --host        the guest programs on this host's Linux, which checks the checks
  --verbose     all output`,
    run: runTests,
  },
  {
    name: "sim",
    summary: "simulate the network on bad wires, and locks on several CPUs",
    usage: [
      "sim [--seeds COUNT] [--scenario NAME]",
      "sim --seed N [--scenario NAME] [--trace]",
      "sim --scenario mutex-2 --preemptions N | --schedule S [--mutation NAME]",
    ],
    help: `Two hosts with the kernel's TCP, joined by a wire that loses, repeats, damages and reorders. A
failure prints its seed, and the seed replays it. A scenario of several CPUs interleaves them at
each access to memory; its failure prints the schedule.

  --seed N          this seed, or the first of --seeds
  --seeds COUNT     how many (200)
  --scenario NAME   only this one; otherwise each seed has one of the network's
  --trace           every segment
  --preemptions N   several CPUs: every schedule with so many preemptions
  --schedule S      several CPUs: this run, as a failure printed it
  --mutation NAME   several CPUs: with this fault put in, which must be found`,
    run: runSimulation,
  },
  {
    name: "mutate",
    summary: "put faults into the kernel, and list those that no test notices",
    usage: ["mutate [FOLDER|FILE]… [--sample N] [--seed S] [--node] [--json]"],
    help: `Each small change of the sources (a wake-up dropped, a comparison swapped, a check skipped, a free left
out …) meets the tests that come by it: unit tests, the simulations, then the programs of test/guest in
machines. What survives is a fault that nobody would notice. Default: kernel/fs, sched and linux.

  --sample N   so many changes of each folder, chosen by chance (0: all)
  --seed S     which ones (1)
  --node       only the tests that run in Node
  --json       as JSON`,
    run: runMutate,
  },
  {
    name: "bench",
    summary: "compare with a Linux guest",
    usage: ["bench redis [--json]", "bench calls [--json]", "bench instructions --base COMMIT"],
    help: "The same program on the same machine, once on Virga and once on Linux.",
    hasOwnHelp: true,
    run: runBench,
  },
];

export function overview(): string {
  const rows = commands.map((each) => `  ${each.name.padEnd(14)} ${each.summary}`);
  return [
    "Virga: one virtual machine, one unmodified Linux program.",
    "",
    "usage: virga COMMAND [arguments]",
    "",
    ...rows,
    "",
    "virga COMMAND --help says more, virga --version which one this is. Start with: virga run redis",
    "",
  ].join("\n");
}

export function helpOf(command: Command): string {
  const usage = command.usage.map(
    (line, index) => `${index === 0 ? "usage:" : "      "} virga ${line}`,
  );
  return `${usage.join("\n")}\n\n${command.help}\n`;
}
