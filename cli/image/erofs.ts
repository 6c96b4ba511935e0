/*
 * Turns a tree into an EROFS image: uncompressed, 4 KiB blocks, the same bytes for the same tree.
 *
 * Images are kept in build/images under a key made of everything that went in; for files of the
 * host that is path, size, inode and time of the last change, which is what `make` trusts too and
 * costs no reading. So a run with nothing changed composes nothing. The oldest images are deleted
 * when there are too many.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
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
import { join } from "node:path";
import { buildFolder } from "../paths.ts";
import { runTool } from "../process.ts";
import { withProgress } from "../progress.ts";
import type { Tree, TreeEntry } from "./tree.ts";

export interface Image {
  /** The image file. */
  readonly path: string;
  readonly sizeBytes: number;
  /** The sum of the sizes of the files in it. */
  readonly contentBytes: number;
}

/** Change it when the same tree is to give another image. */
const FORMAT = "1";
const IMAGES_KEPT = 100;
const MKFS_ARGUMENTS = [
  "--quiet",
  "-T0",
  "-U00000000-0000-0000-0000-000000000000",
  "--all-root",
  "-x-1", // no extended attributes
  "-Eforce-inode-compact", // 32-byte inodes: no times per file, 16-bit ids
];

export async function composeImage(tree: Tree): Promise<Image> {
  const entries = tree.entries();
  const folder = buildFolder("images");
  const path = join(folder, `${imageKey(entries)}.erofs`);
  const known = statSync(path, { throwIfNoEntry: false });
  if (known !== undefined) {
    const now = new Date();
    utimesSync(path, now, now); // keeps images in use from being pruned
  } else {
    await withProgress("composing the image", () => build(entries, folder, path));
    prune(folder);
  }
  const sizeBytes = statSync(path).size;
  return { path, sizeBytes, contentBytes: contentSize(entries) };
}

async function build(entries: [string, TreeEntry][], folder: string, path: string): Promise<void> {
  const work = mkdtempSync(join(folder, "work-"));
  try {
    const root = join(work, "root");
    mkdirSync(root);
    for (const [at, entry] of entries) stage(entry, root + at);
    // Modes last: a read-only folder could not be filled.
    for (const [at, entry] of entries) if (entry.kind !== "link") chmodSync(root + at, entry.mode);
    const image = join(work, "image.erofs");
    await runTool("mkfs.erofs", [...MKFS_ARGUMENTS, image, root], {
      debianPackage: "erofs-utils",
    });
    renameSync(image, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function stage(entry: TreeEntry, to: string): void {
  switch (entry.kind) {
    case "file":
      copyFileSync(entry.hostPath, to);
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
      return `link ${entry.target}`;
    case "folder":
      return `folder ${entry.mode}`;
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

function prune(folder: string): void {
  const images = readdirSync(folder)
    .filter((name) => name.endsWith(".erofs"))
    .map((name) => ({ path: join(folder, name), age: -statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => a.age - b.age);
  for (const image of images.slice(IMAGES_KEPT)) rmSync(image.path, { force: true });
}
