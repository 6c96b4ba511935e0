/**
 * Linux' asynchronous I/O: io_setup(2), io_submit(2), io_getevents(2), io_pgetevents(2),
 * io_cancel(2), io_destroy(2). The contexts are in fs/aio-context.ts.
 *
 * Reading, writing and syncing is done while the request is submitted, as Linux does it where a
 * file needs no disk for it; from a disk io_submit waits, which on Linux only O_DIRECT avoids. Only
 * IOCB_CMD_POLL goes on after the call, and so only that can be cancelled. The files of a poll that
 * is over are given back at the next call on its context.
 *
 * A context's identifier is the address of its ring, and whatever maps a ring there has it.
 */
import {
  AIO_MAX_NR,
  AioContext,
  AioPoll,
  aioContextCreate,
  aioRequests,
  EVENTS_AT_ONCE,
  IO_EVENT_SIZE,
} from "../fs/aio-context";
import { EventFile } from "../fs/event-file";
import {
  File,
  fileGet,
  filePut,
  O_ACCMODE,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  POLLERR,
  POLLHUP,
} from "../fs/file";
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINPROGRESS,
  EINTR,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  ESPIPE,
  ETIMEDOUT,
} from "../lib/errno";
import { findFree, mapRegion, unmapRegion } from "../mem/address-space";
import {
  PROT_READ,
  PROT_WRITE,
  VMA_MAY_WRITE,
  VMA_SHARED,
  vmaFind,
  vmaFirstFrom,
} from "../mem/vma";
import { attempt } from "../runtime/attempt";
import { heapAlloc, heapFree } from "../runtime/heap";
import { currentThread, SCRATCH_SIZE, threadScratch } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { fdFile } from "./descriptors";
import { signalMaskRestore, signalMaskTemporary } from "./signal";
import { deadlineAfter, loadTimespec } from "./timespec";
import { loadUser, storeUser, storeUser32, storeUser64 } from "./user-memory";

// include/uapi/linux/aio_abi.h
const IOCB_CMD_PREAD: u32 = 0;
const IOCB_CMD_PWRITE: u32 = 1;
const IOCB_CMD_FSYNC: u32 = 2;
const IOCB_CMD_FDSYNC: u32 = 3;
const IOCB_CMD_POLL: u32 = 5;
const IOCB_CMD_PREADV: u32 = 7;
const IOCB_CMD_PWRITEV: u32 = 8;
const IOCB_FLAG_RESFD: u32 = 1;
/** What preadv2(2) takes (include/uapi/linux/fs.h), none of which files in memory need. */
const RWF_KNOWN: u32 = 0x1f;
/** io_setup refuses more as no number of events: 0x10000000 bytes of them. */
const EVENTS_SENSIBLE: u32 = 0x10000000 / 32;
const SIGSET_SIZE: u64 = 8;

/** struct iocb, copied: the application may change its own. */
@unmanaged
class Iocb {
  data: u64;
  key: u32;
  rwFlags: u32;
  opcode: u16;
  reqprio: i16;
  fd: u32;
  buf: u64;
  nbytes: u64;
  offset: i64;
  reserved2: u64;
  flags: u32;
  resfd: u32;
}
const IOCB_SIZE: usize = 64;
const IOCB_KEY: u64 = 8;
if (offsetof<Iocb>() != IOCB_SIZE) ERROR("struct iocb is 64 bytes");
if (<usize>IO_EVENT_SIZE * EVENTS_AT_ONCE > SCRATCH_SIZE)
  ERROR("events fit in the thread's memory");

// ---- Contexts -----------------------------------------------------------------------------------

/** The context of an identifier, with a reference for the caller, or null. */
function contextGet(id: u64): AioContext | null {
  const area = vmaFind(id);
  const source = area ? area.source : null;
  if (!area || !source || area.start != id || area.pageOffset != 0) return null;
  if (!(source instanceof AioContext)) return null;
  const context = <AioContext>source;
  if (context.isDead) return null;
  context.references++;
  return context;
}

/** Gives the reference back, and before that the files of requests that are over. May sleep. */
function contextPut(context: AioContext): void {
  context.settle();
  context.put();
}

function contextDestroy(context: AioContext): void {
  context.kill();
  for (let area = vmaFirstFrom(0); area; ) {
    const end = area.end;
    // An area that can't be unmapped for want of memory shows a ring that stands still.
    if (area.source == context) unmapRegion(area.start, end - area.start);
    area = vmaFirstFrom(end);
  }
}

export function sys_io_setup(requests: u32, to: u64): i64 {
  if (loadUser(threadScratch(), to, 8) != 0) return -EFAULT;
  if (load<u64>(threadScratch()) != 0 || requests == 0) return -EINVAL;
  if (requests > EVENTS_SENSIBLE) return -EINVAL;
  if (requests > AIO_MAX_NR - aioRequests()) return -EAGAIN;
  const context = aioContextCreate(requests);
  if (!context) return -ENOMEM;
  const bytes = context.size();
  const place = findFree(bytes);
  const flags = VMA_SHARED | VMA_MAY_WRITE;
  let error: i64 = -ENOMEM;
  if (place != 0) error = mapRegion(place, bytes, PROT_READ | PROT_WRITE, flags, context, 0);
  if (error == 0 && storeUser64(to, place) != 0) {
    contextDestroy(context);
    error = -EFAULT;
  }
  context.put();
  return error;
}

export function sys_io_destroy(id: u64): i64 {
  const context = contextGet(id);
  if (!context) return -EINVAL;
  contextDestroy(context);
  contextPut(context);
  return 0;
}

// ---- Requests -----------------------------------------------------------------------------------

/** Why a file can't be read or written as asked: 0 or -EBADF. */
function modeError(file: File, isWrite: bool): i64 {
  if ((file.flags & O_PATH) != 0) return -EBADF;
  return (file.flags & O_ACCMODE) == (isWrite ? O_RDONLY : O_WRONLY) ? -EBADF : 0;
}

/** Reads or writes, and enters the result: 0; or why that is not even begun. May sleep. */
function transfer(
  context: AioContext,
  at: u64,
  iocb: Iocb,
  file: File,
  event: EventFile | null,
): i64 {
  const opcode = <u32>iocb.opcode;
  const isWrite = opcode == IOCB_CMD_PWRITE || opcode == IOCB_CMD_PWRITEV;
  const isVector = opcode == IOCB_CMD_PREADV || opcode == IOCB_CMD_PWRITEV;
  let error = modeError(file, isWrite);
  if (error == 0 && (iocb.rwFlags & ~RWF_KNOWN) != 0) error = -EOPNOTSUPP;
  if (error == 0 && iocb.offset < 0) error = -EINVAL;
  if (error != 0) return error;
  const io = currentThread().io;
  error = isVector ? io.setVector(iocb.buf, iocb.nbytes) : io.setUser(iocb.buf, iocb.nbytes);
  if (error != 0) return error;
  let result = isWrite ? file.writeAt(io, iocb.offset) : file.readAt(io, iocb.offset);
  // What has no positions is read and written as it is.
  if (result == -ESPIPE) result = isWrite ? file.write(io) : file.read(io);
  context.complete(at, iocb.data, result, event);
  return 0;
}

/** IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC. */
function sync(context: AioContext, at: u64, iocb: Iocb, file: File, event: EventFile | null): i64 {
  if (iocb.buf != 0 || iocb.offset != 0 || iocb.nbytes != 0 || iocb.rwFlags != 0) return -EINVAL;
  const result = file.sync();
  if (result == -EINVAL) return result;
  context.complete(at, iocb.data, result, event);
  return 0;
}

function poll(context: AioContext, at: u64, iocb: Iocb, file: File, event: EventFile | null): i64 {
  if (iocb.buf > u16.MAX_VALUE) return -EINVAL;
  if (iocb.offset != 0 || iocb.nbytes != 0 || iocb.rwFlags != 0) return -EINVAL;
  const wanted = <u32>iocb.buf | POLLERR | POLLHUP;
  const request = attempt(new AioPoll(context, file, event, at, iocb.data, wanted));
  if (!request) return -EAGAIN;
  fileGet(file);
  if (event) fileGet(event);
  context.poll(request);
  return 0;
}

function perform(
  context: AioContext,
  at: u64,
  iocb: Iocb,
  file: File,
  event: EventFile | null,
): i64 {
  switch (<u32>iocb.opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PREADV:
    case IOCB_CMD_PWRITEV:
      return transfer(context, at, iocb, file, event);
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
      return sync(context, at, iocb, file, event);
    case IOCB_CMD_POLL:
      return poll(context, at, iocb, file, event);
    default:
      return -EINVAL;
  }
}

/** The eventfd of IOCB_FLAG_RESFD, borrowed. */
function resultFile(iocb: Iocb): EventFile | null {
  const file = fdFile(iocb.resfd);
  return file && file instanceof EventFile ? <EventFile>file : null;
}

/** Submits a request that has begun. 0, or -errno and nothing has been done. May sleep. */
function submitBegun(context: AioContext, at: u64, iocb: Iocb): i64 {
  const file = fdFile(iocb.fd);
  if (!file) return -EBADF;
  let event: EventFile | null = null;
  if ((iocb.flags & IOCB_FLAG_RESFD) != 0) {
    event = resultFile(iocb);
    if (!event) return fdFile(iocb.resfd) ? -EINVAL : -EBADF;
    fileGet(event);
  }
  fileGet(file);
  let result: i64 = storeUser32(at + IOCB_KEY, 0);
  if (result == 0) result = perform(context, at, iocb, file, event);
  filePut(file);
  if (event) filePut(event);
  return result;
}

function submitOne(context: AioContext, at: u64, iocb: Iocb): i64 {
  if (iocb.reserved2 != 0 || <i64>iocb.nbytes < 0) return -EINVAL;
  if (!context.begin()) return -EAGAIN;
  const result = submitBegun(context, at, iocb);
  if (result != 0) context.abandon();
  return result;
}

/** How many of a list of requests were submitted; an error only when none was. */
function submitAll(context: AioContext, count: i64, list: u64, iocb: Iocb): i64 {
  for (let done: i64 = 0; done < count; done++) {
    let error: i64 = loadUser(threadScratch(), list + ((<u64>done) << 3), 8);
    const at = load<u64>(threadScratch());
    if (error == 0) error = loadUser(changetype<usize>(iocb), at, IOCB_SIZE);
    // What this sleeps over may be the context's end.
    if (error == 0) error = context.isDead ? -EINVAL : submitOne(context, at, iocb);
    if (error != 0) return done > 0 ? done : error;
  }
  return count;
}

export function sys_io_submit(id: u64, count: i64, list: u64): i64 {
  if (count < 0) return -EINVAL;
  const context = contextGet(id);
  if (!context) return -EINVAL;
  const iocb = heapAlloc(IOCB_SIZE);
  let result: i64 = -EAGAIN;
  if (iocb != 0) {
    result = submitAll(context, count, list, changetype<Iocb>(iocb));
    heapFree(iocb);
  }
  contextPut(context);
  return result;
}

/** -EINPROGRESS: the request's event comes, or is there. `_result` has not been used since 3.x. */
export function sys_io_cancel(id: u64, request: u64, _result: u64): i64 {
  if (loadUser(threadScratch(), request + IOCB_KEY, 4) != 0) return -EFAULT;
  if (load<u32>(threadScratch()) != 0) return -EINVAL;
  const context = contextGet(id);
  if (!context) return -EINVAL;
  const isCancelled = context.cancel(request);
  contextPut(context);
  return isCancelled ? -EINPROGRESS : -EINVAL;
}

// ---- Events -------------------------------------------------------------------------------------

/** Takes events that are there to the application, up to `most`: how many, or -EFAULT. */
function fetch(context: AioContext, most: i64, to: u64): i64 {
  let done: i64 = 0;
  while (done < most) {
    const position = context.position;
    const left = min<i64>(most - done, EVENTS_AT_ONCE);
    const count = context.copyEvents(threadScratch(), <u32>left);
    if (count == 0) break;
    const at = to + <u64>done * IO_EVENT_SIZE;
    if (storeUser(at, threadScratch(), <u64>count * IO_EVENT_SIZE) != 0) return -EFAULT;
    if (context.taken(position, count)) done += count;
  }
  return done;
}

/** At least `least` events, unless time runs out. */
function getEvents(context: AioContext, least: i64, most: i64, to: u64, deadline: u64): i64 {
  let done: i64 = 0;
  let error = 0;
  while (error == 0) {
    const more = fetch(context, most - done, to + <u64>done * IO_EVENT_SIZE);
    if (more < 0) return done > 0 ? done : more;
    done += more;
    if (done >= least) return done;
    error = context.isDead ? -EINVAL : context.arrived.wait(deadline);
  }
  // Both may have come, the end of the wait and an event.
  const last = fetch(context, most - done, to + <u64>done * IO_EVENT_SIZE);
  if (last > 0) done += last;
  return done > 0 || error == -ETIMEDOUT ? done : error;
}

export function sys_io_getevents(id: u64, least: i64, most: i64, to: u64, timeout: u64): i64 {
  const ns = timeout != 0 ? loadTimespec(timeout) : 0;
  if (ns < 0) return ns;
  const deadline = timeout != 0 ? deadlineAfter(ns) : NO_DEADLINE;
  const context = contextGet(id);
  if (!context) return -EINVAL;
  let result: i64 = -EINVAL;
  if (least >= 0 && least <= most) result = getEvents(context, least, most, to, deadline);
  contextPut(context);
  return result;
}

/** As `io_getevents`, under another signal mask: `set` is a struct __aio_sigset (mask, size). */
export function sys_io_pgetevents(
  id: u64,
  least: i64,
  most: i64,
  to: u64,
  timeout: u64,
  set: u64,
): i64 {
  if (set == 0) return sys_io_getevents(id, least, most, to, timeout);
  const at = threadScratch();
  if (loadUser(at, set, 16) != 0) return -EFAULT;
  const mask = load<u64>(at);
  const size = load<u64>(at, 8);
  if (mask == 0) return sys_io_getevents(id, least, most, to, timeout);
  if (size != SIGSET_SIZE) return -EINVAL;
  if (loadUser(at, mask, SIGSET_SIZE) != 0) return -EFAULT;
  signalMaskTemporary(load<u64>(at));
  const result = sys_io_getevents(id, least, most, to, timeout);
  if (result != -EINTR) signalMaskRestore();
  return result;
}
