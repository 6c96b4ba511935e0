import { expect, expectEqual, test } from "../lib/testing";
import { heapBytesInUse } from "../runtime/heap";
import {
  Dentry,
  dentryCopyName,
  dentryCount,
  dentryCreate,
  dentryDrop,
  dentryFind,
  dentryGet,
  dentryMove,
  dentryPublish,
  dentryPut,
  dentryQueueLength,
  nameHash,
} from "./dentry";
import { Inode } from "./inode";
import { S_IFREG } from "./stat";
import { TmpFileSystem, TmpNode } from "./tmpfs-inode";

// The name cache under random calls, against a model: which names each directory has, how often
// each is held, and what inode is behind it.

const DIRECTORIES: u32 = 3;
const NAMES: u32 = 8;
const SLOTS: i32 = 24;

const directories = new StaticArray<usize>(<i32>DIRECTORIES);
/** By directory and name: the dentry that is to be found there (0: none), and how often held. */
const dentries = new StaticArray<usize>(SLOTS);
const holds = new StaticArray<i32>(SLOTS);
const text: usize = memory.data(16);
let seed: u32 = 29;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

function directoryAt(index: u32): Dentry {
  return changetype<Dentry>(directories[index]);
}

function dentryOf(slot: u32): Dentry {
  return changetype<Dentry>(dentries[slot]);
}

/** Puts the name of a slot in `text`; returns its length: some are the beginning of others. */
function nameOf(slot: u32): u32 {
  const length: u32 = 1 + (slot % NAMES) / 2;
  memory.fill(text, 97, length);
  store<u8>(text + <usize>(length - 1), <u8>(97 + (slot % 2)));
  return length;
}

function find(slot: u32): Dentry | null {
  const length = nameOf(slot);
  return dentryFind(directoryAt(slot / NAMES), nameHash(text, length), text, length);
}

/** What a walk does with a name: finds it or makes it, and holds it. */
function hold(slot: u32, fileSystem: TmpFileSystem): void {
  let dentry = find(slot);
  if (dentry) {
    dentryGet(dentry);
  } else {
    const length = nameOf(slot);
    dentry = dentryCreate(directoryAt(slot / NAMES), nameHash(text, length), text, length)!;
    if (random(2) == 0) dentry.inode = new TmpNode(fileSystem, S_IFREG);
    dentryPublish(dentry);
    dentries[slot] = changetype<usize>(dentry);
  }
  holds[slot]++;
}

/** A rename: the name in the other slot is gone, and this one stands there. */
function move(from: u32, to: u32): void {
  if (from == to || holds[from] == 0 || holds[to] != 0) return;
  if (dentries[to] != 0) {
    const old = dentryOf(to);
    dentryGet(old);
    dentryDrop(old);
    dentryPut(old);
  }
  const length = nameOf(to);
  const dentry = dentryOf(from);
  const moves = dentry.moves;
  dentryMove(dentry, directoryAt(to / NAMES), dentryCopyName(text, length), length);
  expectEqual(dentry.moves, moves + 1, "who has slept can tell");
  dentries[to] = dentries[from];
  holds[to] = holds[from];
  dentries[from] = 0;
  holds[from] = 0;
}

function step(fileSystem: TmpFileSystem): void {
  const slot = random(<u32>SLOTS);
  const kind = random(8);
  if (kind < 4) hold(slot, fileSystem);
  else if (kind < 6) {
    if (holds[slot] == 0) return;
    holds[slot]--;
    dentryPut(dentryOf(slot));
  } else if (kind == 6) {
    move(slot, random(<u32>SLOTS));
  } else if (holds[slot] == 1) {
    const dentry = dentryOf(slot);
    dentryDrop(dentry);
    expect(dentry.isDeleted(), "its name is gone");
    dentryPut(dentry);
    dentries[slot] = 0;
    holds[slot] = 0;
  }
}

function check(fileSystem: TmpFileSystem): void {
  let found: u32 = 0;
  let waiting: u32 = 0;
  let inodes: u64 = 0;
  for (let directory: u32 = 0; directory < DIRECTORIES; directory++) {
    let children = 0;
    for (let name: u32 = 0; name < NAMES; name++) {
      const slot = directory * NAMES + name;
      const dentry = find(slot);
      if (changetype<usize>(dentry) != dentries[slot]) expectEqual(slot, -1, "what is found");
      if (!dentry) continue;
      expectEqual(dentry.references, holds[slot], "as often as it is held");
      expect(dentry.parent == directoryAt(directory), "where it is");
      expect(!dentry.isDeleted(), "with a name");
      const inode: Inode | null = dentry.inode;
      if (inode) inodes++;
      children++;
      found++;
      if (holds[slot] == 0) waiting++;
    }
    expectEqual(directoryAt(directory).references, 1 + children, "each holds its directory");
  }
  expectEqual(dentryCount(), found, "no other can be found");
  expect(dentryQueueLength() >= waiting, "those that nobody holds wait in the queue");
  expectEqual(fileSystem.inodeCount, inodes, "inodes go with their names");
}

test("dentry: random holds, moves and removals of names agree with a model", () => {
  const fileSystem = new TmpFileSystem("tmpfs", 1);
  for (let i: u32 = 0; i < DIRECTORIES; i++) {
    directories[i] = changetype<usize>(dentryCreate(null, 0, 0, 0));
  }
  // The table of names is made with the first.
  hold(0, fileSystem);
  dentryDrop(dentryOf(0));
  dentryPut(dentryOf(0));
  dentries[0] = 0;
  holds[0] = 0;
  const before = heapBytesInUse();
  for (let round = 0; round < 5000; round++) {
    step(fileSystem);
    if (round % 5 == 0) check(fileSystem);
  }
  for (let slot: u32 = 0; slot < <u32>SLOTS; slot++) {
    if (dentries[slot] == 0) continue;
    const dentry = dentryOf(slot);
    dentryGet(dentry);
    dentryDrop(dentry);
    for (; holds[slot] >= 0; holds[slot]--) dentryPut(dentry);
  }
  expectEqual(dentryCount(), 0, "no name is left");
  expectEqual(dentryQueueLength(), 0, "none waits");
  expectEqual(fileSystem.inodeCount, 0, "nor is an inode");
  const lost: i64 = <i64>heapBytesInUse() - before;
  expectEqual(lost, 0, "all is given back");
});
