import { addressOf, load8 } from "../arch/hw";
import { EBADF, EINVAL, EISDIR, ENODEV, ENOTDIR, ESPIPE } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { directMap, pagePut } from "../mem/page-allocator";
import { heapBytesInUse } from "../runtime/heap";
import {
  File,
  fileGet,
  filePut,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  PollObserver,
} from "./file";
import { inodeGet, inodePut, isError } from "./inode";
import { Inotify, inotifyCreate } from "./inotify";
import { IN_ACCESS, IN_ALL_EVENTS, IN_ISDIR, IN_MODIFY } from "./inotify-events";
import { IoVector } from "./io-vector";
import { ListedFile, OpenFiles } from "./listed-file";
import { rootDirectory } from "./mount";
import { PageSource } from "./page-source";
import { walkPut } from "./path-walk";
import { Stat } from "./stat";
import { opened, putFile, testTmpfsRoot, walkTo, writeText } from "./testing";
import { TmpFileSystem } from "./tmpfs-inode";
import { vfsResolve, vfsUnlink } from "./vfs";
import { directoryOf, placeOf, SEEK_CUR, SEEK_END, SEEK_SET } from "./vfs-file";

// What each operation on an open file of each kind answers, which of them move its position, and
// which are told to those who watch it.

const buffer: usize = memory.data(4096, 8);
const io = new IoVector();

function bytes(n: u64): IoVector {
  io.setKernel(addressOf(buffer), n);
  return io;
}

function where(file: File): i64 {
  return file.seek(0, SEEK_CUR);
}

test("open file: one opened with O_PATH is a place and nothing else", () => {
  testTmpfsRoot();
  putFile("/f", "text");
  const paths: StaticArray<string> = ["/f", "/"];
  for (let i = 0; i < paths.length; i++) {
    const file = opened(paths[i], O_PATH);
    expectEqual(file.read(bytes(4)), -EBADF, "read");
    expectEqual(file.write(bytes(4)), -EBADF, "write");
    expectEqual(file.seek(0, SEEK_SET), -EBADF, "lseek");
    expectEqual(file.sync(), -EBADF, "fsync");
    expectEqual(file.truncate(0), -EBADF, "ftruncate");
    expectEqual(<i32>file.pageSource(), -ENODEV, "mmap");
    const stat = new Stat();
    expectEqual(file.stat(stat), 0, "but fstat");
    expectEqual(stat.ino, placeOf(file)!.inode.number, "of the file");
    const directory = directoryOf(file);
    expect(isError(directory) == (i == 0), "and openat, of a directory");
    filePut(file);
  }
});

test("open file: what moves the position of a regular file, and what doesn't", () => {
  testTmpfsRoot();
  putFile("/f", "0123456789");
  const file = opened("/f", O_RDWR);
  expectEqual(file.read(bytes(3)), 3, "read");
  expectEqual(where(file), 3, "moves");
  expectEqual(file.readAt(bytes(4), 5), 4, "pread");
  expectEqual(load<u8>(buffer), 53, "from its offset");
  expectEqual(where(file), 3, "doesn't move");
  store<u8>(buffer, 120);
  expectEqual(file.write(bytes(1)), 1, "write");
  expectEqual(where(file), 4, "moves");
  expectEqual(file.writeAt(bytes(1), 9), 1, "pwrite");
  expectEqual(where(file), 4, "doesn't move");
  expectEqual(file.truncate(2), 0, "ftruncate");
  expectEqual(where(file), 4, "doesn't move");
  expectEqual(file.read(bytes(3)), 0, "behind the end there is nothing");
  expectEqual(where(file), 4, "and nothing moves");
  expectEqual(file.readAt(bytes(1), -1), -EINVAL, "before the beginning");
  expectEqual(file.writeAt(bytes(1), -1), -EINVAL, "nor is written there");
  expectEqual(file.truncate(-1), -EINVAL, "nor is it made so short");
  expectEqual(file.write(bytes(0)), 0, "nothing is written");
  expectEqual(where(file), 4, "nowhere");
  expectEqual(file.readDirectory(bytes(100)), -ENOTDIR, "it is no directory");
  expectEqual(file.sync(), 0, "fsync");
  filePut(file);
});

test("open file: O_APPEND writes at the end, wherever it is told to", () => {
  testTmpfsRoot();
  putFile("/f", "0123");
  const file = opened("/f", O_RDWR | O_APPEND);
  store<u8>(buffer, 97);
  expectEqual(file.write(bytes(1)), 1, "write");
  expectEqual(where(file), 5, "the position is behind it");
  expectEqual(file.seek(1, SEEK_SET), 1, "lseek");
  expectEqual(file.writeAt(bytes(1), 0), 1, "pwrite");
  expectEqual(where(file), 1, "leaves the position");
  expectEqual(file.seek(0, SEEK_END), 6, "both are at the end");
  expectEqual(file.readAt(bytes(6), 0), 6, "all of it");
  expectEqual(load<u8>(buffer, 0), 48, "what was there");
  expectEqual(load<u8>(buffer, 4), 97, "and behind it");
  expectEqual(load<u8>(buffer, 5), 97, "what was written");
  filePut(file);
});

test("open file: a directory is listed and not read", () => {
  testTmpfsRoot();
  const file = opened("/", O_RDONLY | O_DIRECTORY);
  expectEqual(file.read(bytes(4)), -EISDIR, "read");
  expectEqual(file.readAt(bytes(4), 0), -EISDIR, "pread");
  expectEqual(<i32>file.pageSource(), -ENODEV, "mmap");
  expectEqual(file.seek(-1, SEEK_SET), -EINVAL, "no place");
  expectEqual(file.seek(0, SEEK_END), -EINVAL, "its end is none");
  expectEqual(file.readDirectory(bytes(100)), 48, "the dots");
  expectEqual(file.readDirectory(bytes(100)), 0, "once");
  expectEqual(file.seek(0, SEEK_SET), 0, "from the beginning");
  expectEqual(file.readDirectory(bytes(30)), 24, "as many as fit");
  expectEqual(where(file), 1, "then the next");
  expectEqual(file.readDirectory(bytes(23)), -EINVAL, "not one fits");
  expectEqual(file.readDirectory(bytes(24)), 24, "it fits exactly");
  filePut(file);
});

/** A file that has none of the operations. */
class BareFile extends File {}

test("open file: what a kind of file doesn't have is refused", () => {
  const file = new BareFile();
  expectEqual(file.read(io), -EINVAL, "read");
  expectEqual(file.write(io), -EINVAL, "write");
  expectEqual(file.readAt(io, 0), -ESPIPE, "pread");
  expectEqual(file.writeAt(io, 0), -ESPIPE, "pwrite");
  expectEqual(file.seek(0, 0), -ESPIPE, "lseek");
  expectEqual(file.ioctl(0, 0), -25, "ioctl");
  expectEqual(file.readDirectory(io), -ENOTDIR, "getdents64");
  expectEqual(file.truncate(0), -EINVAL, "ftruncate");
  expectEqual(file.sync(), -EINVAL, "fsync");
  expectEqual(<i32>file.pageSource(), -ENODEV, "mmap");
  expect(placeOf(file) == null, "it has no place");
  expectEqual(<i32>directoryOf(file), -ENOTDIR, "and is no directory");
});

let events: Inotify | null = null;

/** Whether exactly this was told of since the last time; 0: nothing. */
function expectTold(mask: u32, message: string): void {
  const n = events!.read(bytes(4096));
  if (mask == 0) {
    expectEqual(n, -11, message);
    return;
  }
  expectEqual(n, 16, message);
  expectEqual(load<u32>(buffer, 4), mask, message);
}

test("inotify: each way to use a file is told, when it did something", () => {
  testTmpfsRoot();
  putFile("/f", "0123456789");
  events = changetype<Inotify>(inotifyCreate(O_NONBLOCK));
  const file = opened("/f", O_RDWR);
  const directory = opened("/", O_RDONLY | O_DIRECTORY);
  // Nobody watches: nothing is told, and nothing waits to be.
  file.read(bytes(1));
  const walk = walkTo("/f");
  expectEqual(vfsResolve(walk, rootDirectory(), 0), 0, "found");
  expect(events!.watch(walk.dentry!, IN_ALL_EVENTS) > 0, "watched");
  walkPut(walk);
  expectTold(0, "nothing yet");
  expectEqual(file.read(bytes(3)), 3, "read");
  expectTold(IN_ACCESS, "read");
  expectEqual(file.readAt(bytes(3), 0), 3, "pread");
  expectTold(IN_ACCESS, "pread");
  expectEqual(file.read(bytes(100)), 6, "to the end");
  expectTold(IN_ACCESS, "read");
  expectEqual(file.read(bytes(100)), 0, "at the end");
  expectTold(0, "nothing was read");
  expectEqual(file.readAt(bytes(100), 50), 0, "behind the end");
  expectTold(0, "nothing was read");
  expectEqual(file.write(bytes(2)), 2, "write");
  expectTold(IN_MODIFY, "write");
  expectEqual(file.writeAt(bytes(2), 0), 2, "pwrite");
  expectTold(IN_MODIFY, "pwrite");
  expectEqual(file.write(bytes(0)), 0, "of nothing");
  expectTold(0, "nothing was written");
  expectEqual(file.truncate(4), 0, "ftruncate");
  expectTold(IN_MODIFY, "ftruncate");
  expectEqual(file.truncate(-1), -EINVAL, "refused");
  expectTold(0, "nothing was changed");
  expect(events!.watch(rootDirectory(), IN_ACCESS) > 0, "the directory is watched");
  expect(directory.readDirectory(bytes(1000)) > 0, "getdents64");
  expectTold(IN_ACCESS | IN_ISDIR, "getdents64");
  filePut(directory);
});

class Counter extends PollObserver {
  told: i32 = 0;
  ended: i32 = 0;

  ready(mask: u32): void {
    this.told++;
  }

  closed(): void {
    this.ended++;
  }
}

test("open file: observers come and go in any order, and hear of the end", () => {
  const orders: StaticArray<i32> = [0, 1, 2, 0, 2, 1, 1, 0, 2, 1, 2, 0, 2, 0, 1, 2, 1, 0];
  for (let order = 0; order < 6; order++) {
    const file = new BareFile();
    const observers: StaticArray<Counter> = [new Counter(), new Counter(), new Counter()];
    for (let i = 0; i < 3; i++) file.addObserver(observers[i]);
    for (let i = 0; i < 3; i++) {
      file.notify(1);
      file.removeObserver(observers[orders[order * 3 + i]]);
      expectEqual(file.hasObservers() ? 1 : 0, i < 2 ? 1 : 0, "some are left");
    }
    for (let i = 0; i < 3; i++) {
      expectEqual(observers[orders[order * 3 + i]].told, i + 1, "as long as it was there");
      expectEqual(observers[i].ended, 0, "the file has not ended");
      file.addObserver(observers[i]);
    }
    expect(file.firstObserver() == observers[2], "the last that came");
    fileGet(file);
    filePut(file);
    for (let i = 0; i < 3; i++) expectEqual(observers[i].ended, 0, "it is held");
    filePut(file);
    for (let i = 0; i < 3; i++) {
      expectEqual(observers[i].ended, 1, "told of the end, once");
      expect(observers[i].observed == null, "and taken off");
    }
  }
});

let fileSystem: TmpFileSystem = changetype<TmpFileSystem>(0);

test("inode: pages that are mapped outlive the names and open files", () => {
  fileSystem = testTmpfsRoot();
  putFile("/warm", "w");
  const before = heapBytesInUse();
  const file = opened("/f", O_CREAT | O_RDWR);
  writeText(file, "mapped");
  const source = changetype<PageSource>(file.pageSource());
  // A mapping holds the pages.
  source.references++;
  const walk = walkTo("/f");
  expectEqual(vfsUnlink(walk, rootDirectory()), 0, "removed");
  walkPut(walk);
  const inode = placeOf(file)!.inode;
  inodeGet(inode);
  inodePut(inode);
  expectEqual(source.references, 2, "an inode in use holds its pages");
  filePut(file);
  expectEqual(fileSystem.inodeCount, 3, "the root, the other file, and this one");
  expectEqual(fileSystem.pagesUsed, 2, "with its page");
  const page = source.getPage(0);
  expectEqual(load8(directMap(page)), 109, "what was written");
  pagePut(page);
  expectEqual(--source.references, 0, "the mapping ends");
  source.release();
  expectEqual(fileSystem.inodeCount, 2, "and with it the file");
  expectEqual(fileSystem.pagesUsed, 1, "and its page");
  const lost: i64 = <i64>heapBytesInUse() - before;
  expectEqual(lost, 0, "nothing stays");
});

test("open file: those in a list are all told, whichever of them have gone", () => {
  testTmpfsRoot();
  putFile("/f", "f");
  const place = placeOf(opened("/f", O_RDWR))!;
  const orders: StaticArray<i32> = [0, 1, 2, 0, 2, 1, 1, 0, 2, 1, 2, 0, 2, 0, 1, 2, 1, 0];
  for (let order = 0; order < 6; order++) {
    const list = new OpenFiles();
    const files = new StaticArray<ListedFile | null>(3);
    const counters: StaticArray<Counter> = [new Counter(), new Counter(), new Counter()];
    for (let i = 0; i < 3; i++) {
      const file = new ListedFile(place.dentry, place.inode, O_RDWR, list);
      file.addObserver(counters[i]);
      files[i] = file;
    }
    for (let i = 0; i <= 3; i++) {
      list.notify(1);
      for (let j = 0; j < 3; j++) {
        const which = orders[order * 3 + j];
        expectEqual(counters[which].told, min(i, j) + 1, "as long as it was open");
      }
      if (i < 3) filePut(files[orders[order * 3 + i]]!);
    }
    expect(list.first == null, "the list is empty");
  }
});
