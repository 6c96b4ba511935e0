// A guest to be measured: everything QEMU is told that differs between Virga and Linux.
// The rest of QEMU's command line is made in machine.ts, from the same code for both.

import type { GuestName } from "./report.ts";

export interface Guest {
  readonly name: GuestName;
  readonly kernel: string;
  readonly initrd: string | null;
  /** Image of the root file system, attached as a read-only virtio-blk disk. */
  readonly disk: string | null;
  readonly append: string;
  /** What else this guest's kernel needs of the machine. */
  readonly extra: readonly string[];
}

/** What the guests run: its root file system, and what the program alone weighs. */
export interface Program {
  readonly name: string;
  /** The root file system as an EROFS image, and the same content as a folder. */
  readonly erofs: string;
  readonly root: string;
  readonly argv: readonly string[];
  /** Bytes of the program and its libraries, the part of an image no system can save. */
  readonly payloadBytes: number;
  readonly needsNetwork: boolean;
}

export const GUEST_IP = "10.0.2.15";
export const GUEST_MASK = "255.255.255.0";
export const GUEST_PREFIX = 24;
/** The address that QEMU gives to the first network card by default. */
export const GUEST_MAC = "52:54:00:12:34:56";
