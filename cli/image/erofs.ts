/*
 * Turns a tree into an EROFS image: uncompressed, 4 KiB blocks, the same bytes for the same tree.
 *
 * Images are kept in build/images under a key made of everything that went in; for files of the
 * host that is path, size, inode and time of the last change, which is what `make` trusts too and
 * costs no reading. So a run with nothing changed composes nothing. One process composes at a time;
 * an image that was damaged since is composed again. Those used least are deleted when there are
 * too many, but never one that a machine runs on.
 *
 * Times: files keep theirs; what is our own has that of the newest file, and so has the image as a
 * whole (SOURCE_DATE_EPOCH, which mkfs.erofs takes as the latest time there may be).
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isWhole, writeStamp } from "../../toolchain/cache.ts";
import { withLock } from "../../toolchain/lock.ts";
import { markUsed, prune } from "../../toolchain/prune.ts";
import { listMachines } from "../machines/registry.ts";
import { buildFolder } from "../paths.ts";
import { runTool } from "../process.ts";
import { note, withProgress } from "../progress.ts";
import type { Tree, TreeEntry } from "./tree.ts";

export interface Image {
  /** The image file. */
  readonly path: string;
  readonly sizeBytes: number;
  /** The sum of the sizes of the files in it. */
  readonly contentBytes: number;
}

/** Change it when the same tree is to give another image. */
const FORMAT = "2";
const IMAGES_KEPT = 100;
const IMAGES_BYTES_MAX = 4 * 1024 ** 3;
const MKFS_ARGUMENTS = [
  "--quiet",
  "--preserve-mtime",
  "-U00000000-0000-0000-0000-000000000000",
  "--all-root",
  "-x-1", // no extended attributes
];

export async function composeImage(tree: Tree): Promise<Image> {
  const entries = tree.entries();
  const folder = buildFolder("images");
  const key = imageKey(entries);
  const path = join(folder, `${key}.erofs`);
  if (!isWhole(path, key)) {
    const onWait = (): void => note("another virga composes an image, waiting for it …");
    await withLock(join(folder, ".lock"), { onWait }, async () => {
      if (!isWhole(path, key))
        await withProgress("composing the image", () => build(entries, path));
      writeStamp(path, key);
      tidy(folder);
    });
  }
  markUsed(path);
  const sizeBytes = statSync(path).size;
  return { path, sizeBytes, contentBytes: contentSize(entries) };
}

const WORK = "work-";

async function build(entries: [string, TreeEntry][], path: string): Promise<void> {
  const work = mkdtempSync(join(dirname(path), WORK));
  try {
    const root = join(work, "root");
    mkdirSync(root);
    for (const [at, entry] of entries) stage(entry, root + at);
    const newest = newestOf(entries);
    // Modes and times last, children first: a read-only folder could not be filled, and filling one
    // changes its time.
    for (const [at, entry] of entries.toReversed()) finish(entry, root + at, newest);
    utimesSync(root, newest, newest);
    const image = join(work, "image.erofs");
    await runTool("mkfs.erofs", [...MKFS_ARGUMENTS, image, root], {
      debianPackage: "erofs-utils",
      env: { ...process.env, SOURCE_DATE_EPOCH: String(newest.getTime() / 1000) },
    });
    renameSync(image, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The newest file's time, in whole seconds and not before it; 1970 if there is no file. */
function newestOf(entries: readonly [string, TreeEntry][]): Date {
  let newestMs = 0;
  for (const [, entry] of entries) newestMs = Math.max(newestMs, modifiedOf(entry)?.getTime() ?? 0);
  return new Date(Math.ceil(newestMs / 1000) * 1000);
}

function modifiedOf(entry: TreeEntry): Date | undefined {
  if (entry.kind === "file") return statSync(entry.hostPath).mtime;
  return entry.kind === "text" ? undefined : entry.modified;
}

function finish(entry: TreeEntry, at: string, newest: Date): void {
  const time = modifiedOf(entry) ?? newest;
  if (entry.kind === "link") {
    lutimesSync(at, time, time);
    return;
  }
  chmodSync(at, entry.mode);
  utimesSync(at, time, time);
}

/** With the lock held. */
function tidy(folder: string): void {
  for (const name of readdirSync(folder)) {
    // Of one who was killed.
    if (name.startsWith(WORK)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  const running = new Set(listMachines().flatMap((each) => (each.isRunning ? [each.image] : [])));
  prune(folder, {
    accept: (name) => name.endsWith(".erofs"),
    countMax: IMAGES_KEPT,
    bytesMax: IMAGES_BYTES_MAX,
    isInUse: (path) => running.has(path),
  });
}

function stage(entry: TreeEntry, to: string): void {
  switch (entry.kind) {
    case "file":
      copyFileSync(entry.hostPath, to, constants.COPYFILE_FICLONE);
      break;
    case "text":
      writeFileSync(to, entry.content);
      break;
    case "link":
      symlinkSync(entry.target, to);
      break;
    case "folder":
      mkdirSync(to, { recursive: true });
      break;
  }
}

function imageKey(entries: readonly [string, TreeEntry][]): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([FORMAT, MKFS_ARGUMENTS]));
  for (const [path, entry] of entries) hash.update(`${path}\0${describe(entry)}\n`);
  return hash.digest("hex").slice(0, 32);
}

function describe(entry: TreeEntry): string {
  switch (entry.kind) {
    case "file": {
      const { size, mtimeNs, ctimeNs, ino } = statSync(entry.hostPath, { bigint: true });
      return `file ${entry.mode} ${entry.hostPath} ${size} ${mtimeNs} ${ctimeNs} ${ino}`;
    }
    case "text":
      return `text ${entry.mode} ${entry.content.toString("base64")}`;
    case "link":
      return `link ${entry.target} ${entry.modified?.getTime()}`;
    case "folder":
      return `folder ${entry.mode} ${entry.modified?.getTime()}`;
  }
}

function contentSize(entries: readonly [string, TreeEntry][]): number {
  let total = 0;
  for (const [, entry] of entries) {
    if (entry.kind === "file") total += statSync(entry.hostPath).size;
    if (entry.kind === "text") total += entry.content.length;
  }
  return total;
}
