/**
 * System V messages: queues that threads send to and receive from by type (msgop(2)).
 *
 *     queueCreate(key, flags)                   its identifier, or -errno
 *     queues                                    the table to find them in
 *     message = messageAlloc(type, size)        to be filled in by the sender; null: no memory
 *     queue.send(message, noWait, pid)          0: the queue has it; else it is the caller's still
 *     queue.receive(wish)                       0: `wish.message` is the caller's; or -errno
 *     queue.peek(place)                         MSG_COPY: borrowed
 *     queue.setLimit(bytes), queue.remove()     IPC_SET, IPC_RMID
 *
 * What is sent goes to the first thread that waits for such a message, and into the queue only if
 * none does. Who makes room puts in what senders that wait have brought, in the order they came. So
 * a thread that wakes up finds its result in its own wish and does not look at the
 * queue, which may be gone.
 */
import { E2BIG, EAGAIN, EIDRM, ENOMEM, ENOMSG } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { NO_DEADLINE } from "../sched/wait-queue";
import { IpcObject, IpcTable, ipcSeconds } from "./ipc";
import { Sleeper, SleeperList } from "./sleepers";

// include/uapi/linux/msg.h
/** Queues, bytes of a message, bytes of a queue that root has not given more. */
export const MSGMNI: u32 = 32000;
export const MSGMAX: u32 = 8192;
export const MSGMNB: u32 = 16384;

/** Which message is wanted, as msgrcv(2) tells it by type and flags. */
export const WANTS_ANY: u32 = 0;
export const WANTS_TYPE: u32 = 1;
export const WANTS_OTHER: u32 = 2;
/** The lowest type up to the one that is told. */
export const WANTS_LOWEST: u32 = 3;

/** Its text lies behind it in memory. */
@unmanaged
export class Message {
  next: Message | null;
  /** Positive. */
  type: i64;
  size: u32;

  get text(): usize {
    return changetype<usize>(this) + offsetof<Message>();
  }
}

/** A message with an undefined text; whoever has it frees it by `messageFree`. */
export function messageAlloc(type: i64, size: u32): Message | null {
  const at = heapAlloc(offsetof<Message>() + <usize>size);
  if (at == 0) return null;
  const message = changetype<Message>(at);
  message.next = null;
  message.type = type;
  message.size = size;
  return message;
}

export function messageFree(message: Message): void {
  heapFree(changetype<usize>(message));
}

/** A thread that waits to send what it has brought. */
class Sender extends Sleeper {
  constructor(
    readonly message: Message,
    readonly pid: u32,
  ) {
    super();
  }
}

/** What a thread wants to receive. */
export class Wish extends Sleeper {
  /** What has been received. */
  message: Message | null = null;

  /** `sizeMax`: of the text; `truncates`: a longer one is good as well (MSG_NOERROR). */
  constructor(
    readonly wants: u32,
    readonly type: i64,
    readonly sizeMax: u64,
    readonly truncates: bool,
    readonly noWait: bool,
    readonly pid: u32,
  ) {
    super();
  }

  accepts(message: Message): bool {
    if (this.wants == WANTS_ANY) return true;
    if (this.wants == WANTS_TYPE) return message.type == this.type;
    if (this.wants == WANTS_OTHER) return message.type != this.type;
    return message.type <= this.type;
  }

  fits(message: Message): bool {
    return this.truncates || <u64>message.size <= this.sizeMax;
  }
}

export const queues: IpcTable<MessageQueue> = new IpcTable<MessageQueue>();
/** Messages and bytes in all queues. */
let messagesTotal: u32 = 0;
let bytesTotal: u64 = 0;

export function messagesInUse(): u32 {
  return messagesTotal;
}

export function messageBytesInUse(): u64 {
  return bytesTotal;
}

export class MessageQueue extends IpcObject {
  bytes: u64 = 0;
  count: u32 = 0;
  /** How many bytes there may be, and how many messages. */
  bytesMax: u64 = MSGMNB;
  /** The last time and process, of each direction. */
  sentAt: u64 = 0;
  receivedAt: u64 = 0;
  sentBy: u32 = 0;
  receivedBy: u32 = 0;
  private first: Message | null = null;
  private last: Message | null = null;
  private senders: SleeperList = new SleeperList();
  private receivers: SleeperList = new SleeperList();

  private hasRoom(size: u32): bool {
    return this.bytes + size <= this.bytesMax && <u64>this.count + 1 <= this.bytesMax;
  }

  /**
   * Sends a message, asleep until there is room: 0. Else it is the caller's still: -EAGAIN
   * (`noWait`), -EINTR, -EIDRM, -ENOMEM. The queue must not be used afterwards if this has slept.
   */
  send(message: Message, noWait: bool, pid: u32): i64 {
    if (this.hasRoom(message.size)) {
      this.accept(message, pid);
      return 0;
    }
    if (noWait) return -EAGAIN;
    const sender = attempt(new Sender(message, pid));
    if (!sender) return -ENOMEM;
    const result = this.senders.sleep(sender, NO_DEADLINE);
    free(sender);
    return result;
  }

  /** Hands a message over to who waits for it, or appends it. */
  private accept(message: Message, pid: u32): void {
    this.sentAt = ipcSeconds();
    this.sentBy = pid;
    if (this.handOver(message)) return;
    const last = this.last;
    message.next = null;
    if (last) last.next = message;
    else this.first = message;
    this.last = message;
    this.changeUse(1, message.size);
  }

  private handOver(message: Message): bool {
    let sleeper = this.receivers.first;
    while (sleeper) {
      const wish = <Wish>sleeper;
      sleeper = sleeper.next;
      if (!wish.accepts(message)) continue;
      const fits = wish.fits(message);
      if (fits) {
        wish.message = message;
        this.noteReceived(wish.pid);
      }
      this.receivers.finish(wish, fits ? 0 : -E2BIG);
      if (fits) return true;
    }
    return false;
  }

  private noteReceived(pid: u32): void {
    this.receivedAt = ipcSeconds();
    this.receivedBy = pid;
  }

  private changeUse(messages: i32, bytes: i64): void {
    this.count += messages;
    this.bytes += bytes;
    messagesTotal += messages;
    bytesTotal += bytes;
  }

  /**
   * Takes the message that a wish is for, asleep until one comes: 0, and it is in the wish. Or
   * -ENOMSG (`noWait`), -E2BIG, -EINTR, -EIDRM; -EAGAIN: look the queue up once more. The queue
   * must not be used afterwards if this has slept.
   */
  receive(wish: Wish): i64 {
    const message = this.find(wish);
    if (!message) {
      if (wish.noWait) return -ENOMSG;
      return this.receivers.sleep(wish, NO_DEADLINE);
    }
    if (!wish.fits(message)) return -E2BIG;
    this.take(message);
    this.noteReceived(wish.pid);
    wish.message = message;
    this.admit();
    return 0;
  }

  private find(wish: Wish): Message | null {
    let found: Message | null = null;
    let message = this.first;
    while (message) {
      if (wish.accepts(message)) {
        if (wish.wants != WANTS_LOWEST) return message;
        if (!found || found.type > message.type) found = message;
      }
      message = message.next;
    }
    return found;
  }

  private take(message: Message): void {
    let before: Message | null = null;
    let at = this.first;
    while (at && at != message) {
      before = at;
      at = at.next;
    }
    if (before) before.next = message.next;
    else this.first = message.next;
    if (this.last == message) this.last = before;
    message.next = null;
    this.changeUse(-1, -(<i64>message.size));
  }

  /** There may be room: takes what senders that wait have brought, as far as it goes in. */
  private admit(): void {
    let sleeper = this.senders.first;
    while (sleeper) {
      const sender = <Sender>sleeper;
      sleeper = sender.next;
      const message = sender.message;
      if (this.hasRoom(message.size)) {
        this.accept(message, sender.pid);
        this.senders.finish(sender, 0);
      }
    }
  }

  /** The message at a place, from 0; null: there are not so many. */
  peek(place: i64): Message | null {
    let message = this.first;
    for (let i: i64 = 0; message && i < place; i++) message = message.next;
    return message;
  }

  /** Owner, permissions or limit have changed: all who wait look again whether they may. */
  changed(bytesMax: u64): void {
    this.bytesMax = bytesMax;
    this.receivers.finishAll(-EAGAIN);
    this.admit();
  }

  /** IPC_RMID, and frees it. */
  remove(): void {
    this.senders.finishAll(-EIDRM);
    this.receivers.finishAll(-EIDRM);
    for (let message = this.first; message; message = this.first) {
      this.take(message);
      messageFree(message);
    }
    queues.leave(this);
    this.discard();
  }

  /** Frees the object, which is empty and in no table. */
  discard(): void {
    this.senders.destroy();
    this.receivers.destroy();
    free(this);
  }
}

/** -ENOSPC (limits), -ENOMEM. Does not sleep. */
export function queueCreate(key: u32, flags: u32): i64 {
  const queue = attempt(new MessageQueue());
  if (!queue) return -ENOMEM;
  const id = queues.enter(queue, key, flags, MSGMNI);
  if (id < 0) queue.discard();
  return id;
}
