// The Virga guest: the kernel from the toolchain, the program's root as an EROFS disk, and the command line
// of docs/boot-protocol.md.

import { BenchError } from "./errors.ts";
import { GUEST_IP, GUEST_PREFIX, type Guest, type Program } from "./guest.ts";

interface Toolchain {
  buildKernel(options: { profile: "release" | "debug" }): Promise<{ elfPath: string }>;
}

async function loadToolchain(): Promise<Toolchain> {
  const path = new URL("../toolchain/build.ts", import.meta.url).href;
  const module = (await import(path)) as Partial<Toolchain>;
  if (typeof module.buildKernel !== "function") {
    throw new BenchError("toolchain/build.ts exports no buildKernel");
  }
  return { buildKernel: module.buildKernel };
}

/** A word of the command line, quoted when the kernel would split it (docs/boot-protocol.md). */
export function quoteWord(word: string): string {
  if (word !== "" && !/[\s"\\]/.test(word)) return word;
  return `"${word.replace(/["\\]/g, "\\$&")}"`;
}

export function virgaAppend(program: Program, gateway: string): string {
  const network = program.needsNetwork ? `ip=${GUEST_IP}/${GUEST_PREFIX},${gateway}` : "ip=none";
  return ["root=disk", network, "--", ...program.argv.map(quoteWord)].join(" ");
}

export async function virgaGuest(program: Program, gateway: string): Promise<Guest> {
  const { buildKernel } = await loadToolchain();
  const { elfPath } = await buildKernel({ profile: "release" });
  const append = virgaAppend(program, gateway);
  return { name: "virga", kernel: elfPath, initrd: null, disk: program.erofs, append };
}
