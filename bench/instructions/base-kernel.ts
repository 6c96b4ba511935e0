// The kernel of another commit, built by that commit's own tools in a folder of its own.
//
//   await baseKernel(build, "HEAD~3")     the path of its kernel.elf

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../../cli/process.ts";
import { markUsed, prune } from "../../toolchain/prune.ts";
import { BenchError } from "../errors.ts";

const REPOSITORY = join(import.meta.dirname, "../..");

function commitOf(name: string): string {
  const args = ["rev-parse", "--verify", "--quiet", `${name}^{commit}`];
  try {
    return execFileSync("git", args, { cwd: REPOSITORY, encoding: "utf8" }).trim();
  } catch {
    throw new BenchError(`--base ${name}: no such commit in ${REPOSITORY}`);
  }
}

/** Commits that were compared with last: some 30 MiB each. */
const BASES_KEPT = 4;

/** The commit's files, without what git keeps beside a work tree. */
function extract(commit: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, "..", `${commit}.tar`);
  execFileSync("git", ["archive", "--output", archive, commit], { cwd: REPOSITORY });
  execFileSync("tar", ["-xf", archive, "-C", folder]);
  rmSync(archive);
  // The same packages need not be installed twice.
  const lock = (root: string) => readFileSync(join(root, "package-lock.json"), "utf8");
  if (lock(folder) === lock(REPOSITORY)) {
    symlinkSync(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  }
  writeFileSync(join(folder, ".extracted"), "");
}

export async function baseKernel(build: string, name: string): Promise<string> {
  const commit = commitOf(name);
  const folder = join(build, "base", commit);
  if (!existsSync(join(folder, ".extracted"))) extract(commit, folder);
  markUsed(folder);
  prune(join(build, "base"), { accept: () => true, countMax: BASES_KEPT });
  const output = await runTool(join(folder, "virga"), ["build-kernel"], { cwd: folder });
  const path = output.trim().split("\n").pop() ?? "";
  if (!existsSync(path)) throw new BenchError(`--base ${name}: its kernel was not built: ${path}`);
  return path;
}
