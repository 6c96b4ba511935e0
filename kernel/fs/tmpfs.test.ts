import {
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
} from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { freePageCount } from "../mem/page-allocator";
import { free } from "../runtime/free";
import { heapBytesInUse } from "../runtime/heap";
import {
  File,
  filePut,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
} from "./file";
import { isError } from "./inode";
import { rootDirectory } from "./mount";
import { WALK_FOLLOW, walkPut } from "./path-walk";
import { Stat } from "./stat";
import {
  contentsOf,
  list,
  open,
  opened,
  putFile,
  readAt,
  resolve,
  testTmpfsRoot,
  testUnionRoot,
  walkedInode,
  walkTo,
  writeText,
} from "./testing";
import {
  vfsLink,
  vfsMakeDirectory,
  vfsOpenPath,
  vfsRemoveDirectory,
  vfsRename,
  vfsSymlink,
  vfsUnlink,
} from "./vfs";

function makeDirectory(path: string): i32 {
  const walk = walkTo(path);
  const error = vfsMakeDirectory(walk, rootDirectory(), 0o755);
  walkPut(walk);
  return error;
}

function removeDirectory(path: string): i32 {
  const walk = walkTo(path);
  const error = vfsRemoveDirectory(walk, rootDirectory());
  walkPut(walk);
  return error;
}

function unlink(path: string): i32 {
  const walk = walkTo(path);
  const error = vfsUnlink(walk, rootDirectory());
  walkPut(walk);
  return error;
}

function rename(from: string, to: string): i32 {
  const source = walkTo(from);
  const target = walkTo(to);
  const error = vfsRename(source, rootDirectory(), target, rootDirectory(), 0);
  walkPut(source);
  walkPut(target);
  return error;
}

function link(from: string, to: string): i32 {
  const source = walkTo(from);
  let error = source.run(rootDirectory(), 0);
  const target = walkTo(to);
  if (error == 0) error = vfsLink(source.dentry!, target, rootDirectory());
  walkPut(source);
  walkPut(target);
  return error;
}

function symlink(target: string, at: string): i32 {
  const walk = walkTo(at);
  const text = String.UTF8.encode(target);
  const error = vfsSymlink(walk, rootDirectory(), changetype<usize>(text), text.byteLength);
  walkPut(walk);
  free(text);
  return error;
}

function errorOf(file: usize): i32 {
  if (isError(file)) return <i32>file;
  filePut(changetype<File>(file));
  return 0;
}

test("tmpfs: a file is made, written, read, appended to, truncated and removed", () => {
  testTmpfsRoot();
  const pages = freePageCount();
  expectEqual(errorOf(open("/a", O_RDONLY)), -ENOENT, "not there");
  const file = opened("/a", O_CREAT | O_RDWR);
  expectEqual(writeText(file, "hello"), 5, "written");
  filePut(file);
  expect(contentsOf("/a")! == "hello", "read back");
  const more = opened("/a", O_WRONLY | O_APPEND);
  expectEqual(writeText(more, " world"), 6, "appended");
  filePut(more);
  expect(contentsOf("/a")! == "hello world", "longer");
  expectEqual(errorOf(open("/a", O_CREAT | O_EXCL | O_RDWR)), -EEXIST, "exclusive");
  expectEqual(errorOf(open("/a/", O_RDONLY)), -ENOTDIR, "with a slash");
  expectEqual(errorOf(open("/b/", O_CREAT | O_RDWR)), -EISDIR, "made with a slash");
  expectEqual(errorOf(open("/a", O_DIRECTORY)), -ENOTDIR, "as a directory");
  expectEqual(errorOf(open("/", O_RDWR)), -EISDIR, "a directory for writing");
  filePut(opened("/a", O_RDWR | O_TRUNC));
  expect(contentsOf("/a")! == "", "truncated");
  expectEqual(unlink("/a"), 0, "removed");
  expectEqual(unlink("/a"), -ENOENT, "gone");
  // Holes were read, so there is the page of zeros.
  expect(freePageCount() + 1 >= pages, "all pages are back");
});

test("tmpfs: holes read as zeros, and a shorter file forgets what was behind its end", () => {
  testTmpfsRoot();
  const file = opened("/sparse", O_CREAT | O_RDWR);
  expectEqual(file.truncate(100000), 0, "longer");
  expectEqual(file.seek(50000, 0), 50000, "seek");
  writeText(file, "middle");
  const buffer = new StaticArray<u8>(10);
  expectEqual(readAt(file, 49998, changetype<usize>(buffer), 10), 10, "around");
  expectEqual(buffer[1], 0, "before");
  expectEqual(buffer[2], 109, "m");
  const stat = new Stat();
  file.stat(stat);
  expectEqual(stat.size, 100000, "size");
  expectEqual(stat.blocks, 8, "one page");
  file.truncate(50003);
  file.truncate(100000);
  readAt(file, 50000, changetype<usize>(buffer), 10);
  expectEqual(buffer[2], 100, "kept");
  expectEqual(buffer[3], 0, "forgotten");
  expectEqual(file.seek(-1, 2), 99999, "from the end");
  expectEqual(file.seek(-100001, 2), -EINVAL, "before the beginning");
  filePut(file);
});

test("tmpfs: the size limit is ENOSPC, and removing makes room", () => {
  const fileSystem = testTmpfsRoot(4);
  const file = opened("/big", O_CREAT | O_RDWR);
  const text = "x".repeat(4096);
  for (let i = 0; i < 4; i++) expectEqual(writeText(file, text), 4096, "fits");
  expectEqual(writeText(file, text), -ENOSPC, "full");
  expectEqual(unlink("/big"), 0, "unlinked while open");
  expectEqual(fileSystem.pagesUsed, 4, "still there");
  filePut(file);
  expectEqual(fileSystem.pagesUsed, 0, "gone with the last user");
});

test("tmpfs: directories", () => {
  testTmpfsRoot();
  expectEqual(makeDirectory("/d"), 0, "made");
  expectEqual(makeDirectory("/d/"), -EEXIST, "there already");
  expectEqual(makeDirectory("/d/e/"), 0, "with a slash");
  expectEqual(makeDirectory("/x/y"), -ENOENT, "no parent");
  expectEqual(removeDirectory("/d"), -ENOTEMPTY, "not empty");
  expectEqual(removeDirectory("/d/."), -EINVAL, "dot");
  expectEqual(unlink("/d/e"), -EISDIR, "unlink of a directory");
  expectEqual(removeDirectory("/d/e"), 0, "removed");
  expectEqual(resolve("/d/../d/.", 0), 0, "dots");
  const inode = walkedInode;
  resolve("/d", 0);
  expectEqual(walkedInode, inode, "the same directory");
  putFile("/d/f", "text");
  expectEqual(removeDirectory("/d/f"), -ENOTDIR, "rmdir of a file");
  expectEqual(rename("/d", "/d/f/g"), -ENOTDIR, "below a file");
  expectEqual(makeDirectory("/d/h"), 0, "made");
  expectEqual(rename("/d", "/d/h/i"), -EINVAL, "into itself");
  expectEqual(rename("/d", "/moved"), 0, "renamed");
  expect(contentsOf("/moved/f")! == "text", "with its contents");
  expectEqual(resolve("/d/f", 0), -ENOENT, "the old name is gone");
});

test("tmpfs: links and renames of files", () => {
  testTmpfsRoot();
  putFile("/one", "1");
  putFile("/two", "2");
  expectEqual(link("/one", "/three"), 0, "linked");
  expectEqual(link("/one", "/two"), -EEXIST, "a name that is taken");
  expectEqual(rename("/one", "/three"), 0, "two names of one file: nothing to do");
  expect(contentsOf("/one") != null, "still there");
  const kept = opened("/two", O_RDONLY);
  expectEqual(rename("/one", "/two"), 0, "replaced");
  expect(contentsOf("/two")! == "1", "the new contents");
  const buffer = new StaticArray<u8>(4);
  expectEqual(readAt(kept, 0, changetype<usize>(buffer), 4), 1, "the old file is open");
  expectEqual(buffer[0], 50, "and has its contents");
  filePut(kept);
  expectEqual(symlink("two", "/s"), 0, "symlink");
  expect(contentsOf("/s")! == "1", "through it");
  expectEqual(errorOf(open("/s", O_RDONLY | O_NOFOLLOW)), -ELOOP, "not followed");
  expectEqual(symlink("/made-through", "/dangling"), 0, "dangling");
  filePut(opened("/dangling", O_CREAT | O_RDWR));
  expectEqual(resolve("/made-through", 0), 0, "created behind the link");
  expect(walkedInode != 0, "there");
  expectEqual(unlink("/s"), 0, "the link goes");
  expect(contentsOf("/two") != null, "the file stays");
});

test("tmpfs: names and paths that are too long", () => {
  testTmpfsRoot();
  expectEqual(makeDirectory("/" + "n".repeat(255)), 0, "NAME_MAX");
  expectEqual(makeDirectory("/" + "n".repeat(256)), -ENAMETOOLONG, "above");
  expectEqual(symlink("a/".repeat(2000), "/l"), 0, "a long target");
  expectEqual(<i32>vfsOpenPath("/" + "b/".repeat(3000), 0), -ENAMETOOLONG, "of the command line");
  expectEqual(resolve("/l" + "/b".repeat(1000), WALK_FOLLOW), -ENOENT, "long, but a path");
});

test("tmpfs: listing goes on where it stopped, while names come and go", () => {
  testTmpfsRoot();
  for (let i = 0; i < 100; i++) putFile("/f" + i.toString(), "");
  // 24 bytes per entry of two letters: 4 at a time.
  expectEqual(list("/", 100), 102, "all, and dots");
  for (let i = 0; i < 100; i += 2) expectEqual(unlink("/f" + i.toString()), 0, "removed");
  expectEqual(list("/", 4096), 52, "half");
  expectEqual(list("/", 20), -EINVAL, "no room for one entry");
});

test("tmpfs: everything is given back", () => {
  testTmpfsRoot();
  let bytes: usize = 0;
  for (let round = 0; round < 4; round++) {
    // The first round fills the pools.
    if (round == 1) bytes = heapBytesInUse();
    makeDirectory("/d");
    putFile("/d/f", "text");
    symlink("f", "/d/s");
    rename("/d/f", "/d/g");
    unlink("/d/s");
    unlink("/d/g");
    removeDirectory("/d");
  }
  expectEqual(heapBytesInUse(), bytes, "no byte more");
});

test("union: the image shows through and can be written", () => {
  const fileSystem = testUnionRoot("compact.erofs");
  expect(contentsOf("/etc/hosts")! == "127.0.0.1 localhost\n", "from below");
  const reader = opened("/etc/hosts", O_RDONLY);
  const file = opened("/etc/hosts", O_RDWR);
  expectEqual(writeText(file, "::1"), 3, "written");
  filePut(file);
  filePut(reader);
  expect(contentsOf("/etc/hosts")! == "::1.0.0.1 localhost\n", "copied up, then changed");
  expectEqual(unlink("/etc/hosts"), 0, "removed");
  expectEqual(errorOf(open("/etc/hosts", O_RDONLY)), -ENOENT, "gone");
  expectEqual(errorOf(open("/etc/empty", O_RDONLY)), 0, "the other is there");
  expectEqual(list("/etc", 4096), 3, "dots and one name");
  putFile("/etc/hosts", "new");
  expect(contentsOf("/etc/hosts")! == "new", "made anew");
  putFile("/etc/added", "x");
  expectEqual(list("/etc", 64), 5, "old, anew, added");
  expectEqual(removeDirectory("/etc"), -ENOTEMPTY, "not empty");
  expectEqual(unlink("/etc/hosts"), 0, "removed");
  expectEqual(unlink("/etc/empty"), 0, "removed");
  expectEqual(unlink("/etc/added"), 0, "removed");
  expectEqual(removeDirectory("/etc"), 0, "empty at last");
  expectEqual(resolve("/etc/hosts", 0), -ENOENT, "gone");
  expectEqual(makeDirectory("/etc"), 0, "made anew");
  expectEqual(list("/etc", 4096), 2, "and empty: nothing shows through");
  expectEqual(list("/many", 300), 502, "a large directory");
  expectEqual(fileSystem.pagesUsed, 0, "no data left");
});

test("union: directories and files of the image are renamed", () => {
  testUnionRoot("compact.erofs");
  expectEqual(rename("/many", "/some"), 0, "a directory");
  expect(contentsOf("/some/file-number-7")! == "7", "with its contents");
  expectEqual(resolve("/many/file-number-7", 0), -ENOENT, "the old name is gone");
  expectEqual(rename("/some/file-number-7", "/seven"), 0, "a file");
  expect(contentsOf("/seven")! == "7", "moved");
  expectEqual(list("/some", 4096), 501, "one less");
  const file = opened("/seven", O_RDWR);
  writeText(file, "8");
  filePut(file);
  expect(contentsOf("/seven")! == "8", "copied up under its new name");
  expectEqual(link("/tail", "/tail2"), 0, "a hard link copies up");
  expectEqual(rename("/empty", "/etc"), -ENOTEMPTY, "onto a directory that is not empty");
  expectEqual(rename("/usr", "/empty"), 0, "onto one that is");
  expectEqual(resolve("/empty/lib/aligned", 0), 0, "there");
  expect(walkedInode != 0, "with what it had");
});
