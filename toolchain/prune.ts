/**
 * Bounds what the build folder keeps: of things that are made again when they are missing, those
 * that were used last stay.
 *
 *     markUsed(path)           now; where we may not write it has no effect
 *     prune(folder, limits)    removes the oldest that are too many or too large
 */
import { readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import path from "node:path";

export interface PruneLimits {
  /** Of all that the folder has: names that may go, of files and folders. */
  readonly accept: (name: string) => boolean;
  /** How many may stay, and how many bytes in all. */
  readonly countMax: number;
  readonly bytesMax?: number;
  /** What somebody still needs, however old. */
  readonly isInUse?: (path: string) => boolean;
}

/** Nothing goes that was used so lately: a process may have found it and not begun to use it. */
const FRESH_MS = 3_600_000;

/** The stamp of a file that has one: the file's own time says whether it is whole (cache.ts). */
const timeOf = (file: string): string => {
  const stamp = `${file}.hash`;
  return statSync(stamp, { throwIfNoEntry: false }) === undefined ? file : stamp;
};

export function markUsed(file: string): void {
  try {
    const now = new Date();
    utimesSync(timeOf(file), now, now);
  } catch {
    // Somebody else's build folder, which we only read.
  }
}

/** What a file takes, or a folder with all that is in it. */
function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.size;
  return readdirSync(file, { withFileTypes: true, recursive: true }).reduce((sum, entry) => {
    if (!entry.isFile()) return sum;
    const inside = statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    return sum + (inside?.size ?? 0);
  }, 0);
}

/** Safe while others prune the same folder, make something in it, or use what was marked. */
export function prune(folder: string, limits: PruneLimits, nowMs: number = Date.now()): void {
  const { countMax, bytesMax = Infinity } = limits;
  const found = readdirSync(folder)
    .filter(limits.accept)
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, usedMs: statSync(timeOf(file), { throwIfNoEntry: false })?.mtimeMs }))
    // Another process may have been quicker.
    .flatMap(({ file, usedMs }) => (usedMs === undefined ? [] : [{ file, usedMs }]))
    .sort((a, b) => b.usedMs - a.usedMs);
  let bytes = 0;
  found.forEach(({ file, usedMs }, index) => {
    const size = bytesMax === Infinity ? 0 : sizeOf(file);
    bytes += size;
    const isTooMuch = index >= countMax || bytes > bytesMax;
    if (!isTooMuch || nowMs - usedMs < FRESH_MS || limits.isInUse?.(file)) return;
    bytes -= size;
    for (const each of [file, `${file}.hash`, `${file}.lock`]) {
      rmSync(each, { recursive: true, force: true });
    }
  });
}
