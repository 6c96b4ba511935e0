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
  /** Of all that the folder has: names that may go. */
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

export function prune(folder: string, limits: PruneLimits, nowMs: number = Date.now()): void {
  const found = readdirSync(folder)
    .filter(limits.accept)
    .map((name) => path.join(folder, name))
    .map((file) => ({
      file,
      usedMs: statSync(timeOf(file)).mtimeMs,
      bytes: statSync(file).size,
    }))
    .sort((a, b) => b.usedMs - a.usedMs);
  let bytes = 0;
  found.forEach(({ file, usedMs, bytes: size }, index) => {
    bytes += size;
    const isTooMuch = index >= limits.countMax || bytes > (limits.bytesMax ?? Infinity);
    if (!isTooMuch || nowMs - usedMs < FRESH_MS || limits.isInUse?.(file)) return;
    bytes -= size;
    for (const each of [file, `${file}.hash`, `${file}.lock`]) {
      rmSync(each, { recursive: true, force: true });
    }
  });
}
