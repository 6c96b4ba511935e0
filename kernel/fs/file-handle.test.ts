import { EOPNOTSUPP, ESTALE } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { heapBytesInUse } from "../runtime/heap";
import { dentryPut } from "./dentry";
import { File, filePut, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC } from "./file";
import { FileHandle, handleOf, handleOpen } from "./file-handle";
import { isError } from "./inode";
import { mountOf, rootDirectory } from "./mount";
import { walkPut } from "./path-walk";
import {
  contentsOf,
  opened,
  putFile,
  readAt,
  testErofsRoot,
  testTmpfsRoot,
  testUnionRoot,
  walkTo,
} from "./testing";
import { vfsMakeDirectory, vfsRename, vfsUnlink } from "./vfs";
import { placeOf } from "./vfs-file";

const buffer: usize = memory.data(64, 8);

function makeDirectory(path: string): void {
  const walk = walkTo(path);
  expectEqual(vfsMakeDirectory(walk, rootDirectory(), 0o755), 0, path);
  walkPut(walk);
}

function unlink(path: string): void {
  const walk = walkTo(path);
  expectEqual(vfsUnlink(walk, rootDirectory()), 0, path);
  walkPut(walk);
}

function rename(from: string, to: string): void {
  const source = walkTo(from);
  const target = walkTo(to);
  expectEqual(vfsRename(source, rootDirectory(), target, rootDirectory(), 0), 0, from);
  walkPut(source);
  walkPut(target);
}

/** Takes the handle of a path: 0 or -errno. */
function take(path: string, handle: FileHandle): i32 {
  const walk = walkTo(path);
  expectEqual(walk.run(rootDirectory(), 0), 0, path);
  const dentry = walk.take();
  walkPut(walk);
  const error = handleOf(dentry, handle);
  dentryPut(dentry);
  return error;
}

function openHandle(handle: FileHandle, flags: u32 = O_RDONLY): usize {
  return handleOpen(mountOf(rootDirectory())!, handle, flags);
}

/** The handle opens the file whose contents begin with this byte. */
function expectByte(handle: FileHandle, byte: u32, what: string): void {
  const result = openHandle(handle);
  if (isError(result)) expectEqual(<i32>result, 0, what);
  const file = changetype<File>(result);
  expect(readAt(file, 0, buffer, 1) == 1 && load<u8>(buffer) == <u8>byte, what);
  filePut(file);
}

/** The handle opens the file that is at a path. */
function expectPath(handle: FileHandle, path: string): void {
  const result = openHandle(handle);
  if (isError(result)) expectEqual(<i32>result, 0, path);
  const walk = walkTo(path);
  expectEqual(walk.run(rootDirectory(), 0), 0, path);
  expect(placeOf(changetype<File>(result))!.dentry == walk.dentry, path);
  walkPut(walk);
  filePut(changetype<File>(result));
}

test("handle: it stands for a file, whatever its name is by then", () => {
  testTmpfsRoot();
  makeDirectory("/d");
  makeDirectory("/d/sub");
  putFile("/d/sub/f", "1");
  putFile("/other", "2");
  const handle = new FileHandle();
  const directory = new FileHandle();
  const root = new FileHandle();
  expectEqual(take("/d/sub/f", handle), 0, "a file's");
  expectEqual(take("/d/sub", directory), 0, "a directory's");
  expectEqual(take("/", root), 0, "the root's");
  expectPath(handle, "/d/sub/f");
  expectPath(directory, "/d/sub");
  expectPath(root, "/");
  rename("/d/sub/f", "/g");
  expectPath(handle, "/g");
  rename("/d/sub", "/d/moved");
  expectPath(directory, "/d/moved");
  rename("/g", "/d/moved/g");
  expectPath(handle, "/d/moved/g");
  expectByte(handle, 49, "the same file");
  const bytes = heapBytesInUse();
  for (let i = 0; i < 5; i++) expectByte(handle, 49, "again");
  expectEqual(heapBytesInUse(), bytes, "opening it costs no memory");
  const written = openHandle(handle, O_RDWR | O_TRUNC);
  expect(!isError(written), "opened to be written");
  filePut(changetype<File>(written));
  expect(contentsOf("/d/moved/g")! == "", "and cut");
  unlink("/d/moved/g");
  expectEqual(<i32>openHandle(handle), -ESTALE, "without a name it is gone");
  putFile("/d/moved/g", "3");
  expectEqual(<i32>openHandle(handle), -ESTALE, "and is no other");
});

test("handle: of a file of the image, until that is changed", () => {
  testUnionRoot("compact.erofs");
  const handle = new FileHandle();
  const deep = new FileHandle();
  const directory = new FileHandle();
  expectEqual(take("/etc/hosts", handle), 0, "a file's");
  expectEqual(take("/usr/lib/aligned", deep), 0, "one further below");
  expectEqual(take("/many", directory), 0, "a directory's");
  expectPath(handle, "/etc/hosts");
  expectPath(deep, "/usr/lib/aligned");
  expectPath(directory, "/many");
  expectByte(handle, 49, "its contents");
  rename("/usr", "/empty");
  expectPath(deep, "/empty/lib/aligned");
  const file = opened("/etc/hosts", O_RDWR);
  filePut(file);
  expectEqual(<i32>openHandle(handle), -ESTALE, "it is another now");
  expectEqual(take("/etc/hosts", handle), 0, "which has its own");
  expectPath(handle, "/etc/hosts");
  unlink("/empty/lib/aligned");
  expectEqual(<i32>openHandle(deep), -ESTALE, "what was removed is gone");
  deep.number = 1 << 40;
  expectEqual(<i32>openHandle(deep), -ESTALE, "what never was is not there");
  deep.parent = 1 << 40;
  expectEqual(<i32>openHandle(deep), -ESTALE, "nor in a directory that never was");
});

test("handle: each of many files opens what it was taken of", () => {
  testTmpfsRoot();
  makeDirectory("/d");
  const handles: FileHandle[] = [];
  for (let i = 0; i < 50; i++) {
    const path = "/d/" + "n".repeat(1 + ((i * 5) % 250)) + i.toString();
    const file = opened(path, O_CREAT | O_RDWR);
    filePut(file);
    putFile(path, String.fromCharCode(65 + (i % 26)));
    const handle = new FileHandle();
    expectEqual(take(path, handle), 0, path);
    handles.push(handle);
  }
  for (let i = 0; i < 50; i++) expectByte(handles[i], 65 + (i % 26), "the file");
});

test("handle: a file system without them says so", () => {
  testErofsRoot("compact.erofs");
  const handle = new FileHandle();
  expectEqual(take("/etc/hosts", handle), -EOPNOTSUPP, "none to be had");
  expectEqual(<i32>openHandle(handle), -ESTALE, "nor one to be opened");
});
