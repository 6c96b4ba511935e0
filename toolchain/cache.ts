/**
 * Content hashing: a step of the build runs again only when the bytes that go into it have changed,
 * or those that came out of it.
 *
 *     cached(output, hash, make)              makes a file unless it is there, in one process at a time
 *     isWhole(file, inputs), writeStamp(file, inputs)     the parts, for who has a lock of his own
 *     writeWhole(file, content)               all of it or none
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { withLock } from "./lock.ts";
import { repositoryRoot } from "./paths.ts";

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

/**
 * A hash over the contents of `files`, over their paths in the repository, which may be moved, and
 * over `words` (options, versions).
 */
export function hashInputs(files: string[], words: string[]): string {
  const hash = createHash("sha256");
  for (const word of words) hash.update(word).update("\0");
  for (const file of files) {
    const name = path.relative(repositoryRoot, file);
    hash.update(name).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

export interface CacheOptions {
  /** Another process makes the same at this moment, and is waited for. */
  readonly onWait?: () => void;
}

/**
 * Has `make` write `output` anew unless it is whole and was made from inputs with the same hash.
 * `make` is given another path in the same folder, with the same ending; what it leaves there
 * becomes the output in one step, so nobody sees half of it. Of processes that want the same
 * output, one makes it and the others wait. Returns whether it was made.
 */
export async function cached(
  output: string,
  hash: string,
  make: (output: string) => Promise<void>,
  options: CacheOptions = {},
): Promise<boolean> {
  if (isWhole(output, hash)) return false;
  return await withLock(`${output}.lock`, options, async () => {
    if (isWhole(output, hash)) return false;
    const work = path.join(path.dirname(output), `new-${path.basename(output)}`);
    rmSync(work, { force: true }); // of one who was killed
    await make(work);
    renameSync(work, output);
    writeStamp(output, hash);
    return true;
  });
}

/** What `FILE.hash` says of FILE. */
interface Stamp {
  /** What the file was made from. */
  readonly inputs: string;
  readonly sha256: string;
  /** While both are the same the content is taken to be, as `make` does. */
  readonly size: number;
  readonly modifiedMs: number;
}

const stampOf = (file: string): string => `${file}.hash`;

/** Remembers what a file that has just been made was made from, and its content. */
export function writeStamp(file: string, inputs: string): void {
  const { size, mtimeMs } = statSync(file);
  const stamp: Stamp = { inputs, sha256: contentHash(file), size, modifiedMs: mtimeMs };
  writeWhole(stampOf(file), JSON.stringify(stamp));
}

/**
 * Whether a file is there that was made from `inputs`, and has the bytes that it was left with: not
 * one that was cut short by a full disk or changed by somebody.
 */
export function isWhole(file: string, inputs: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  const stamp = found === undefined ? null : readStamp(file);
  if (found === undefined || stamp === null || stamp.inputs !== inputs) return false;
  if (found.size !== stamp.size) return false;
  return found.mtimeMs === stamp.modifiedMs || contentHash(file) === stamp.sha256;
}

function readStamp(file: string): Stamp | null {
  try {
    return JSON.parse(readFileSync(stampOf(file), "utf8")) as Stamp;
  } catch {
    return null;
  }
}

/** Writes a file such that others see all of it or none. */
export function writeWhole(file: string, content: string): void {
  const work = `${file}.new-${process.pid}`;
  writeFileSync(work, content);
  renameSync(work, file);
}

const CHUNK_BYTES = 1 << 20;

/** Of what a file holds: for one whose path says nothing. */
export function contentHash(file: string): string {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const descriptor = openSync(file, "r");
  try {
    for (let n = readSync(descriptor, chunk); n > 0; n = readSync(descriptor, chunk)) {
      hash.update(chunk.subarray(0, n));
    }
  } finally {
    closeSync(descriptor);
  }
  return hash.digest("hex");
}
