/**
 * What the kernel says of itself where Linux programs ask: uname(2) and /proc/version. Programs
 * compare the release with the Linux version that brought a call; the calls here are those of this
 * one.
 */
export const SYSTEM_NAME = "Linux";
export const KERNEL_RELEASE = "6.1.0-virga";
export const KERNEL_VERSION = "#1 SMP Virga";
export const MACHINE = "x86_64";

/** Longer names do not fit uname(2), whose fields have a terminator. */
export const HOST_NAME_MAX = 64;
export const NAME_FIELD: usize = HOST_NAME_MAX + 1;

/** The machine's name and that of its domain: NAME_FIELD bytes each, zero-terminated. */
export const hostName: usize = memory.data(65);
export const domainName: usize = memory.data(65);
String.UTF8.encodeUnsafe(changetype<usize>("virga"), 5, hostName, true);
String.UTF8.encodeUnsafe(changetype<usize>("(none)"), 6, domainName, true);

/** As `hostname=` on the command line has it. False when the name is too long. */
export function setHostName(name: string): bool {
  if (name.length > HOST_NAME_MAX) return false;
  memory.fill(hostName, 0, NAME_FIELD);
  for (let i = 0; i < name.length; i++) store<u8>(hostName + <usize>i, <u8>name.charCodeAt(i));
  return true;
}
