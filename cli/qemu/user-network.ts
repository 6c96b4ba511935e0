/*
 * Builds user-network.c (see there) once, and says how to load it. Where that fails QEMU runs
 * without, only worse in what user-network.c says; so a failure is nobody's error.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildFolder } from "../paths.ts";
import { runTool } from "../process.ts";

const SOURCE = fileURLToPath(new URL("user-network.c", import.meta.url));
const COMPILER = "clang-19";

/** Environment variables for QEMU that load it. */
export async function userNetworkEnvironment(): Promise<Record<string, string>> {
  if (process.arch !== "x64") return {};
  const key = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 16);
  const library = join(buildFolder("qemu"), `user-network-${key}.so`);
  if (!existsSync(library)) {
    const work = `${library}.${process.pid}`;
    const flags = ["-O2", "-fPIC", "-shared", "-nostdlib", "-Wl,-soname,user-network.so"];
    try {
      await runTool(COMPILER, [...flags, SOURCE, "-o", work]);
    } catch {
      return {};
    }
    renameSync(work, library);
  }
  // A path with a blank or a colon would be taken for two.
  return /[\s:]/.test(library) ? {} : { LD_PRELOAD: library };
}
