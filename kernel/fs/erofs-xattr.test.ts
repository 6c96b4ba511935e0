import { store8, store16, store32 } from "../arch/hw";
import { ENOMEM, EUCLEAN } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { free } from "../runtime/free";
import { expectUndone } from "../runtime/testing";
import { ErofsFileSystem } from "./erofs";
import { Inode, inodePut, isError } from "./inode";
import { mountAt, rootDirectory } from "./mount";
import { shrinkPageCache } from "./page-cache";
import { walkPut } from "./path-walk";
import {
  fixtureAt,
  imageEntry,
  imageInode,
  imageInodeAt,
  imageMount,
  imageStart,
  imageText,
  testMemory,
  walkTo,
} from "./testing";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";
import { vfsPrepareWrite, vfsResolve } from "./vfs";
import { XattrList } from "./xattr";

/*
 * The image: block 0 the superblock, 1 and 2 the inodes, 3 what they share, 4 the root's entries.
 * The file's attributes begin in block 1 and end in block 2.
 */
const BLOCKS: u32 = 5;
const ROOT_NID: u64 = 0;
const FILE_NID: u64 = 126;
const BODY: u64 = 4096 + FILE_NID * 32 + 32;
const SHARED_BLOCK: u32 = 3;
const SHARED_ID: u32 = 5;
const SHARED: u64 = 3 * 4096 + 5 * 4;
const DIRECTORY_BLOCK: u32 = 4;
const DIRECTORY: u64 = 4 << 12;
/** 12 for the header, then 4 for the shared id; the entries follow. */
const ENTRIES: u64 = BODY + 16;

const INDEX_USER: u32 = 1;
const INDEX_ACL: u32 = 2;
const INDEX_TRUSTED: u32 = 4;
const INDEX_SECURITY: u32 = 6;

/** Writes an entry, whose value is `size` bytes of `value`; returns where the next one begins. */
function putEntry(offset: u64, index: u32, name: string, value: string, size: u32): u64 {
  const at = fixtureAt(offset);
  store8(at, name.length);
  store8(at + 1, index);
  store16(at + 2, size);
  imageText(offset + 4, name);
  for (let i: u32 = 0; i < size; i++) {
    store8(at + 4 + <u64>name.length + <u64>i, value.charCodeAt(<i32>i % value.length));
  }
  return (offset + 4 + <u64>name.length + <u64>size + 3) & ~(<u64>3);
}

function makeImage(): void {
  imageStart(BLOCKS);
  store32(fixtureAt(1024 + 0x2c), SHARED_BLOCK);
  let end = putEntry(ENTRIES, INDEX_USER, "color", "blue", 4);
  end = putEntry(end, INDEX_ACL, "", "acl", 12);
  end = putEntry(end, INDEX_TRUSTED, "empty", "x", 0);
  end = putEntry(end, INDEX_SECURITY, "long", "0123456789", 300);
  store8(fixtureAt(BODY) + 4, 1);
  store32(fixtureAt(BODY) + 12, SHARED_ID);
  putEntry(SHARED, INDEX_USER, "shared", "yes", 3);
  imageInode(ROOT_NID, 0o40755, 0, 40, DIRECTORY_BLOCK);
  imageInode(FILE_NID, 0o100644, 0, 0, 0);
  putAttributeBytes(<u32>(end - BODY));
  imageEntry(DIRECTORY, 0, ROOT_NID, 2, 36);
  imageEntry(DIRECTORY, 1, ROOT_NID, 2, 37);
  imageEntry(DIRECTORY, 2, FILE_NID, 1, 39);
  imageText(DIRECTORY + 36, "...f");
}

/** How many bytes of attributes the file's inode says there are: 12 and a multiple of 4. */
function putAttributeBytes(bytes: u32): void {
  store16(fixtureAt(imageInodeAt(FILE_NID)) + 2, (bytes - 12) / 4 + 1);
}

/** Mounts the image: its root, with one reference. */
function mountImage(): Inode {
  testMemory();
  makeImage();
  const root = imageMount(BLOCKS);
  expect(!isError(root), "the image is mounted");
  return changetype<Inode>(root);
}

/** The file's inode, made anew from what the disk says now. */
function fileOf(root: Inode): Inode {
  shrinkPageCache(100);
  const inode = (<ErofsFileSystem>root.fileSystem).inode(FILE_NID);
  expect(!isError(inode), "the inode");
  return changetype<Inode>(inode);
}

/** The value of an attribute as text; null when there is none. */
function attributeOf(list: XattrList, name: string): string | null {
  const bytes = String.UTF8.encode(name);
  const buffer = new StaticArray<u8>(512);
  const n = list.get(changetype<usize>(bytes), name.length, changetype<usize>(buffer), 512);
  free(bytes);
  return n < 0 ? null : String.UTF8.decodeUnsafe(changetype<usize>(buffer), n);
}

function listOf(inode: Inode): XattrList {
  const list = inode.attributeList();
  expect(list != 0 && !isError(list), "the attributes");
  return changetype<XattrList>(list);
}

test("erofs: attributes behind the inode and shared ones are read", () => {
  const root = mountImage();
  expectEqual(root.attributeList(), 0, "the root has none");
  const file = fileOf(root);
  const list = listOf(file);
  expect(attributeOf(list, "user.color")! == "blue", "inline");
  expect(attributeOf(list, "user.shared")! == "yes", "shared");
  expect(attributeOf(list, "trusted.empty")! == "", "an empty one");
  const long = attributeOf(list, "security.long")!;
  expectEqual(long.length, 300, "one that reaches into the next block");
  expect(long.substr(290) == "0123456789", "to its end");
  expect(attributeOf(list, "user.none") == null, "none of that name");
  // user.color user.shared trusted.empty security.long, each with a zero: not the ACL.
  expectEqual(list.names(0, 0), 11 + 12 + 14 + 14, "the names");
  expect(listOf(file) == list, "they are read once");
  inodePut(file);
});

test("erofs: a union shows the attributes, and keeps them when the file is copied up", () => {
  const lower = mountImage();
  mountAt(null, new TmpDirectory(new TmpFileSystem("overlay", 64), 0, lower), "overlay");
  const walk = walkTo("/f");
  expectEqual(vfsResolve(walk, rootDirectory(), 0), 0, "the file");
  const dentry = walk.dentry!;
  expect(attributeOf(listOf(dentry.inode!), "user.color")! == "blue", "of the image");
  expectEqual(vfsPrepareWrite(dentry, true), 0, "copied up");
  expect(dentry.inode!.fileSystem != lower.fileSystem, "the copy");
  expect(attributeOf(listOf(dentry.inode!), "user.shared")! == "yes", "has them too");
  walkPut(walk);
});

test("erofs: attributes that reach out of their place are refused", () => {
  const root = mountImage();
  const places: StaticArray<u64> = [BODY + 4, BODY + 12, ENTRIES + 2, SHARED + 2, ENTRIES];
  const values: StaticArray<u32> = [255, 0xffffff, 0xffff, 0xffff, 0];
  for (let i = 0; i < places.length; i++) {
    makeImage();
    if (i == 0 || i == 4) store8(fixtureAt(places[i]), values[i]);
    else if (i == 1) store32(fixtureAt(places[i]), values[i]);
    else store16(fixtureAt(places[i]), values[i]);
    const file = fileOf(root);
    expectEqual(<i32>file.attributeList(), -EUCLEAN, "damage " + i.toString());
    inodePut(file);
  }
});

test("erofs: whatever the bytes of attributes say, reading them ends", () => {
  const root = mountImage();
  let seed: u32 = 1;
  for (let i = 0; i < 2000; i++) {
    if (i % 16 == 0) makeImage();
    seed = seed * 1664525 + 1013904223;
    const place = (seed >> 8) % 400;
    store8(fixtureAt(place < 380 ? BODY + <u64>place : SHARED + <u64>place - 380), seed >> 24);
    const file = fileOf(root);
    const list = file.attributeList();
    if (list != 0 && !isError(list)) expect(changetype<XattrList>(list).names(0, 0) >= 0, "names");
    inodePut(file);
  }
});

let mounted: Inode | null = null;

test("failing memory: attributes of the image", () => {
  mounted = mountImage();
  expectUndone((): bool => {
    shrinkPageCache(100);
    const inode = (<ErofsFileSystem>mounted!.fileSystem).inode(FILE_NID);
    if (isError(inode)) return false;
    const list = changetype<Inode>(inode).attributeList();
    expect(!isError(list) || <i32>list == -ENOMEM, "why not");
    expect(list != 0, "that there are none is not said");
    if (!isError(list))
      expectEqual(changetype<XattrList>(list).names(0, 0), 51, "nor that some are");
    inodePut(changetype<Inode>(inode));
    shrinkPageCache(100);
    return !isError(list);
  });
});
