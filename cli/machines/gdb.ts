/*
 * `virga gdb`: QEMU's gdb server is started only when it is wanted, by QMP, on a socket in the
 * machine's folder. So any running machine can be looked into, and none has a port open that
 * anybody could write its memory through.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { parseOptions, splitArguments } from "../arguments.ts";
import { NoSuchMachineError, ToolMissingError, UsageError } from "../errors.ts";
import { QMP_SOCKET, qmp } from "../qemu/index.ts";
import { findMachine, listMachines, type MachineState } from "./registry.ts";

const GDB_SOCKET = "gdb.sock";

export async function gdb(args: readonly string[]): Promise<number> {
  const { own, rest } = splitArguments(args, {});
  const { positionals } = parseOptions(own, {});
  const machine = chooseMachine(positionals);
  const socket = join(machine.folder, GDB_SOCKET);
  const qmpSocket = join(machine.folder, QMP_SOCKET);
  await qmp(qmpSocket, "human-monitor-command", {
    "command-line": `gdbserver unix:${socket},server=on,wait=off`,
  });
  try {
    return await runGdb(machine.kernel, socket, rest ?? []);
  } finally {
    await qmp(qmpSocket, "human-monitor-command", { "command-line": "gdbserver none" }).catch(
      () => {}, // the machine was killed in gdb
    );
    await qmp(qmpSocket, "cont").catch(() => {});
  }
}

function chooseMachine(names: readonly string[]): MachineState {
  const [name, ...more] = names;
  if (more.length > 0) throw new UsageError("gdb takes the name of one machine");
  const running = listMachines().filter((each) => each.isRunning);
  if (name !== undefined) {
    const machine = findMachine(name);
    if (!machine.isRunning) throw new NoSuchMachineError(name);
    return machine;
  }
  const [first, ...others] = running;
  if (first === undefined) throw new UsageError("no machine runs; `virga run` starts one");
  if (others.length > 0) {
    const all = running.map((each) => each.name).join(", ");
    throw new UsageError(`which machine? ${all}`);
  }
  return first;
}

function runGdb(kernel: string, socket: string, more: readonly string[]): Promise<number> {
  const child = spawn(
    "gdb",
    ["--quiet", "-ex", "set confirm off", "-ex", `target remote ${socket}`, ...more, kernel],
    { stdio: "inherit" },
  );
  // Ctrl-C in the terminal is gdb's: it interrupts the guest.
  const ignore = (): void => {};
  process.on("SIGINT", ignore);
  return new Promise((resolve, reject) => {
    child.once("error", () => reject(new ToolMissingError("gdb", "gdb")));
    child.once("close", (code, signal) => {
      process.off("SIGINT", ignore);
      resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]);
    });
  });
}
