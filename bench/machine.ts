// One QEMU process: its command line, its console, its end.
//
//   qemuArguments(guest, options)      the same line for both guests but for -kernel, -initrd, -append
//   const vm = await startMachine(…)   spawned
//   vm.waitFor(pattern, ms)            until the console shows it
//   await vm.stop()                    ends QEMU by its own pid; safe to repeat
//
// Every machine still running when Node exits, for whatever reason that lets it run handlers, is killed
// then. QEMU gets "-smp 1,maxcpus=2": with a plain "-smp 1", QEMU 7.2 under software emulation leaves
// the guest's memory barriers out, although its own device threads run beside the guest.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { BenchError } from "./errors.ts";
import { GUEST_MAC, type Guest, type Machine } from "./guest.ts";

export type NetworkAttachment =
  | { readonly kind: "none" }
  | { readonly kind: "tap"; readonly interfaceName: string }
  | { readonly kind: "user"; readonly hostPort: number; readonly guestPort: number };

export interface MachineOptions {
  readonly machine: Machine;
  readonly memoryMiB: number;
  readonly accel: "tcg" | "kvm";
  readonly network: NetworkAttachment;
}

const CONSOLE_LIMIT = 1 << 20;
const running = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function machineType(machine: Machine): string {
  return machine === "microvm-pci" ? "microvm,pcie=on" : machine;
}

function networkArguments(network: NetworkAttachment, suffix: string): string[] {
  if (network.kind === "none") return [];
  const backend =
    network.kind === "tap"
      ? `tap,id=net0,ifname=${network.interfaceName},script=no,downscript=no`
      : `user,id=net0,hostfwd=tcp:127.0.0.1:${network.hostPort}-:${network.guestPort}`;
  return ["-netdev", backend, "-device", `virtio-net-${suffix},netdev=net0,mac=${GUEST_MAC}`];
}

export function qemuArguments(guest: Guest, options: MachineOptions): string[] {
  const suffix = options.machine === "microvm" ? "device" : "pci";
  const args = ["-machine", machineType(options.machine), "-accel", options.accel];
  args.push("-cpu", options.accel === "kvm" ? "host" : "max", "-smp", "1,maxcpus=2");
  args.push("-m", `${options.memoryMiB}M`, "-nodefaults", "-no-user-config", "-display", "none");
  args.push("-no-reboot", "-serial", "stdio", "-kernel", guest.kernel);
  if (guest.initrd !== null) args.push("-initrd", guest.initrd);
  args.push("-append", guest.append);
  if (guest.disk !== null) {
    args.push("-drive", `if=none,id=root,format=raw,readonly=on,file=${guest.disk}`);
    args.push("-device", `virtio-blk-${suffix},drive=root`);
  }
  // The PCI card would bring 256 KiB of option ROM along, for booting from the network.
  const nic = networkArguments(options.network, suffix);
  const last = nic.length - 1;
  if (last > 0 && suffix === "pci") nic[last] = `${nic[last]},romfile=`;
  return [...args, ...nic];
}

export class RunningMachine {
  readonly #child: ChildProcess;
  readonly startedAt: number;
  #console = "";
  #ended = false;

  constructor(child: ChildProcess, startedAt: number) {
    this.#child = child;
    this.startedAt = startedAt;
    running.add(child);
    const append = (chunk: Buffer) => {
      if (this.#console.length < CONSOLE_LIMIT) this.#console += chunk.toString("latin1");
    };
    child.stdout?.on("data", append);
    child.stderr?.on("data", append);
    child.on("exit", () => {
      this.#ended = true;
      running.delete(child);
    });
    child.on("error", (error) => {
      this.#console += `qemu: ${error.message}\n`;
      this.#ended = true;
      running.delete(child);
    });
  }

  get console(): string {
    return this.#console;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The last lines of the console, for a message about a guest that did not do as it should. */
  get tail(): string {
    return this.#console.split("\n").slice(-15).join("\n").slice(-2000);
  }

  async waitFor(pattern: RegExp, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!pattern.test(this.#console)) {
      if (this.#ended) throw new BenchError(`the guest ended early:\n${this.tail}`);
      if (Date.now() > deadline) {
        throw new BenchError(`no ${pattern} within ${timeoutMs} ms:\n${this.tail}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

export function startMachine(guest: Guest, options: MachineOptions): RunningMachine {
  const args = qemuArguments(guest, options);
  const startedAt = performance.now();
  const child = spawn("qemu-system-x86_64", args, { stdio: ["ignore", "pipe", "pipe"] });
  return new RunningMachine(child, startedAt);
}
