/*
 * What is wrong with the build folder, when something could not be made in it: a tool's own words
 * ("cannot open output file") hide that a user has only to free space, or to set VIRGA_BUILD.
 */
import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { VirgaError } from "./errors.ts";

/** With less than this a file that could not be written most likely had no room. */
const ROOM_BYTES = 1024 * 1024;

export class BuildFolderError extends VirgaError {
  constructor(folder: string, reason: string) {
    super("build-folder", `${folder}: ${reason}; set VIRGA_BUILD to a folder for what is built`);
  }
}

/** Null when nothing is wrong with `folder`, so that an error has another cause. */
export function complaintAbout(folder: string): BuildFolderError | null {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "EROFS" ? "is on a read-only file system" : "can't be written";
    return new BuildFolderError(folder, reason);
  }
  const { bavail, bsize, ffree, files } = statfsSync(existing);
  const isFull = bavail * bsize < ROOM_BYTES || (files > 0 && ffree === 0);
  return isFull ? new BuildFolderError(folder, "the disk is full") : null;
}

/** How a tool says ENOSPC and EDQUOT in the C locale. */
const NO_ROOM = /No space left on device|Disk quota exceeded/;

/** An error of making something, or what is behind it. */
export function explained(error: unknown, folder: string): unknown {
  const { code, path, syscall, message } = error as NodeJS.ErrnoException;
  const isOurs = typeof path === "string" && path.startsWith(folder);
  // Node says so of a folder that can't be made on a read-only file system.
  if (isOurs && code === "ENOENT" && syscall === "mkdir") return complaintAbout(folder) ?? error;
  const isOfWriting = ["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR"].includes(
    code ?? "",
  );
  if (isOurs && isOfWriting) {
    const reason = code === "ENOSPC" || code === "EDQUOT" ? "the disk is full" : "can't be written";
    return complaintAbout(folder) ?? new BuildFolderError(folder, reason);
  }
  if (code !== "tool-failed") return error;
  // What the tool had written may be gone again, and the disk has room.
  if (NO_ROOM.test(message)) return new BuildFolderError(folder, "the disk is full");
  return complaintAbout(folder) ?? error;
}
