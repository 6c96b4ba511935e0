/**
 * What must hold between any two events: looked at by the simulator after each, and by tests. Too
 * costly for the machine.
 */
import { netNow } from "../clock";
import { NEVER } from "../timers";
import { MILLISECOND } from "./config";
import { Connection } from "./connection";
import { windowLeft } from "./receive-window";
import { seqLess, seqLessEqual } from "./sequence";
import { State } from "./state";
import { tableChain, tableChainCount, tableCount, tableFind } from "./table";

function verifySending(c: Connection): void {
  const end = c.bufferSequence + c.bufferUsed + (c.finSent ? 1 : 0);
  assert(c.finQueued || !c.finSent, "a FIN is sent after it was queued");
  assert(seqLessEqual(c.sndUna, c.sndNxt), "what is acknowledged was sent");
  assert(seqLessEqual(c.sndNxt, end), "what is sent is in the buffer");
  assert(c.bufferUsed <= c.bufferCapacity, "the buffer holds what is in it");
  const finAcknowledged = c.finSent && c.sndUna == c.bufferSequence + c.bufferUsed + 1;
  assert(c.bufferSequence == c.sndUna || finAcknowledged, "the buffer starts at sndUna");
  const board = c.sackBoard;
  if (board) {
    let last = c.sndUna;
    let bytes: u32 = 0;
    assert(board.count > 0, "a scoreboard has ranges");
    for (let i: u32 = 0; i < board.count; i++) {
      assert(seqLessEqual(last, board.start(i)), "ranges are sorted, above sndUna");
      assert(seqLess(board.start(i), board.end(i)), "ranges are not empty");
      last = board.end(i);
      bytes += last - board.start(i);
    }
    assert(seqLessEqual(last, c.sndNxt), "what is reported was sent");
    assert(bytes == board.bytes, "the scoreboard knows its bytes");
  }
}

function verifyReceiving(c: Connection): void {
  let bytes: u32 = 0;
  let packet = c.queueFirst;
  let last = packet;
  while (packet) {
    assert(packet.length > 0, "a queued packet has bytes");
    bytes += packet.length;
    last = packet;
    packet = packet.next;
  }
  assert(c.queueLast == last, "the queue's last packet");
  assert(bytes == c.queuedBytes, "the queue knows its bytes");
  let count: u32 = 0;
  let previousEnd = c.rcvNxt + 1;
  packet = c.outOfOrder;
  last = packet;
  while (packet) {
    assert(seqLessEqual(previousEnd, packet.sequence), "kept segments are sorted, with a hole");
    assert(seqLess(packet.sequence, packet.sequenceEnd), "kept segments are not empty");
    assert(packet.totalLength() == packet.sequenceEnd - packet.sequence, "its range is its length");
    previousEnd = packet.sequenceEnd;
    count++;
    last = packet;
    packet = packet.next;
  }
  assert(c.outOfOrderLast == last, "the last kept segment");
  const ranges = c.outOfOrder != null || c.duplicateStart != c.duplicateEnd;
  assert(c.reportsRanges == (c.sack && ranges), "acknowledgments carry what there is to report");
  assert(count == c.outOfOrderCount, "their count");
  if (count > 0) assert(previousEnd - c.rcvNxt <= windowLeft(c), "kept segments are in the window");
}

/** Something must be due, or the connection may hang for ever. */
function verifyTimers(c: Connection): void {
  if (c.sndNxt != c.sndUna || c.bufferUsed > 0) {
    assert(c.retransmitDeadline != NEVER, "data that is not acknowledged has a timer");
  }
  if (c.unackedBytes > 0) {
    assert(c.delayedAckDeadline != NEVER || c.work != 0, "data to be acknowledged has a timer");
  }
  // What came due while the connection was locked is looked at so much later (connectionTimer).
  const soon = netNow() + MILLISECOND;
  assert(c.deadline <= max(c.retransmitDeadline, soon), "the timer covers the retransmission");
  assert(c.deadline <= max(c.delayedAckDeadline, soon), "the timer covers the acknowledgment");
  assert(c.deadline <= max(c.keepaliveDeadline, soon), "the timer covers the keepalive");
  assert(c.deadline <= max(c.closeDeadline, soon), "the timer covers the end");
}

export function verifyConnection(c: Connection): void {
  assert(!c.dead, "a dead connection is not in the table");
  const channel = c.channel;
  assert(
    c.lockHeld || channel == null || channel.isEmpty(),
    "the channel of a free connection is empty",
  );
  assert(!c.arrived, "a batch has been ended");
  assert(c.state != State.CLOSED && c.state != State.TIME_WAIT, "the state of a connection");
  if (c.state == State.SYN_SENT || c.state == State.SYN_RECEIVED) {
    assert(c.retransmitDeadline != NEVER, "a handshake has a timer");
    return;
  }
  verifySending(c);
  verifyReceiving(c);
  verifyTimers(c);
}

/** All connections of the table, and the table. */
export function verifyAll(): void {
  let count: u32 = 0;
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      count++;
      assert(
        tableFind(endpoint.localAddress, endpoint.remoteAddress, endpoint.ports) == endpoint,
        "an endpoint is found by its tuple",
      );
      if (!endpoint.isTimeWait()) verifyConnection(changetype<Connection>(endpoint));
      endpoint = endpoint.hashNext;
    }
  }
  assert(count == tableCount(), "the table knows its size");
}
