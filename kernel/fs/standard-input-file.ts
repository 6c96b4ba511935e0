/**
 * Standard input that the host feeds by a port (dev/virtio/host-ports.ts): to the program it is the
 * reading end of a pipe. The node /dev/vport0p2 opens it, so that /proc/self/fd/0 and /dev/stdin
 * lead there; the name is the one that Linux gives to the second port of a virtio console.
 *
 *     new StandardInputFile(dentry, inode, flags)
 *
 * The host begins to send when the program first reads or polls: a program that does neither leaves
 * the host's input alone.
 */
import { addressOf } from "../arch/hw";
import { InputPort } from "../dev/virtio/host-ports";
import { EAGAIN, EBADF, ENOMEM, ENOTTY } from "../lib/errno";
import { storeUser32 } from "../linux/user-memory";
import { heapAlloc, heapFree } from "../runtime/heap";
import { Dentry } from "./dentry";
import { O_NONBLOCK, POLLHUP, POLLIN, POLLRDNORM } from "./file";
import { Inode } from "./inode";
import { IoVector } from "./io-vector";
import { ListedFile, OpenFiles } from "./listed-file";

// include/uapi/asm-generic/ioctls.h
const FIONREAD: u32 = 0x541b;
/** Bytes that go through the kernel at once: the largest size class of the heap. */
const PIECE: u64 = 2032;

/** The open files, for telling their observers. */
const openFiles: OpenFiles = new OpenFiles();

function inputCame(): void {
  openFiles.notify(POLLIN | POLLRDNORM | POLLHUP);
}

export class StandardInputFile extends ListedFile {
  constructor(
    dentry: Dentry,
    inode: Inode,
    flags: u32,
    private port: InputPort,
  ) {
    super(dentry, inode, flags, openFiles);
  }

  /**
   * The port's buffers are reused while a copy that faults sleeps, so bytes take a step in between.
   */
  read(io: IoVector): i64 {
    if (io.remaining == 0) return 0;
    const port = this.port;
    port.open(inputCame);
    if (!port.isReady()) {
      const error = (this.flags & O_NONBLOCK) != 0 ? -EAGAIN : port.wait();
      if (error != 0) return error;
    }
    const piece = heapAlloc(<usize>PIECE);
    if (piece == 0) return -ENOMEM;
    let done: i64 = 0;
    while (io.remaining > 0) {
      const n = port.read(addressOf(piece), min(io.remaining, PIECE));
      if (n == 0) break;
      const copied = io.put(addressOf(piece), n);
      if (copied > 0) done += copied;
      if (copied != <i64>n) {
        if (done == 0) done = copied;
        break;
      }
    }
    heapFree(piece);
    return done;
  }

  write(io: IoVector): i64 {
    return -EBADF;
  }

  poll(): u32 {
    const port = this.port;
    port.open(inputCame);
    if (!port.isReady()) return 0;
    const bytes: u32 = port.count() > 0 ? POLLIN | POLLRDNORM : 0;
    return port.isEnded ? bytes | POLLHUP : bytes;
  }

  ioctl(request: u32, argument: u64): i64 {
    return request == FIONREAD ? storeUser32(argument, this.port.count()) : -ENOTTY;
  }
}
