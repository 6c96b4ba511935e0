/**
 * What the kernel says of itself where Linux programs ask: uname(2) and /proc/version. Programs
 * compare the release with the Linux version that brought a call; the calls here are those of this
 * one.
 */
export const SYSTEM_NAME = "Linux";
export const KERNEL_RELEASE = "6.1.0-virga";
export const KERNEL_VERSION = "#1 SMP Virga";
export const HOST_NAME = "virga";
