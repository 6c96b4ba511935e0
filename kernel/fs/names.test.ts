/**
 * Names under random calls, against a model of the tree: what each call answers, what is where
 * afterwards, how many names a file has, and whose times have changed.
 */
import { addressOf } from "../arch/hw";
import { EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { heapBytesInUse } from "../runtime/heap";
import { File, filePut, O_CREAT, O_EXCL, O_RDONLY, O_RDWR } from "./file";
import { Inode, isError } from "./inode";
import { IoVector } from "./io-vector";
import { rootDirectory } from "./mount";
import { Walk, walkGet, walkPut } from "./path-walk";
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from "./stat";
import { testTmpfsRoot, testUnionRoot } from "./testing";
import {
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  vfsLink,
  vfsMakeDirectory,
  vfsMakeNode,
  vfsOpen,
  vfsRemoveDirectory,
  vfsRename,
  vfsSymlink,
  vfsUnlink,
} from "./vfs";

/** Names that the model knows, which are in the image, too. */
const NAMES: StaticArray<string> = ["etc", "hosts", "empty", "usr", "lib", "tail", "aligned"];
const NAME_COUNT: i32 = 7;
const ALIGNED: i32 = 6;
const NODES: i32 = 128;
const ROOT: i32 = 0;
const NONE: i32 = -1;
const LONG_AGO: i64 = 5;

/** Of each file of the model: its type (0: there is no such file), names, directory, contents. */
const kinds = new StaticArray<u32>(NODES);
const names = new StaticArray<i32>(NODES);
const parents = new StaticArray<i32>(NODES);
const children = new StaticArray<i32>(NODES * NAME_COUNT);
const numbers = new StaticArray<u64>(NODES);
/** Whether the last call changes its times. */
const modified = new StaticArray<bool>(NODES);
const changed = new StaticArray<bool>(NODES);

let isUnion: bool = false;
let seed: u32 = 1;
const path: usize = memory.data(1024);
const chain = new StaticArray<i32>(NODES);
const buffer: usize = memory.data(512, 8);
const io = new IoVector();

function random(below: i32): i32 {
  seed = seed * 1664525 + 1013904223;
  return <i32>((seed >> 8) % <u32>below);
}

function childOf(directory: i32, name: i32): i32 {
  return children[directory * NAME_COUNT + name];
}

function setChild(directory: i32, name: i32, node: i32): void {
  children[directory * NAME_COUNT + name] = node;
}

function isDirectory(node: i32): bool {
  return kinds[node] == S_IFDIR;
}

function isEmpty(directory: i32): bool {
  for (let name = 0; name < NAME_COUNT; name++) {
    if (childOf(directory, name) != NONE) return false;
  }
  return true;
}

function isBelow(node: i32, above: i32): bool {
  let at = node;
  while (at != ROOT && at != above) at = parents[at];
  return at == above;
}

function nameOf(node: i32): i32 {
  const parent = parents[node];
  let name = 0;
  while (childOf(parent, name) != node) name++;
  return name;
}

function putName(at: usize, name: i32): usize {
  const text = NAMES[name];
  store<u8>(at, 47);
  for (let i = 0; i < text.length; i++) store<u8>(at + 1 + i, <u8>text.charCodeAt(i));
  return at + 1 + text.length;
}

/** A walk with the path of a name in a directory of the model. */
function walkTo(directory: i32, name: i32): Walk {
  let depth = 0;
  for (let at = directory; at != ROOT; at = parents[at]) chain[depth++] = at;
  let end = path;
  while (depth > 0) end = putName(end, nameOf(chain[--depth]));
  end = putName(end, name);
  const walk = walkGet()!;
  expectEqual(walk.loadKernel(path, <u32>(end - path)), 0, "a path");
  return walk;
}

function addNode(directory: i32, name: i32, kind: u32): i32 {
  let node = 1;
  while (kinds[node] != 0) node++;
  kinds[node] = kind;
  names[node] = kind == S_IFDIR ? 2 : 1;
  parents[node] = directory;
  numbers[node] = 0;
  for (let i = 0; i < NAME_COUNT; i++) setChild(node, i, NONE);
  setChild(directory, name, node);
  if (kind == S_IFDIR) names[directory]++;
  return node;
}

/** The times of a directory in which a name came or went. */
function touch(directory: i32): void {
  modified[directory] = true;
  changed[directory] = true;
}

function dropName(directory: i32, name: i32): void {
  const node = childOf(directory, name);
  setChild(directory, name, NONE);
  touch(directory);
  changed[node] = true;
  if (isDirectory(node)) {
    names[directory]--;
    names[node] = 0;
  } else {
    names[node]--;
  }
  if (names[node] == 0) kinds[node] = 0;
}

/** A directory of the model, any. */
function anyDirectory(): i32 {
  let node = random(NODES);
  while (!isDirectory(node)) node = (node + 1) % NODES;
  return node;
}

// ---- Calls: each returns the errno it got, and has the model do the same ------------------------

function make(directory: i32, name: i32): void {
  const kind = random(4);
  const walk = walkTo(directory, name);
  const root = rootDirectory();
  let error: i64 = 0;
  let type = S_IFREG;
  if (kind == 0) {
    const file = vfsOpen(walk, root, O_CREAT | O_EXCL | O_RDWR, 0o600);
    if (isError(file)) error = <i32>file;
    else filePut(changetype<File>(file));
  } else if (kind == 1) {
    type = S_IFLNK;
    store<u8>(buffer, 46);
    error = vfsSymlink(walk, root, buffer, 1);
  } else if (kind == 2) {
    type = S_IFIFO;
    error = vfsMakeNode(walk, root, S_IFIFO | 0o600, 0);
  } else {
    type = S_IFDIR;
    error = vfsMakeDirectory(walk, root, 0o700);
  }
  walkPut(walk);
  expectEqual(error, childOf(directory, name) != NONE ? -EEXIST : 0, "a new name");
  if (error != 0) return;
  touch(addNode(directory, name, type));
  touch(directory);
}

function link(directory: i32, name: i32, toDirectory: i32, toName: i32): void {
  const node = childOf(directory, name);
  if (node == NONE) return;
  const old = walkTo(directory, name);
  expectEqual(old.run(rootDirectory(), 0), 0, "what gets a second name");
  const walk = walkTo(toDirectory, toName);
  const error = vfsLink(old.dentry!, walk, rootDirectory());
  walkPut(old);
  walkPut(walk);
  let expected = isDirectory(node) ? -EPERM : 0;
  if (childOf(toDirectory, toName) != NONE) expected = -EEXIST;
  expectEqual(error, expected, "a second name");
  if (error != 0) return;
  setChild(toDirectory, toName, node);
  names[node]++;
  changed[node] = true;
  touch(toDirectory);
}

function remove(directory: i32, name: i32): void {
  const node = childOf(directory, name);
  const walk = walkTo(directory, name);
  const asDirectory = random(2) == 0;
  const error = asDirectory
    ? vfsRemoveDirectory(walk, rootDirectory())
    : vfsUnlink(walk, rootDirectory());
  walkPut(walk);
  let expected = 0;
  if (node == NONE) expected = -ENOENT;
  else if (isDirectory(node) != asDirectory) expected = asDirectory ? -ENOTDIR : -EISDIR;
  else if (asDirectory && !isEmpty(node)) expected = -ENOTEMPTY;
  expectEqual(error, expected, "a name removed");
  if (error == 0) dropName(directory, name);
}

/** What rename(2) is to answer, but when both names are the same file's. */
function renameError(node: i32, target: i32, directory: i32, toDirectory: i32, flags: u32): i32 {
  if (node == NONE) return -ENOENT;
  const exchange = flags == RENAME_EXCHANGE;
  if (target == NONE) {
    if (exchange) return -ENOENT;
    return isBelow(toDirectory, node) ? -EINVAL : 0;
  }
  if (flags == RENAME_NOREPLACE) return -EEXIST;
  if (node == target) return 0;
  if (isBelow(toDirectory, node)) return -EINVAL;
  if (isBelow(directory, target)) return exchange ? -EINVAL : -ENOTEMPTY;
  if (exchange) return 0;
  if (isDirectory(node) != isDirectory(target)) return isDirectory(target) ? -EISDIR : -ENOTDIR;
  return isDirectory(target) && !isEmpty(target) ? -ENOTEMPTY : 0;
}

/** The file at a name of the model is now another one, which was in `from`. */
function place(node: i32, from: i32, directory: i32, name: i32): void {
  setChild(directory, name, node);
  changed[node] = true;
  if (!isDirectory(node)) return;
  parents[node] = directory;
  names[from]--;
  names[directory]++;
}

function rename(directory: i32, name: i32, toDirectory: i32, toName: i32): void {
  const kind = random(4);
  const flags: u32 = kind == 0 ? RENAME_NOREPLACE : kind == 1 ? RENAME_EXCHANGE : 0;
  const node = childOf(directory, name);
  const target = childOf(toDirectory, toName);
  const from = walkTo(directory, name);
  const to = walkTo(toDirectory, toName);
  const error = vfsRename(from, rootDirectory(), to, rootDirectory(), flags);
  walkPut(from);
  walkPut(to);
  expectEqual(error, renameError(node, target, directory, toDirectory, flags), "a rename");
  if (error != 0 || node == target) return;
  if (flags == RENAME_EXCHANGE) {
    place(target, toDirectory, directory, name);
  } else {
    if (target != NONE) dropName(toDirectory, toName);
    setChild(directory, name, NONE);
  }
  place(node, directory, toDirectory, toName);
  touch(directory);
  touch(toDirectory);
}

// ---- Comparing ----------------------------------------------------------------------------------

/** The inode at a name, borrowed; null when there is none. */
function inodeAt(directory: i32, name: i32): Inode | null {
  const walk = walkTo(directory, name);
  expectEqual(walk.run(rootDirectory(), 0), 0, "the directory is there");
  const inode = walk.dentry!.inode;
  walkPut(walk);
  return inode;
}

function inodeOf(node: i32): Inode {
  return node == ROOT ? rootDirectory().inode! : inodeAt(parents[node], nameOf(node))!;
}

function checkTimes(inode: Inode, node: i32): void {
  expectEqual(inode.mtimeNs != LONG_AGO, modified[node], "the time of modification changes");
  expectEqual(inode.ctimeNs != LONG_AGO, changed[node], "the time of change changes");
}

function checkInode(inode: Inode, node: i32): void {
  expectEqual(inode.mode & S_IFMT, kinds[node], "the type");
  // A file of the image becomes another one when it is changed.
  if (isUnion && !isDirectory(node)) return;
  expectEqual(inode.nlink, names[node], "how many names it has");
  if (numbers[node] == 0) numbers[node] = inode.number;
  expectEqual(inode.number, numbers[node], "it is the same file");
  checkTimes(inode, node);
}

function isNamed(entry: usize, name: i32): bool {
  const text = NAMES[name];
  for (let i = 0; i < text.length; i++) {
    if (load<u8>(entry + 19 + i) != <u8>text.charCodeAt(i)) return false;
  }
  return load<u8>(entry + 19 + text.length) == 0;
}

/** The name that the model has for an entry of a listing; NONE for one that it doesn't know. */
function entryName(entry: usize): i32 {
  let name = 0;
  while (name < NAME_COUNT && !isNamed(entry, name)) name++;
  return name < NAME_COUNT ? name : NONE;
}

/** Each name is listed once, with its type; with buffers of any size. */
function checkListing(directory: i32, inode: Inode): void {
  const opened = inode.open(rootDirectory(), O_RDONLY);
  expect(!isError(opened), "a directory can be opened");
  const file = changetype<File>(opened);
  const size = 64 + random(400);
  let seen: u32 = 0;
  for (;;) {
    io.setKernel(addressOf(buffer), size);
    const filled = file.readDirectory(io);
    expect(filled >= 0, "listed");
    if (filled <= 0) break;
    for (let at: i64 = 0; at < filled; ) {
      const entry = buffer + <usize>at;
      at += load<u16>(entry, 16);
      const name = entryName(entry);
      if (name == NONE) continue;
      expect((seen & (1 << name)) == 0, "a name is listed once");
      seen |= 1 << name;
      const node = childOf(directory, name);
      expect(node != NONE, "a name that is listed is there");
      expectEqual(load<u8>(entry, 18), kinds[node] >> 12, "the type in a listing");
    }
  }
  filePut(file);
  for (let name = 0; name < NAME_COUNT; name++) {
    const isSeen = (seen & (1 << name)) != 0;
    expectEqual(isSeen, childOf(directory, name) != NONE, "what is there is listed");
  }
}

function checkTree(directory: i32): void {
  const inode = inodeOf(directory);
  checkInode(inode, directory);
  checkListing(directory, inode);
  for (let name = 0; name < NAME_COUNT; name++) {
    const node = childOf(directory, name);
    const found = inodeAt(directory, name);
    expectEqual(found != null, node != NONE, "a name is there or not");
    if (node == NONE) continue;
    if (isDirectory(node)) checkTree(node);
    else checkInode(found!, node);
  }
}

function age(directory: i32): void {
  for (let name = 0; name < NAME_COUNT; name++) {
    const node = childOf(directory, name);
    if (node == NONE) continue;
    const inode = inodeAt(directory, name)!;
    inode.mtimeNs = LONG_AGO;
    inode.ctimeNs = LONG_AGO;
    if (isDirectory(node)) age(node);
  }
}

function step(): void {
  const inode = inodeOf(ROOT);
  inode.mtimeNs = LONG_AGO;
  inode.ctimeNs = LONG_AGO;
  age(ROOT);
  for (let node = 0; node < NODES; node++) {
    modified[node] = false;
    changed[node] = false;
  }
  const directory = anyDirectory();
  const name = random(NAME_COUNT);
  const kind = random(10);
  if (kind <= 2) make(directory, name);
  else if (kind == 3) link(directory, name, anyDirectory(), random(NAME_COUNT));
  else if (kind <= 5) remove(directory, name);
  else rename(directory, name, anyDirectory(), random(NAME_COUNT));
  checkTree(ROOT);
}

function begin(): void {
  for (let node = 0; node < NODES; node++) {
    kinds[node] = 0;
    touch(node);
  }
  kinds[ROOT] = S_IFDIR;
  names[ROOT] = rootDirectory().inode!.nlink;
  numbers[ROOT] = 0;
  for (let name = 0; name < NAME_COUNT; name++) setChild(ROOT, name, NONE);
}

function removeAll(directory: i32): void {
  for (let name = 0; name < NAME_COUNT; name++) {
    const node = childOf(directory, name);
    if (node == NONE) continue;
    if (isDirectory(node)) removeAll(node);
    while (childOf(directory, name) != NONE) remove(directory, name);
  }
}

function unlinkAt(directory: i32, name: i32): void {
  const walk = walkTo(directory, name);
  expectEqual(vfsUnlink(walk, rootDirectory()), 0, "removed");
  walkPut(walk);
}

/** Takes into the model what the image has of its names: the counts of links are the image's. */
function takeImage(directory: i32): void {
  const links = names[directory];
  for (let name = 0; name < NAME_COUNT; name++) {
    const inode = inodeAt(directory, name);
    if (!inode) continue;
    const node = addNode(directory, name, inode.mode & S_IFMT);
    names[node] = inode.nlink;
    if (inode.isDirectory()) takeImage(node);
  }
  names[directory] = links;
}

function nodeCount(): i32 {
  let count = 0;
  for (let node = 0; node < NODES; node++) if (kinds[node] != 0) count++;
  return count;
}

/** Random calls until there are many files, and then the end of them all. */
function growAndRemove(): void {
  for (let round = 0; round < 200 && nodeCount() < NODES / 2; round++) step();
  removeAll(ROOT);
  // The cache now knows of each name that it is not there.
  checkTree(ROOT);
}

test("names: random calls do and answer what a model of the tree says", () => {
  const fileSystem = testTmpfsRoot();
  isUnion = false;
  begin();
  let bytes: usize = 0;
  for (let round = 0; round < 12; round++) {
    // By then tables and pools are as large as they get.
    if (round == 6) bytes = heapBytesInUse();
    growAndRemove();
    expectEqual(fileSystem.inodeCount, 1, "but for the root no file is left");
  }
  expectEqual(heapBytesInUse(), bytes, "all memory is given back");
});

test("names: the same over an image, of which nothing that was removed shows again", () => {
  for (let round = 0; round < 12; round++) {
    // A new union for each round: the image is as it was.
    testUnionRoot("compact.erofs");
    isUnion = true;
    begin();
    // In the image it is a second name of another, which the model doesn't know.
    unlinkAt(ROOT, ALIGNED);
    takeImage(ROOT);
    checkTree(ROOT);
    for (let i = 0; i < 40; i++) step();
    removeAll(ROOT);
    checkTree(ROOT);
  }
});

test("names: a root whose directories have all been removed is still one to make files in", () => {
  testUnionRoot("compact.erofs");
  isUnion = true;
  begin();
  expectEqual(names[ROOT], 6, "`.`, `..` and those of four directories");
  takeImage(ROOT);
  removeAll(ROOT);
  expectEqual(inodeOf(ROOT).nlink, 3, "one is left, which the model doesn't know");
  for (let i = 0; i < NAME_COUNT; i++) make(ROOT, i);
  checkTree(ROOT);
});
