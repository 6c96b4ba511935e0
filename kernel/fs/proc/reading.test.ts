/** Everything in /proc and /sys, read and listed with each allocation failing once. */
import { addressOf } from "../../arch/hw";
import { expect, expectEqual, test } from "../../lib/testing";
import { heapObjectsInUse } from "../../runtime/heap";
import { expectUndone, failuresUndone } from "../../runtime/testing";
import { Dentry } from "../dentry";
import { EventFile } from "../event-file";
import { File, filePut, O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR } from "../file";
import { fsInit } from "../init";
import { Inode, isError } from "../inode";
import { IoVector } from "../io-vector";
import { rootDirectory } from "../mount";
import { WALK_FOLLOW, walkGet, walkPut } from "../path-walk";
import { pipeCreate } from "../pipe";
import { ProcessInfo, setProcessInfo } from "../process-info";
import { Stat } from "../stat";
import { namesIn, opened, testMemory } from "../testing";
import { vfsOpen, vfsResolve } from "../vfs";
import { placeOf, VfsFile } from "../vfs-file";

const SIZE = 16384;
const buffer: usize = memory.data(16384);
const io = new IoVector();
const stat = new Stat();

/** A process with a file, a pipe and an eventfd, whose program is the file. */
class TestProcess extends ProcessInfo {
  files: File[] = [];

  nextDescriptor(from: i32): i32 {
    return from < this.files.length ? from : -1;
  }

  file(descriptor: i32): File | null {
    return descriptor < this.files.length ? this.files[descriptor] : null;
  }

  program(): Dentry | null {
    const place = placeOf(this.files[0]);
    return place ? place.dentry : null;
  }
}

/** What the scenarios are about: expectUndone's can't capture it. */
let path: string = "";

function boot(): void {
  testMemory();
  expectEqual(fsInit(null, 0, 0), 0, "mounted");
  const process = new TestProcess();
  process.files.push(opened("/tmp/file", O_CREAT | O_RDWR));
  process.files.push(pipeCreate(O_NONBLOCK)!.writer!);
  process.files.push(new EventFile(0, false));
  setProcessInfo(process);
}

function openPath(): File | null {
  const walk = walkGet();
  if (!walk) return null;
  walk.loadString(path);
  const file = vfsOpen(walk, rootDirectory(), O_RDONLY, 0);
  walkPut(walk);
  return isError(file) ? null : changetype<File>(file);
}

function readOrList(): bool {
  const file = openPath();
  if (!file) return false;
  io.setKernel(addressOf(buffer), SIZE);
  const isDirectory = (<VfsFile>file).inode.isDirectory();
  const done = isDirectory ? file.readDirectory(io) : file.readAt(io, 0);
  filePut(file);
  return done >= 0;
}

/** What the path leads to, looked at; null: an error. */
function withInode(flags: u32, look: (inode: Inode) => bool): bool {
  const walk = walkGet();
  if (!walk) return false;
  walk.loadString(path);
  let succeeded = false;
  if (vfsResolve(walk, rootDirectory(), flags) == 0) {
    const inode = walk.dentry!.inode;
    succeeded = inode != null && look(inode);
  }
  walkPut(walk);
  return succeeded;
}

function readLink(): bool {
  return withInode(0, (inode: Inode): bool => inode.readLink(buffer, SIZE) > 0);
}

function lookAt(): bool {
  return withInode(WALK_FOLLOW, (inode: Inode): bool => {
    stat.reset(0);
    inode.stat(stat);
    return stat.mode != 0;
  });
}

function isLink(): bool {
  return withInode(0, (inode: Inode): bool => inode.isLink());
}

/** The directory and all below it, but what is another place's by a link. */
function readTree(directory: string): i32 {
  path = directory;
  failuresUndone(readOrList, path);
  const names = namesIn(directory);
  let count = 0;
  for (let i = 0; i < names.length; i++) {
    path = directory + "/" + names[i];
    count++;
    if (isLink()) {
      failuresUndone(readLink, path);
      continue;
    }
    failuresUndone(lookAt, path);
    const file = openPath();
    // Who may not be read is looked at alone.
    if (!file) continue;
    const isDirectory = (<VfsFile>file).inode.isDirectory();
    filePut(file);
    if (isDirectory) count += readTree(path);
    else failuresUndone(readOrList, path);
  }
  return count;
}

test("reading /proc: what an allocation that fails leaves behind is nothing", () => {
  boot();
  expect(readTree("/proc") > 150, "files");
});

test("reading /sys: what an allocation that fails leaves behind is nothing", () => {
  boot();
  expect(readTree("/sys") > 40, "files");
});

test("links of descriptors: what they lead to is given back", () => {
  boot();
  const links: string[] = [
    "/proc/self/fd/0",
    "/proc/self/fd/1",
    "/proc/self/fd/2",
    "/proc/self/exe",
    "/proc/self/cwd",
    "/proc/self/root",
    "/proc/self/ns/net",
    "/proc/thread-self/ns/uts",
    "/dev/fd",
  ];
  for (let i = 0; i < links.length; i++) {
    path = links[i];
    failuresUndone(lookAt, path);
  }
});

test("links of descriptors: a pipe's can be opened, and an eventfd's not", () => {
  boot();
  path = "/proc/self/fd/1";
  expectUndone((): bool => {
    const file = openPath();
    if (file) filePut(file);
    return file != null;
  });
  path = "/proc/self/fd/2";
  const before = heapObjectsInUse();
  expect(openPath() == null, "an eventfd");
  expectEqual(heapObjectsInUse(), before, "nothing stays");
});

test("devices: what they read is given back", () => {
  boot();
  const devices: string[] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
  for (let i = 0; i < devices.length; i++) {
    path = devices[i];
    failuresUndone(readOrList, path);
  }
});
