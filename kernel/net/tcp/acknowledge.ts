/**
 * What an acknowledgment of new data does, and when received data is acknowledged.
 */
import { POLLOUT, POLLWRNORM } from "../../fs/file";
import { netNow } from "../clock";
import { NEVER } from "../timers";
import { SEND_LIMIT_MAX } from "./config";
import { Connection, Recovery } from "./connection";
import { congestionAck } from "./cubic";
import { recoveryAdvance } from "./recovery";
import { rttSample } from "./rtt";
import { sackAdvance } from "./sack";
import { bufferDrop } from "./send-buffer";
import { seqLessEqual } from "./sequence";
import { setDelayedAck, setRetransmit } from "./timer";
import { schedule, WORK_ACK } from "./work";

/** The peer acknowledges up to `ack`, which is beyond sndUna and not beyond sndNxt. */
export function acknowledged(c: Connection, ack: u32): void {
  const acked = ack - c.sndUna;
  const flight = c.sndNxt - c.sndUna;
  c.sndUna = ack;
  c.bytesAcked += acked;
  // Our FIN takes a sequence number, but no room in the buffer.
  bufferDrop(c, min(acked, c.bufferUsed));
  if (c.timing && seqLessEqual(c.timedSequence, ack)) {
    c.timing = false;
    rttSample(c, netNow() - c.timedSince);
  }
  c.backoff = 0;
  c.unanswered = 0;
  if (c.sackBoard) sackAdvance(c);
  if (c.recovery != Recovery.FAST) congestionAck(c, acked, flight);
  recoveryAdvance(c, acked);
  if (ack == c.sndNxt) c.retransmitDeadline = NEVER;
  else setRetransmit(c);
  if (c.cwnd > c.sendLimit >> 1 && !c.sendLimitFixed) {
    c.sendLimit = max(c.sendLimit, min<u32>(c.cwnd * 2, SEND_LIMIT_MAX));
  }
  if (c.writeBlocked && c.writable()) {
    c.writeBlocked = false;
    c.notify(POLLOUT | POLLWRNORM);
  }
}

/**
 * A batch of data has been received: two full segments or more are acknowledged at the end of the
 * burst (RFC 9293 3.8.6.3), less may wait for an answer to carry it.
 */
export function dueAcknowledgment(c: Connection): void {
  // Something in the batch wanted its acknowledgment at once, or wants it at the end of the burst.
  if (c.unackedBytes == 0 || (c.work & WORK_ACK) != 0) return;
  if (c.quickAcks > 0) {
    c.quickAcks--;
    schedule(c, WORK_ACK);
  } else if (c.unackedBytes >= min(c.receiveMss * 2, c.receiveLimit >> 2)) {
    schedule(c, WORK_ACK);
  } else {
    setDelayedAck(c);
  }
}
