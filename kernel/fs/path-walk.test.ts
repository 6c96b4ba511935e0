import { EAGAIN, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { expectUndone } from "../runtime/testing";
import { Dentry, dentryPut } from "./dentry";
import { Inode } from "./inode";
import { mountAt, rootDirectory } from "./mount";
import {
  LAST_DOT,
  LAST_DOTDOT,
  LAST_NAME,
  LAST_ROOT,
  RESOLVE_BENEATH,
  RESOLVE_CACHED,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  WALK_EMPTY,
  WALK_FOLLOW,
  WALK_NAME,
  walkGet,
  walkPut,
} from "./path-walk";
import { putFile, resolve, testTmpfsRoot, walkedInode, walkTo } from "./testing";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";
import { vfsMakeDirectory, vfsRemoveDirectory, vfsSymlink } from "./vfs";

// Paths of a tree like this:
//
//     /d/f                    a file
//     /d/sub/                 a directory
//     /d/here → f             /d/top → /d/f      /d/own → /f
//     /s → d/f                /abs → /d
//     /loop → loop            /dangling → nothing
//     /m                      another file system, with a file /m/g

const text: usize = memory.data(4200);

function makeDirectory(path: string): void {
  const walk = walkTo(path);
  expectEqual(vfsMakeDirectory(walk, rootDirectory(), 0o755), 0, path);
  walkPut(walk);
}

function symlink(target: string, path: string): void {
  const walk = walkTo(path);
  for (let i = 0; i < target.length; i++) store<u8>(text + i, <u8>target.charCodeAt(i));
  expectEqual(vfsSymlink(walk, rootDirectory(), text, target.length), 0, path);
  walkPut(walk);
}

/** The dentry of a path, with a reference. */
function dentryAt(path: string): Dentry {
  const walk = walkTo(path);
  expectEqual(walk.run(rootDirectory(), 0), 0, path);
  const dentry = walk.take();
  walkPut(walk);
  return dentry;
}

function tree(): void {
  testTmpfsRoot();
  makeDirectory("/d");
  makeDirectory("/d/sub");
  makeDirectory("/m");
  putFile("/d/f", "f");
  symlink("f", "/d/here");
  symlink("/d/f", "/d/top");
  symlink("/f", "/d/own");
  symlink("d/f", "/s");
  symlink("/d", "/abs");
  symlink("loop", "/loop");
  symlink("nothing", "/dangling");
  const point = dentryAt("/m");
  mountAt(point, new TmpDirectory(new TmpFileSystem("tmpfs", 16), 0o755), "tmpfs");
  dentryPut(point);
  putFile("/m/g", "g");
}

/** A path leads to what is at `place`. */
function expectPlace(path: string, flags: u32, place: string): void {
  expectEqual(resolve(place, 0), 0, place);
  const wanted = walkedInode;
  expect(wanted != 0, place);
  expectEqual(resolve(path, flags), 0, path);
  expectEqual(walkedInode, wanted, path);
}

test("path: where each form of a path leads", () => {
  tree();
  expectPlace("//d///f", 0, "/d/f");
  expectPlace("/d/./sub/../f", 0, "/d/f");
  expectPlace("/..", 0, "/");
  expectPlace("/../../d/sub/..", 0, "/d");
  expectPlace("/d/sub///", 0, "/d/sub");
  expectPlace("d/f", 0, "/d/f");
  expectPlace("/s", WALK_FOLLOW, "/d/f");
  expectPlace("/d/here", WALK_FOLLOW, "/d/f");
  expectPlace("/d/top", WALK_FOLLOW, "/d/f");
  expectPlace("/abs/f", 0, "/d/f");
  expectPlace("/abs/", 0, "/d");
  expectPlace("/abs/sub/../../s", WALK_FOLLOW, "/d/f");
  expectPlace("/m/..", 0, "/");
  expectPlace("/m/../d", 0, "/d");
  resolve("/s", 0);
  const link = walkedInode;
  resolve("/d/f", 0);
  expect(link != walkedInode, "a link itself is another file");
});

test("path: what is not there, and what is no directory", () => {
  tree();
  expectEqual(resolve("", 0), -ENOENT, "no path");
  expectEqual(resolve("", WALK_EMPTY), 0, "the directory itself");
  expectEqual(resolve("/nothing", 0), 0, "the last name may be missing");
  expectEqual(walkedInode, 0, "and then stands for no file");
  expectEqual(resolve("/nothing/x", 0), -ENOENT, "but no other");
  expectEqual(resolve("/nothing/..", 0), -ENOENT, "whatever follows");
  expectEqual(resolve("/d/f/", 0), -ENOTDIR, "a file with a slash");
  expectEqual(resolve("/d/f/.", 0), -ENOTDIR, "or as a directory");
  expectEqual(resolve("/d/f/..", 0), -ENOTDIR, "or to go up from");
  expectEqual(resolve("/d/f/x", 0), -ENOTDIR, "or to look in");
  expectEqual(resolve("/s/", 0), -ENOTDIR, "a link to a file with a slash");
  expectEqual(resolve("/dangling", WALK_FOLLOW), 0, "a link to nothing");
  expectEqual(walkedInode, 0, "stands for a name that is not there");
  expectEqual(resolve("/dangling/x", 0), -ENOENT, "in which nothing is");
  expectEqual(resolve("/loop", 0), 0, "a link to itself is a link");
  expectEqual(resolve("/loop", WALK_FOLLOW), -ELOOP, "that leads nowhere");
  expectEqual(resolve("/loop/x", 0), -ELOOP, "nor further");
  expectEqual(resolve("/d/" + "n".repeat(255), 0), 0, "the longest name");
  expectEqual(resolve("/d/" + "n".repeat(256), 0), -ENAMETOOLONG, "a longer one");
  expectEqual(resolve("/d/" + "n".repeat(256) + "/x", 0), -ENAMETOOLONG, "amid a path");
});

test("path: forty links are followed, and no more", () => {
  tree();
  symlink("d", "/l1");
  for (let i = 2; i <= 41; i++) symlink("l" + (i - 1).toString(), "/l" + i.toString());
  expectPlace("/l40", WALK_FOLLOW, "/d");
  expectEqual(resolve("/l41", WALK_FOLLOW), -ELOOP, "one more");
  expectPlace("/l40/f", 0, "/d/f");
  // The count is of one path.
  expectPlace("/l20/../l20/f", 0, "/d/f");
  expectEqual(resolve("/l20/../l21/f", 0), -ELOOP, "in all");
});

test("path: the longest that there is", () => {
  tree();
  const walk = walkGet()!;
  for (let i = 0; i < 4096; i++) store<u8>(text + i, 47);
  expectEqual(walk.loadKernel(text, 4096), -ENAMETOOLONG, "no room for its end");
  expectEqual(walk.loadKernel(text, 4095), 0, "the longest");
  expectEqual(walk.textLength(), 4095, "its length");
  expectEqual(walk.run(rootDirectory(), 0), 0, "of slashes");
  expect(walk.dentry == rootDirectory(), "the root");
  walkPut(walk);
  // Behind a link, the rest of the path is as long as before.
  symlink("d/" + "./".repeat(2000), "/long");
  expectPlace("/long/" + "./".repeat(2000) + "f", 0, "/d/f");
});

/** What the last part of a path was, and whether a slash follows it. */
function expectLast(path: string, last: u32, slash: bool): void {
  const walk = walkTo(path);
  expectEqual(walk.run(rootDirectory(), WALK_NAME), 0, path);
  expectEqual(walk.last, last, path);
  expectEqual(walk.trailingSlash, slash, path);
  walkPut(walk);
}

test("path: what the last part is", () => {
  tree();
  expectLast("/", LAST_ROOT, false);
  expectLast("///", LAST_ROOT, false);
  expectLast("/d", LAST_NAME, false);
  expectLast("/d//", LAST_NAME, true);
  expectLast("/d/.", LAST_DOT, false);
  expectLast("/d/./", LAST_DOT, true);
  expectLast("/d/..", LAST_DOTDOT, false);
  expectLast("/d/../", LAST_DOTDOT, true);
  expectLast("/d/..x", LAST_NAME, false);
  expectLast("/d/.x", LAST_NAME, false);
  expectLast("/d/...", LAST_NAME, false);
  expectLast("/s/", LAST_NAME, true);
});

test("path: an absolute one is made relative", () => {
  tree();
  const directory = dentryAt("/d");
  const walk = walkTo("/sub");
  expect(walk.isAbsolute() && !walk.isEmpty(), "absolute");
  walk.makeRelative();
  expect(!walk.isAbsolute(), "relative");
  walk.makeRelative();
  expectEqual(walk.run(directory, 0), 0, "walked from a directory");
  expect(walk.dentry!.parent == directory, "is there");
  walkPut(walk);
  dentryPut(directory);
  expect(walkTo("").isEmpty(), "no path");
});

/** A walk from /d with RESOLVE_*: 0 or -errno, and `walkedNumber`. */
let walkedNumber: u64 = 0;

function resolveWith(path: string, how: u32, flags: u32 = WALK_FOLLOW): i32 {
  const directory = dentryAt("/d");
  const walk = walkTo(path);
  walk.resolve = how;
  walk.scope = directory;
  const error = walk.run(directory, flags);
  const inode: Inode | null = error == 0 ? walk.dentry!.inode : null;
  walkedNumber = inode ? inode.number : 0;
  walk.resolve = 0;
  walk.scope = null;
  walkPut(walk);
  dentryPut(directory);
  return error;
}

test("path: openat2's rules for where a path may lead", () => {
  tree();
  expectEqual(resolveWith("f", RESOLVE_BENEATH), 0, "below");
  const file = walkedNumber;
  expectEqual(resolveWith("here", RESOLVE_BENEATH), 0, "by a link");
  expectEqual(walkedNumber, file, "the same file");
  expectEqual(resolveWith("sub/../f", RESOLVE_BENEATH), 0, "up, but not out");
  expectEqual(resolveWith("..", RESOLVE_BENEATH), -EXDEV, "out");
  expectEqual(resolveWith("sub/../../d/f", RESOLVE_BENEATH), -EXDEV, "out, and back");
  expectEqual(resolveWith("top", RESOLVE_BENEATH), -EXDEV, "by an absolute link");
  expectEqual(resolveWith("top", 0), 0, "which else leads there");
  expectEqual(resolveWith("../../../f", RESOLVE_IN_ROOT), 0, "above the root is the root");
  expectEqual(walkedNumber, file, "the file");
  expectEqual(resolveWith("own", RESOLVE_IN_ROOT), 0, "an absolute link begins there");
  expectEqual(walkedNumber, file, "the file");
  expectEqual(resolveWith("top", RESOLVE_IN_ROOT), -ENOENT, "and not at the process' root");
  expectEqual(resolveWith("here", RESOLVE_NO_SYMLINKS), -ELOOP, "no links");
  expectEqual(resolveWith("here", RESOLVE_NO_SYMLINKS, 0), 0, "but the link itself");
  expectEqual(resolveWith("../abs/f", RESOLVE_NO_SYMLINKS), -ELOOP, "nor amid a path");
  expectEqual(resolveWith("../m/g", 0), 0, "another file system");
  expectEqual(resolveWith("../m", RESOLVE_NO_XDEV), -EXDEV, "may be forbidden");
  expectEqual(resolveWith("../m/g", RESOLVE_NO_XDEV), -EXDEV, "with what is in it");
  expectEqual(resolveWith("../d/top", RESOLVE_NO_XDEV), 0, "not what stays in one");
  expectEqual(resolveWith("f", RESOLVE_CACHED), 0, "a name that is known");
  expectEqual(resolveWith("never", RESOLVE_CACHED), -EAGAIN, "one that is not");
  expectEqual(resolveWith("never", 0), 0, "until somebody looks");
  expectEqual(resolveWith("never", RESOLVE_CACHED), 0, "for it");
});

test("path: a walk that fails holds nothing", () => {
  tree();
  const directory = dentryAt("/d");
  const file = dentryAt("/d/f");
  const root = rootDirectory();
  const paths: string[] = ["/d/f/x", "/d/x/y", "/loop/x", "/abs/f/x", "/abs/sub/x/y", "/s/x"];
  // The cache knows of them afterwards.
  for (let i = 0; i < paths.length; i++) expect(resolve(paths[i], 0) < 0, paths[i]);
  const references: i32[] = [directory.references, file.references, root.references];
  for (let i = 0; i < paths.length; i++) {
    expect(resolve(paths[i], 0) < 0, paths[i]);
    expectEqual(directory.references, references[0], paths[i]);
    expectEqual(file.references, references[1], paths[i]);
    expectEqual(root.references, references[2], paths[i]);
  }
  expectEqual(resolve("/abs/here", WALK_FOLLOW), 0, "nor one that has succeeded");
  expectEqual(directory.references, references[0], "the directory");
  expectEqual(file.references, references[1], "the file");
});

test("path: memory that is out amid a walk", () => {
  tree();
  expectUndone((): bool => {
    const walk = walkGet();
    if (!walk) return false;
    walk.loadString("/d/new");
    const made = vfsMakeDirectory(walk, rootDirectory(), 0o755) == 0;
    walk.release();
    // What is not there is known of afterwards, as long as there is the directory.
    walk.loadString("/abs/new/.././new/nothing");
    const error = walk.run(rootDirectory(), WALK_FOLLOW);
    if (error == 0) expect(walk.dentry!.inode == null, "nothing");
    walk.release();
    walk.loadString("/d/new");
    vfsRemoveDirectory(walk, rootDirectory());
    walkPut(walk);
    return made && error == 0;
  });
});
