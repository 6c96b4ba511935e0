import { expect, expectEqual, test } from "../lib/testing";
import { Dentry, dentryPut } from "./dentry";
import { filePut, O_CREAT, O_RDWR } from "./file";
import {
  ATTRIBUTE_ATIME,
  ATTRIBUTE_GID,
  ATTRIBUTE_KILL_SET_ID,
  ATTRIBUTE_MODE,
  ATTRIBUTE_MTIME,
  ATTRIBUTE_UID,
  Attributes,
  FileSystemUse,
  Inode,
  isError,
} from "./inode";
import { rootDirectory } from "./mount";
import { walkPut } from "./path-walk";
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, Stat } from "./stat";
import { contentsOf, opened, putFile, testTmpfsRoot, testUnionRoot, walkTo } from "./testing";
import { vfsMakeDirectory, vfsMakeNode, vfsSetAttributes } from "./vfs";
import { placeOf } from "./vfs-file";

const SECOND: i64 = 1000000000;
const LONG_AGO: i64 = 5;
const buffer: usize = memory.data(64);

function dentryAt(path: string): Dentry {
  const walk = walkTo(path);
  expectEqual(walk.run(rootDirectory(), 0), 0, path);
  const dentry = walk.take();
  walkPut(walk);
  return dentry;
}

function inodeAt(path: string): Inode {
  const dentry = dentryAt(path);
  const inode = dentry.inode!;
  dentryPut(dentry);
  return inode;
}

function setAttributes(path: string, change: Attributes): void {
  const dentry = dentryAt(path);
  expectEqual(vfsSetAttributes(dentry, change), 0, path);
  dentryPut(dentry);
}

/** All attributes at once, each its own value; those of `which` are to be taken. */
function allAttributes(which: u32): Attributes {
  const change = new Attributes();
  change.which = which;
  change.mode = 0o7421;
  change.uid = 11;
  change.gid = 22;
  change.atimeNs = 33 * SECOND + 34;
  change.mtimeNs = 44 * SECOND + 45;
  return change;
}

test("tmpfs: each attribute is set alone", () => {
  testTmpfsRoot();
  const bits: u32[] = [
    ATTRIBUTE_MODE,
    ATTRIBUTE_UID,
    ATTRIBUTE_GID,
    ATTRIBUTE_ATIME,
    ATTRIBUTE_MTIME,
  ];
  for (let i = 0; i < bits.length; i++) {
    const path = "/f" + i.toString();
    putFile(path, "x");
    const inode = inodeAt(path);
    inode.atimeNs = LONG_AGO;
    inode.mtimeNs = LONG_AGO;
    inode.ctimeNs = LONG_AGO;
    setAttributes(path, allAttributes(bits[i]));
    const stat = new Stat();
    inode.stat(stat);
    expectEqual(stat.mode, S_IFREG | (i == 0 ? 0o7421 : 0o644), "permissions");
    expectEqual(stat.uid, i == 1 ? 11 : 0, "owner");
    expectEqual(stat.gid, i == 2 ? 22 : 0, "group");
    expectEqual(stat.atime, i == 3 ? 33 : 0, "seconds of use");
    expectEqual(stat.atimeNs, i == 3 ? 34 : LONG_AGO, "and the rest");
    expectEqual(stat.mtime, i == 4 ? 44 : 0, "seconds of modification");
    expectEqual(stat.mtimeNs, i == 4 ? 45 : LONG_AGO, "and the rest");
    expect(inode.ctimeNs != LONG_AGO, "the time of change is now");
  }
});

test("tmpfs: a new owner loses the rights of the old one", () => {
  testTmpfsRoot();
  const before: u32[] = [0o6755, 0o4755, 0o2755, 0o6745, 0o2745, 0o0755];
  const after: u32[] = [0o0755, 0o0755, 0o0755, 0o2745, 0o2745, 0o0755];
  const change = new Attributes();
  change.uid = 7;
  change.which = ATTRIBUTE_UID | ATTRIBUTE_KILL_SET_ID;
  putFile("/f", "x");
  const walk = walkTo("/d");
  expectEqual(vfsMakeDirectory(walk, rootDirectory(), 0o755), 0, "a directory");
  walkPut(walk);
  for (let i = 0; i < before.length; i++) {
    inodeAt("/f").mode = S_IFREG | before[i];
    inodeAt("/d").mode = S_IFDIR | before[i];
    setAttributes("/f", change);
    setAttributes("/d", change);
    expectEqual(inodeAt("/f").mode, S_IFREG | after[i], "a file's");
    expectEqual(inodeAt("/d").mode, S_IFDIR | before[i], "not a directory's");
  }
});

test("tmpfs: what statfs tells of it", () => {
  const fileSystem = testTmpfsRoot(100);
  const use = new FileSystemUse();
  fileSystem.use(use);
  expectEqual(use.blocks, 100, "pages");
  expectEqual(use.blocksFree, 100, "all of them free");
  expectEqual(use.files - use.filesFree, 1, "the root");
  const file = opened("/f", O_CREAT | O_RDWR);
  putFile("/f", "x");
  fileSystem.use(use);
  expectEqual(use.blocksFree, 99, "one is used");
  expectEqual(use.files - use.filesFree, 2, "and a file");
  file.truncate(0);
  fileSystem.use(use);
  expectEqual(use.blocksFree, 100, "which is given back");
  filePut(file);
});

test("tmpfs: a device node has the numbers it was made with", () => {
  testTmpfsRoot();
  const walk = walkTo("/p");
  expectEqual(vfsMakeNode(walk, rootDirectory(), S_IFIFO | 0o644, 0x1234), 0, "made");
  walkPut(walk);
  const stat = new Stat();
  inodeAt("/p").stat(stat);
  expectEqual(stat.rdev, 0x1234, "its number");
  expectEqual(stat.mode, S_IFIFO | 0o644, "its type");
  expectEqual(stat.nlink, 1, "its name");
  expectEqual(stat.size, 0, "nothing in it");
});

/** A change of the owner, and nothing else, makes a copy of what the image has. */
function expectKept(path: string, type: u32): Inode {
  const before = new Stat();
  const after = new Stat();
  inodeAt(path).stat(before);
  setAttributes(path, allAttributes(ATTRIBUTE_UID));
  const inode = inodeAt(path);
  inode.stat(after);
  expectEqual(after.mode, before.mode, "the mode stays");
  expectEqual(after.mode & 0o170000, type, "with the type");
  expectEqual(after.uid, 11, "the owner changes");
  expectEqual(after.gid, before.gid, "the group stays");
  expectEqual(after.size, before.size, "the size stays");
  expectEqual(after.mtime, before.mtime, "the time stays");
  expectEqual(after.atime, before.atime, "both of them");
  expect(after.ctime != before.ctime, "the change is told");
  return inode;
}

test("union: a file of the image keeps all but what is changed", () => {
  testUnionRoot("compact.erofs");
  expectKept("/etc/hosts", S_IFREG);
  expect(contentsOf("/etc/hosts")! == "127.0.0.1 localhost\n", "its contents");
  expectKept("/etc/empty", S_IFREG);
  expectKept("/etc", S_IFDIR);
  expectKept("/", S_IFDIR);
  const link = expectKept("/link", S_IFLNK);
  expectEqual(link.readLink(buffer, 64), 9, "where the link leads");
  expect(String.UTF8.decodeUnsafe(buffer, 9) == "etc/hosts", "is the same");
  expect(contentsOf("/link")! == "127.0.0.1 localhost\n", "and is followed");
});

test("tmpfs: the list of attributes is made once, and only to set one", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  const file = opened("/f", O_RDWR);
  const inode = placeOf(file)!.inode;
  expectEqual(inode.attributeList(), 0, "there are none");
  const list = inode.makeAttributeList();
  expect(list != 0 && !isError(list), "a list");
  expectEqual(inode.makeAttributeList(), list, "the same again");
  expectEqual(inode.attributeList(), list, "also to look at");
  filePut(file);
});
