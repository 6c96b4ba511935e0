/*
 * What a virtual machine is made of, as far as the runner, the tests and the benchmark choose it.
 */

export type MachineType = "microvm" | "q35" | "pc";
export type Accelerator = "tcg" | "kvm";
export type Protocol = "tcp" | "udp";

export const MACHINE_TYPES: readonly MachineType[] = ["microvm", "q35", "pc"];
export const ACCELERATORS: readonly Accelerator[] = ["tcg", "kvm"];

export interface Forward {
  /** A port of 127.0.0.1 on this host. */
  readonly hostPort: number;
  readonly guestPort: number;
  readonly protocol: Protocol;
}

export type Network =
  | { readonly kind: "none" }
  /** QEMU's own network: guest 10.0.2.15, gateway 10.0.2.2, name server 10.0.2.3. */
  | { readonly kind: "user"; readonly forwards: readonly Forward[] }
  /** A tap device that exists and is up. */
  | { readonly kind: "tap"; readonly interface: string };

/** Where one end of a byte stream of the guest is on the host. */
export type Channel =
  | { readonly kind: "stdio"; readonly logFile?: string }
  /** Is appended to. */
  | { readonly kind: "file"; readonly path: string; readonly logFile?: string }
  /** A UNIX socket that somebody listens on already. */
  | { readonly kind: "socket"; readonly path: string; readonly logFile?: string }
  /** A connected socket that QEMU inherits. */
  | { readonly kind: "inherited"; readonly fd: number; readonly logFile?: string };

export interface Disk {
  readonly path: string;
  readonly readOnly: boolean;
}

export interface QemuOptions {
  readonly machine: MachineType;
  readonly accelerator: Accelerator;
  readonly memoryBytes: number;
  readonly cpus: number;
  /** A PVH ELF kernel or a Linux bzImage. */
  readonly kernel: string;
  readonly commandLine: string;
  /** A boot module, or an initramfs. */
  readonly initrd?: string;
  readonly disks?: readonly Disk[];
  readonly network: Network;
  /** The first serial port; with `ports`, the port for output. */
  readonly console: Channel;
  /** The debug console at port 0xe9. */
  readonly events?: Channel;
  /** Ports of a virtio console: output, and what the host has to say to the kernel. */
  readonly ports?: {
    /** The first serial port: what the kernel says before it has found the port for output. */
    readonly serial: Channel;
    /** Path of a UNIX socket that QEMU is to make for requests to the kernel. */
    readonly controlSocket: string;
    /** What feeds standard input. */
    readonly input?: Channel;
    /** What takes standard output, apart from the console. */
    readonly output?: Channel;
  };
  /** Path of a UNIX socket that QEMU is to make for QMP. */
  readonly qmpSocket?: string;
  /** A further QMP monitor, on a socket that somebody has already. */
  readonly monitor?: Channel;
  /** What QEMU's gdb server is to listen on, e.g. `tcp:127.0.0.1:1234`. */
  readonly gdb?: string;
  /** Holds the CPU before its first instruction. */
  readonly startStopped?: boolean;
  /** Further arguments, as they are. */
  readonly extra?: readonly string[];
}
