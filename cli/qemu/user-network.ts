/*
 * Builds user-network.c (see there) once, and says how to load it. Where that fails QEMU runs
 * without, only worse in what user-network.c says; so a failure is nobody's error.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached } from "../../toolchain/cache.ts";
import { buildFolder } from "../paths.ts";
import { runTool } from "../process.ts";

const SOURCE = fileURLToPath(new URL("user-network.c", import.meta.url));
const COMPILER = "clang-19";

/** Environment variables for QEMU that load it. */
export async function userNetworkEnvironment(): Promise<Record<string, string>> {
  if (process.arch !== "x64") return {};
  const key = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 16);
  const library = join(buildFolder("qemu"), `user-network-${key}.so`);
  const flags = ["-O2", "-fPIC", "-shared", "-nostdlib", "-Wl,-soname,user-network.so"];
  try {
    await cached(library, key, async (work) => {
      await runTool(COMPILER, [...flags, SOURCE, "-o", work]);
    });
  } catch {
    return {};
  }
  // A path with a blank or a colon would be taken for two.
  return /[\s:]/.test(library) ? {} : { LD_PRELOAD: library };
}
