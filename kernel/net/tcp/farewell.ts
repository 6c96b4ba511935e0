/**
 * The machine is about to end, the program has, and its sockets are closed: what its connections
 * still have to tell their peers. What was written is delivered, with the FIN behind it; a peer
 * that can't have it all is told so by a reset, never by a FIN that would make it believe so.
 *
 *     farewellBegin(observer)      once; `observer` hears when a connection is done with
 *     farewellLook()               gives up those whose time is over; when to look again, 0: all are done
 *     farewellEnd()                no more waiting: resets what is left
 *
 *     a connection is done with    when
 *     FIN alone was to be sent     it is acknowledged
 *     data was on its way          it is acknowledged, and the peer has closed too, or has had CLOSE_WAIT_LENGTH for that:
 *                                  a relay acknowledges for its peer (QEMU's user network is one), and what it holds would
 *                                  be lost with it
 *     the peer says nothing        for SILENCE_MAX: reset
 *     the peer answers             but has not taken everything after TIME_MAX, or SO_LINGER's time: reset
 */
import { netNow } from "../clock";
import { NEVER } from "../timers";
import { finish, limitFinWait2, reset, setFinWait2Length } from "./close";
import { SECOND } from "./config";
import { Connection, ConnectionObserver } from "./connection";
import { setRtoMax } from "./rtt";
import { State } from "./state";
import { tableChain, tableChainCount } from "./table";
import { setOrphanRetries } from "./timer";

export const SILENCE_MAX: u64 = 3 * SECOND;
export const TIME_MAX: u64 = 8 * SECOND;
export const CLOSE_WAIT_LENGTH: u64 = 2 * SECOND;
/** Nobody is asked less often than this, so that SILENCE_MAX is several tries. */
const RETRY_MAX: u64 = SECOND / 2;

let observer: ConnectionObserver | null = null;
let begun: u64 = 0;

export function farewellBegin(listener: ConnectionObserver): void {
  observer = listener;
  begun = netNow();
  setRtoMax(RETRY_MAX);
  setFinWait2Length(CLOSE_WAIT_LENGTH);
  setOrphanRetries(u32.MAX_VALUE);
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      if (!endpoint.isTimeWait()) hurry(changetype<Connection>(endpoint));
      endpoint = endpoint.hashNext;
    }
  }
}

/** Takes back a backoff of before: it is asked anew. */
function hurry(c: Connection): void {
  c.backoff = 0;
  c.unanswered = 0;
  if (c.retransmitDeadline == NEVER) return;
  c.retransmitDeadline = min(c.retransmitDeadline, begun + RETRY_MAX);
  c.arm(min(c.deadline, c.retransmitDeadline));
}

/** When a connection's time is over, as far as is known now. */
function limit(c: Connection): u64 {
  if (c.lingerNs != 0) return begun + c.lingerNs;
  const heard = max(c.lastReceiveTime, begun);
  // Behind our FIN's acknowledgment a peer has nothing to say until it closes.
  const silence = c.state == State.FIN_WAIT_2 ? NEVER : heard + SILENCE_MAX;
  return min(silence, begun + TIME_MAX);
}

/** The time when to look at a connection again; 0: it is done with. */
function look(c: Connection): u64 {
  c.observer = observer;
  if (c.bufferUsed > 0) c.hadFarewellData = true;
  if (c.state == State.FIN_WAIT_2) {
    if (!c.hadFarewellData) {
      finish(c);
      return 0;
    }
    if (c.closeDeadline > netNow() + CLOSE_WAIT_LENGTH) limitFinWait2(c);
  }
  const end = limit(c);
  if (end > netNow()) return end;
  reset(c);
  return 0;
}

export function farewellLook(): u64 {
  let next: u64 = 0;
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      const following = endpoint.hashNext;
      if (!endpoint.isTimeWait()) {
        const time = look(changetype<Connection>(endpoint));
        if (time != 0 && (next == 0 || time < next)) next = time;
      }
      endpoint = following;
    }
  }
  return next;
}

export function farewellEnd(): void {
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      const following = endpoint.hashNext;
      if (!endpoint.isTimeWait()) reset(changetype<Connection>(endpoint));
      endpoint = following;
    }
  }
}
