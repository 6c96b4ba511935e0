// The network between client and guest, the same for both guests.
//
//   isolationCommand()     how to re-start the measuring part inside a network namespace, or null
//   setUpTap()             inside the namespace: the tap device, its address and the guest's
//   setQueueLength(n)      inside the namespace: how many packets may wait for a guest
//
// The namespace is anonymous (unshare): it and the tap in it disappear with the last process
// inside, so there is nothing to clean up even after a SIGKILL. The processes inside have their own
// pid namespace whose first process is the measuring one; when that ends, the kernel ends every
// QEMU left in it.
//
// The guest's hardware address is entered by hand. Otherwise the host would ask by ARP once a
// second while the guest boots, and the time to the first answer would be a multiple of a second.

import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { GUEST_IP, GUEST_MAC, GUEST_PREFIX } from "./guest.ts";

export const TAP = "tap0";
export const TAP_HOST_IP = "10.0.2.1";
/** The gateway that QEMU's user-mode network plays. */
export const USER_GATEWAY_IP = "10.0.2.2";

/**
 * While a guest boots, the packets sent to it wait in the tap's queue; a long queue would hand it a
 * thousand stale connection attempts at once, and the slower it boots the more.
 */
export const QUEUE_WHILE_BOOTING = 4;
export const QUEUE_WHILE_SERVING = 1000;

function works(command: readonly string[]): boolean {
  const [file, ...args] = command;
  try {
    execFileSync(file as string, [...args, "ip", "tuntap", "add", TAP, "mode", "tap"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

/** As root directly; otherwise through a user namespace, where the system allows one. */
export function isolationCommand(): string[] | null {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch {
    return null;
  }
  const common = ["--net", "--pid", "--fork", "--kill-child", "--"];
  const asRoot = ["unshare", ...common];
  if (process.getuid?.() === 0 && works(asRoot)) return asRoot;
  const mapped = ["unshare", "--map-root-user", ...common];
  return works(mapped) ? mapped : null;
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

export function setUpTap(): void {
  ip("link", "set", "lo", "up");
  ip("tuntap", "add", TAP, "mode", "tap");
  ip("addr", "add", `${TAP_HOST_IP}/${GUEST_PREFIX}`, "dev", TAP);
  ip("link", "set", TAP, "up");
  ip("neigh", "replace", GUEST_IP, "lladdr", GUEST_MAC, "nud", "permanent", "dev", TAP);
}

export function setQueueLength(packets: number): void {
  ip("link", "set", TAP, "txqueuelen", String(packets));
}
