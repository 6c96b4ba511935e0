import { addressOf } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { attempt } from "../runtime/attempt";
import { failAllocation } from "../runtime/failing";
import { free } from "../runtime/free";
import { expectUndone } from "../runtime/testing";
import { Epoll } from "./epoll";
import { EventFile } from "./event-file";
import { File, filePut, O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, POLLIN } from "./file";
import { FileHandle, handleOf, handleOpen } from "./file-handle";
import { ATTRIBUTE_MODE, Attributes, isError } from "./inode";
import { Inotify, inotifyCreate } from "./inotify";
import { IN_CREATE, IN_ISDIR } from "./inotify-events";
import { IoVector } from "./io-vector";
import { memfdCreate } from "./memfd";
import { mountOf, rootDirectory } from "./mount";
import { Walk, walkGet, walkPut } from "./path-walk";
import { pipeCreate, pipeSetCapacity } from "./pipe";
import { pipeOpenAnew } from "./pipe-place";
import {
  resolve,
  testCache,
  testErofsRoot,
  testMemory,
  testTmpfsRoot,
  testUnionRoot,
} from "./testing";
import { TimerFile } from "./timer-file";
import { F_SEAL_SEAL } from "./tmpfs-file";
import {
  vfsLink,
  vfsMakeDirectory,
  vfsOpen,
  vfsRemoveDirectory,
  vfsResolve,
  vfsSetAttributes,
  vfsSymlink,
  vfsUnlink,
} from "./vfs";

const BYTES: u64 = 9000;
const buffer: usize = memory.data(9000, 8);
const io = new IoVector();

/** Opens a path; null on an error. */
function open(path: string, flags: u32): File | null {
  const walk = walkGet();
  if (!walk) return null;
  walk.loadString(path);
  const file = vfsOpen(walk, rootDirectory(), flags, 0o644);
  walkPut(walk);
  return isError(file) ? null : changetype<File>(file);
}

function onPath(path: string, call: (walk: Walk) => i32): bool {
  const walk = walkGet();
  if (!walk) return false;
  walk.loadString(path);
  const error = call(walk);
  walkPut(walk);
  return error == 0;
}

/** Removes what a run may have left, with memory there again. */
function remove(path: string): void {
  onPath(path, (walk: Walk) => vfsUnlink(walk, rootDirectory()));
}

function readAll(file: File): bool {
  io.setKernel(addressOf(buffer), BYTES);
  return file.readAt(io, 0) > 0;
}

test("failing memory: opening and reading a file of a disk", () => {
  testErofsRoot("compact.erofs");
  expectUndone((): bool => {
    const file = open("/tail", O_RDONLY);
    if (!file) return false;
    const done = readAll(file);
    filePut(file);
    // A page that somebody still holds would stay.
    testCache!.shrink(u64.MAX_VALUE);
    return done;
  });
});

test("failing memory: a file of the image, by its handle", () => {
  testUnionRoot("compact.erofs");
  expectUndone((): bool => {
    const handle = changetype<FileHandle>(buffer);
    const named = onPath("/tail", (walk: Walk) => {
      const error = vfsResolve(walk, rootDirectory(), 0);
      return error != 0 ? error : handleOf(walk.dentry!, changetype<FileHandle>(buffer));
    });
    const file = named ? handleOpen(mountOf(rootDirectory())!, handle, O_RDONLY) : <usize>-1;
    if (!isError(file)) filePut(changetype<File>(file));
    testCache!.shrink(u64.MAX_VALUE);
    return !isError(file);
  });
});

test("failing memory: listing a directory of a union", () => {
  testUnionRoot("compact.erofs");
  expectUndone((): bool => {
    const file = open("/etc", O_RDONLY);
    if (!file) return false;
    io.setKernel(addressOf(buffer), BYTES);
    const filled = file.readDirectory(io);
    filePut(file);
    return filled > 0;
  });
});

test("failing memory: making, writing and removing a file", () => {
  testTmpfsRoot();
  expectUndone((): bool => {
    const file = open("/new", O_CREAT | O_EXCL | O_RDWR);
    let written: i64 = 0;
    if (file) {
      io.setKernel(addressOf(buffer), BYTES);
      written = file.writeAt(io, 0);
      filePut(file);
    }
    remove("/new");
    return written == BYTES;
  });
});

test("failing memory: a directory, a link and a second name", () => {
  testTmpfsRoot();
  expectUndone((): bool => {
    const made = onPath("/d", (walk: Walk) => vfsMakeDirectory(walk, rootDirectory(), 0o755));
    const named = onPath("/s", (walk: Walk) => {
      store<u8>(buffer, 100);
      return vfsSymlink(walk, rootDirectory(), buffer, 1);
    });
    const second = onPath("/t", (walk: Walk) => {
      const old = walkGet();
      if (!old) return -1;
      old.loadString("/s");
      let error = vfsResolve(old, rootDirectory(), 0);
      if (error == 0) error = vfsLink(old.dentry!, walk, rootDirectory());
      walkPut(old);
      return error;
    });
    remove("/t");
    remove("/s");
    onPath("/d", (walk: Walk) => vfsRemoveDirectory(walk, rootDirectory()));
    return made && named && second;
  });
});

test("failing memory: an inotify instance with a watch and its events", () => {
  testTmpfsRoot();
  expectUndone((): bool => {
    const instance = inotifyCreate(O_NONBLOCK);
    if (isError(instance)) return false;
    const file = changetype<Inotify>(instance);
    let read: i64 = 0;
    if (onPath("/", (walk: Walk) => vfsResolve(walk, rootDirectory(), 0))) {
      if (file.watch(rootDirectory(), IN_CREATE) > 0) {
        onPath("/d", (walk: Walk) => vfsMakeDirectory(walk, rootDirectory(), 0o755));
        io.setKernel(addressOf(buffer), BYTES);
        read = file.read(io);
        onPath("/d", (walk: Walk) => vfsRemoveDirectory(walk, rootDirectory()));
      }
    }
    filePut(file);
    // Memory may be out for the event alone: then the reader is told of an overflow.
    return read == 32 && load<u32>(buffer, 4) == (IN_CREATE | IN_ISDIR);
  });
});

test("failing memory: an open file without a name", () => {
  testMemory();
  expectUndone((): bool => {
    const file = memfdCreate(buffer, 1, F_SEAL_SEAL);
    if (isError(file)) return false;
    io.setKernel(addressOf(buffer), BYTES);
    const written = changetype<File>(file).writeAt(io, 0);
    filePut(changetype<File>(file));
    return written == BYTES;
  });
});

test("failing memory: a pipe that becomes larger", () => {
  testMemory();
  expectUndone((): bool => {
    const pipe = pipeCreate(O_NONBLOCK);
    if (!pipe) return false;
    const grown = pipeSetCapacity(pipe.reader!, 1 << 17) > 0;
    io.setKernel(addressOf(buffer), BYTES);
    const written = pipe.writer!.write(io);
    const reader = pipe.reader!;
    filePut(pipe.writer!);
    filePut(reader);
    return grown && written == BYTES;
  });
});

test("failing memory: epoll that watches an eventfd and a timerfd", () => {
  testMemory();
  expectUndone((): bool => {
    const epoll = attempt(new Epoll());
    const event = attempt(new EventFile(0, O_NONBLOCK));
    const timer = attempt(new TimerFile(1, O_NONBLOCK));
    let done = false;
    if (epoll && event && timer) {
      done = epoll.add(event, 3, POLLIN, 0) == 0 && epoll.add(timer, 400, POLLIN, 0) == 0;
      if (done) {
        expectEqual(epoll.remove(event, 3), 0, "what was added is there");
        expectEqual(epoll.remove(timer, 400), 0, "and so is the other");
      }
    }
    if (event) filePut(event);
    if (timer) filePut(timer);
    if (epoll) filePut(epoll);
    return done;
  });
});

/** Files of the image that are changed for the first time, each by one kind of change. */
function openForWriting(path: string): bool {
  const file = open(path, O_RDWR);
  if (!file) return false;
  filePut(file);
  return true;
}

function changeMode(path: string): bool {
  return onPath(path, (walk: Walk) => {
    const error = vfsResolve(walk, rootDirectory(), 0);
    if (error != 0) return error;
    const change = new Attributes();
    change.which = ATTRIBUTE_MODE;
    change.mode = 0o600;
    const result = vfsSetAttributes(walk.dentry!, change);
    free(change);
    return result;
  });
}

/**
 * Lets each allocation of a copy-up fail until one succeeds: what failed leaves no inode behind,
 * and the copy is one. Then removes the copy: of it nothing stays but the entry that hides the file
 * below.
 */
function expectOneCopy(path: string, copyUp: (path: string) => bool, failuresMin: u32): void {
  const fileSystem = testUnionRoot("compact.erofs");
  // What is read and looked up is kept.
  expect(resolve(path, 0) == 0, "the image has the file");
  const inodes = fileSystem.inodeCount;
  let failures: u32 = 0;
  for (let n: u32 = 1; ; n++) {
    failAllocation(n);
    const succeeded = copyUp(path);
    failAllocation(0);
    if (succeeded) break;
    failures++;
    // A file may be copied and then not be opened.
    expect(fileSystem.inodeCount <= inodes + 1, "copies that failed left inodes");
    expectEqual(fileSystem.pagesUsed, 0, "a copy that failed left a page");
  }
  expect(failures >= failuresMin, "some failure showed");
  expectEqual(fileSystem.inodeCount, inodes + 1, "one copy was made");
  remove(path);
  expectEqual(fileSystem.inodeCount, inodes, "a copy that was removed is gone");
}

test("failing memory: a file copied up by opening leaves no inode behind", () => {
  expectOneCopy("/tail", openForWriting, 3);
});

test("failing memory: a file copied up by a change of its mode leaves no inode behind", () => {
  expectOneCopy("/tail", changeMode, 2);
});

test("failing memory: a pipe that is opened anew", () => {
  testTmpfsRoot();
  expectUndone((): bool => {
    const pipe = pipeCreate(O_NONBLOCK);
    if (!pipe) return false;
    const reader = pipe.reader!;
    const writer = pipe.writer!;
    const again = pipeOpenAnew(pipe, O_RDONLY);
    const done = !isError(again);
    if (done) filePut(changetype<File>(again));
    filePut(writer);
    filePut(reader);
    return done;
  });
});
