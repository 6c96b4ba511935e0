/**
 * Content hashing: a step of the build runs again only when the bytes that go into it have changed.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** All files below `directory` whose name passes `accept`, sorted, as absolute paths. */
export function listFiles(directory: string, accept: (name: string) => boolean): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules") found.push(...listFiles(full, accept));
    } else if (accept(entry.name)) {
      found.push(full);
    }
  }
  return found.sort();
}

/** A hash over the paths and contents of `files` and over `words` (options, versions). */
export function hashInputs(files: string[], words: string[]): string {
  const hash = createHash("sha256");
  for (const word of words) hash.update(word).update("\0");
  for (const file of files) hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

/** Runs `make` unless `output` was made from inputs with the same hash. Returns whether it ran. */
export async function cached(
  output: string,
  hash: string,
  make: () => Promise<void>,
): Promise<boolean> {
  const stamp = `${output}.hash`;
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return false;
  await make();
  writeFileSync(stamp, hash);
  return true;
}
