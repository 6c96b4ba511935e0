import { expect, expectEqual, test } from "../lib/testing";
import { heapBytesInUse } from "../runtime/heap";
import {
  Dentry,
  dentryCopyName,
  dentryCount,
  dentryCreate,
  dentryDrop,
  dentryFind,
  dentryForgetNames,
  dentryGet,
  dentryMove,
  dentryPublish,
  dentryPut,
  dentryQueueLength,
  nameHash,
  UNUSED_MAX,
} from "./dentry";
import { S_IFDIR } from "./stat";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";

const text: usize = memory.data(16);

/** A name of ours in linear memory; valid until the next one. */
function named(name: string): usize {
  for (let i = 0; i < name.length; i++) store<u8>(text + <usize>i, <u8>name.charCodeAt(i));
  return text;
}

function find(parent: Dentry, name: string): Dentry | null {
  const at = named(name);
  return dentryFind(parent, nameHash(at, name.length), at, name.length);
}

function create(parent: Dentry | null, name: string): Dentry {
  const at = named(name);
  return dentryCreate(parent, nameHash(at, name.length), at, name.length)!;
}

function publish(parent: Dentry, name: string): Dentry {
  const dentry = create(parent, name);
  dentryPublish(dentry);
  return dentry;
}

test("dentry: equal names in different directories are different dentries", () => {
  const root = create(null, "");
  const a = publish(root, "a");
  const b = publish(root, "b");
  const inA = publish(a, "x");
  const inB = publish(b, "x");
  expect(find(a, "x") == inA && find(b, "x") == inB, "each its own");
  expect(find(root, "x") == null, "not above");
  expect(find(a, "xx") == null && find(a, "") == null, "nor longer or shorter");
  expectEqual(a.references, 2, "the child holds its parent");
  dentryPut(inA);
  expect(find(a, "x") == inA, "unused ones stay findable");
});

test("dentry: one whose name is gone is freed with its last reference, and its parents after it", () => {
  const root = create(null, "");
  const before = heapBytesInUse();
  const a = publish(root, "a");
  const b = publish(a, "b");
  const c = create(b, "c");
  dentryDrop(a);
  dentryDrop(b);
  dentryPut(a);
  dentryPut(b);
  expect(find(root, "a") == null, "can't be found");
  expectEqual(c.parent!.parent == a ? 1 : 0, 1, "but held by what is below");
  dentryPut(c);
  // What remains is the table of the hash.
  expect(heapBytesInUse() <= before + 1008, "all are freed");
  expectEqual(root.references, 1, "the root's child is gone");
});

test("dentry: with a directory go the names that are not in it", () => {
  const root = create(null, "");
  const directory = publish(root, "d");
  directory.inode = new TmpDirectory(new TmpFileSystem("tmpfs", 1), S_IFDIR);
  const missing = publish(directory, "missing");
  const held = publish(directory, "held");
  dentryPut(missing);
  expectEqual(directory.references, 3, "two names in it");
  dentryDrop(directory);
  dentryForgetNames(directory);
  expectEqual(directory.references, 2, "only what is held stays");
  expect(find(directory, "held") == held, "and can still be reached by who holds it");
  expectEqual(dentryQueueLength(), 0, "nothing waits to be found again");
});

test("dentry: a renamed one is found by its new name only", () => {
  const root = create(null, "");
  const a = publish(root, "a");
  const b = publish(root, "b");
  const x = publish(a, "x");
  dentryMove(x, b, dentryCopyName(named("other"), 5), 5);
  expect(find(a, "x") == null && find(b, "x") == null, "the old name");
  expect(find(b, "other") == x, "the new name");
  expectEqual(a.references, 1, "the old parent is released");
  expectEqual(b.references, 2, "the new one held");
  dentryMove(x, a, dentryCopyName(named("again"), 5), 5);
  expect(find(a, "again") == x, "found");
});

test("dentry: unused ones are bounded, and those found lately stay longest", () => {
  const root = create(null, "");
  const popular = publish(root, "popular");
  dentryPut(popular);
  for (let i: u32 = 0; i < UNUSED_MAX + 500; i++) {
    const dentry = publish(root, "n" + i.toString());
    dentryPut(dentry);
    if (i % 1000 == 0) expect(find(root, "popular") == popular, "still there");
  }
  expectEqual(dentryQueueLength(), UNUSED_MAX, "bounded");
  expectEqual(dentryCount(), UNUSED_MAX, "nothing else is findable");
  expect(find(root, "n0") == null, "the oldest is gone");
  expect(find(root, "popular") == popular, "a popular one isn't");
  expect(find(root, "n" + (UNUSED_MAX + 499).toString()) != null, "nor the newest");
});

test("dentry: one in use is not evicted, and is queued again when it is put", () => {
  const root = create(null, "");
  const held = publish(root, "held");
  dentryPut(held);
  dentryGet(held);
  for (let i: u32 = 0; i < UNUSED_MAX + 10; i++) dentryPut(publish(root, "n" + i.toString()));
  expect(find(root, "held") == held, "held");
  expectEqual(held.references, 1, "once");
  dentryPut(held);
  expect(find(root, "held") == held, "still findable");
});
