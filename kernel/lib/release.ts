/**
 * What the kernel says of itself where Linux programs ask: uname(2) and /proc/version. Programs
 * compare the release with the Linux version that brought a call; the calls here are those of this
 * one.
 */
export const SYSTEM_NAME = "Linux";
export const KERNEL_RELEASE = "6.1.0-virga";
export const KERNEL_VERSION = "#1 SMP Virga";
export const MACHINE = "x86_64";

/** Longer names do not fit uname(2). */
const HOST_NAME_MAX = 64;

/** As `hostname=` on the command line has it. */
export let hostName = "virga";

/** False when the name is too long. */
export function setHostName(name: string): bool {
  if (name.length > HOST_NAME_MAX) return false;
  hostName = name;
  return true;
}
