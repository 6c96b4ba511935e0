/**
 * POSIX message queues (mq_overview(7)): queues with a name, by priority, whose descriptors are
 * files.
 *
 *     mqueueCreate(name, length, limits…, mode)     in the table of names, with one reference
 *     mqueueFind(name, length)                      borrowed, or null
 *     queue.unlink()                                the name goes; the queue with its last file
 *     new MqueueFile(queue, flags)                  takes over a reference
 *     queue.send(letter, …), queue.receive(…)       asleep until there is room, or a letter
 *     queue.setNotifier(notifier)                   mq_notify(3)
 *
 * What is sent goes to the thread that has waited longest, and into the queue only if none waits;
 * whoever takes a letter out lets the sender in that has waited longest. So a thread that wakes up
 * has its letter, or has none any more.
 *
 * There is no /dev/mqueue to see them in.
 */
import { addressOf } from "../arch/hw";
import { File, O_ACCMODE, O_NONBLOCK, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../fs/file";
import { IoVector } from "../fs/io-vector";
import { S_IFREG, Stat } from "../fs/stat";
import { EAGAIN, ENOMEM } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { groups, users } from "../linux/credentials";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { IpcObject, ipcSeconds } from "./ipc";
import { Sleeper, SleeperList } from "./sleepers";

// include/linux/ipc_namespace.h
/** Letters of a queue and bytes of a letter: when nothing else is asked for, and at most. */
export const DFLT_MSG: u32 = 10;
export const DFLT_MSGSIZE: u32 = 8192;
export const DFLT_MSGMAX: u32 = 10;
export const DFLT_MSGSIZEMAX: u32 = 8192;
/** As much as CAP_SYS_RESOURCE may ask for. */
export const HARD_MSGMAX: u32 = 65536;
export const HARD_MSGSIZEMAX: u32 = 16 << 20;
/** Queues of who has not CAP_SYS_RESOURCE. */
export const DFLT_QUEUESMAX: u32 = 256;
/** Priorities are below this. */
export const MQ_PRIO_MAX: u32 = 32768;
/** What Linux counts for each letter beside its bytes: struct msg_msg and a node of a tree. */
const LETTER_OVERHEAD: u64 = 48;
const PRIORITY_OVERHEAD: u64 = 48;
/** st_size of a queue's file: a line of so many characters. */
const FILENT_SIZE: i64 = 80;
const NAME_WIDTH_QSIZE: u32 = 10;
const NAME_WIDTH_NUMBER: u32 = 5;
const NAME_WIDTH_PID: u32 = 6;
const SPACE: u32 = 32;

/** A message. Its text lies behind it in memory. */
@unmanaged
export class Letter {
  next: Letter | null;
  priority: u32;
  size: u32;

  get text(): usize {
    return changetype<usize>(this) + offsetof<Letter>();
  }
}

/** A letter with an undefined text; whoever has it frees it by `letterFree`. */
export function letterAlloc(priority: u32, size: u32): Letter | null {
  const at = heapAlloc(offsetof<Letter>() + <usize>size);
  if (at == 0) return null;
  const letter = changetype<Letter>(at);
  letter.next = null;
  letter.priority = priority;
  letter.size = size;
  return letter;
}

export function letterFree(letter: Letter): void {
  heapFree(changetype<usize>(letter));
}

/** Who is told once when a letter comes into an empty queue. */
export abstract class Notifier {
  /** SIGEV_*, the signal and the process, as the queue's file shows them. */
  abstract kind(): u32;
  abstract signal(): u32;
  abstract pid(): u32;
  /** A letter has come: tells so. Must not sleep. */
  abstract arrived(): void;
  /** It is taken away untold. Must not sleep. */
  abstract removed(): void;
  /** Gives back what it holds, and frees it. */
  abstract destroy(): void;
}

/** A thread that waits, with its letter or for one. */
export class Correspondent extends Sleeper {
  letter: Letter | null = null;
}

let first: Mqueue | null = null;
/** Of all queues: how many, and their bytes as RLIMIT_MSGQUEUE counts them. */
let queueCount: u32 = 0;
let bytesTotal: u64 = 0;

export function mqueueCount(): u32 {
  return queueCount;
}

export function mqueueBytes(): u64 {
  return bytesTotal;
}

/** What a queue counts for RLIMIT_MSGQUEUE, however full it is. */
export function mqueueCost(lettersMax: u64, sizeMax: u64): u64 {
  const tree = min<u64>(lettersMax, MQ_PRIO_MAX) * PRIORITY_OVERHEAD;
  return lettersMax * (sizeMax + LETTER_OVERHEAD) + tree;
}

/** Of an IpcObject it has owner and permissions. */
export class Mqueue extends IpcObject {
  next: Mqueue | null = null;
  references: u32 = 1;
  isLinked: bool = true;
  count: u32 = 0;
  bytes: u64 = 0;
  notifier: Notifier | null = null;
  /** By priority, the highest first; those of one priority as they came. */
  private letters: Letter | null = null;
  private last: Letter | null = null;
  private senders: SleeperList = new SleeperList();
  private receivers: SleeperList = new SleeperList();
  /** All that are open. */
  files: MqueueFile | null = null;

  /** Takes over `name`, so many bytes of the heap. */
  constructor(
    readonly name: usize,
    readonly nameLength: u32,
    readonly lettersMax: u32,
    readonly sizeMax: u32,
  ) {
    super();
  }

  /** Takes a letter over, asleep until `deadline` for room: 0, -EAGAIN, -ETIMEDOUT, -EINTR. */
  send(letter: Letter, noWait: bool, deadline: u64): i64 {
    if (this.count < this.lettersMax) {
      this.accept(letter);
      return 0;
    }
    if (noWait) return -EAGAIN;
    const sender = attempt(new Correspondent());
    if (!sender) return -ENOMEM;
    sender.letter = letter;
    const result = this.senders.sleep(sender, deadline);
    free(sender);
    return result;
  }

  private accept(letter: Letter): void {
    const receiver = <Correspondent | null>this.receivers.first;
    if (receiver) {
      receiver.letter = letter;
      this.receivers.finish(receiver, 0);
      return;
    }
    this.insert(letter);
    if (this.count == 1) this.tellNotifier();
    this.tellFiles(POLLIN | POLLRDNORM);
  }

  private insert(letter: Letter): void {
    const last = this.last;
    this.count++;
    this.bytes += letter.size;
    if (last && last.priority >= letter.priority) {
      last.next = letter;
      this.last = letter;
      return;
    }
    let before: Letter | null = null;
    let at = this.letters;
    while (at && at.priority >= letter.priority) {
      before = at;
      at = at.next;
    }
    letter.next = at;
    if (before) before.next = letter;
    else this.letters = letter;
    if (!at) this.last = letter;
  }

  /** The letter for `receiver`, asleep until `deadline` for one: 0, or as `send`. */
  receive(receiver: Correspondent, noWait: bool, deadline: u64): i64 {
    const letter = this.letters;
    if (!letter) return noWait ? -EAGAIN : this.receivers.sleep(receiver, deadline);
    this.letters = letter.next;
    if (!letter.next) this.last = null;
    letter.next = null;
    this.count--;
    this.bytes -= letter.size;
    receiver.letter = letter;
    this.admit();
    return 0;
  }

  /** There is room: for the letter of the sender that has waited longest, or for who asks. */
  private admit(): void {
    const sender = <Correspondent | null>this.senders.first;
    if (!sender) {
      this.tellFiles(POLLOUT | POLLWRNORM);
      return;
    }
    this.accept(sender.letter!);
    this.senders.finish(sender, 0);
  }

  private tellFiles(mask: u32): void {
    let file = this.files;
    while (file) {
      file.notify(mask);
      file = file.nextFile;
    }
  }

  private tellNotifier(): void {
    const notifier = this.notifier;
    this.notifier = null;
    if (!notifier) return;
    notifier.arrived();
    notifier.destroy();
  }

  /** Takes a notifier over; null: the one there is is taken away. */
  setNotifier(notifier: Notifier | null): void {
    const old = this.notifier;
    this.notifier = notifier;
    if (!old) return;
    old.removed();
    old.destroy();
  }

  /** mq_unlink(3). */
  unlink(): void {
    if (first == this) {
      first = this.next;
    } else {
      let before = first;
      while (before && before.next != this) before = before.next;
      if (before) before.next = this.next;
    }
    this.isLinked = false;
    this.put();
  }

  put(): void {
    if (--this.references != 0) return;
    for (let letter = this.letters; letter; letter = this.letters) {
      this.letters = letter.next;
      letterFree(letter);
    }
    queueCount--;
    bytesTotal -= mqueueCost(this.lettersMax, this.sizeMax);
    this.senders.destroy();
    this.receivers.destroy();
    heapFree(this.name);
    free(this);
  }

  /** What the queue's file reads as. */
  describe(out: TextBuffer): void {
    const notifier = this.notifier;
    putField(out, "QSIZE:", this.bytes, NAME_WIDTH_QSIZE);
    putField(out, " NOTIFY:", notifier ? notifier.kind() : 0, NAME_WIDTH_NUMBER);
    putField(out, " SIGNO:", notifier ? notifier.signal() : 0, NAME_WIDTH_NUMBER);
    putField(out, " NOTIFY_PID:", notifier ? notifier.pid() : 0, NAME_WIDTH_PID);
    out.put("\n");
  }
}

/** A name, and a number filled up with spaces. */
function putField(out: TextBuffer, name: string, value: u64, width: u32): void {
  out.put(name);
  const start = out.length;
  out.decimal(value);
  while (out.length - start < width && !out.cut) out.byte(SPACE);
}

export function mqueueFind(name: usize, length: u32): Mqueue | null {
  let queue = first;
  while (queue) {
    const isSame = queue.nameLength == length && memory.compare(queue.name, name, length) == 0;
    if (isSame) return queue;
    queue = queue.next;
  }
  return null;
}

/** A queue that is the process' own, with the reference of its name. Null: memory is out. */
export function mqueueCreate(
  name: usize,
  length: u32,
  lettersMax: u32,
  sizeMax: u32,
  mode: u32,
): Mqueue | null {
  const copy = heapAlloc(length);
  if (copy == 0) return null;
  const queue = attempt(new Mqueue(copy, length, lettersMax, sizeMax));
  if (!queue) {
    heapFree(copy);
    return null;
  }
  memory.copy(copy, name, length);
  queue.mode = mode;
  queue.user = users.fileSystem;
  queue.creator = users.fileSystem;
  queue.group = groups.fileSystem;
  queue.creatorGroup = groups.fileSystem;
  queue.changedAt = ipcSeconds();
  queue.next = first;
  first = queue;
  queueCount++;
  bytesTotal += mqueueCost(lettersMax, sizeMax);
  return queue;
}

export class MqueueFile extends File {
  nextFile: MqueueFile | null = null;
  private position: i64 = 0;

  constructor(
    readonly queue: Mqueue,
    flags: u32,
  ) {
    super();
    this.flags = flags & (O_ACCMODE | O_NONBLOCK);
    this.nextFile = queue.files;
    queue.files = this;
  }

  poll(): u32 {
    const queue = this.queue;
    let mask: u32 = queue.count > 0 ? POLLIN | POLLRDNORM : 0;
    if (queue.count < queue.lettersMax) mask |= POLLOUT | POLLWRNORM;
    return mask;
  }

  /** What the queue is like, as a line of text. */
  read(io: IoVector): i64 {
    const done = this.readAt(io, this.position);
    if (done > 0) this.position += done;
    return done;
  }

  readAt(io: IoVector, offset: i64): i64 {
    const text = attempt(new TextBuffer());
    if (!text) return -ENOMEM;
    this.queue.describe(text);
    const length = <i64>text.length;
    let result: i64 = text.cut ? -ENOMEM : 0;
    if (result == 0 && offset < length) {
      const n = min(io.remaining, <u64>(length - offset));
      result = io.put(addressOf(text.data) + <u64>offset, n);
    }
    text.destroy();
    free(text);
    return result;
  }

  stat(out: Stat): i32 {
    out.reset(S_IFREG | this.queue.mode);
    out.uid = this.queue.user;
    out.gid = this.queue.group;
    out.size = FILENT_SIZE;
    return 0;
  }

  /** Who has asked to be told of letters by one of its files is not, without it. */
  release(): void {
    const queue = this.queue;
    queue.setNotifier(null);
    if (queue.files == this) {
      queue.files = this.nextFile;
    } else {
      let before = queue.files;
      while (before && before.nextFile != this) before = before.nextFile;
      if (before) before.nextFile = this.nextFile;
    }
    queue.put();
  }
}
