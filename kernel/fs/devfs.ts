/**
 * /dev: the memory devices and the console. A tmpfs tree, whose device nodes find their file class
 * here by device number, as nodes in any other file system do
 * (Documentation/admin-guide/devices.txt has the numbers).
 *
 * /dev/null and /dev/zero are what benchmarks call in a loop: their methods do nothing they need
 * not.
 */

import { addressOf } from "../arch/hw";
import { consoleOutput } from "../dev/console";
import { controlPort, standardInput, standardOutput } from "../dev/virtio/host-ports";
import { ENOMEM, ENOSPC, ENXIO } from "../lib/errno";
import { randomBytes } from "../lib/random";
import { directMap, PAGE_SIZE } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { heapAlloc, heapFree } from "../runtime/heap";
import { ConsoleFile } from "./console-file";
import { Dentry } from "./dentry";
import { deviceNumber, setNodeOpener } from "./device-node";
import { fifoOpen } from "./fifo";
import { Inode, resultOf } from "./inode";
import { IoVector } from "./io-vector";
import { StandardInputFile } from "./standard-input-file";
import { StandardOutputFile } from "./standard-output-file";
import { S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT } from "./stat";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem, TmpLink, TmpNode } from "./tmpfs-inode";
import { VfsFile } from "./vfs-file";
import { zeroPage } from "./zero-page";
import { ZeroSource } from "./zero-source";

const MAJOR_MEMORY: u32 = 1;
const MINOR_NULL: u32 = 3;
const MINOR_ZERO: u32 = 5;
const MINOR_FULL: u32 = 7;
const MINOR_RANDOM: u32 = 8;
const MINOR_URANDOM: u32 = 9;
const MINOR_KMSG: u32 = 11;
const MAJOR_TTY: u32 = 5;
const MINOR_TTY: u32 = 0;
const MINOR_CONSOLE: u32 = 1;

/**
 * Linux gives the ports of virtio consoles a number when they come; this is from its local range.
 */
const MAJOR_PORT: u32 = 240;
const MINOR_STANDARD_INPUT: u32 = 2;
const MINOR_CONSOLE_OUTPUT: u32 = 3;
const MINOR_STANDARD_OUTPUT: u32 = 4;
/** Linux's number for terminals on a hypervisor's console. */
const MAJOR_VIRTIO_TERMINAL: u32 = 229;

/** Random bytes are made in pieces of this size (a size class of the heap). */
const RANDOM_PIECE: u64 = 1008;

class NullFile extends VfsFile {
  read(io: IoVector): i64 {
    return 0;
  }

  write(io: IoVector): i64 {
    return <i64>io.remaining;
  }

  readAt(io: IoVector, offset: i64): i64 {
    return 0;
  }

  writeAt(io: IoVector, offset: i64): i64 {
    return <i64>io.remaining;
  }

  seek(offset: i64, whence: i32): i64 {
    return 0;
  }
}

class ZeroFile extends NullFile {
  read(io: IoVector): i64 {
    const zeros = directMap(zeroPage());
    let done: i64 = 0;
    while (io.remaining > 0) {
      const moved = io.put(zeros, min(io.remaining, PAGE_SIZE));
      if (moved <= 0) return done > 0 ? done : moved;
      done += moved;
    }
    return done;
  }

  readAt(io: IoVector, offset: i64): i64 {
    return this.read(io);
  }

  pageSource(): usize {
    return resultOf(ZeroSource.instance());
  }
}

class FullFile extends ZeroFile {
  write(io: IoVector): i64 {
    return -ENOSPC;
  }

  writeAt(io: IoVector, offset: i64): i64 {
    return -ENOSPC;
  }
}

class RandomFile extends NullFile {
  read(io: IoVector): i64 {
    const piece = heapAlloc(<usize>RANDOM_PIECE);
    if (piece == 0) return -ENOMEM;
    let done: i64 = 0;
    while (io.remaining > 0) {
      const n = min(io.remaining, RANDOM_PIECE);
      randomBytes(piece, <usize>n);
      const moved = io.put(addressOf(piece), n);
      if (moved <= 0) {
        if (done == 0) done = moved;
        break;
      }
      done += moved;
    }
    heapFree(piece);
    return done;
  }

  readAt(io: IoVector, offset: i64): i64 {
    return this.read(io);
  }
}

/** Opens a node by its device number. */
function openDevice(inode: Inode, dentry: Dentry, flags: u32): usize {
  const rdev = <u32>inode.rdev;
  const port = standardInput();
  if (port && inode.rdev == deviceNumber(MAJOR_PORT, MINOR_STANDARD_INPUT)) {
    return resultOf(attempt(new StandardInputFile(dentry, inode, flags, port)));
  }
  if (inode.rdev == deviceNumber(MAJOR_PORT, MINOR_CONSOLE_OUTPUT)) {
    return resultOf(attempt(new StandardOutputFile(dentry, inode, flags, consoleOutput())));
  }
  const output = standardOutput();
  if (output && inode.rdev == deviceNumber(MAJOR_PORT, MINOR_STANDARD_OUTPUT)) {
    return resultOf(attempt(new StandardOutputFile(dentry, inode, flags, output)));
  }
  if (output && inode.rdev == deviceNumber(MAJOR_VIRTIO_TERMINAL, 0)) {
    return resultOf(attempt(new ConsoleFile(dentry, inode, flags, output)));
  }
  if ((inode.mode & S_IFMT) == S_IFIFO) return fifoOpen(inode, dentry, flags);
  if ((inode.mode & S_IFMT) != S_IFCHR) return -ENXIO;
  if (rdev >> 8 == MAJOR_MEMORY) {
    switch (rdev & 0xff) {
      case MINOR_NULL:
        return resultOf(attempt(new NullFile(dentry, inode, flags)));
      case MINOR_ZERO:
        return resultOf(attempt(new ZeroFile(dentry, inode, flags)));
      case MINOR_FULL:
        return resultOf(attempt(new FullFile(dentry, inode, flags)));
      case MINOR_RANDOM:
      case MINOR_URANDOM:
        return resultOf(attempt(new RandomFile(dentry, inode, flags)));
      case MINOR_KMSG:
        return resultOf(attempt(new ConsoleFile(dentry, inode, flags, consoleOutput())));
      default:
        return -ENXIO;
    }
  }
  if (rdev >> 8 == MAJOR_TTY)
    return resultOf(attempt(new ConsoleFile(dentry, inode, flags, consoleOutput())));
  return -ENXIO;
}

function addNode(
  directory: TmpDirectory,
  name: string,
  major: u32,
  minor: u32,
  permissions: u32,
  type: u32 = S_IFCHR,
): void {
  const node = new TmpNode(directory.tmpfs, type | permissions);
  node.rdev = deviceNumber(major, minor);
  directory.attach(name, node);
}

function addLink(directory: TmpDirectory, name: string, target: string): void {
  const link = new TmpLink(directory.tmpfs, S_IFLNK | 0o777);
  link.setText(target);
  directory.attach(name, link);
}

/**
 * Makes the tree of /dev; returns its root directory. `pagesMax` bounds what programs put there
 * (/dev/shm).
 */
export function devfsCreate(pagesMax: u64): TmpDirectory {
  setNodeOpener(openDevice);
  const fileSystem = new TmpFileSystem("devtmpfs", pagesMax);
  const root = new TmpDirectory(fileSystem, 0o755);
  addNode(root, "null", MAJOR_MEMORY, MINOR_NULL, 0o666);
  addNode(root, "zero", MAJOR_MEMORY, MINOR_ZERO, 0o666);
  addNode(root, "full", MAJOR_MEMORY, MINOR_FULL, 0o666);
  addNode(root, "random", MAJOR_MEMORY, MINOR_RANDOM, 0o666);
  addNode(root, "urandom", MAJOR_MEMORY, MINOR_URANDOM, 0o666);
  addNode(root, "kmsg", MAJOR_MEMORY, MINOR_KMSG, 0o644);
  addNode(root, "tty", MAJOR_TTY, MINOR_TTY, 0o666);
  addNode(root, "console", MAJOR_TTY, MINOR_CONSOLE, 0o600);
  if (standardInput()) {
    addNode(root, "vport0p2", MAJOR_PORT, MINOR_STANDARD_INPUT, 0o600, S_IFIFO);
  }
  if (controlPort()) {
    addNode(root, "vport0p3", MAJOR_PORT, MINOR_CONSOLE_OUTPUT, 0o600, S_IFIFO);
  }
  if (standardOutput()) {
    addNode(root, "vport0p4", MAJOR_PORT, MINOR_STANDARD_OUTPUT, 0o600, S_IFIFO);
    addNode(root, "hvc0", MAJOR_VIRTIO_TERMINAL, 0, 0o600);
  }
  addLink(root, "fd", "/proc/self/fd");
  addLink(root, "stdin", "/proc/self/fd/0");
  addLink(root, "stdout", "/proc/self/fd/1");
  addLink(root, "stderr", "/proc/self/fd/2");
  root.attach("shm", new TmpDirectory(fileSystem, S_IFDIR | 0o1777));
  root.attach("mqueue", new TmpDirectory(fileSystem, S_IFDIR | 0o1777));
  return root;
}
