// The Virga guest: the kernel from the toolchain, the program's root as an EROFS disk, and the
// command line of docs/boot-protocol.md.

import { kernelCommandLine } from "../cli/qemu/index.ts";
import { buildKernel } from "../toolchain/build.ts";
import { GUEST_IP, GUEST_PREFIX, type Guest, type Program } from "./guest.ts";

export async function virgaKernel(): Promise<string> {
  return (await buildKernel({ profile: "release" })).elfPath;
}

export function virgaGuest(kernel: string, program: Program, gateway: string): Guest {
  const append = kernelCommandLine({
    argv: program.argv,
    root: "disk",
    ip: program.needsNetwork ? `${GUEST_IP}/${GUEST_PREFIX},${gateway}` : "none",
  });
  const disk = program.erofs;
  return { name: "virga", kernel, initrd: null, disk, append, extra: [] };
}
