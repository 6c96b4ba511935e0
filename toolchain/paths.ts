/**
 * Where things lie in the tree. Every tool asks here, so that a move is one edit.
 */
import path from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
export const kernelDirectory = path.join(repositoryRoot, "kernel");
export const machineDirectory = path.join(kernelDirectory, "arch", "x86_64");
/** Where everything goes that is made; VIRGA_BUILD puts it elsewhere. */
export const buildDirectory = path.resolve(
  process.env.VIRGA_BUILD || path.join(repositoryRoot, "build"),
);
export const modulesBin = path.join(repositoryRoot, "node_modules", ".bin");

/** The folder that holds what one profile's build leaves behind. */
export function profileDirectory(profile: string): string {
  return path.join(buildDirectory, "kernel", profile);
}
