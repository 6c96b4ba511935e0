// The Virga guest: the kernel from the toolchain, the program's root as an EROFS disk, and the
// command line of docs/boot-protocol.md.

import { kernelCommandLine } from "../cli/qemu/index.ts";
import { buildKernel } from "../toolchain/build.ts";
import { GUEST_IP, GUEST_PREFIX, type Guest, type Program } from "./guest.ts";

export async function virgaGuest(program: Program, gateway: string): Promise<Guest> {
  const { elfPath } = await buildKernel({ profile: "release" });
  const append = kernelCommandLine({
    argv: program.argv,
    root: "disk",
    ip: program.needsNetwork ? `${GUEST_IP}/${GUEST_PREFIX},${gateway}` : "none",
  });
  const disk = program.erofs;
  return { name: "virga", kernel: elfPath, initrd: null, disk, append, extra: [] };
}
