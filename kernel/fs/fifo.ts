/**
 * Named pipes (fifo(7)): a name in any file system that stands for a pipe while somebody has it
 * open.
 *
 *     fifoOpen(inode, dentry, flags)            a File or -errno; may sleep until the other side is opened
 *     fifoOpenPipe(pipe, inode, dentry, flags)  the same of a pipe(2) (pipe-place.ts)
 *
 * A pipe (pipe.ts) has one reading and one writing end. Any number of files may have a FIFO
 * open, so the files of one side share that end: it is made when the first comes and put when
 * the last goes, which is what tells the other side of the end. A file does its reading and
 * writing on the pipe itself, by its own flags, and passes on to its observers what the end is
 * notified of.
 *
 * The Fifo is found by its inode while it is open or being opened. Opening for reading waits for a
 * writer to come, and the other way round; counters of arrivals let nobody miss one who has left
 * already. With O_RDWR nobody waits (as on Linux; POSIX leaves it open).
 */
import { EBADF, EINVAL, ENOMEM, ENOTTY, ENXIO } from "../lib/errno";
import { HashNode, HashTable } from "../lib/hash-table";
import { storeUser32 } from "../linux/user-memory";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { WaitQueue } from "../sched/wait-queue";
import { Dentry } from "./dentry";
import {
  filePut,
  O_ACCMODE,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  PollObserver,
} from "./file";
import { Inode, isError } from "./inode";
import { IN_ACCESS, IN_MODIFY } from "./inotify-events";
import { IoVector } from "./io-vector";
import { FIONREAD, PIPE_BUF, Pipe, pipeCreateBare } from "./pipe";
import { VfsFile } from "./vfs-file";
import { isAnyWatched } from "./watch";

@unmanaged
class Fifo extends HashNode {
  inode: usize;
  pipe: Pipe;
  /** Files that have it open, or are about to. */
  readers: u32;
  writers: u32;
  /** How often a side was opened, ever. */
  readerArrivals: u32;
  writerArrivals: u32;
  /** Who waits for the other side. */
  openers: WaitQueue;

  constructor(inode: usize, pipe: Pipe) {
    super();
    this.inode = inode;
    this.pipe = pipe;
    this.readers = 0;
    this.writers = 0;
    this.readerArrivals = 0;
    this.writerArrivals = 0;
    this.openers = new WaitQueue();
  }
}

const table = new HashTable();

function hashOf(inode: usize): u32 {
  return <u32>(inode >> 4);
}

/** The Fifo of an inode, or of a pipe without a name, or null: nobody has it open. */
function fifoFind(key: usize): Fifo | null {
  let node = table.first(hashOf(key));
  while (node && changetype<Fifo>(node).inode != key) node = HashTable.next(node);
  return node ? changetype<Fifo>(node) : null;
}

/** A new Fifo with this pipe; null when memory is out. */
function fifoCreate(key: usize, pipe: Pipe): Fifo | null {
  const fifo = attempt(new Fifo(key, pipe));
  if (fifo && table.insert(fifo, hashOf(key))) return fifo;
  if (fifo) {
    free(fifo.openers);
    free(fifo);
  }
  return null;
}

/** The Fifo of an inode, made if need be; null when memory is out. */
function fifoOf(inode: usize): Fifo | null {
  const present = fifoFind(inode);
  if (present) return present;
  const pipe = pipeCreateBare();
  if (!pipe) return null;
  const fifo = fifoCreate(inode, pipe);
  if (!fifo) pipe.dropEnd();
  return fifo;
}

/** Nobody has it open any more; the pipe went with its last end, unless it never had one. */
function forget(fifo: Fifo, hadEnds: bool): void {
  if (fifo.readers != 0 || fifo.writers != 0) return;
  if (!hadEnds) fifo.pipe.dropEnd();
  table.remove(fifo);
  free(fifo.openers);
  free(fifo);
}

/** Passes on to a file's observers what the end that it shares is told. */
class Relay extends PollObserver {
  constructor(private file: FifoFile) {
    super();
  }

  ready(mask: u32): void {
    if (this.file.hasObservers()) this.file.notify(mask);
  }
}

export class FifoFile extends VfsFile {
  pipe: Pipe;
  private readRelay: Relay | null = null;
  private writeRelay: Relay | null = null;
  /** A reader that found no writer when it came tells of none's end. */
  private quietUntil: u32 = 0;

  constructor(
    private fifo: Fifo,
    inode: Inode,
    dentry: Dentry,
    flags: u32,
  ) {
    super(dentry, inode, flags);
    this.pipe = fifo.pipe;
  }

  private get reads(): bool {
    return (this.flags & O_ACCMODE) != O_WRONLY;
  }

  private get writes(): bool {
    return (this.flags & O_ACCMODE) != O_RDONLY;
  }

  /** Takes part in the ends of its sides. False when memory is out: `leave` all the same. */
  enter(): bool {
    const fifo = this.fifo;
    const pipe = this.pipe;
    if (this.reads) fifo.readers++;
    if (this.writes) fifo.writers++;
    if (this.reads) {
      const relay = attempt(new Relay(this));
      if (!relay || !pipe.openReader()) {
        if (relay) free(relay);
        return false;
      }
      this.readRelay = relay;
      pipe.reader!.addObserver(relay);
      fifo.readerArrivals++;
    }
    if (this.writes) {
      const relay = attempt(new Relay(this));
      if (!relay || !pipe.openWriter()) {
        if (relay) free(relay);
        return false;
      }
      this.writeRelay = relay;
      pipe.writer!.addObserver(relay);
      fifo.writerArrivals++;
    }
    fifo.openers.wakeAll();
    return true;
  }

  /** Waits for the other side, as open(2) does: 0 or -EINTR. */
  waitForPartner(): i32 {
    const fifo = this.fifo;
    if (this.reads && this.writes) return 0;
    if (this.reads && fifo.writers == 0 && (this.flags & O_NONBLOCK) != 0) {
      this.quietUntil = fifo.writerArrivals;
      return 0;
    }
    const arrivals = this.reads ? fifo.writerArrivals : fifo.readerArrivals;
    while (this.isAlone(arrivals)) {
      const error = fifo.openers.wait();
      if (error != 0) return error;
    }
    return 0;
  }

  /** Whether the other side is not open, and was not opened since it had `arrivals`. */
  private isAlone(arrivals: u32): bool {
    const fifo = this.fifo;
    if (this.reads) return fifo.writers == 0 && fifo.writerArrivals == arrivals;
    return fifo.readers == 0 && fifo.readerArrivals == arrivals;
  }

  read(io: IoVector): i64 {
    const done = this.pipe.read(io, this.flags);
    if (done > 0 && isAnyWatched()) this.tellSlowly(IN_ACCESS);
    return done;
  }

  write(io: IoVector): i64 {
    const done = this.pipe.write(io, this.flags);
    if (done > 0 && isAnyWatched()) this.tellSlowly(IN_MODIFY);
    return done;
  }

  sync(): i64 {
    return -EINVAL;
  }

  ioctl(request: u32, argument: u64): i64 {
    return request == FIONREAD ? storeUser32(argument, this.pipe.used()) : -ENOTTY;
  }

  poll(): u32 {
    const pipe = this.pipe;
    let mask: u32 = 0;
    if (this.reads) {
      if (pipe.used() != 0) mask |= POLLIN | POLLRDNORM;
      const ended = pipe.writer == null && this.fifo.writerArrivals != this.quietUntil;
      if (ended) mask |= POLLHUP;
    }
    if (this.writes) {
      if (pipe.room() >= PIPE_BUF) mask |= POLLOUT | POLLWRNORM;
      if (pipe.reader == null) mask |= POLLERR;
    }
    return mask;
  }

  release(): void {
    const fifo = this.fifo;
    const pipe = this.pipe;
    const readRelay = this.readRelay;
    const writeRelay = this.writeRelay;
    const hadEnds = readRelay != null || writeRelay != null;
    const reader = pipe.reader;
    const writer = pipe.writer;
    if (readRelay && reader) reader.removeObserver(readRelay);
    if (writeRelay && writer) writer.removeObserver(writeRelay);
    if (this.reads) fifo.readers--;
    if (this.writes) fifo.writers--;
    // The pipe may go with the first of these that is its last end, and with it the other pointer
    // is null already.
    if (readRelay && reader) filePut(reader);
    if (writeRelay && writer) filePut(writer);
    if (readRelay) free(readRelay);
    if (writeRelay) free(writeRelay);
    forget(fifo, hadEnds);
    super.release();
  }
}

/** 0 or more: a File; -ENXIO (O_NONBLOCK to write, and nobody reads), -EINTR, -ENOMEM. */
export function fifoOpen(inode: Inode, dentry: Dentry, flags: u32): usize {
  const fifo = fifoOf(changetype<usize>(inode));
  if (fifo && (flags & O_ACCMODE) == O_WRONLY && (flags & O_NONBLOCK) != 0 && fifo.readers == 0) {
    forget(fifo, false);
    return -ENXIO;
  }
  const file = openFifo(fifo, inode, dentry, flags);
  if (isError(file)) return file;
  const error = changetype<FifoFile>(file).waitForPartner();
  if (error == 0) return file;
  filePut(changetype<FifoFile>(file));
  return error;
}

/**
 * Opens a pipe that has an open end anew; `inode` and `dentry` are the file's place. As on Linux
 * nobody waits for the other side then. -EBADF, -ENOMEM; does not sleep.
 */
export function fifoOpenPipe(pipe: Pipe, inode: Inode, dentry: Dentry, flags: u32): usize {
  const key = changetype<usize>(pipe);
  const present = fifoFind(key);
  return openFifo(present ? present : fifoCreate(key, pipe), inode, dentry, flags);
}

/** The pipe without a name at that address, if it has that number and was opened anew. */
export function fifoPipeAt(key: usize, number: u64): Pipe | null {
  const fifo = fifoFind(key);
  return fifo && fifo.pipe.inode == number ? fifo.pipe : null;
}

/** A file that takes part in the ends of its sides, or -EBADF, -ENOMEM. */
function openFifo(fifo: Fifo | null, inode: Inode, dentry: Dentry, flags: u32): usize {
  if (!fifo) return -ENOMEM;
  if ((flags & O_ACCMODE) == O_ACCMODE) {
    forget(fifo, false);
    return -EBADF;
  }
  const file = attempt(new FifoFile(fifo, inode, dentry, flags));
  if (!file) {
    forget(fifo, false);
    return -ENOMEM;
  }
  if (file.enter()) return changetype<usize>(file);
  filePut(file);
  return -ENOMEM;
}
