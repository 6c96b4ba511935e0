/**
 * A connection's channel (net/channel.ts): between the classifier, which finds out whose a segment
 * is, and whoever runs TCP for the connection.
 *
 *     channelPut(c, packet)       the producer: net/classify.ts for the usual packet, tcpInput for all others
 *     consumerWake(c)             the channel was empty and is not any more
 *     channelDrain(c)             the consumer: runs TCP for all that is there, as one batch
 *     channelClear(c)             the connection is being freed
 *
 * Who drains. On one CPU the thread that has classified a burst does, at its end (tcpFlush), unless
 * the connection is locked: then the thread that holds it does when it lets go (Connection.send,
 * receive). A timer drains before it decides. So outside of the stack there is something in the
 * channel of a locked connection only, and whether a socket is ready is known without a look into
 * channels; test/sim checks that after every event.
 *
 * A full channel. When nobody holds the connection, the producer is on the consumer's CPU and
 * drains it. Otherwise the segment is dropped and counted, and TCP repairs it as any loss.
 *
 * A batch has one notification of the socket and one decision whether to acknowledge (`endBatch`).
 * Segments that came in one burst get one acknowledgment, at its end, as with all that coalesce
 * segments (GRO, LRO): that one is sent for every second full segment is a SHOULD of RFC 5681 4.2,
 * which says so because of such receivers, and asks senders to bear it. Segments out of order are
 * answered one by one, at once, as fast retransmit needs it.
 *
 * With more CPUs the producer runs on the CPU of the receive queue and the consumer on the
 * connection's; `consumerWake` is then where the connection enters that CPU's list, and the CPU
 * gets an interrupt (IPI) if it halts or runs the application.
 */
import { POLLIN, POLLRDNORM } from "../../fs/file";
import { CHANNEL_FULL, CHANNEL_WAS_EMPTY, channelCreate, channelFree } from "../channel";
import { Packet, packetFree } from "../packet";
import { dueAcknowledgment } from "./acknowledge";
import { Connection } from "./connection";
import { connectionInput, tcpInput } from "./input";
import { tcpStats } from "./stats";
import { schedule, WORK_INPUT } from "./work";

/** Takes a segment of the connection, at its TCP header, unchecked. Order is kept. */
export function channelPut(c: Connection, packet: Packet): void {
  const channel = c.channel;
  if (!channel) {
    putSlow(c, packet);
    return;
  }
  const result = channel.push(<u32>changetype<usize>(packet));
  if (result == CHANNEL_WAS_EMPTY) consumerWake(c);
  else if (result == CHANNEL_FULL) putSlow(c, packet);
}

/** The first segment of all, or a full channel. */
function putSlow(c: Connection, packet: Packet): void {
  if (!c.channel) c.channel = channelCreate();
  else if (!c.lockHeld) channelDrain(c);
  if (c.dead) {
    strayed(c, packet);
    return;
  }
  const channel = c.channel;
  const result = channel ? channel.push(<u32>changetype<usize>(packet)) : CHANNEL_FULL;
  if (result == CHANNEL_WAS_EMPTY) {
    consumerWake(c);
  } else if (result == CHANNEL_FULL) {
    tcpStats.channelDrops++;
    packetFree(packet);
  }
}

/** The one place where a consumer learns that its channel is not empty any more. */
function consumerWake(c: Connection): void {
  schedule(c, WORK_INPUT);
}

/**
 * A segment that came behind the one which ended the connection: the tuple is TIME_WAIT's now, or a
 * listener's.
 */
function strayed(c: Connection, packet: Packet): void {
  tcpInput(packet, c.remoteAddress, c.localAddress);
}

/**
 * Processes what is in the channel; no copy is under way in the connection. Its work may have been
 * noted (work.ts) afterwards.
 */
export function channelDrain(c: Connection): void {
  c.work &= ~WORK_INPUT;
  const channel = c.channel;
  if (!channel) return;
  for (;;) {
    const item = channel.pop();
    if (item == 0) break;
    const packet = changetype<Packet>(<usize>item);
    if (c.dead) strayed(c, packet);
    else connectionInput(c, packet);
  }
  if (c.arrived) endBatch(c);
}

/** Data has been received: what is done once for all of it. */
export function endBatch(c: Connection): void {
  c.arrived = false;
  c.asked = true;
  if (!c.dead) dueAcknowledgment(c);
  c.notify(POLLIN | POLLRDNORM);
}

/** Frees the channel with what is in it. */
export function channelClear(c: Connection): void {
  const channel = c.channel;
  if (!channel) return;
  for (;;) {
    const item = channel.pop();
    if (item == 0) break;
    packetFree(changetype<Packet>(<usize>item));
  }
  channelFree(channel);
  c.channel = null;
}
