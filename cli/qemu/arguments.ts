/*
 * The QEMU command line: one pure function, which the runner, the tests and the benchmark share, so
 * that all of them start the same machine. QEMU 7.2 and later.
 *
 * Reasons that are not visible below:
 *
 * - One CPU is `-smp 1,maxcpus=2`. With plain `-smp 1` QEMU's TCG before 8.1 leaves out the guest's
 *   memory barriers, which its own device threads need; the guest then misses completions and hangs
 *   (docs/boot-protocol.md).
 * - `-nodefaults -no-user-config` keep devices and settings out that nobody asked for, such as a
 *   VGA card and a floppy.
 * - The network card gets no option ROM (`romfile=`): it is for network boot and costs time.
 */
import type { Channel, Network, QemuOptions } from "./options.ts";

export const QEMU = "qemu-system-x86_64";

const MIB = 1024 * 1024;

export function qemuArguments(options: QemuOptions): string[] {
  const args = [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-machine", machine(options), "-cpu", "max"],
    ...["-m", memory(options.memoryBytes), "-smp", cpus(options.cpus)],
    ...["-kernel", options.kernel, "-append", options.commandLine],
  ];
  if (options.initrd !== undefined) args.push("-initrd", options.initrd);
  if (options.machine === "microvm") {
    args.push("-global", "virtio-mmio.force-legacy=false"); // virtio 1.x, not 0.9
  }
  args.push(...consoles(options));
  if (options.events !== undefined) {
    args.push(...channel("events", options.events));
    args.push("-device", "isa-debugcon,iobase=0xe9,chardev=events");
  }
  (options.disks ?? []).forEach((disk, index) => {
    const node = `disk${index}`;
    const file = `driver=file,filename=${quote(disk.path)},node-name=${node}`;
    // What nobody writes needs no lock, and any number of machines may share it.
    args.push("-blockdev", disk.readOnly ? `${file},read-only=on,locking=off` : file);
    args.push("-device", virtio(options, "blk", `drive=${node}`));
  });
  args.push(...network(options));
  args.push("-object", "rng-builtin,id=rng", "-device", virtio(options, "rng", "rng=rng"));
  args.push(...ports(options));
  if (options.qmpSocket !== undefined) {
    args.push("-qmp", `unix:${quote(options.qmpSocket)},server=on,wait=off`);
  }
  if (options.monitor !== undefined) {
    args.push(...channel("monitor", options.monitor), "-mon", "chardev=monitor,mode=control");
  }
  if (options.gdb !== undefined) args.push("-gdb", options.gdb);
  if (options.startStopped) args.push("-S");
  return [...args, ...(options.extra ?? [])];
}

/**
 * Without a port for output the console is the serial port. QEMU lets no two devices share a
 * chardev.
 */
function consoles(options: QemuOptions): string[] {
  const main = channel("console", options.console);
  if (options.ports === undefined) return [...main, "-serial", "chardev:console"];
  return [...main, ...channel("serial", options.ports.serial), "-serial", "chardev:serial"];
}

function machine(options: QemuOptions): string {
  const accelerator = `accel=${options.accelerator}`;
  switch (options.machine) {
    case "microvm":
      return `microvm,${accelerator},acpi=off,pic=off,pit=on,rtc=on,isa-serial=on`;
    case "q35":
      return `q35,${accelerator},vmport=off`;
    case "pc":
      return `pc,${accelerator},vmport=off`;
  }
}

function memory(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB}M` : `${Math.floor(bytes / 1024)}K`;
}

function cpus(count: number): string {
  return count === 1 ? "1,maxcpus=2" : String(count);
}

/** A virtio device on the machine's transport: MMIO on microvm, PCI (1.x only) elsewhere. */
function virtio(options: QemuOptions, device: string, properties: string): string {
  if (options.machine === "microvm") return `virtio-${device}-device,${properties}`;
  return `virtio-${device}-pci,disable-legacy=on,${properties}`;
}

function network(options: QemuOptions): string[] {
  const net = options.network;
  if (net.kind === "none") return [];
  const rom = options.machine === "microvm" ? "" : ",romfile=";
  return ["-netdev", netdev(net), "-device", virtio(options, "net", `netdev=net0${rom}`)];
}

function netdev(net: Exclude<Network, { kind: "none" }>): string {
  if (net.kind === "tap") {
    return `tap,id=net0,ifname=${quote(net.interface)},script=no,downscript=no`;
  }
  const forwards = net.forwards.map(
    ({ protocol, hostPort, guestPort }) =>
      `,hostfwd=${protocol}:127.0.0.1:${hostPort}-:${guestPort}`,
  );
  return `user,id=net0,ipv6=off${forwards.join("")}`;
}

/**
 * The numbers are part of the boot protocol. QEMU keeps port 0 for a console, and gives a PCI
 * device too few interrupt vectors unless told otherwise.
 */
function ports(options: QemuOptions): string[] {
  if (options.ports === undefined) return [];
  const { controlSocket, input, output } = options.ports;
  const control = `socket,id=control,path=${quote(controlSocket)},server=on,wait=off`;
  const count = output === undefined ? 4 : 5;
  const vectors = options.machine === "microvm" ? "" : `,vectors=${count + 1}`;
  const device = virtio(options, "serial", `max_ports=${count}${vectors}`);
  const args = ["-device", device, "-chardev", control];
  const add = (port: number, id: string, end?: Channel): void => {
    if (end !== undefined) args.push(...channel(id, end));
    args.push("-device", `virtserialport,nr=${port},chardev=${id}`);
  };
  add(3, "console");
  add(1, "control");
  if (input !== undefined) add(2, "stdin", input);
  if (output !== undefined) add(4, "stdout", output);
  return args;
}

function channel(id: string, end: Channel): string[] {
  switch (end.kind) {
    case "stdio":
      return ["-chardev", `stdio,id=${id}${log(end.logFile)}`];
    case "file":
      return ["-chardev", `file,id=${id},path=${quote(end.path)},append=on${log(end.logFile)}`];
    case "socket":
      return ["-chardev", `socket,id=${id},path=${quote(end.path)}${log(end.logFile)}`];
    case "inherited":
      return ["-chardev", `socket,id=${id},fd=${end.fd}${log(end.logFile)}`];
  }
}

function log(file: string | undefined): string {
  return file === undefined ? "" : `,logfile=${quote(file)},logappend=on`;
}

/** QEMU's option syntax has no quotes; a comma in a value is doubled. */
function quote(value: string): string {
  return value.replaceAll(",", ",,");
}
