import { load8, store8 } from "../arch/hw";
import { ECONNREFUSED } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { checksumAdd, checksumFold, checksumPseudo } from "./checksum";
import { netNow, netSetNow } from "./clock";
import { reassemblyCount } from "./fragments";
import { Interface, interfaceSetAddress } from "./interface";
import { ipv4DrainLoopback, ipv4MtuFor, ipv4Output, ipv4SourceFor } from "./ipv4";
import {
  Packet,
  packetAlloc,
  packetAllocLarge,
  packetCount,
  packetFree,
  packetFreeCount,
} from "./packet";
import { netStats } from "./stats";
import { Connection } from "./tcp/connection";
import {
  dropSent,
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  receiveArpReply,
  receiveFrame,
  receiveFrom,
  takeSent,
  testDevice,
  testInterface,
  testInterfaceUp,
} from "./testing";
import { netTimersRun } from "./timers";
import { UdpEndpoint, udpBind, udpClose, udpConnect, udpPrepare, udpReceive, udpSend } from "./udp";
import {
  ARP_LENGTH,
  ARP_REPLY,
  ARP_REQUEST,
  arpOperation,
  arpSender,
  arpSenderMac,
  arpStore,
  arpTarget,
} from "./wire/arp";
import { storeBe32 } from "./wire/bytes";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ethernetSource, ethernetType } from "./wire/ethernet";
import {
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HEADER,
  ICMP_PORT_UNREACHABLE,
  ICMP_UNREACHABLE,
  icmpChecksumStore,
  icmpCode,
  icmpHeaderStore,
  icmpType,
} from "./wire/icmp";
import {
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_DF,
  IPV4_HEADER,
  IPV4_MF,
  ipv4ChecksumIsValid,
  ipv4Destination,
  ipv4FragmentField,
  ipv4HeaderStore,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
} from "./wire/ipv4";
import { UDP_HEADER, udpDestinationPort, udpSourcePort } from "./wire/udp";

const SECOND: u64 = 1_000_000_000;

class TestEndpoint extends UdpEndpoint {
  arrivals: i32 = 0;
  arrived(): void {
    this.arrivals++;
  }
}

/** A packet of n bytes that count up from `first`. */
function payload(n: u32, first: u32 = 0): Packet {
  const packet = packetAllocLarge(n)!;
  const at = packet.append(n);
  for (let i: u32 = 0; i < n; i++) store8(at + i, (first + i) & 0xff);
  return packet;
}

function udpFrom(source: u32, sourcePort: u32, destinationPort: u32, n: u32): Packet {
  const packet = payload(n);
  udpPrepare(packet, source, sourcePort, OUR_ADDRESS, destinationPort);
  // Complete the partial checksum, as a sender's device does.
  const sum = checksumFold(checksumAdd(0, packet.data, packet.length)) ^ 0xffff;
  store8(packet.data + 6, sum & 0xff);
  store8(packet.data + 7, sum >> 8);
  packet.flags = 0;
  return packet;
}

test("arp: a packet waits for the reply and is then sent, the next goes at once", () => {
  const via = testInterfaceUp();
  expectEqual(ipv4Output(payload(10), OUR_ADDRESS, PEER_ADDRESS, IPPROTO_UDP), 0, "queued");
  const request = testDevice(via).sent.pop()!;
  expectEqual(ethernetType(request.data), ETHERTYPE_ARP, "a request");
  expect((load8(request.data) & 1) == 1, "to all");
  expectEqual(ethernetSource(request.data), OUR_MAC, "from us");
  request.pull(14);
  expectEqual(arpOperation(request.data), ARP_REQUEST, "operation");
  expectEqual(arpTarget(request.data), PEER_ADDRESS, "who has");
  expect(!takeSent(via), "the packet waits");
  receiveArpReply(via, PEER_ADDRESS);
  const packet = takeSent(via)!;
  expect(ipv4ChecksumIsValid(packet.data), "checksum");
  expectEqual(ipv4TotalLength(packet.data), 30, "length");
  expectEqual(ipv4Destination(packet.data), PEER_ADDRESS, "destination");
  for (let i = 0; i < 2; i++) {
    ipv4Output(payload(11), OUR_ADDRESS, PEER_ADDRESS, IPPROTO_UDP);
    const direct = testDevice(via).sent.pop()!;
    expectEqual(load8(direct.data), PEER_MAC & 0xff, "to the peer");
    expectEqual(ethernetSource(direct.data), OUR_MAC, "our address");
    expectEqual(ethernetType(direct.data), ETHERTYPE_IPV4, "type");
    direct.pull(14);
    expect(ipv4ChecksumIsValid(direct.data), "checksum of the fast path");
    expectEqual(ipv4Source(direct.data), OUR_ADDRESS, "source");
    expectEqual(ipv4Destination(direct.data), PEER_ADDRESS, "destination");
    expectEqual(ipv4Protocol(direct.data), IPPROTO_UDP, "protocol");
    expectEqual(ipv4FragmentField(direct.data), IPV4_DF, "do not cut");
    packetFree(direct);
  }
});

test("arp: no answer to three requests drops what waits and gives all packets back", () => {
  const via = testInterfaceUp();
  ipv4Output(payload(10), OUR_ADDRESS, PEER_ADDRESS, IPPROTO_UDP);
  for (let i = 0; i < 5; i++) {
    netSetNow(netNow() + SECOND);
    netTimersRun();
  }
  expectEqual(testDevice(via).sent.count, 3, "requests");
  dropSent(via);
  expectEqual(packetFreeCount(), packetCount(), "nothing is held");
  expectEqual(netStats.arpFailed, 1, "counted");
});

test("arp: requests for us are answered, others' are not", () => {
  const via = testInterfaceUp();
  const request = packetAlloc()!;
  arpStore(request.append(ARP_LENGTH), ARP_REQUEST, PEER_MAC, PEER_ADDRESS, 0, OUR_ADDRESS);
  receiveFrame(via, request, ETHERTYPE_ARP);
  const reply = takeSent(via)!;
  expectEqual(arpOperation(reply.data), ARP_REPLY, "operation");
  expectEqual(arpSenderMac(reply.data), OUR_MAC, "mac");
  expectEqual(arpSender(reply.data), OUR_ADDRESS, "address");
  const other = packetAlloc()!;
  arpStore(other.append(ARP_LENGTH), ARP_REQUEST, PEER_MAC, PEER_ADDRESS, 0, OUR_ADDRESS + 1);
  receiveFrame(via, other, ETHERTYPE_ARP);
  expect(!takeSent(via), "not for us");
});

test("route: the network directly, the rest by the gateway, nothing without an address", () => {
  const via = testInterface();
  expectEqual(ipv4SourceFor(PEER_ADDRESS), 0, "no address");
  interfaceSetAddress(via, OUR_ADDRESS, 24, PEER_ADDRESS);
  expectEqual(ipv4SourceFor(PEER_ADDRESS), OUR_ADDRESS, "ours");
  expectEqual(ipv4SourceFor(0x7f000005), 0x7f000005, "loopback");
  expectEqual(ipv4MtuFor(0x08080808), 1500, "mtu");
  ipv4Output(payload(10), OUR_ADDRESS, 0x08080808, IPPROTO_UDP);
  expectEqual(arpTarget(takeSent(via)!.data), PEER_ADDRESS, "asks for the gateway");
  interfaceSetAddress(via, OUR_ADDRESS, 24, 0);
  expect(ipv4Output(payload(10), OUR_ADDRESS, 0x08080808, IPPROTO_UDP) < 0, "no gateway");
});

test("icmp: an echo request comes back with the same data", () => {
  const via = testInterfaceUp();
  receiveArpReply(via, PEER_ADDRESS);
  const request = payload(56);
  const message = request.push(ICMP_HEADER);
  icmpHeaderStore(message, ICMP_ECHO, 0, 7);
  icmpChecksumStore(message, checksumFold(checksumAdd(0, message, request.length)) ^ 0xffff);
  receiveFrom(via, request, PEER_ADDRESS, IPPROTO_ICMP);
  dropArp(via);
  const reply = takeSent(via)!;
  expectEqual(ipv4Source(reply.data), OUR_ADDRESS, "source");
  reply.pull(IPV4_HEADER);
  expectEqual(icmpType(reply.data), ICMP_ECHO_REPLY, "type");
  expectEqual(reply.length, 64, "length");
  expectEqual(checksumFold(checksumAdd(0, reply.data, reply.length)), 0xffff, "checksum");
  expectEqual(load8(reply.data + 8 + 55), 55, "data");
});

/** The peer is known after this: sends a packet and answers the request, drops all. */
function dropArp(via: Interface): void {
  const first = testDevice(via).sent.first;
  if (first && ethernetType(first.data) == ETHERTYPE_ARP) {
    receiveArpReply(via, PEER_ADDRESS);
    packetFree(testDevice(via).sent.pop()!);
  }
}

test("udp: a datagram arrives, the answer goes back, a closed port answers with ICMP", () => {
  const via = testInterfaceUp();
  const endpoint = new TestEndpoint();
  expectEqual(udpBind(endpoint, 0, 53), 0, "bind");
  receiveFrom(via, udpFrom(PEER_ADDRESS, 4000, 53, 30), PEER_ADDRESS, IPPROTO_UDP);
  expectEqual(endpoint.arrivals, 1, "arrived");
  const packet = udpReceive(endpoint)!;
  expectEqual(packet.length, 30, "payload");
  expectEqual(packet.sourcePort, 4000, "port");
  expectEqual(packet.source, PEER_ADDRESS, "source");
  expectEqual(load8(packet.data + 29), 29, "data");
  packetFree(packet);
  expectEqual(udpSend(endpoint, payload(5), 0, PEER_ADDRESS, 4000), 0, "send");
  dropArp(via);
  const answer = takeSent(via)!;
  answer.pull(IPV4_HEADER);
  expectEqual(udpSourcePort(answer.data), 53, "source port");
  expectEqual(udpDestinationPort(answer.data), 4000, "destination port");
  const pseudo = checksumPseudo(OUR_ADDRESS, PEER_ADDRESS, IPPROTO_UDP, answer.length);
  expectEqual(checksumFold(checksumAdd(pseudo, answer.data, answer.length)), 0xffff, "checksum");
  udpClose(endpoint);
  receiveFrom(via, udpFrom(PEER_ADDRESS, 4000, 53, 30), PEER_ADDRESS, IPPROTO_UDP);
  const error = takeSent(via)!;
  error.pull(IPV4_HEADER);
  expectEqual(icmpType(error.data), ICMP_UNREACHABLE, "unreachable");
  expectEqual(icmpCode(error.data), ICMP_PORT_UNREACHABLE, "port");
  packetFree(error);
});

test("udp: a wrong checksum or length is dropped and nothing leaks", () => {
  const via = testInterfaceUp();
  const endpoint = new TestEndpoint();
  udpBind(endpoint, 0, 53);
  const wrong = udpFrom(PEER_ADDRESS, 4000, 53, 30);
  store8(wrong.data + 20, 99);
  receiveFrom(via, wrong, PEER_ADDRESS, IPPROTO_UDP);
  const long = udpFrom(PEER_ADDRESS, 4000, 53, 30);
  store8(long.data + 5, 200);
  receiveFrom(via, long, PEER_ADDRESS, IPPROTO_UDP);
  receiveFrom(via, payload(7), PEER_ADDRESS, IPPROTO_UDP);
  expectEqual(endpoint.arrivals, 0, "none arrived");
  expectEqual(netStats.malformed, 3, "all counted");
  dropSent(via);
  expectEqual(packetFreeCount(), packetCount(), "nothing is held");
});

test("udp: over the loopback between connected endpoints, and an error for a closed one", () => {
  testInterfaceUp();
  const server = new TestEndpoint();
  const client = new TestEndpoint();
  udpBind(server, 0x7f000001, 7000);
  expectEqual(udpConnect(client, 0x7f000001, 7000), 0, "connect");
  expectEqual(client.localAddress, 0x7f000001, "source");
  expect(client.localPort >= 32768, "ephemeral");
  expectEqual(udpSend(client, payload(3000), 0, 0x7f000001, 7000), 0, "send");
  expectEqual(server.arrivals, 0, "not before the queue is drained");
  ipv4DrainLoopback();
  const packet = udpReceive(server)!;
  expectEqual(packet.length, 3000, "whole");
  packetFree(packet);
  udpClose(server);
  udpSend(client, payload(1), 0, 0x7f000001, 7000);
  ipv4DrainLoopback();
  expectEqual(client.error, ECONNREFUSED, "refused");
});

test("udp: ports are exclusive unless shared, and the most specific endpoint gets the datagram", () => {
  const via = testInterfaceUp();
  const all = new TestEndpoint();
  const bound = new TestEndpoint();
  const connected = new TestEndpoint();
  expectEqual(udpBind(all, 0, 53), 0, "first");
  expect(udpBind(bound, OUR_ADDRESS, 53) < 0, "taken");
  all.reuseAddress = true;
  bound.reuseAddress = true;
  connected.reuseAddress = true;
  expectEqual(udpBind(bound, OUR_ADDRESS, 53), 0, "shared");
  expectEqual(udpBind(connected, OUR_ADDRESS, 53), 0, "shared");
  udpConnect(connected, PEER_ADDRESS, 4000);
  receiveFrom(via, udpFrom(PEER_ADDRESS, 4000, 53, 1), PEER_ADDRESS, IPPROTO_UDP);
  receiveFrom(via, udpFrom(PEER_ADDRESS, 4001, 53, 1), PEER_ADDRESS, IPPROTO_UDP);
  expectEqual(connected.arrivals, 1, "its peer");
  expectEqual(bound.arrivals, 1, "others");
  expectEqual(all.arrivals, 0, "the least specific");
});

/** Gives the stack bytes [offset, offset + n) of a datagram, as a fragment. */
function receiveFragment(via: Interface, whole: Packet, offset: u32, n: u32, id: u32): void {
  const piece = packetAlloc()!;
  const at = piece.append(n);
  for (let i: u32 = 0; i < n; i++) store8(at + i, load8(whole.data + offset + i));
  const more: u32 = offset + n < whole.length ? IPV4_MF : 0;
  const header = piece.push(IPV4_HEADER);
  ipv4HeaderStore(
    header,
    n + IPV4_HEADER,
    id,
    (offset >> 3) | more,
    0,
    64,
    IPPROTO_UDP,
    PEER_ADDRESS,
    OUR_ADDRESS,
  );
  receiveFrame(via, piece, ETHERTYPE_IPV4);
}

test("fragments: a datagram in pieces, out of order and repeated, becomes whole", () => {
  const via = testInterfaceUp();
  const endpoint = new TestEndpoint();
  udpBind(endpoint, 0, 53);
  const whole = udpFrom(PEER_ADDRESS, 4000, 53, 3993);
  receiveFragment(via, whole, 2400, 1601, 9);
  receiveFragment(via, whole, 0, 1200, 9);
  receiveFragment(via, whole, 0, 1200, 9);
  expectEqual(endpoint.arrivals, 0, "one is missing");
  receiveFragment(via, whole, 1200, 1200, 9);
  expectEqual(endpoint.arrivals, 1, "whole");
  expectEqual(reassemblyCount(), 0, "no state is left");
  const packet = udpReceive(endpoint)!;
  expectEqual(packet.totalLength(), 3993, "length");
  packetFree(packet);
  packetFree(whole);
  dropSent(via);
  expectEqual(packetFreeCount(), packetCount(), "nothing is held");
});

test("fragments: overlaps spoil the datagram, silence ends it with an ICMP error", () => {
  const via = testInterfaceUp();
  const endpoint = new TestEndpoint();
  udpBind(endpoint, 0, 53);
  const whole = udpFrom(PEER_ADDRESS, 4000, 53, 3000);
  receiveFragment(via, whole, 0, 1200, 1);
  receiveFragment(via, whole, 800, 1200, 1);
  expectEqual(reassemblyCount(), 0, "spoilt");
  receiveFragment(via, whole, 0, 1200, 2);
  receiveFragment(via, whole, 1200, 1200, 2);
  expectEqual(reassemblyCount(), 1, "under way");
  netSetNow(netNow() + 31 * SECOND);
  netTimersRun();
  expectEqual(reassemblyCount(), 0, "given up");
  for (let id: u32 = 10; id < 60; id++) receiveFragment(via, whole, 0, 1200, id);
  expectEqual(reassemblyCount(), 32, "bounded");
  expectEqual(endpoint.arrivals, 0, "nothing arrived");
});

test("fragments: a large datagram is cut to the MTU, on 8-byte boundaries", () => {
  const via = testInterfaceUp();
  const endpoint = new TestEndpoint();
  receiveArpReply(via, PEER_ADDRESS);
  udpSend(endpoint, payload(4000), 0, PEER_ADDRESS, 9);
  dropArp(via);
  let bytes: u32 = 0;
  for (let i = 0; i < 3; i++) {
    const piece = takeSent(via)!;
    expect(ipv4ChecksumIsValid(piece.data), "checksum");
    expect(piece.length <= 1500, "fits");
    const field = ipv4FragmentField(piece.data);
    expectEqual((field & 0x1fff) << 3, bytes, "offset");
    expectEqual((field & IPV4_MF) != 0 ? 1 : 0, i < 2 ? 1 : 0, "more");
    bytes += piece.length - IPV4_HEADER;
    packetFree(piece);
  }
  expectEqual(bytes, 4000 + UDP_HEADER, "all of it");
  expect(!takeSent(via), "no more");
});

const FAR: u32 = 0x0808_0808;

/** "Fragmentation needed", quoting a packet to FAR that began with these words. */
function fragmentationNeeded(
  via: Interface,
  mtu: u32,
  protocol: u32,
  ports: u32,
  second: u32,
): void {
  const error = packetAlloc()!;
  const message = error.append(ICMP_HEADER + IPV4_HEADER + 8);
  icmpHeaderStore(message, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu);
  ipv4HeaderStore(message + 8, 1500, 0, IPV4_DF, 0, 64, protocol, OUR_ADDRESS, FAR);
  storeBe32(message + 28, ports);
  storeBe32(message + 32, second);
  icmpChecksumStore(message, checksumFold(checksumAdd(0, message, error.length)) ^ 0xffff);
  receiveFrom(via, error, PEER_ADDRESS, IPPROTO_ICMP);
}

test("path mtu: fragmentation needed lowers it for that destination", () => {
  const via = testInterfaceUp();
  const endpoint = new TestEndpoint();
  udpBind(endpoint, 0, 53);
  fragmentationNeeded(via, 1280, IPPROTO_UDP, (53 << 16) | 9000, 0);
  expectEqual(ipv4MtuFor(FAR), 1280, "lower");
  expectEqual(ipv4MtuFor(FAR + 1), 1500, "only there");
  fragmentationNeeded(via, 1400, IPPROTO_UDP, (53 << 16) | 9000, 0);
  expectEqual(ipv4MtuFor(FAR), 1280, "never higher");
  fragmentationNeeded(via, 68, IPPROTO_UDP, (53 << 16) | 9000, 0);
  expectEqual(ipv4MtuFor(FAR), 552, "nor lower than any path is");
});

test("path mtu: a message about what we have not sent changes nothing (RFC 5927)", () => {
  const via = testInterfaceUp();
  fragmentationNeeded(via, 1280, IPPROTO_UDP, (53 << 16) | 9000, 0);
  fragmentationNeeded(via, 1280, IPPROTO_ICMP, 0, 0);
  expectEqual(ipv4MtuFor(FAR), 1500, "nobody has that port");
  const c = new Connection();
  expectEqual(c.connect(0, 4000, FAR, 80), 0, "connect");
  const other = new Connection();
  expectEqual(other.connect(0, 4001, FAR, 80), 0, "another");
  fragmentationNeeded(via, 1280, IPPROTO_TCP, (4002 << 16) | 80, c.initialSend);
  fragmentationNeeded(via, 1280, IPPROTO_TCP, (4000 << 16) | 81, c.initialSend);
  fragmentationNeeded(via, 1280, IPPROTO_TCP, (4000 << 16) | 80, c.initialSend + 1);
  fragmentationNeeded(via, 1280, IPPROTO_TCP, (4000 << 16) | 80, c.initialSend - 1);
  expectEqual(ipv4MtuFor(FAR), 1500, "no such connection, or not on its way");
  c.peerMss = 1460;
  c.mss = 1460;
  other.peerMss = 1460;
  other.mss = 1460;
  fragmentationNeeded(via, 1280, IPPROTO_TCP, (4000 << 16) | 80, c.initialSend);
  expectEqual(ipv4MtuFor(FAR), 1280, "what is on its way");
  expectEqual(c.mss, 1240, "smaller segments");
  expectEqual(other.mss, 1240, "of all connections there: IPv4 sends no others");
  c.close();
  other.close();
});

test("ipv4: padding is cut off, wrong versions and lengths are dropped", () => {
  const via = testInterfaceUp();
  const endpoint = new TestEndpoint();
  udpBind(endpoint, 0, 53);
  const padded = udpFrom(PEER_ADDRESS, 4000, 53, 2);
  const length = padded.length + IPV4_HEADER;
  ipv4HeaderStore(
    padded.push(IPV4_HEADER),
    length,
    1,
    0,
    0,
    64,
    IPPROTO_UDP,
    PEER_ADDRESS,
    OUR_ADDRESS,
  );
  padded.append(16);
  receiveFrame(via, padded, ETHERTYPE_IPV4);
  expectEqual(udpReceive(endpoint)!.length, 2, "payload");
  const short = udpFrom(PEER_ADDRESS, 4000, 53, 2);
  ipv4HeaderStore(
    short.push(IPV4_HEADER),
    500,
    1,
    0,
    0,
    64,
    IPPROTO_UDP,
    PEER_ADDRESS,
    OUR_ADDRESS,
  );
  receiveFrame(via, short, ETHERTYPE_IPV4);
  const six = udpFrom(PEER_ADDRESS, 4000, 53, 2);
  store8(six.push(IPV4_HEADER), 0x65);
  receiveFrame(via, six, ETHERTYPE_IPV4);
  const tiny = packetAlloc()!;
  tiny.append(5);
  receiveFrame(via, tiny, ETHERTYPE_IPV4);
  expectEqual(endpoint.arrivals, 1, "the good one alone");
  expectEqual(netStats.malformed, 3, "counted");
});
