/**
 * Completions of send(2) with MSG_ZEROCOPY, on the socket's error queue (Linux's
 * Documentation/networking/msg_zerocopy.rst). What is sent is copied all the same, so the
 * application may use its memory again when send returns; the completion says so, with
 * SO_EE_CODE_ZEROCOPY_COPIED.
 *
 *     add()                  a call has sent something
 *     take(message)          recvmsg(MSG_ERRQUEUE): one message for all calls since the last one
 */
import { EAGAIN } from "../../lib/errno";
import { IP_RECVERR, MSG_ERRQUEUE, SOL_IP } from "./constants";
import { Message } from "./message";

// include/uapi/linux/errqueue.h
const SO_EE_ORIGIN_ZEROCOPY: u8 = 5;
const SO_EE_CODE_ZEROCOPY_COPIED: u8 = 1;
/**
 * struct sock_extended_err: 0 errno (u32)   4 origin (u8)   5 type (u8)   6 code (u8)   8 info (u32)
 * 12 data (u32), and behind it the address of an offender, here of no family.
 */
const EXTENDED_ERROR_SIZE: u32 = 16;
const OFFENDER_SIZE: u32 = 16;

export class ZeroCopy {
  /** The number of the next call, and of the first that has not been told. They wrap. */
  private next: u32 = 0;
  private first: u32 = 0;

  isWaiting(): bool {
    return this.first != this.next;
  }

  add(): void {
    this.next++;
  }

  /** 0 bytes, with a control message; -EAGAIN when there is nothing to tell. */
  take(message: Message | null): i64 {
    if (!this.isWaiting()) return -EAGAIN;
    if (message) {
      const data = message.controlReserve(SOL_IP, IP_RECVERR, EXTENDED_ERROR_SIZE + OFFENDER_SIZE);
      if (data != 0) {
        store<u8>(data, SO_EE_ORIGIN_ZEROCOPY, 4);
        store<u8>(data, SO_EE_CODE_ZEROCOPY_COPIED, 6);
        store<u32>(data, this.first, 8);
        store<u32>(data, this.next - 1, 12);
      }
      message.flags |= MSG_ERRQUEUE;
    }
    this.first = this.next;
    return 0;
  }
}
