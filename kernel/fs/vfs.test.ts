import {
  EBUSY,
  EEXIST,
  EFBIG,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  ENXIO,
  EPERM,
  EROFS,
  EXDEV,
} from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { Dentry, dentryGet, dentryPut } from "./dentry";
import {
  File,
  filePut,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_UNNAMED,
  O_WRONLY,
} from "./file";
import { ATTRIBUTE_MODE, Attributes, isError } from "./inode";
import { mountAt, rootDirectory } from "./mount";
import { walkPut } from "./path-walk";
import { S_IFDIR, S_IFIFO, S_IFREG } from "./stat";
import {
  contentsOf,
  list,
  open,
  opened,
  putFile,
  resolve,
  testTmpfsRoot,
  walkedInode,
  walkTo,
  writeText,
} from "./testing";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";
import {
  changeRoot,
  creationMask,
  currentDirectory,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  setCreationMask,
  setCurrentDirectory,
  vfsLink,
  vfsMakeDirectory,
  vfsMakeNode,
  vfsRemoveDirectory,
  vfsRename,
  vfsSetAttributes,
  vfsSymlink,
  vfsTruncate,
  vfsUnlink,
} from "./vfs";
import {
  FILE_SIZE_MAX,
  placeOf,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from "./vfs-file";

// What calls on names answer, in a tree of /d, /d/sub, the files /f and /d/g, the links /s → f and
// /dangling → n, which is not there, and a second file system on /m with a file /m/h.

const target: usize = memory.data<u8>([102]);
const nowhere: usize = memory.data<u8>([110]);

function dentryAt(path: string): Dentry {
  const walk = walkTo(path);
  expectEqual(walk.run(rootDirectory(), 0), 0, path);
  const dentry = walk.take();
  walkPut(walk);
  return dentry;
}

function makeDirectory(path: string, base: Dentry = rootDirectory(), mode: u32 = 0o755): i32 {
  const walk = walkTo(path);
  const error = vfsMakeDirectory(walk, base, mode);
  walkPut(walk);
  return error;
}

function makeNode(path: string, mode: u32 = S_IFIFO | 0o644): i32 {
  const walk = walkTo(path);
  const error = vfsMakeNode(walk, rootDirectory(), mode, 0);
  walkPut(walk);
  return error;
}

function symlink(path: string, length: u32 = 1): i32 {
  const walk = walkTo(path);
  const error = vfsSymlink(walk, rootDirectory(), target, length);
  walkPut(walk);
  return error;
}

function link(from: string, to: string): i32 {
  const old = dentryAt(from);
  const walk = walkTo(to);
  const error = old.inode ? vfsLink(old, walk, rootDirectory()) : -ENOENT;
  walkPut(walk);
  dentryPut(old);
  return error;
}

function unlink(path: string): i32 {
  const walk = walkTo(path);
  const error = vfsUnlink(walk, rootDirectory());
  walkPut(walk);
  return error;
}

function removeDirectory(path: string): i32 {
  const walk = walkTo(path);
  const error = vfsRemoveDirectory(walk, rootDirectory());
  walkPut(walk);
  return error;
}

function rename(from: string, to: string, flags: u32 = 0): i32 {
  const source = walkTo(from);
  const place = walkTo(to);
  const error = vfsRename(source, rootDirectory(), place, rootDirectory(), flags);
  walkPut(source);
  walkPut(place);
  return error;
}

function truncate(path: string, size: u64): i32 {
  const dentry = dentryAt(path);
  const error = vfsTruncate(dentry, size);
  dentryPut(dentry);
  return error;
}

function changeMode(path: string, mode: u32): i32 {
  const dentry = dentryAt(path);
  const change = new Attributes();
  change.which = ATTRIBUTE_MODE;
  change.mode = mode;
  const error = vfsSetAttributes(dentry, change);
  dentryPut(dentry);
  return error;
}

/** What opening a path gives: 0 or -errno. */
function errorOf(path: string, flags: u32): i32 {
  const file = open(path, flags);
  if (isError(file)) return <i32>file;
  filePut(changetype<File>(file));
  return 0;
}

function modeOf(path: string): u32 {
  const dentry = dentryAt(path);
  const mode = dentry.inode!.mode;
  dentryPut(dentry);
  return mode;
}

function tree(): TmpFileSystem {
  const fileSystem = testTmpfsRoot();
  setCreationMask(0o022);
  makeDirectory("/d");
  makeDirectory("/d/sub");
  makeDirectory("/m");
  putFile("/f", "f");
  putFile("/d/g", "g");
  symlink("/s");
  const walk = walkTo("/dangling");
  expectEqual(vfsSymlink(walk, rootDirectory(), nowhere, 1), 0, "a link");
  walkPut(walk);
  const point = dentryAt("/m");
  mountAt(point, new TmpDirectory(new TmpFileSystem("tmpfs", 16), 0o755), "tmpfs");
  dentryPut(point);
  putFile("/m/h", "h");
  return fileSystem;
}

test("names: what can't be made", () => {
  tree();
  expectEqual(makeDirectory("/d/new/"), 0, "a directory, with a slash");
  expectEqual(makeDirectory("/f"), -EEXIST, "there is a file");
  expectEqual(makeDirectory("/s"), -EEXIST, "a link is not followed");
  expectEqual(makeDirectory("/dangling"), -EEXIST, "wherever it leads");
  expectEqual(makeDirectory("/"), -EEXIST, "the root");
  expectEqual(makeDirectory("/d/."), -EEXIST, "a directory by another name");
  expectEqual(makeDirectory("/d/.."), -EEXIST, "or the one above");
  expectEqual(makeDirectory("/x/y"), -ENOENT, "in nothing");
  expectEqual(makeDirectory("/f/y"), -ENOTDIR, "in a file");
  expectEqual(makeNode("/n/"), -ENOENT, "a FIFO with a slash");
  expectEqual(makeNode("/f"), -EEXIST, "a FIFO where a file is");
  expectEqual(symlink("/n/"), -ENOENT, "a link with a slash");
  expectEqual(symlink("/n", 0), -ENOENT, "a link to no text");
  expectEqual(symlink("/f"), -EEXIST, "a link where a file is");
  expectEqual(link("/d", "/n"), -EPERM, "a second name for a directory");
  expectEqual(link("/f", "/d/g"), -EEXIST, "or at one that is");
  expectEqual(link("/f", "/n/"), -ENOENT, "or with a slash");
  expectEqual(link("/f", "/m/n"), -EXDEV, "or in another file system");
  expectEqual(resolve("/n", 0), 0, "afterwards");
  expectEqual(walkedInode, 0, "there is none");
  expectEqual(link("/f", "/m/../n"), 0, "one in the same");
});

test("names: what can't be removed", () => {
  tree();
  expectEqual(unlink("/d"), -EISDIR, "a directory");
  expectEqual(unlink("/"), -EISDIR, "the root");
  expectEqual(unlink("/d/."), -EISDIR, "the directory itself");
  expectEqual(unlink("/d/.."), -EISDIR, "the one above");
  expectEqual(unlink("/m"), -EISDIR, "what something is mounted on");
  expectEqual(unlink("/f/"), -ENOTDIR, "a file with a slash");
  expectEqual(unlink("/x"), -ENOENT, "nothing");
  expectEqual(removeDirectory("/f"), -ENOTDIR, "a file as a directory");
  expectEqual(removeDirectory("/d"), -ENOTEMPTY, "what has something in it");
  expectEqual(removeDirectory("/d/sub/."), -EINVAL, "by its name for itself");
  expectEqual(removeDirectory("/d/sub/.."), -ENOTEMPTY, "by that of what is in it");
  expectEqual(removeDirectory("/"), -EBUSY, "the root");
  expectEqual(removeDirectory("/m"), -EBUSY, "what something is mounted on");
  expectEqual(removeDirectory("/x"), -ENOENT, "nothing");
  expectEqual(removeDirectory("/d/sub/"), 0, "with a slash");
  expectEqual(unlink("/s"), 0, "a link goes, not what it leads to");
  expect(contentsOf("/f")! == "f", "which is there");
});

test("names: what can't be renamed", () => {
  tree();
  expectEqual(rename("/f", "/g", 4), -EINVAL, "a flag that is not known");
  const both = RENAME_EXCHANGE | RENAME_NOREPLACE;
  expectEqual(rename("/f", "/d/g", both), -EINVAL, "two that exclude each other");
  expectEqual(rename("/x", "/y"), -ENOENT, "nothing");
  expectEqual(rename("/x", "/y/z"), -ENOENT, "into nothing");
  expectEqual(rename("/f", "/f/x"), -ENOTDIR, "into a file");
  expectEqual(rename("/", "/x"), -EBUSY, "the root");
  expectEqual(rename("/f", "/"), -EBUSY, "to the root");
  expectEqual(rename("/d/.", "/x"), -EBUSY, "a directory's name for itself");
  expectEqual(rename("/f", "/d/.."), -EBUSY, "or to that above it");
  expectEqual(rename("/m", "/x"), -EBUSY, "what something is mounted on");
  expectEqual(rename("/d", "/m"), -EBUSY, "or to it");
  expectEqual(rename("/f", "/m/f"), -EXDEV, "to another file system");
  expectEqual(rename("/f/", "/x"), -ENOTDIR, "a file with a slash");
  expectEqual(rename("/f", "/x/"), -ENOTDIR, "or to a name with one");
  expectEqual(rename("/d", "/d/sub/x"), -EINVAL, "a directory into itself");
  expectEqual(rename("/d/sub", "/d"), -ENOTEMPTY, "onto the one it is in");
  expectEqual(rename("/f", "/d"), -EISDIR, "a file onto a directory");
  expectEqual(rename("/d", "/f"), -ENOTDIR, "a directory onto a file");
  expectEqual(rename("/f", "/d/g", RENAME_NOREPLACE), -EEXIST, "onto one that is to stay");
  expectEqual(rename("/f", "/s", RENAME_NOREPLACE), -EEXIST, "or a link");
  expectEqual(rename("/d/sub", "/other/"), 0, "a directory to a name with a slash");
  expectEqual(rename("/other/", "/d/sub"), 0, "and back");
  expect(contentsOf("/f")! == "f" && contentsOf("/d/g")! == "g", "all is as it was");
});

test("names: what can't be exchanged", () => {
  tree();
  expectEqual(rename("/f", "/x", RENAME_EXCHANGE), -ENOENT, "with nothing");
  expectEqual(rename("/f/", "/d", RENAME_EXCHANGE), -ENOTDIR, "a file with a slash");
  expectEqual(rename("/d", "/f/", RENAME_EXCHANGE), -ENOTDIR, "with one");
  expectEqual(rename("/f", "/m/h", RENAME_EXCHANGE), -EXDEV, "over file systems");
  expectEqual(rename("/f", "/m", RENAME_EXCHANGE), -EBUSY, "with what something is mounted on");
  expectEqual(rename("/d", "/d/sub", RENAME_EXCHANGE), -EINVAL, "with what is in it");
  expectEqual(rename("/d/sub", "/d", RENAME_EXCHANGE), -EINVAL, "or what it is in");
  expectEqual(rename("/f", "/f", RENAME_EXCHANGE), 0, "with itself");
  expectEqual(rename("/f", "/d/", RENAME_EXCHANGE), 0, "a file with a directory");
  expect(contentsOf("/d")! == "f" && contentsOf("/f/g")! == "g", "each is where the other was");
  expectEqual(rename("/f/", "/d", RENAME_EXCHANGE), 0, "and back");
  expect(contentsOf("/f")! == "f" && contentsOf("/d/g")! == "g", "as before");
});

test("open: what flags ask for, and what there is", () => {
  tree();
  expectEqual(errorOf("/x", O_RDONLY), -ENOENT, "nothing");
  expectEqual(errorOf("/x", O_CREAT | O_DIRECTORY), -EINVAL, "a directory is not made by it");
  expectEqual(errorOf("/x", O_CREAT | O_PATH), -ENOENT, "nor anything as a place");
  expectEqual(errorOf("/x/", O_CREAT | O_RDWR), -EISDIR, "nor a file with a slash");
  expectEqual(errorOf("/d", O_CREAT), -EISDIR, "a directory to be made");
  expectEqual(errorOf("/d", O_WRONLY), -EISDIR, "or written");
  expectEqual(errorOf("/d", O_TRUNC), -EISDIR, "or emptied");
  expectEqual(errorOf("/d", O_DIRECTORY), 0, "or read");
  expectEqual(errorOf("/f", O_DIRECTORY), -ENOTDIR, "a file as a directory");
  expectEqual(errorOf("/f", O_CREAT), 0, "a file that is there");
  expectEqual(errorOf("/f", O_CREAT | O_EXCL), -EEXIST, "but is to be new");
  expectEqual(errorOf("/f", O_EXCL), 0, "which says nothing alone");
  expectEqual(errorOf("/dangling", O_CREAT | O_EXCL), -EEXIST, "a link is there, too");
  expectEqual(errorOf("/s", O_NOFOLLOW), -ELOOP, "a link");
  expectEqual(errorOf("/s", O_NOFOLLOW | O_PATH), 0, "as a place");
  expectEqual(errorOf("/s", O_RDONLY), 0, "or what it leads to");
  expect(contentsOf("/f")! == "f", "nothing was cut");
  expectEqual(errorOf("/s", O_WRONLY | O_TRUNC), 0, "cut");
  expect(contentsOf("/f")! == "", "it is empty");
});

test("open: the mask takes permissions from what is made", () => {
  tree();
  setCreationMask(0o7027);
  expectEqual(creationMask(), 0o027, "of permissions");
  filePut(changetype<File>(open("/new", O_CREAT | O_RDWR, 0o4666)));
  expectEqual(modeOf("/new"), S_IFREG | 0o4640, "a file's");
  expectEqual(makeDirectory("/new-d", rootDirectory(), 0o1777), 0, "a directory");
  expectEqual(modeOf("/new-d"), S_IFDIR | 0o1750, "a directory's");
  expectEqual(makeNode("/new-n", S_IFIFO | 0o666), 0, "a FIFO");
  expectEqual(modeOf("/new-n"), S_IFIFO | 0o640, "a FIFO's");
  expectEqual(changeMode("/new", 0o777), 0, "a change");
  expectEqual(modeOf("/new"), S_IFREG | 0o777, "is not masked");
  filePut(changetype<File>(open("/new", O_CREAT | O_RDWR, 0o600)));
  expectEqual(modeOf("/new"), S_IFREG | 0o777, "what is there stays as it is");
});

const UNNAMED: u32 = O_UNNAMED | O_DIRECTORY;

test("open: a file without a name, which may get one", () => {
  const fileSystem = tree();
  const files = fileSystem.inodeCount;
  expectEqual(errorOf("/d", O_UNNAMED | O_RDWR), -EINVAL, "half a flag");
  expectEqual(errorOf("/d", UNNAMED | O_RDONLY), -EINVAL, "not to be written");
  expectEqual(errorOf("/f", UNNAMED | O_RDWR), -ENOTDIR, "in a file");
  expectEqual(errorOf("/x", UNNAMED | O_RDWR), -ENOENT, "in nothing");
  const file = opened("/d", UNNAMED | O_RDWR);
  const place = placeOf(file)!;
  expectEqual(place.inode.nlink, 0, "no name");
  expectEqual(list("/d", 4096), 4, "and none in the directory");
  expectEqual(writeText(file, "text"), 4, "written");
  const walk = walkTo("/d/named");
  expectEqual(vfsLink(place.dentry, walk, rootDirectory()), 0, "a name");
  walkPut(walk);
  expectEqual(place.inode.nlink, 1, "one");
  filePut(file);
  expect(contentsOf("/d/named")! == "text", "by which it is read");
  expectEqual(unlink("/d/named"), 0, "removed");
  const exclusive = opened("/d", UNNAMED | O_EXCL | O_RDWR);
  const again = walkTo("/d/named");
  const error = vfsLink(placeOf(exclusive)!.dentry, again, rootDirectory());
  expectEqual(error, -ENOENT, "one that is not to have a name");
  walkPut(again);
  filePut(exclusive);
  expectEqual(fileSystem.inodeCount, files, "all are gone");
  expectEqual(fileSystem.pagesUsed, 2, "with their pages");
});

test("names: in a directory that was removed nothing can be made", () => {
  const fileSystem = tree();
  const files = fileSystem.inodeCount;
  const gone = dentryAt("/d/sub");
  expectEqual(removeDirectory("/d/sub"), 0, "removed");
  expectEqual(fileSystem.inodeCount, files, "somebody is in it");
  expectEqual(makeDirectory("x", gone), -ENOENT, "a directory");
  expectEqual(<i32>gone.inode!.createUnnamed(S_IFREG), -ENOENT, "a file without a name");
  const source = walkTo("/f");
  const place = walkTo("x");
  const error = vfsRename(source, rootDirectory(), place, gone, 0);
  expectEqual(error, -ENOENT, "nor moved there");
  walkPut(source);
  walkPut(place);
  dentryPut(gone);
  expectEqual(fileSystem.inodeCount, files - 1, "it goes with who was in it");
  expect(contentsOf("/f")! == "f", "the file stays");
});

test("names: in a file system that is read-only all stays as it is", () => {
  const fileSystem = tree();
  expectEqual(makeNode("/p"), 0, "a FIFO");
  const inodes = fileSystem.inodeCount;
  fileSystem.readOnly = true;
  expectEqual(errorOf("/x", O_CREAT | O_RDWR), -EROFS, "a file");
  expectEqual(errorOf("/d", UNNAMED | O_RDWR), -EROFS, "one without a name");
  expectEqual(makeDirectory("/x"), -EROFS, "a directory");
  expectEqual(makeNode("/x"), -EROFS, "a FIFO");
  expectEqual(symlink("/x"), -EROFS, "a link");
  expectEqual(link("/f", "/x"), -EROFS, "a second name");
  expectEqual(unlink("/f"), -EROFS, "a name removed");
  expectEqual(removeDirectory("/d/sub"), -EROFS, "a directory removed");
  expectEqual(rename("/f", "/x"), -EROFS, "a rename");
  expectEqual(rename("/f", "/d/g", RENAME_EXCHANGE), -EROFS, "an exchange");
  expectEqual(errorOf("/f", O_RDONLY), 0, "reading");
  fileSystem.readOnly = false;
  expectEqual(fileSystem.inodeCount, inodes, "nothing was made");
  expect(contentsOf("/f")! == "f" && contentsOf("/d/g")! == "g", "nor removed");
  expectEqual(list("/d", 4096), 4, "nor listed otherwise");
});

test("truncate: files only, and only to sizes that can be", () => {
  tree();
  makeNode("/p");
  expectEqual(truncate("/d", 0), -EISDIR, "a directory");
  expectEqual(truncate("/p", 0), -EINVAL, "a FIFO");
  expectEqual(truncate("/f", FILE_SIZE_MAX + 1), -EFBIG, "too large");
  expectEqual(truncate("/f", FILE_SIZE_MAX), 0, "the largest");
  expectEqual(truncate("/f", 1), 0, "and back");
  expect(contentsOf("/f")! == "f", "what it was");
  const file = opened("/f", O_RDWR);
  expectEqual(file.truncate(-1), -EINVAL, "less than nothing");
  expectEqual(file.truncate(0), 0, "nothing");
  filePut(file);
  expect(contentsOf("/f")! == "", "empty");
});

test("directories: the current one, and another root", () => {
  tree();
  expect(currentDirectory() == rootDirectory(), "at first the root");
  const directory = dentryAt("/d");
  const references = directory.references;
  dentryGet(directory);
  setCurrentDirectory(directory);
  expect(currentDirectory() == directory, "another");
  dentryGet(directory);
  changeRoot(directory);
  expect(rootDirectory() == directory && currentDirectory() == directory, "both");
  expect(contentsOf("/g")! == "g", "paths begin there");
  expect(contentsOf("/../g")! == "g", "and nothing is above");
  expectEqual(directory.references, references + 2, "each is held once");
});

test("seek: from the beginning, the position and the end", () => {
  tree();
  const file = opened("/f", O_RDWR);
  expectEqual(writeText(file, "0123456789"), 10, "ten bytes");
  expectEqual(file.seek(0, SEEK_CUR), 10, "behind them");
  expectEqual(file.seek(4, SEEK_SET), 4, "set");
  expectEqual(file.seek(3, SEEK_CUR), 7, "from there");
  expectEqual(file.seek(-7, SEEK_CUR), 0, "and back");
  expectEqual(file.seek(-1, SEEK_CUR), -EINVAL, "not before the beginning");
  expectEqual(file.seek(-11, SEEK_END), -EINVAL, "from the end neither");
  expectEqual(file.seek(-1, SEEK_SET), -EINVAL, "nor outright");
  expectEqual(file.seek(0, SEEK_CUR), 0, "what is refused moves nothing");
  expectEqual(file.seek(5, SEEK_END), 15, "behind the end");
  expectEqual(file.seek(0, SEEK_DATA), 0, "data");
  expectEqual(file.seek(9, SEEK_DATA), 9, "the last of it");
  expectEqual(file.seek(10, SEEK_DATA), -ENXIO, "the end is none");
  expectEqual(file.seek(9, SEEK_HOLE), 10, "but a hole");
  expectEqual(file.seek(10, SEEK_HOLE), -ENXIO, "in which no other begins");
  expectEqual(file.seek(-1, SEEK_DATA), -ENXIO, "nor before the beginning");
  expectEqual(file.seek(0, 5), -EINVAL, "nothing else is known");
  filePut(file);
});

test("seek: in a directory only where a listing was", () => {
  tree();
  const file = opened("/d", O_RDONLY);
  expectEqual(file.seek(2, SEEK_SET), 2, "set");
  expectEqual(file.seek(1, SEEK_CUR), 3, "from there");
  expectEqual(file.seek(-4, SEEK_CUR), -EINVAL, "not before the beginning");
  expectEqual(file.seek(0, SEEK_CUR), 3, "what is refused moves nothing");
  expectEqual(file.seek(0, SEEK_END), -EINVAL, "there is no end");
  filePut(file);
});
