import { ENOMEM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { failAllocation } from "../runtime/failing";
import { free } from "../runtime/free";
import { expectUndone } from "../runtime/testing";
import { Dentry, dentryCreate, dentryFind, dentryPublish, dentryPut, nameHash } from "./dentry";
import { File, filePut, O_PATH } from "./file";
import { Inode, inodeGet, inodePut, isError } from "./inode";
import { mountAt, rootDirectory } from "./mount";
import { Walk, walkGet, walkPut } from "./path-walk";
import { S_IFDIR, S_IFREG } from "./stat";
import {
  contentsOf,
  namesIn,
  putFile,
  resolve,
  testErofs,
  testMemory,
  testTmpfsRoot,
  testUnionRoot,
  walkedInode,
} from "./testing";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";
import {
  RENAME_EXCHANGE,
  vfsLink,
  vfsMakeDirectory,
  vfsMakeNode,
  vfsOpen,
  vfsRemoveDirectory,
  vfsRename,
  vfsResolve,
  vfsSymlink,
  vfsUnlink,
} from "./vfs";

// Each change of a name with each of its allocations failing, on a tmpfs and on files of the image:
// what fails says ENOMEM and has changed nothing, what does not has done all of it.

const target: usize = memory.data<u8>([116]);

function withWalk(path: string, call: (walk: Walk) => i32): i32 {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  walk.loadString(path);
  const error = call(walk);
  walkPut(walk);
  return error;
}

/** The inode's number behind a path, with all memory there; 0: there is none. */
function numberOf(path: string): u64 {
  return resolve(path, 0) == 0 ? walkedInode : 0;
}

let from: string = "";
let to: string = "";
let renameFlags: u32 = 0;

function rename(): i32 {
  return withWalk(from, (source: Walk) => {
    const walk = walkGet();
    if (!walk) return -ENOMEM;
    walk.loadString(to);
    const error = vfsRename(source, rootDirectory(), walk, rootDirectory(), renameFlags);
    walkPut(walk);
    return error;
  });
}

/**
 * Renames with each allocation failing until it succeeds. At any time each of the two names stands
 * for what it stood for before, or after.
 */
function expectRename(source: string, destination: string, flags: u32): void {
  from = source;
  to = destination;
  renameFlags = flags;
  const moved = numberOf(source);
  const replaced = numberOf(destination);
  let failures = 0;
  for (let n: u32 = 1; ; n++) {
    failAllocation(n);
    const error = rename();
    failAllocation(0);
    if (error == 0) break;
    failures++;
    expectEqual(error, -ENOMEM, "why not");
    expectEqual(numberOf(source), moved, "the old name is as it was");
    expectEqual(numberOf(destination), replaced, "and so is the new one");
  }
  expect(failures > 0, "some failure showed");
  expectEqual(numberOf(destination), moved, "the new name");
  expectEqual(numberOf(source), flags == RENAME_EXCHANGE ? replaced : 0, "the old name");
}

test("failing memory: renames in a tmpfs are done or not", () => {
  testTmpfsRoot();
  putFile("/a", "a");
  putFile("/b", "b");
  makeDirectories();
  expectRename("/a", "/c", 0);
  expectRename("/c", "/b", 0);
  expectRename("/b", "/d/inner/b", 0);
  expectRename("/d/inner/b", "/e", RENAME_EXCHANGE);
  expectRename("/e", "/d/inner/deep", 0);
  expect(contentsOf("/d/inner/b") == null, "the directory took its name");
});

function makeDirectories(): void {
  const paths: StaticArray<string> = ["/d", "/d/inner", "/e"];
  for (let i = 0; i < paths.length; i++) {
    expectEqual(
      withWalk(paths[i], (walk: Walk) => vfsMakeDirectory(walk, rootDirectory(), 0o755)),
      0,
      paths[i],
    );
  }
}

test("failing memory: renames of what the image has are done or not", () => {
  testUnionRoot("compact.erofs");
  expectRename("/tail", "/moved", 0);
  expectRename("/aligned", "/moved", 0);
  expectRename("/etc/hosts", "/etc/empty", 0);
  expectRename("/moved", "/etc/empty", RENAME_EXCHANGE);
  expectRename("/etc", "/else", 0);
  expectRename("/many/file-number-1", "/else/file-number-1", 0);
  expectRename("/link", "/many/file-number-2", RENAME_EXCHANGE);
  expectEqual(numberOf("/tail"), 0, "what was moved away stays away");
  expectEqual(numberOf("/aligned"), 0, "all of it");
});

/** Does something to a path with each allocation failing; `isThere`: whether it is afterwards. */
function expectChange(path: string, call: (walk: Walk) => i32, isThere: bool): void {
  const before = numberOf(path);
  for (let n: u32 = 1; ; n++) {
    failAllocation(n);
    const error = withWalk(path, call);
    failAllocation(0);
    if (error == 0) break;
    expectEqual(error, -ENOMEM, path);
    expectEqual(numberOf(path), before, "as it was");
  }
  expect((numberOf(path) != 0) == isThere, path);
}

function changeNames(prefix: string): void {
  expectChange(
    prefix + "n",
    (w: Walk) => vfsMakeNode(w, rootDirectory(), S_IFREG | 0o644, 0),
    true,
  );
  expectChange(prefix + "m", (w: Walk) => vfsMakeDirectory(w, rootDirectory(), 0o755), true);
  expectChange(prefix + "s", (w: Walk) => vfsSymlink(w, rootDirectory(), target, 1), true);
  expectChange(prefix + "n", (w: Walk) => vfsUnlink(w, rootDirectory()), false);
  expectChange(prefix + "m", (w: Walk) => vfsRemoveDirectory(w, rootDirectory()), false);
  expectChange(prefix + "s", (w: Walk) => vfsUnlink(w, rootDirectory()), false);
}

test("failing memory: names are made and removed, or not", () => {
  testTmpfsRoot();
  changeNames("/");
  expectEqual(namesIn("/").length, 0, "all are gone");
});

test("failing memory: names over the image are made and removed, or not", () => {
  testUnionRoot("compact.erofs");
  changeNames("/etc/");
  expectChange("/etc/hosts", (w: Walk) => vfsUnlink(w, rootDirectory()), false);
  expectChange("/etc/empty", (w: Walk) => vfsUnlink(w, rootDirectory()), false);
  expectChange("/etc", (w: Walk) => vfsRemoveDirectory(w, rootDirectory()), false);
  expectChange("/etc", (w: Walk) => vfsMakeDirectory(w, rootDirectory(), 0o755), true);
  expectEqual(namesIn("/etc").length, 0, "nothing of the old one shows");
});

test("failing memory: a second name of a file, also of one of the image", () => {
  testUnionRoot("compact.erofs");
  for (let n: u32 = 1; ; n++) {
    failAllocation(n);
    const error = withWalk("/second", (walk: Walk) => {
      const old = walkGet();
      if (!old) return -ENOMEM;
      old.loadString("/tail");
      let result = vfsResolve(old, rootDirectory(), 0);
      if (result == 0) result = vfsLink(old.dentry!, walk, rootDirectory());
      walkPut(old);
      return result;
    });
    failAllocation(0);
    if (error == 0) break;
    expectEqual(error, -ENOMEM, "why not");
    expectEqual(numberOf("/second"), 0, "there is none");
    expect(numberOf("/tail") != 0, "but the first");
  }
  expectEqual(numberOf("/second"), numberOf("/tail"), "one file");
});

// Two pairs of names that FNV-1a, the hash of names, does not tell apart.
const ALIKE: StaticArray<string> = ["declinate", "macallums", "costarring", "liquid"];

test("names: those that have one hash are different names", () => {
  testTmpfsRoot();
  for (let i = 0; i < ALIKE.length; i++) {
    expectEqual(resolve("/" + ALIKE[i], 0), 0, "it may be missing");
    expectEqual(walkedInode, 0, "and is");
    putFile("/" + ALIKE[i], ALIKE[i]);
  }
  for (let i = 0; i < ALIKE.length; i++) {
    expect(contentsOf("/" + ALIKE[i])! == ALIKE[i], "its own contents");
  }
  for (let i = 0; i < ALIKE.length; i++) {
    expectEqual(
      withWalk("/" + ALIKE[i], (walk: Walk) => vfsUnlink(walk, rootDirectory())),
      0,
      "removed",
    );
    expectEqual(namesIn("/").length, ALIKE.length - 1 - i, "it alone");
    for (let j = 0; j < ALIKE.length; j++) {
      expect((contentsOf("/" + ALIKE[j]) != null) == j > i, "the others are there");
    }
  }
});

test("dentry: names that have one hash are found each by itself", () => {
  const root = dentryCreate(null, 0, 0, 0)!;
  const found: Dentry[] = [];
  for (let i = 0; i < ALIKE.length; i++) {
    const name = String.UTF8.encode(ALIKE[i]);
    const at = changetype<usize>(name);
    const hash = nameHash(at, ALIKE[i].length);
    expect((i & 1) == 0 || hash == found[i - 1].moves, "the same hash as the one before");
    expect(dentryFind(root, hash, at, ALIKE[i].length) == null, "not yet");
    const dentry = dentryCreate(root, hash, at, ALIKE[i].length)!;
    dentryPublish(dentry);
    expect(dentryFind(root, hash, at, ALIKE[i].length) == dentry, "found");
    // Where the test keeps the hash.
    dentry.moves = hash;
    found.push(dentry);
    free(name);
  }
});

test("mount: what is mounted holds the directory that it is on", () => {
  const fileSystem = testTmpfsRoot();
  expectEqual(
    withWalk("/d", (walk: Walk) => vfsMakeDirectory(walk, rootDirectory(), 0o755)),
    0,
    "made",
  );
  const walk = walkGet()!;
  walk.loadString("/d");
  expectEqual(vfsResolve(walk, rootDirectory(), 0), 0, "found");
  const point = walk.dentry!;
  const references = point.references;
  const above = new TmpDirectory(new TmpFileSystem("tmpfs", 8), 0o700);
  expectEqual(mountAt(point, above, "other"), 0, "mounted");
  expectEqual(point.references, references + 1, "held");
  expectEqual(above.references, 1, "the mount's own");
  walkPut(walk);
  expectEqual(numberOf("/d"), above.number, "what is mounted shows");
  expect(above.fileSystem != fileSystem, "another file system");
  expectEqual(
    withWalk("/d", (w: Walk) => vfsRemoveDirectory(w, rootDirectory())),
    -16,
    "and can't be removed",
  );
  failAllocation(1);
  expectEqual(mountAt(point, above, "third"), -ENOMEM, "without memory there is no mount");
  failAllocation(0);
});

let lowerRoot: Inode | null = null;
let upper: TmpFileSystem | null = null;
let copied: string = "";

/** Copies a file up in a union of its own, and ends the union: false when memory was out. */
function copyInUnion(): bool {
  inodeGet(lowerRoot!);
  const directory = new TmpDirectory(upper!, S_IFDIR | 0o755, lowerRoot!);
  const name = String.UTF8.encode(copied);
  const dentry = dentryCreate(null, 0, changetype<usize>(name), copied.length);
  free(name);
  let error = -ENOMEM;
  if (dentry) {
    error = directory.lookup(dentry);
    if (error == 0) error = directory.prepareWrite(dentry, true);
    expect(error == 0 || error == -ENOMEM, "done, or why not");
    dentryPut(dentry);
  }
  inodePut(directory);
  return error == 0;
}

test("failing memory: a union that ends gives back the copies, and what is below", () => {
  testMemory();
  const root = testErofs("compact.erofs");
  expect(!isError(root), "the image");
  lowerRoot = changetype<Inode>(root);
  upper = new TmpFileSystem("overlay", 64);
  const names: StaticArray<string> = ["tail", "link"];
  for (let i = 0; i < names.length; i++) {
    copied = names[i];
    expectUndone(copyInUnion);
  }
  expectEqual(lowerRoot!.references, 1, "the image's root is held by us alone");
  expectEqual(upper!.inodeCount, 0, "no inode is left");
  expectEqual(upper!.pagesUsed, 0, "nor a page");
});

test("failing memory: opening a place says so, and holds nothing", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  expectUndone((): bool => {
    const walk = walkGet();
    if (!walk) return false;
    walk.loadString("/f");
    const file = vfsOpen(walk, rootDirectory(), O_PATH, 0);
    walkPut(walk);
    if (isError(file)) {
      expectEqual(<i32>file, -ENOMEM, "why not");
      return false;
    }
    expect(file != 0, "a file");
    filePut(changetype<File>(file));
    return true;
  });
});
