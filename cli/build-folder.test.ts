/* What is told of a build folder in which nothing can be made. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { BuildFolderError, complaintAbout, explained } from "./build-folder.ts";
import { ToolFailedError, UsageError } from "./errors.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-build-"));
after(() => rmSync(folder, { recursive: true }));

const systemError = (code: string, path: string): Error =>
  Object.assign(new Error(code), { code, path });

test("a folder that can be written, or made, is not to blame", () => {
  assert.equal(complaintAbout(folder), null);
  assert.equal(complaintAbout(join(folder, "not", "yet")), null);
  const failed = new ToolFailedError("mkfs.erofs", "no such file");
  assert.equal(explained(failed, folder), failed);
});

test("a folder that can't be written is named, with what to set", () => {
  const error = explained(systemError("EACCES", join(folder, "images")), folder);
  assert(error instanceof BuildFolderError);
  assert.match(error.message, /can't be written; set VIRGA_BUILD/);
  const full = explained(systemError("ENOSPC", join(folder, "images", "x")), folder);
  assert(full instanceof BuildFolderError);
  assert.match(full.message, /the disk is full; set VIRGA_BUILD/);
});

test("a tool that failed where nobody can write was not at fault", () => {
  const error = explained(new ToolFailedError("mkfs.erofs", "can't create"), "/proc/virga");
  assert(error instanceof BuildFolderError);
});

test("a tool that found no room says so, though there is some again", () => {
  const words = "cannot write: No space left on device";
  const error = explained(new ToolFailedError("mkfs.erofs", words), folder);
  assert(error instanceof BuildFolderError);
  assert.match(error.message, /the disk is full; set VIRGA_BUILD/);
});

test("a folder that nobody could make in one that can't be written is told as that", () => {
  const mkdir = (path: string) =>
    Object.assign(systemError("ENOENT", path), { syscall: "mkdir", message: "ENOENT" });
  const error = explained(mkdir("/proc/virga/images"), "/proc/virga");
  assert(error instanceof BuildFolderError);
  const vanished = mkdir(join(folder, "images"));
  assert.equal(explained(vanished, folder), vanished);
});

test("other errors stay what they are", () => {
  for (const error of [systemError("EACCES", "/elsewhere"), new UsageError("no"), "text"]) {
    assert.equal(explained(error, folder), error);
  }
});
