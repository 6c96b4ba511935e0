/**
 * Moving bytes between a pipe and another file, or between two pipes, without the application's
 * memory (splice(2), tee(2), vmsplice(2)).
 *
 *     spliceFromPipe(pipe, out, offset, n, flags)      pipe → file
 *     spliceToPipe(from, offset, pipe, n, flags)       file → pipe
 *     splicePipes(from, to, n, flags)                  pipe → pipe
 *     teePipes(from, to, n, flags)                     the same, and the bytes stay in `from`
 *     fillPipe(pipe, io, flags)                        the application's buffers → pipe, without waiting twice
 *
 * `flags` are O_NONBLOCK or 0; all may sleep, and return bytes, 0 at the end, or -errno.
 *
 * The other file reads or writes in the pipe's own ring, and may wait for long meanwhile (a socket
 * for its peer). So that nothing is lost when it takes less than there is, the bytes leave the ring
 * only afterwards, and until then the pipe is *held*: its `lockHeld` is set, and who wants to read
 * or write waits for his turn, as on Linux, where the pipe's mutex is held. It is not a lock of the
 * order of docs/architecture.md, since the holder waits for something that no other thread of the
 * kernel keeps from it: a socket's room or bytes come from the network and from system calls that
 * hold no pipe. Between two pipes nothing sleeps but the wait before the copy.
 */
import { copy } from "../arch/hw";
import { EPIPE } from "../lib/errno";
import { sendSignalToCurrent } from "../linux/signal";
import { SIGPIPE } from "../linux/signal-numbers";
import { currentThread } from "../sched/thread";
import { File, O_NONBLOCK } from "./file";
import { IoVector } from "./io-vector";
import { PIPE_BUF, Pipe } from "./pipe";

function hold(pipe: Pipe): void {
  assert(!pipe.lockHeld, "a pipe is held by one thread");
  pipe.lockHeld = true;
}

function letGo(pipe: Pipe): void {
  pipe.lockHeld = false;
  const waiters = pipe.lockWaiters;
  if (waiters) waiters.wakeAll();
}

/** Bytes and room that are left are for the next reader and writer that wait. */
function passOn(pipe: Pipe): void {
  if (pipe.used() != 0) pipe.readers.wakeOne();
  if (pipe.room() >= PIPE_BUF) pipe.writers.wakeOne();
}

/** Writes up to n bytes of the pipe to `out`, at `offset` or (-1) where the file is. */
export function spliceFromPipe(pipe: Pipe, out: File, offset: i64, n: u64, flags: u32): i64 {
  const io = currentThread().io;
  let done: i64 = 0;
  while (<u64>done < n) {
    // What has been moved is told at once, whether or not more is to come.
    const ready = pipe.waitForBytes(done > 0 ? O_NONBLOCK : flags);
    if (ready <= 0) return done > 0 ? done : ready;
    const start = pipe.tail & pipe.mask;
    const piece = min(n - <u64>done, <u64>min(pipe.used(), pipe.mask + 1 - start));
    hold(pipe);
    io.setKernel(pipe.ring + start, piece);
    const written = offset < 0 ? out.write(io) : out.writeAt(io, offset + done);
    letGo(pipe);
    if (written > 0) {
      pipe.took(<u32>written);
      done += written;
    } else if (done == 0) {
      done = written;
    }
    if (written < <i64>piece) break;
  }
  passOn(pipe);
  return done;
}

/**
 * Reads once, up to n bytes and what the pipe has room for, from `offset` or (-1) from where the
 * file is.
 */
export function spliceToPipe(from: File, offset: i64, pipe: Pipe, n: u64, flags: u32): i64 {
  const error = pipe.waitForRoom(1, flags);
  if (error != 0) return refuse(error);
  const wanted = <u32>min(n, <u64>pipe.room());
  const short = pipe.grow(pipe.used() + wanted);
  if (short != 0 && pipe.used() > pipe.mask) return short;
  const start = pipe.head & pipe.mask;
  const io = currentThread().io;
  hold(pipe);
  io.setKernel(pipe.ring + start, min(wanted, pipe.mask + 1 - max(pipe.used(), start)));
  const got = offset < 0 ? from.read(io) : from.readAt(io, offset);
  letGo(pipe);
  if (got > 0) pipe.put(<u32>got);
  passOn(pipe);
  return got;
}

function refuse(error: i64): i64 {
  if (error == -EPIPE) sendSignalToCurrent(SIGPIPE);
  return error;
}

export function splicePipes(from: Pipe, to: Pipe, n: u64, flags: u32): i64 {
  const moved = copyBetween(from, to, n, flags);
  if (moved > 0) from.took(<u32>moved);
  passOn(from);
  passOn(to);
  return moved;
}

export function teePipes(from: Pipe, to: Pipe, n: u64, flags: u32): i64 {
  const copied = copyBetween(from, to, n, flags);
  passOn(from);
  passOn(to);
  return copied;
}

/** Copies what is in `from` and fits in `to`, waiting until that is something. */
function copyBetween(from: Pipe, to: Pipe, n: u64, flags: u32): i64 {
  do {
    const ready = from.waitForBytes(flags);
    if (ready <= 0) return ready;
    // If this has to wait, the bytes are another reader's.
    if (to.room() == 0) passOn(from);
    const error = to.waitForRoom(1, flags);
    if (error != 0) return refuse(error);
  } while (from.used() == 0 || from.lockHeld);
  const wanted = <u32>min(n, <u64>min(from.used(), to.room()));
  const short = to.grow(to.used() + wanted);
  if (short != 0 && to.used() > to.mask) return short;
  let done: u32 = 0;
  while (done < wanted) {
    const source = (from.tail + done) & from.mask;
    const target = to.head & to.mask;
    const room = to.mask + 1 - max(to.used(), target);
    const piece = min(min(wanted - done, from.mask + 1 - source), room);
    if (piece == 0) break;
    copy(to.ring + target, from.ring + source, piece);
    to.put(piece);
    done += piece;
  }
  return done;
}

/** As a write that waits for room once, and then takes what fits. */
export function fillPipe(pipe: Pipe, io: IoVector, flags: u32): i64 {
  let done: i64 = 0;
  while (io.remaining != 0) {
    const error = pipe.waitForRoom(1, done > 0 ? O_NONBLOCK : flags);
    if (error != 0) {
      if (done == 0) done = refuse(error);
      break;
    }
    const put = pipe.fill(io);
    if (put <= 0) {
      if (done == 0) done = put;
      break;
    }
    done += put;
  }
  passOn(pipe);
  return done;
}
