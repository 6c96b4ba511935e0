/*
 * Where things are: the repository, its build folder, and the folder that holds the state of
 * running machines.
 */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildDirectory } from "../toolchain/paths.ts";
import { VirgaError } from "./errors.ts";

/** The repository root, without a trailing slash. */
export const repositoryRoot: string = fileURLToPath(new URL("..", import.meta.url)).replace(
  /\/$/,
  "",
);

/** A folder below the build folder, created if it is not there. */
export function buildFolder(...parts: string[]): string {
  const folder = join(buildDirectory, ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * The folder with one subfolder per machine. It is outside the repository because it holds UNIX
 * sockets, whose path must fit 107 bytes, and because it is to vanish with the session or the boot.
 */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const runtime = environment.XDG_RUNTIME_DIR;
  const isUsable = runtime !== undefined && isWritable(runtime); // it outlives `su` to another user
  const uid = process.getuid?.() ?? 0;
  const folder =
    environment.VIRGA_STATE_DIR ??
    (isUsable ? join(runtime, "virga") : join(tmpdir(), `virga-${uid}`));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // In a world-writable /tmp somebody else may have made the folder first, to read or steer our
  // machines.
  const owner = statSync(folder).uid;
  if (owner !== uid) {
    throw new VirgaError("state-folder", `${folder} belongs to another user; set VIRGA_STATE_DIR`);
  }
  return folder;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
