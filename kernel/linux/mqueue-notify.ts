/**
 * Who is told of a letter in an empty POSIX message queue (mq_notify(3)): nobody, the process by a
 * signal, or a netlink socket that gets the cookie it was given. By the latter C libraries start a
 * thread for SIGEV_THREAD.
 */
import { copy, store8 } from "../arch/hw";
import { fileGet, filePut } from "../fs/file";
import { Notifier } from "../ipc/mqueue";
import { Packet, packetFree } from "../net/packet";
import { NetlinkSocket } from "../net/socket/netlink-socket";
import { free } from "../runtime/free";
import { users } from "./credentials";
import { sendSignalToProcess } from "./signal";
import { SignalInfo } from "./signal-numbers";
import { PROCESS_ID } from "./task";

// include/uapi/asm-generic/siginfo.h
export const SIGEV_SIGNAL: u32 = 0;
export const SIGEV_NONE: u32 = 1;
export const SIGEV_THREAD: u32 = 2;
const SI_MESGQ: i32 = -3;

// include/uapi/linux/mqueue.h: the last byte of the cookie says why it comes.
export const NOTIFY_COOKIE_LEN: u32 = 32;
const NOTIFY_WOKENUP: u32 = 1;
const NOTIFY_REMOVED: u32 = 2;

const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

/** SIGEV_NONE: the place is taken, and nobody is told. */
export class SilentNotifier extends Notifier {
  kind(): u32 {
    return SIGEV_NONE;
  }

  signal(): u32 {
    return 0;
  }

  pid(): u32 {
    return PROCESS_ID;
  }

  arrived(): void {}

  removed(): void {}

  destroy(): void {
    free(this);
  }
}

/** SIGEV_SIGNAL. */
export class SignalNotifier extends SilentNotifier {
  /** `signalNumber`: 0, and there is none after all. */
  constructor(
    private signalNumber: u32,
    private value: u64,
  ) {
    super();
  }

  kind(): u32 {
    return SIGEV_SIGNAL;
  }

  signal(): u32 {
    return this.signalNumber;
  }

  arrived(): void {
    if (this.signalNumber == 0) return;
    info.set(<i32>this.signalNumber, SI_MESGQ, PROCESS_ID | ((<u64>users.real) << 32));
    info.value = this.value;
    sendSignalToProcess(info);
  }
}

/** SIGEV_THREAD. */
export class SocketNotifier extends SilentNotifier {
  /** Takes a reference on the socket, and `packet` over, which has room for the cookie. */
  constructor(
    private socket: NetlinkSocket,
    private packet: Packet | null,
    private cookie: u64,
    from: u64,
  ) {
    super();
    fileGet(socket);
    copy(cookie, from, NOTIFY_COOKIE_LEN);
  }

  kind(): u32 {
    return SIGEV_THREAD;
  }

  private tell(reason: u32): void {
    const packet = this.packet;
    this.packet = null;
    if (!packet) return;
    store8(this.cookie + NOTIFY_COOKIE_LEN - 1, reason);
    this.socket.arrive(packet, 0);
  }

  arrived(): void {
    this.tell(NOTIFY_WOKENUP);
  }

  removed(): void {
    this.tell(NOTIFY_REMOVED);
  }

  destroy(): void {
    const packet = this.packet;
    if (packet) packetFree(packet);
    filePut(this.socket);
    free(this);
  }
}
