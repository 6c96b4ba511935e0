import { EEXIST, ENODATA, ENOMEM, ERANGE } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { failAllocation } from "../runtime/failing";
import { heapBytesInUse } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { XATTR_CREATE, XATTR_REPLACE, XattrList } from "./xattr";

// A list under random calls, against a model: what each name's value is.

const NAMES: u32 = 12;
const VALUE_MAX: u32 = 40;
const ABSENT: i32 = -1;
const CANARY: u8 = 0xcc;
const KINDS: StaticArray<u32> = [0, XATTR_CREATE, XATTR_REPLACE];

/** Length of the value, or ABSENT, and the number it is made of. */
const lengths = new StaticArray<i32>(<i32>NAMES);
const values = new StaticArray<u32>(<i32>NAMES);
const value: usize = memory.data(64);
const out: usize = memory.data(512);
const named: usize = memory.data(16);

let seed: u32 = 3;

function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

/** Name `index` in `named`: some differ in the last letter alone, some in length. Its length. */
function nameOf(index: u32): u32 {
  const length: u32 = 1 + index / 3;
  for (let i: u32 = 0; i < length; i++) store<u8>(named + <usize>i, 97);
  store<u8>(named + <usize>(length - 1), <u8>(97 + (index % 3)));
  return length;
}

function byteOf(number: u32, at: u32): u8 {
  return <u8>(number * 13 + at * 5);
}

function set(list: XattrList, index: u32, number: u32, length: u32, flags: u32): i32 {
  for (let i: u32 = 0; i < length; i++) store<u8>(value + <usize>i, byteOf(number, i));
  return list.set(named, nameOf(index), value, length, flags);
}

function change(list: XattrList): void {
  const index = random(NAMES);
  const there = lengths[index] != ABSENT;
  if (random(3) == 0) {
    expectEqual(list.remove(named, nameOf(index)), there ? 0 : -ENODATA, "removed");
    lengths[index] = ABSENT;
    return;
  }
  const flags = KINDS[random(3)];
  const number = random(1000);
  const length = random(VALUE_MAX);
  const error = set(list, index, number, length, flags);
  if (flags == XATTR_CREATE && there) expectEqual(error, -EEXIST, "there is one");
  else if (flags == XATTR_REPLACE && !there) expectEqual(error, -ENODATA, "there is none");
  else {
    expectEqual(error, 0, "set");
    lengths[index] = length;
    values[index] = number;
  }
}

function checkValue(list: XattrList, index: u32): void {
  const length = lengths[index];
  if (length == ABSENT) {
    expectEqual(list.get(named, nameOf(index), out, 0), -ENODATA, "its length");
    expectEqual(list.get(named, nameOf(index), out, VALUE_MAX), -ENODATA, "its value");
    return;
  }
  expectEqual(list.get(named, nameOf(index), 0, 0), length, "the length alone");
  for (let room = max(length - 1, 1); room <= length + 1; room++) {
    memory.fill(out, CANARY, VALUE_MAX + 2);
    const n = list.get(named, nameOf(index), out, room);
    expectEqual(n, room < length ? -ERANGE : length, "into this room");
    for (let i: i32 = 0; i < n; i++) {
      expectEqual(load<u8>(out + <usize>i), byteOf(values[index], i), "its bytes");
    }
    expectEqual(load<u8>(out + <usize>max(n, 0)), CANARY, "nothing behind them");
  }
}

function checkNames(list: XattrList): void {
  let total: u32 = 0;
  for (let i: u32 = 0; i < NAMES; i++) if (lengths[i] != ABSENT) total += nameOf(i) + 1;
  expectEqual(list.names(0, 0), total, "the length alone");
  if (total > 1) expectEqual(list.names(out, total - 1), -ERANGE, "a byte too little");
  for (let room = total; room < total + 2; room++) {
    if (room == 0) continue;
    memory.fill(out, CANARY, total + 2);
    expectEqual(list.names(out, room), total, "what fits exactly, and more");
    expectEqual(load<u8>(out + <usize>total), CANARY, "nothing behind it");
    for (let i: u32 = 0; i < NAMES; i++) {
      expectEqual(timesListed(i, total), lengths[i] == ABSENT ? 0 : 1, "each name once");
    }
  }
}

/** How often a name is among the `total` bytes of names in `out`. */
function timesListed(index: u32, total: u32): u32 {
  const length = nameOf(index);
  let times: u32 = 0;
  let at: u32 = 0;
  while (at < total) {
    let end = at;
    while (load<u8>(out + <usize>end) != 0) end++;
    if (end - at == length && memory.compare(out + <usize>at, named, length) == 0) times++;
    at = end + 1;
  }
  return times;
}

test("xattr: random changes of a list are what a model says, in any room", () => {
  const list = new XattrList();
  const before = heapBytesInUse();
  for (let i: u32 = 0; i < NAMES; i++) lengths[i] = ABSENT;
  for (let round = 0; round < 400; round++) {
    change(list);
    for (let i: u32 = 0; i < NAMES; i++) checkValue(list, i);
    checkNames(list);
  }
  for (let i: u32 = 0; i < NAMES; i++) list.remove(named, nameOf(i));
  const held: i64 = <i64>heapBytesInUse() - before;
  expectEqual(held, 0, "without an attribute nothing is held");
});

test("xattr: a copy of a list is one of its own", () => {
  const before = heapBytesInUse();
  const list = new XattrList();
  const copy = new XattrList();
  for (let i: u32 = 0; i < NAMES; i++) {
    lengths[i] = i;
    values[i] = i * 7;
    set(list, i, values[i], i, 0);
  }
  expectEqual(copy.copyFrom(list), 0, "copied");
  list.destroy();
  for (let i: u32 = 0; i < NAMES; i++) checkValue(copy, i);
  checkNames(copy);
  copy.destroy();
  const held: i64 = <i64>heapBytesInUse() - before;
  expectEqual(held, 0, "all is given back");
});

test("xattr: without memory the old value stays", () => {
  const list = new XattrList();
  for (let i: u32 = 0; i < NAMES; i++) lengths[i] = ABSENT;
  expectEqual(set(list, 2, 5, 10, 0), 0, "set");
  lengths[2] = 10;
  values[2] = 5;
  failAllocation(1);
  expectEqual(set(list, 2, 6, 20, 0), -ENOMEM, "another value");
  failAllocation(1);
  expectEqual(set(list, 3, 6, 20, 0), -ENOMEM, "another name");
  failAllocation(0);
  for (let i: u32 = 0; i < NAMES; i++) checkValue(list, i);
  checkNames(list);
});

test("failing memory: a copy of a list of attributes", () => {
  expectUndone((): bool => {
    const list = new XattrList();
    const copy = new XattrList();
    let done = true;
    for (let i: u32 = 0; i < 3; i++) done = set(list, i, i, 9, 0) == 0 && done;
    const copied = copy.copyFrom(list);
    expect(copied == 0 || copied == -ENOMEM, "done, or says why");
    if (copied == 0) expectEqual(copy.names(0, 0), list.names(0, 0), "all of them");
    copy.destroy();
    list.destroy();
    return done && copied == 0;
  });
});
