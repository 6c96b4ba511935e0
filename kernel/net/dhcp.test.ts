import { addressOf, store8 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { AddressText } from "./address-text";
import { netNow, netSetNow } from "./clock";
import { DhcpClient, DhcpListener, DhcpState } from "./dhcp";
import { Interface } from "./interface";
import { Packet, packetAlloc, packetCount, packetFree, packetFreeCount } from "./packet";
import {
  dropSent,
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  receiveArpReply,
  receiveFrame,
  takeSent,
  testDevice,
  testInterface,
} from "./testing";
import { netTimersRun } from "./timers";
import { udpPrepare } from "./udp";
import { storeBe32 } from "./wire/bytes";
import {
  DHCP_CLIENT_PORT,
  DHCP_FIXED,
  DHCP_REPLY_OP,
  DHCP_SERVER_PORT,
  DHCPACK,
  DHCPDISCOVER,
  DHCPNAK,
  DHCPOFFER,
  DHCPREQUEST,
  dhcpIsValid,
  dhcpMessageType,
  dhcpOption32,
  dhcpOptionStore8,
  dhcpOptionStore32,
  dhcpStore,
  dhcpXid,
  OPTION_DNS,
  OPTION_END,
  OPTION_LEASE_TIME,
  OPTION_MASK,
  OPTION_MESSAGE_TYPE,
  OPTION_REQUESTED_ADDRESS,
  OPTION_ROUTER,
  OPTION_SERVER_ID,
} from "./wire/dhcp";
import { ETHERTYPE_IPV4 } from "./wire/ethernet";
import {
  IPPROTO_UDP,
  IPV4_HEADER,
  ipv4Destination,
  ipv4HeaderStore,
  ipv4Source,
} from "./wire/ipv4";
import { UDP_HEADER, udpChecksumStore, udpDestinationPort } from "./wire/udp";

const SECOND: u64 = 1_000_000_000;
const SERVER: u32 = PEER_ADDRESS;

let boundCount = 0;
let serversTold = 0;
let lostCount = 0;

class Listener extends DhcpListener {
  bound(client: DhcpClient): void {
    boundCount++;
  }
  nameServers(client: DhcpClient): void {
    serversTold = client.dnsCount;
  }
  lost(client: DhcpClient): void {
    lostCount++;
  }
}

let lastXid: u32 = 0;
let lastDestination: u32 = 0;
let lastSource: u32 = 0;
let lastRequested: u32 = 0;

/** Type of the next message that the client sent; 0: none. Sets last…. */
function takeMessage(via: Interface): u32 {
  const packet = takeSent(via);
  if (!packet) return 0;
  if (packet.length < 100) {
    packetFree(packet);
    return takeMessage(via);
  }
  lastDestination = ipv4Destination(packet.data);
  lastSource = ipv4Source(packet.data);
  packet.pull(IPV4_HEADER);
  expectEqual(udpDestinationPort(packet.data), DHCP_SERVER_PORT, "to a server");
  packet.pull(UDP_HEADER);
  expect(dhcpIsValid(packet.data, packet.length), "a DHCP message");
  lastXid = dhcpXid(packet.data);
  lastRequested = dhcpOption32(packet.data, packet.length, OPTION_REQUESTED_ADDRESS, 0);
  const type = dhcpMessageType(packet.data, packet.length);
  packetFree(packet);
  return type;
}

/** The server answers. */
function answer(via: Interface, type: u32, lease: u32, xid: u32 = lastXid): void {
  const packet = packetAlloc()!;
  const message = packet.append(300);
  dhcpStore(message, DHCP_REPLY_OP, xid, 0, 0, type == DHCPNAK ? 0 : OUR_ADDRESS, OUR_MAC);
  let at = message + DHCP_FIXED;
  at = dhcpOptionStore8(at, OPTION_MESSAGE_TYPE, type);
  at = dhcpOptionStore32(at, OPTION_SERVER_ID, SERVER);
  at = dhcpOptionStore32(at, OPTION_MASK, 0xffff_ff00);
  at = dhcpOptionStore32(at, OPTION_ROUTER, PEER_ADDRESS);
  at = dhcpOptionStore32(at, OPTION_DNS, 0x0a00_0203);
  if (lease != 0) at = dhcpOptionStore32(at, OPTION_LEASE_TIME, lease);
  store8(at, OPTION_END);
  udpPrepare(packet, SERVER, DHCP_SERVER_PORT, OUR_ADDRESS, DHCP_CLIENT_PORT);
  packet.flags = 0;
  udpChecksumStore(packet.data, 0);
  const length = packet.length + IPV4_HEADER;
  ipv4HeaderStore(packet.push(IPV4_HEADER), length, 1, 0, 0, 64, IPPROTO_UDP, SERVER, OUR_ADDRESS);
  receiveFrame(via, packet, ETHERTYPE_IPV4);
}

function start(): DhcpClient {
  const client = new DhcpClient(testInterface(), new Listener());
  expectEqual(client.start(), 0, "starts");
  return client;
}

function bind(client: DhcpClient, lease: u32): void {
  const via = client.via;
  expectEqual(takeMessage(via), DHCPDISCOVER, "discover");
  answer(via, DHCPOFFER, lease);
  expectEqual(takeMessage(via), DHCPREQUEST, "request");
  answer(via, DHCPACK, lease);
  expectEqual(client.state, DhcpState.BOUND, "bound");
}

function elapse(seconds: u64): void {
  netSetNow(netNow() + seconds * SECOND);
  netTimersRun();
}

test("dhcp: discover, offer, request, acknowledge give the interface its address", () => {
  const client = start();
  const via = client.via;
  expectEqual(takeMessage(via), DHCPDISCOVER, "discover");
  expectEqual(lastSource, 0, "from nobody");
  expectEqual(lastDestination, 0xffff_ffff, "to all");
  answer(via, DHCPOFFER, 3600);
  expectEqual(takeMessage(via), DHCPREQUEST, "request");
  expectEqual(lastRequested, OUR_ADDRESS, "the offered address");
  expectEqual(via.address, 0, "not yet");
  answer(via, DHCPACK, 3600);
  expectEqual(via.address, OUR_ADDRESS, "address");
  expectEqual(via.mask, 0xffff_ff00, "mask");
  expectEqual(via.gateway, PEER_ADDRESS, "gateway");
  expectEqual(client.dnsCount, 1, "name servers");
  expectEqual(serversTold, 1, "and are told");
  expectEqual(client.dns[0], 0x0a00_0203, "name server");
  expectEqual(boundCount, 1, "told once");
  expectEqual(testDevice(via).sent.count, 1, "announced");
  dropSent(via);
  expectEqual(packetFreeCount(), packetCount(), "nothing is held");
});

test("dhcp: silence makes it ask again, ever less often; answers to others are ignored", () => {
  const client = start();
  const via = client.via;
  expectEqual(takeMessage(via), DHCPDISCOVER, "discover");
  answer(via, DHCPOFFER, 3600, lastXid + 1);
  expectEqual(client.state, DhcpState.SELECTING, "not ours");
  let times = 0;
  for (let i = 0; i < 60; i++) {
    elapse(1);
    if (takeMessage(via) != 0) times++;
  }
  expect(times >= 5 && times <= 8, "backs off");
  answer(via, DHCPOFFER, 3600);
  expectEqual(takeMessage(via), DHCPREQUEST, "goes on");
  answer(via, DHCPNAK, 0);
  expectEqual(takeMessage(via), DHCPDISCOVER, "refused: starts anew");
});

test("dhcp: an unanswered request is repeated, then given up", () => {
  const client = start();
  const via = client.via;
  takeMessage(via);
  answer(via, DHCPOFFER, 3600);
  let requests = 0;
  let discovers = 0;
  for (let i = 0; i < 20; i++) {
    const type = takeMessage(via);
    if (type == DHCPREQUEST) requests++;
    if (type == DHCPDISCOVER) discovers++;
    elapse(1);
  }
  expectEqual(requests, 4, "requests");
  expect(discovers > 0, "starts anew");
});

test("dhcp: renews at half the lease, from the server alone, without telling anyone", () => {
  const client = start();
  const via = client.via;
  bind(client, 3600);
  receiveArpReply(via, SERVER);
  dropSent(via);
  elapse(1799);
  expectEqual(takeMessage(via), 0, "not yet");
  elapse(2);
  expectEqual(client.state, DhcpState.RENEWING, "renewing");
  // The neighbour has gone stale meanwhile: ARP asks first, the answer lets the request out.
  receiveArpReply(via, SERVER);
  expectEqual(takeMessage(via), DHCPREQUEST, "request");
  expectEqual(lastDestination, SERVER, "to the server");
  expectEqual(lastSource, OUR_ADDRESS, "from our address");
  answer(via, DHCPACK, 3600);
  expectEqual(client.state, DhcpState.BOUND, "bound");
  expectEqual(boundCount, 1, "nothing new");
});

test("dhcp: rebinds by broadcast, and loses the address when the lease ends", () => {
  const client = start();
  const via = client.via;
  bind(client, 3600);
  elapse(1801);
  dropSent(via);
  elapse(1350);
  elapse(1);
  expectEqual(client.state, DhcpState.REBINDING, "rebinding");
  let broadcast = false;
  for (let type = takeMessage(via); type != 0; type = takeMessage(via)) {
    if (type == DHCPREQUEST && lastDestination == 0xffff_ffff) broadcast = true;
  }
  expect(broadcast, "asks all");
  for (let i = 0; i < 10; i++) elapse(60);
  expectEqual(lostCount, 1, "lost");
  expectEqual(via.address, 0, "no address");
  expectEqual(client.state, DhcpState.SELECTING, "starts anew");
});

test("dhcp: a lease for ever arms no timer of its own", () => {
  const client = start();
  bind(client, 0xffff_ffff);
  expect(!client.isArmed(), "no renewal");
});

test("dhcp: garbage does no harm", () => {
  const client = start();
  const via = client.via;
  takeMessage(via);
  for (let n: u32 = 0; n < 260; n += 13) {
    const packet: Packet = packetAlloc()!;
    const at = packet.append(n);
    for (let i: u32 = 0; i < n; i++) store8(at + i, (i * 7 + n) & 0xff);
    if (n >= 240) {
      dhcpStore(at, DHCP_REPLY_OP, lastXid, 0, 0, OUR_ADDRESS, OUR_MAC);
      // An option that reaches beyond the end.
      if (n > 242) storeBe32(at + 240, 0x35ff_0000);
    }
    udpPrepare(packet, SERVER, DHCP_SERVER_PORT, OUR_ADDRESS, DHCP_CLIENT_PORT);
    packet.flags = 0;
    udpChecksumStore(packet.data, 0);
    const length = packet.length + IPV4_HEADER;
    ipv4HeaderStore(
      packet.push(IPV4_HEADER),
      length,
      1,
      0,
      0,
      64,
      IPPROTO_UDP,
      SERVER,
      OUR_ADDRESS,
    );
    receiveFrame(via, packet, ETHERTYPE_IPV4);
  }
  expectEqual(client.state, DhcpState.SELECTING, "still waits");
});

const parsed = new AddressText();

function parses(text: string, isInterface: bool): bool {
  const buffer = memory.data(64);
  for (let i = 0; i < text.length; i++) store<u8>(buffer + <usize>i, <u8>text.charCodeAt(i));
  return isInterface
    ? parsed.parseInterface(addressOf(buffer), <u32>text.length)
    : parsed.parseAddress(addressOf(buffer), <u32>text.length);
}

test("addresses as text", () => {
  expect(parses("10.0.2.15/24,10.0.2.2", true), "all parts");
  expectEqual(parsed.address, 0x0a00_020f, "address");
  expectEqual(parsed.prefix, 24, "prefix");
  expectEqual(parsed.gateway, 0x0a00_0202, "gateway");
  expect(parses("192.168.1.1/16", true) && parsed.gateway == 0, "no gateway");
  expect(
    !parses("10.0.2.256", false) && !parses("10.0.2", false) && !parses("10.0.2.1x", false),
    "not one",
  );
  expect(!parses("10.0.2.15/33", true) && !parses("10.0.2.15/", true), "prefix");
});
