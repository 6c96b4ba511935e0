// The Linux guest: Debian's cloud kernel as it is distributed, and an initramfs with nothing
// needless.
//
//   fetchLinux(build)                      download and unpack the kernel package, once
//   linuxGuest(build, linux, program, …)   initramfs and command line for one program
//
// It is meant to be the best Linux that somebody would reasonably configure for one program:
//   - `quiet mitigations=off`, and no address randomisation of the kernel, to boot sooner;
//   - `tsc=reliable`: the machine has one CPU but room for two, because of which Linux would distrust the
//     TSC and tell the time by jiffies, at the price of a call into the kernel. (`nr_cpus=1` would do that
//     as well, but makes waking a thread by a pipe five times slower on microvm.)
//   - `tsc_early_khz`: see guest/tsc.c;
//   - only the modules of the devices that are there, and init (guest/init.c) execs the program itself;
//   - the initramfs is not compressed: unpacking costs more than reading it.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { quoteWord } from "../cli/qemu/command-line.ts";
import type { MachineType } from "../cli/qemu/index.ts";
import { type CpioEntry, entriesOf, newc } from "./cpio.ts";
import { BenchError } from "./errors.ts";
import { GUEST_IP, GUEST_MASK, type Guest, type Program } from "./guest.ts";

const PACKAGE = "linux-image-cloud-amd64";

/**
 * Debian's kernel is built without the command line's virtio_mmio.device, so it can find microvm's
 * devices by ACPI only. Nothing else changes with it: the devices and their transport are the same.
 */
const MICROVM_EXTRA = ["-machine", "acpi=on"];

/** Where Linux finds its root: all in the initramfs, or on the same EROFS disk as Virga's. */
export type LinuxRoot = "initramfs" | "disk";

export interface Linux {
  readonly kernel: string;
  readonly modules: string;
}

function dependencyOf(name: string): string {
  const text = execFileSync("apt-cache", ["depends", name], { encoding: "utf8" });
  const match = /Depends: (linux-image-\S+)/.exec(text);
  if (match?.[1] === undefined)
    throw new BenchError(`${name}: no kernel package found by apt-cache`);
  return match[1];
}

export function fetchLinux(build: string): Linux {
  const folder = join(build, "linux");
  const unpacked = join(folder, "unpacked");
  if (!existsSync(join(unpacked, "complete"))) {
    const name = dependencyOf(PACKAGE);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    execFileSync("apt-get", ["download", name], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const deb = readdirSync(folder).find((file) => file.endsWith(".deb"));
    if (deb === undefined) throw new BenchError(`apt-get download ${name}: no package came`);
    execFileSync("dpkg-deb", ["-x", join(folder, deb), unpacked]);
    writeFileSync(join(unpacked, "complete"), "");
  }
  const kernel = readdirSync(join(unpacked, "boot")).find((file) => file.startsWith("vmlinuz-"));
  if (kernel === undefined) throw new BenchError(`${unpacked}: no vmlinuz in the package`);
  const modules = join(unpacked, "lib/modules", kernel.slice("vmlinuz-".length), "kernel");
  return { kernel: join(unpacked, "boot", kernel), modules };
}

/** Modules in the order in which they can be loaded, as paths below the package's kernel folder. */
export function modulesFor(machine: MachineType, network: boolean, root: LinuxRoot): string[] {
  if (!network && root === "initramfs") return [];
  const transport =
    machine === "microvm"
      ? ["drivers/virtio/virtio_mmio.ko"]
      : [
          "drivers/virtio/virtio_pci_modern_dev.ko",
          "drivers/virtio/virtio_pci_legacy_dev.ko",
          "drivers/virtio/virtio_pci.ko",
        ];
  const net = ["net/core/failover.ko", "drivers/net/net_failover.ko", "drivers/net/virtio_net.ko"];
  const disk = ["drivers/block/virtio_blk.ko", "lib/libcrc32c.ko", "fs/erofs/erofs.ko"];
  return [
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    ...transport,
    ...(root === "disk" ? disk : []),
    ...(network ? net : []),
  ];
}

/** The rate of the time stamp counter, see guest/tsc.c. */
function counterKhz(build: string): number {
  const output = join(build, "tsc");
  const source = join(import.meta.dirname, "guest/tsc.c");
  execFileSync("gcc", ["-O2", "-Wall", "-Werror", "-o", output, source]);
  return Number(execFileSync(output, { encoding: "utf8" }));
}

function compileInit(build: string, source: string): Buffer {
  const output = join(build, "init");
  const compiler = existsSync("/usr/bin/musl-gcc") ? "musl-gcc" : "gcc";
  const flags = ["-static", "-Os", "-s", "-Wall", "-Werror"];
  execFileSync(compiler, [...flags, "-o", output, source], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  return readFileSync(output);
}

function initramfs(
  build: string,
  linux: Linux,
  modules: string[],
  contents: string | null,
): Buffer {
  const init = compileInit(build, join(import.meta.dirname, "guest/init.c"));
  const entries: CpioEntry[] = [
    { kind: "file", path: "init", mode: 0o755, data: init },
    { kind: "directory", path: "root" },
  ];
  if (contents !== null) entries.push(...entriesOf(contents));
  else entries.push({ kind: "directory", path: "dev" });
  entries.push({ kind: "directory", path: "modules" });
  const order = modules.map((module) => `${basename(module)}\n`).join("");
  entries.push({ kind: "file", path: "modules/order", mode: 0o644, data: Buffer.from(order) });
  for (const module of modules) {
    const data = readFileSync(join(linux.modules, module));
    entries.push({ kind: "file", path: `modules/${basename(module)}`, mode: 0o644, data });
  }
  return newc(entries);
}

export interface LinuxOptions {
  readonly machine: MachineType;
  readonly root: LinuxRoot;
  readonly gateway: string;
  readonly extraAppend: string;
}

export function linuxGuest(
  build: string,
  linux: Linux,
  program: Program,
  options: LinuxOptions,
): Guest {
  const modules = modulesFor(options.machine, program.needsNetwork, options.root);
  const contents = options.root === "initramfs" ? program.root : null;
  const initrd = join(build, `${program.name}-${options.machine}-${options.root}.cpio`);
  writeFileSync(initrd, initramfs(build, linux, modules, contents));
  const words = [
    "console=ttyS0 quiet mitigations=off nokaslr edd=off panic=-1 rdinit=/init",
    `tsc=reliable tsc_early_khz=${counterKhz(build)}`,
    options.extraAppend,
    options.root === "disk" ? "bench_root=/dev/vda" : "",
    program.needsNetwork
      ? `bench_ip=${GUEST_IP} bench_mask=${GUEST_MASK} bench_gateway=${options.gateway}`
      : "",
    "--",
    ...program.argv.map(quoteWord),
  ];
  const disk = options.root === "disk" ? program.erofs : null;
  const append = words.filter((word) => word !== "").join(" ");
  const extra = options.machine === "microvm" ? MICROVM_EXTRA : [];
  return { name: "linux", kernel: linux.kernel, initrd, disk, append, extra };
}
