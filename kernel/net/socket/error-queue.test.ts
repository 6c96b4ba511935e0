import { copy } from "../../arch/hw";
import { POLLERR } from "../../fs/file";
import { EAGAIN, EHOSTUNREACH, EMSGSIZE } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { checksumAdd, checksumFinish } from "../checksum";
import { Interface } from "../interface";
import { packetAlloc } from "../packet";
import {
  dropSent,
  PEER_ADDRESS,
  receiveArpReply,
  receiveFrom,
  takeSent,
  testInterfaceUp,
} from "../testing";
import { ICMP_HEADER, ICMP_TIME_EXCEEDED, icmpChecksumStore, icmpHeaderStore } from "../wire/icmp";
import { IPPROTO_ICMP } from "../wire/ipv4";
import { IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_RECVERR, MSG_ERRQUEUE, SOL_IP } from "./constants";
import { inet, nonBlocking, receiveBytes, receivedIs, sendBytes } from "./testing";
import { UdpSocket } from "./udp-socket";

const PORT: u32 = 4000;
/** What is kept of a datagram that was too large. */
const QUOTED: u32 = 1024;

function recording(): UdpSocket {
  const socket = nonBlocking(new UdpSocket());
  expectEqual(socket.setOption(SOL_IP, IP_RECVERR, 1), 0, "IP_RECVERR");
  return socket;
}

test("error queue: a datagram that must not be cut is refused, and the path's size is told", () => {
  testInterfaceUp();
  const socket = recording();
  expectEqual(socket.connect(inet(PEER_ADDRESS, PORT)), 0, "connect");
  socket.setOption(SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  expectEqual(sendBytes(socket, 1500 - 28), 1500 - 28, "it just fits");
  expectEqual(sendBytes(socket, 1500 - 27), -EMSGSIZE, "one byte more");
  expectEqual(socket.poll() & POLLERR, POLLERR, "there is an error");
  expectEqual(receiveBytes(socket, 2000, MSG_ERRQUEUE), QUOTED, "its beginning");
  expect(receivedIs(QUOTED), "as it was sent");
  expectEqual(receiveBytes(socket, 2000, MSG_ERRQUEUE), -EAGAIN, "once");
  expectEqual(socket.poll() & POLLERR, 0, "none any more");
});

/** A router says that the last frame has been on its way for too long. */
function expire(via: Interface): void {
  const sent = takeSent(via)!;
  const packet = packetAlloc()!;
  const message = packet.append(ICMP_HEADER + sent.length);
  icmpHeaderStore(message, ICMP_TIME_EXCEEDED, 0, 0);
  copy(message + ICMP_HEADER, sent.data, sent.length);
  icmpChecksumStore(message, checksumFinish(checksumAdd(0, message, packet.length)));
  receiveFrom(via, packet, PEER_ADDRESS, IPPROTO_ICMP);
}

test("error queue: what a router says reaches who records it, and nobody else", () => {
  const via = testInterfaceUp();
  const far: u32 = 0x0808_0808;
  const socket = recording();
  const other = nonBlocking(new UdpSocket());
  other.connect(inet(far, PORT));
  socket.connect(inet(far, PORT));
  sendBytes(socket, 10);
  dropSent(via);
  receiveArpReply(via, PEER_ADDRESS);
  expire(via);
  expectEqual(socket.takeError(), EHOSTUNREACH, "a soft error is told");
  expectEqual(receiveBytes(socket, 100, MSG_ERRQUEUE), 10, "with its datagram");
  expect(receivedIs(10), "as it was sent");
  sendBytes(other, 10);
  expire(via);
  expectEqual(other.takeError(), 0, "not to who has not asked");
});
