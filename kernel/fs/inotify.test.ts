import { addressOf } from "../arch/hw";
import { EAGAIN, EEXIST, EINVAL, EMFILE, ENOSPC } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { Dentry, dentryPut } from "./dentry";
import {
  filePut,
  O_CREAT,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  POLLIN,
  POLLRDNORM,
  PollObserver,
} from "./file";
import { ATTRIBUTE_ATIME, ATTRIBUTE_MODE, ATTRIBUTE_MTIME, Attributes, isError } from "./inode";
import { Inotify, inotifyCreate, inotifyLimits } from "./inotify";
import {
  IN_ACCESS,
  IN_ALL_EVENTS,
  IN_ATTRIB,
  IN_CLOSE_NOWRITE,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_MODIFY,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_ONESHOT,
  IN_OPEN,
  IN_Q_OVERFLOW,
} from "./inotify-events";
import { IoVector } from "./io-vector";
import { rootDirectory } from "./mount";
import { walkPut } from "./path-walk";
import {
  opened,
  putFile,
  readAt,
  testTmpfsRoot,
  testUnionRoot,
  walkTo,
  writeText,
} from "./testing";
import {
  RENAME_EXCHANGE,
  vfsLink,
  vfsMakeDirectory,
  vfsRemoveDirectory,
  vfsRename,
  vfsSetAttributes,
  vfsTruncate,
  vfsUnlink,
} from "./vfs";
import { isAnyWatched, watchesThere } from "./watch";

const SIZE: u64 = 4096;
const EVENT_SIZE: u64 = 16;
const buffer: usize = memory.data(4096, 8);
const io = new IoVector();
/** Where in the buffer the next event is, and the end of the last. */
let next: i64 = 0;
let end: i64 = 0;
let cookie: u32 = 0;

function instance(): Inotify {
  const made = inotifyCreate(O_NONBLOCK);
  expect(!isError(made), "an instance");
  next = 0;
  end = 0;
  return changetype<Inotify>(made);
}

function dentryAt(path: string): Dentry {
  const walk = walkTo(path);
  expectEqual(walk.run(rootDirectory(), 0), 0, path);
  const dentry = walk.take();
  walkPut(walk);
  return dentry;
}

function watch(file: Inotify, path: string, mask: u32): i32 {
  const dentry = dentryAt(path);
  const wd = file.watch(dentry, mask);
  dentryPut(dentry);
  return wd;
}

function read(file: Inotify, n: u64): i64 {
  io.setKernel(addressOf(buffer), n);
  return file.read(io);
}

/** The next event is this; `name` may be "". */
function expectEvent(file: Inotify, wd: i32, mask: u32, name: string): void {
  if (next == end) {
    end = read(file, SIZE);
    next = 0;
    expect(end > 0, "an event");
  }
  const event = buffer + <usize>next;
  expectEqual(load<i32>(event), wd, "the watch");
  expectEqual(load<u32>(event, 4), mask, name);
  cookie = load<u32>(event, 8);
  const length = load<u32>(event, 12);
  expectEqual(length, name.length == 0 ? 0 : ((name.length >> 4) + 1) << 4, "room for the name");
  next += EVENT_SIZE + length;
  if (length == 0) return;
  for (let i: u32 = 0; i < length; i++) {
    const byte = i < <u32>name.length ? name.charCodeAt(i) : 0;
    expectEqual(load<u8>(event + <usize>EVENT_SIZE + i), byte, name);
  }
}

function expectNothing(file: Inotify): void {
  expectEqual(next, end, "nothing else has been read");
  expectEqual(file.poll(), 0, "nothing is there");
  expectEqual(read(file, SIZE), -EAGAIN, "to be read");
}

function unlink(path: string): void {
  const walk = walkTo(path);
  expectEqual(vfsUnlink(walk, rootDirectory()), 0, path);
  walkPut(walk);
}

function makeDirectory(path: string): void {
  const walk = walkTo(path);
  expectEqual(vfsMakeDirectory(walk, rootDirectory(), 0o755), 0, path);
  walkPut(walk);
}

function removeDirectory(path: string): void {
  const walk = walkTo(path);
  expectEqual(vfsRemoveDirectory(walk, rootDirectory()), 0, path);
  walkPut(walk);
}

function rename(from: string, to: string, flags: u32 = 0): void {
  const source = walkTo(from);
  const target = walkTo(to);
  expectEqual(vfsRename(source, rootDirectory(), target, rootDirectory(), flags), 0, from);
  walkPut(source);
  walkPut(target);
}

function change(path: string, which: u32): void {
  const dentry = dentryAt(path);
  const attributes = new Attributes();
  attributes.which = which;
  expectEqual(vfsSetAttributes(dentry, attributes), 0, path);
  dentryPut(dentry);
}

test("inotify: what happens in a directory is told by the names in it", () => {
  testTmpfsRoot();
  makeDirectory("/d");
  const events = instance();
  const wd = watch(events, "/d", IN_ALL_EVENTS);
  expectEqual(wd, 1, "the first watch");
  const file = opened("/d/new", O_CREAT | O_RDWR);
  expectEvent(events, wd, IN_CREATE, "new");
  expectEvent(events, wd, IN_OPEN, "new");
  writeText(file, "text");
  expectEvent(events, wd, IN_MODIFY, "new");
  readAt(file, 0, buffer, 4);
  expectEvent(events, wd, IN_ACCESS, "new");
  readAt(file, 4, buffer, 4);
  file.truncate(1);
  expectEvent(events, wd, IN_MODIFY, "new");
  filePut(file);
  expectEvent(events, wd, IN_CLOSE_WRITE, "new");
  filePut(opened("/d/new", O_RDONLY));
  expectEvent(events, wd, IN_OPEN, "new");
  expectEvent(events, wd, IN_CLOSE_NOWRITE, "new");
  change("/d/new", ATTRIBUTE_MODE);
  expectEvent(events, wd, IN_ATTRIB, "new");
  change("/d/new", ATTRIBUTE_ATIME | ATTRIBUTE_MTIME);
  expectEvent(events, wd, IN_ATTRIB, "new");
  change("/d/new", ATTRIBUTE_ATIME);
  expectEvent(events, wd, IN_ACCESS, "new");
  change("/d/new", ATTRIBUTE_MTIME);
  expectEvent(events, wd, IN_MODIFY, "new");
  change("/d/new", ATTRIBUTE_MODE | ATTRIBUTE_MTIME);
  expectEvent(events, wd, IN_MODIFY | IN_ATTRIB, "new");
  const dentry = dentryAt("/d/new");
  vfsTruncate(dentry, 0);
  expectEvent(events, wd, IN_MODIFY, "new");
  const walk = walkTo("/d/sixteen-letters!");
  expectEqual(vfsLink(dentry, walk, rootDirectory()), 0, "a second name");
  walkPut(walk);
  dentryPut(dentry);
  expectEvent(events, wd, IN_CREATE, "sixteen-letters!");
  unlink("/d/new");
  expectEvent(events, wd, IN_DELETE, "new");
  makeDirectory("/d/sub");
  expectEvent(events, wd, IN_CREATE | IN_ISDIR, "sub");
  removeDirectory("/d/sub");
  expectEvent(events, wd, IN_DELETE | IN_ISDIR, "sub");
  putFile("/elsewhere", "x");
  expectNothing(events);
  filePut(events);
  expect(!isAnyWatched(), "no watch is left");
});

test("inotify: a rename is told at both ends, by one cookie", () => {
  testTmpfsRoot();
  makeDirectory("/d");
  makeDirectory("/e");
  putFile("/d/f", "f");
  putFile("/e/g", "g");
  const events = instance();
  const here = watch(events, "/d", IN_ALL_EVENTS);
  const there = watch(events, "/e", IN_ALL_EVENTS);
  const self = watch(events, "/d/f", IN_MOVE_SELF);
  const other = watch(events, "/e/g", IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
  rename("/d/f", "/e/f");
  expectEvent(events, here, IN_MOVED_FROM, "f");
  const first = cookie;
  expectEvent(events, there, IN_MOVED_TO, "f");
  expect(first != 0 && first == cookie, "they belong together");
  expectEvent(events, self, IN_MOVE_SELF, "");
  expectEqual(cookie, 0, "and this to nothing");
  rename("/e/f", "/d/h");
  expectEvent(events, there, IN_MOVED_FROM, "f");
  expect(cookie != first, "another");
  expectEvent(events, here, IN_MOVED_TO, "h");
  expectEvent(events, self, IN_MOVE_SELF, "");
  rename("/d/h", "/e/g", RENAME_EXCHANGE);
  expectEvent(events, here, IN_MOVED_FROM, "h");
  expectEvent(events, there, IN_MOVED_TO, "g");
  expectEvent(events, self, IN_MOVE_SELF, "");
  expectEvent(events, there, IN_MOVED_FROM, "g");
  expectEvent(events, here, IN_MOVED_TO, "h");
  expectEvent(events, other, IN_MOVE_SELF, "");
  rename("/e/g", "/d/h");
  expectEvent(events, there, IN_MOVED_FROM, "g");
  expectEvent(events, here, IN_MOVED_TO, "h");
  expectEvent(events, other, IN_ATTRIB, "");
  expectEvent(events, self, IN_MOVE_SELF, "");
  expectEvent(events, other, IN_DELETE_SELF, "");
  expectEvent(events, other, IN_IGNORED, "");
  expectNothing(events);
  filePut(events);
});

test("inotify: a file's own watch sees it to its end", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  makeDirectory("/d");
  const events = instance();
  const wd = watch(events, "/f", IN_ALL_EVENTS);
  const directory = watch(events, "/d", IN_DELETE_SELF);
  const file = opened("/f", O_RDWR);
  expectEvent(events, wd, IN_OPEN, "");
  unlink("/f");
  expectEvent(events, wd, IN_ATTRIB, "");
  writeText(file, "more");
  expectEvent(events, wd, IN_MODIFY, "");
  filePut(file);
  expectEvent(events, wd, IN_CLOSE_WRITE, "");
  expectEvent(events, wd, IN_DELETE_SELF, "");
  expectEvent(events, wd, IN_IGNORED, "");
  expectEqual(events.unwatch(wd), -EINVAL, "there is no such watch");
  removeDirectory("/d");
  expectEvent(events, directory, IN_DELETE_SELF, "");
  expectEvent(events, directory, IN_IGNORED, "");
  expectNothing(events);
  expect(!isAnyWatched(), "none is left");
  filePut(events);
});

test("inotify: what a watch is for", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  const events = instance();
  const wd = watch(events, "/f", IN_OPEN);
  filePut(opened("/f", O_RDONLY));
  expectEvent(events, wd, IN_OPEN, "");
  expectEqual(watch(events, "/f", IN_CLOSE_NOWRITE), wd, "another mask");
  filePut(opened("/f", O_RDONLY));
  expectEvent(events, wd, IN_CLOSE_NOWRITE, "");
  expectEqual(watch(events, "/f", IN_OPEN | IN_MASK_ADD), wd, "more of it");
  filePut(opened("/f", O_RDONLY));
  expectEvent(events, wd, IN_OPEN, "");
  expectEvent(events, wd, IN_CLOSE_NOWRITE, "");
  expectEqual(watch(events, "/f", IN_OPEN | IN_MASK_CREATE), -EEXIST, "it is watched");
  expectEqual(events.unwatch(wd), 0, "no more");
  expectEvent(events, wd, IN_IGNORED, "");
  expectEqual(events.unwatch(wd), -EINVAL, "twice");
  const once = watch(events, "/f", IN_OPEN | IN_ONESHOT | IN_MASK_CREATE);
  expect(once != wd, "a descriptor is not used again");
  filePut(opened("/f", O_RDONLY));
  filePut(opened("/f", O_RDONLY));
  expectEvent(events, once, IN_OPEN, "");
  expectEvent(events, once, IN_IGNORED, "");
  expectNothing(events);
  const second = instance();
  const mine = watch(events, "/f", IN_OPEN);
  const theirs = watch(second, "/f", IN_OPEN);
  filePut(opened("/f", O_RDONLY));
  expectEvent(events, mine, IN_OPEN, "");
  expectEvent(second, theirs, IN_OPEN, "");
  expectEqual(watchesThere(), 2, "each has its own");
  filePut(events);
  filePut(opened("/f", O_RDONLY));
  expectEvent(second, theirs, IN_OPEN, "");
  filePut(second);
  expectEqual(watchesThere(), 0, "which go with it");
});

test("inotify: a removed file's use is told to its directory, unless that does not want it", () => {
  testTmpfsRoot();
  makeDirectory("/d");
  putFile("/d/f", "f");
  const events = instance();
  const wd = watch(events, "/d", IN_MODIFY);
  const file = opened("/d/f", O_RDWR);
  unlink("/d/f");
  writeText(file, "1");
  expectEvent(events, wd, IN_MODIFY, "f");
  watch(events, "/d", IN_MODIFY | IN_EXCL_UNLINK);
  writeText(file, "2");
  expectNothing(events);
  filePut(file);
  filePut(events);
});

class Recorder extends PollObserver {
  count: i32 = 0;

  ready(mask: u32): void {
    expectEqual(mask, POLLIN | POLLRDNORM, "readable");
    this.count++;
  }
}

test("inotify: the queue, from its first event to more than it holds", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  inotifyLimits.events = 3;
  const events = instance();
  const recorder = new Recorder();
  events.addObserver(recorder);
  const wd = watch(events, "/f", IN_OPEN | IN_CLOSE_NOWRITE);
  expectEqual(read(events, SIZE), -EAGAIN, "nothing");
  const file = opened("/f", O_RDONLY);
  const again = opened("/f", O_RDONLY);
  expectEqual(recorder.count, 1, "what says the same again is left out");
  expectEqual(events.poll(), POLLIN | POLLRDNORM, "readable");
  expectEqual(read(events, EVENT_SIZE - 1), -EINVAL, "no room for it");
  expectEqual(read(events, EVENT_SIZE * 2 - 1), EVENT_SIZE, "whole events only");
  expectEqual(events.poll(), 0, "it was the only one");
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 4; i++) filePut(opened("/f", O_RDONLY));
    expectEvent(events, wd, IN_OPEN, "");
    expectEvent(events, wd, IN_CLOSE_NOWRITE, "");
    expectEvent(events, wd, IN_OPEN, "");
    expectEvent(events, -1, IN_Q_OVERFLOW, "");
    expectNothing(events);
  }
  filePut(file);
  filePut(again);
  expectEvent(events, wd, IN_CLOSE_NOWRITE, "");
  filePut(opened("/f", O_RDONLY));
  events.removeObserver(recorder);
  filePut(events);
});

test("inotify: so many watches and instances, and no more", () => {
  testTmpfsRoot();
  inotifyLimits.watches = 1;
  inotifyLimits.instances = 2;
  const events = instance();
  const other = instance();
  expectEqual(<i32>inotifyCreate(0), -EMFILE, "a third");
  const wd = watch(events, "/", IN_OPEN);
  expect(wd > 0, "one");
  putFile("/f", "f");
  expectEqual(watch(other, "/f", IN_OPEN), -ENOSPC, "of all instances");
  expectEqual(watch(events, "/", IN_CREATE), wd, "the one may change");
  filePut(events);
  expect(watch(other, "/f", IN_OPEN) > 0, "when one is gone there is room for another");
  filePut(instance());
  filePut(other);
});

test("inotify: a file of the image is watched also when it has been changed", () => {
  testUnionRoot("compact.erofs");
  const events = instance();
  const wd = watch(events, "/etc/hosts", IN_ALL_EVENTS);
  const file = opened("/etc/hosts", O_RDWR);
  expectEvent(events, wd, IN_OPEN, "");
  writeText(file, "1");
  expectEvent(events, wd, IN_MODIFY, "");
  filePut(file);
  expectEvent(events, wd, IN_CLOSE_WRITE, "");
  unlink("/etc/hosts");
  expectEvent(events, wd, IN_ATTRIB, "");
  expectEvent(events, wd, IN_DELETE_SELF, "");
  expectEvent(events, wd, IN_IGNORED, "");
  expectNothing(events);
  const below = watch(events, "/etc/empty", IN_ALL_EVENTS);
  unlink("/etc/empty");
  expectEvent(events, below, IN_ATTRIB, "");
  expectEvent(events, below, IN_DELETE_SELF, "");
  expectEvent(events, below, IN_IGNORED, "");
  expect(!isAnyWatched(), "none is left");
  filePut(events);
});
