import { store8, store16 } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { checksumAdd, checksumFinish, checksumFold } from "./checksum";
import { netNow, netSetNow } from "./clock";
import { groupJoin, groupLeave } from "./groups";
import { Interface, loopback } from "./interface";
import { packetAlloc, packetFree } from "./packet";
import { dropSent, PEER_ADDRESS, receiveFrom, takeSent, testInterfaceUp } from "./testing";
import { netTimersRun } from "./timers";
import { loadBe32 } from "./wire/bytes";
import {
  IGMP_ALL_HOSTS,
  IGMP_ALL_ROUTERS,
  IGMP_LEAVE_GROUP,
  IGMP_LENGTH,
  IGMP_MEMBERSHIP_QUERY,
  IGMP_V1_MEMBERSHIP_REPORT,
  IGMP_V2_MEMBERSHIP_REPORT,
  IPPROTO_IGMP,
  igmpGroup,
  igmpStore,
  igmpType,
} from "./wire/igmp";
import { ipv4Destination, ipv4HeaderLength, ipv4Protocol, ipv4Ttl } from "./wire/ipv4";

const SECOND: u64 = 1_000_000_000;
const GROUP: u32 = 0xef01_0203;
/** In tenths of a second. */
const RESPONSE: u32 = 100;
const HEADER: u32 = 24;

/** The next frame is a message of a type about a group, to `destination`. */
function expectSent(via: Interface, type: u32, group: u32, destination: u32): void {
  const packet = takeSent(via);
  expect(packet != null, "a message");
  if (!packet) return;
  const header = packet.data;
  expectEqual(ipv4HeaderLength(header), HEADER, "with an option");
  expectEqual(loadBe32(header + 20), 0x9404_0000, "Router Alert");
  expectEqual(ipv4Ttl(header), 1, "its TTL");
  expectEqual(ipv4Protocol(header), IPPROTO_IGMP, "its protocol");
  expectEqual(ipv4Destination(header), destination, "to whom");
  expectEqual(checksumFold(checksumAdd(0, header, HEADER)), 0xffff, "the header's checksum");
  const message = header + HEADER;
  expectEqual(igmpType(message), type, "its type");
  expectEqual(igmpGroup(message), group, "its group");
  expectEqual(checksumFold(checksumAdd(0, message, IGMP_LENGTH)), 0xffff, "its checksum");
  packetFree(packet);
}

function expectReport(via: Interface, group: u32): void {
  expectSent(via, IGMP_V2_MEMBERSHIP_REPORT, group, group);
}

function expectSilence(via: Interface): void {
  expect(takeSent(via) == null, "nothing is sent");
}

/** The peer sends a message, with a Max Resp Code. */
function hear(via: Interface, type: u32, group: u32, code: u32 = 0): void {
  const packet = packetAlloc()!;
  const message = packet.append(IGMP_LENGTH);
  igmpStore(message, type, group);
  store8(message + 1, code);
  store16(message + 2, 0);
  store16(message + 2, checksumFinish(checksumAdd(0, message, IGMP_LENGTH)));
  receiveFrom(via, packet, PEER_ADDRESS, IPPROTO_IGMP);
}

function pass(time: u64): void {
  netSetNow(netNow() + time);
  netTimersRun();
}

/** An idle member of a group: its reports have been sent. */
function idleMember(): Interface {
  netSetNow(SECOND);
  const via = testInterfaceUp();
  groupJoin(GROUP, via);
  pass(10 * SECOND + 1);
  dropSent(via);
  return via;
}

test("igmp: the first member is reported twice, the others are not", () => {
  netSetNow(SECOND);
  const via = testInterfaceUp();
  groupJoin(GROUP, via);
  expectReport(via, GROUP);
  groupJoin(GROUP, via);
  expectSilence(via);
  pass(10 * SECOND + 1);
  expectReport(via, GROUP);
  pass(1000 * SECOND);
  expectSilence(via);
});

test("igmp: the last member leaves with a message to all routers", () => {
  const via = idleMember();
  groupJoin(GROUP, via);
  groupLeave(GROUP, via);
  expectSilence(via);
  groupLeave(GROUP, via);
  expectSent(via, IGMP_LEAVE_GROUP, GROUP, IGMP_ALL_ROUTERS);
  pass(1000 * SECOND);
  expectSilence(via);
});

test("igmp: a query is answered within its time, once", () => {
  const via = idleMember();
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, RESPONSE);
  expectSilence(via);
  pass(10 * SECOND + 1);
  expectReport(via, GROUP);
  expectSilence(via);
  hear(via, IGMP_MEMBERSHIP_QUERY, GROUP, 1);
  pass(SECOND / 10 + 1);
  expectReport(via, GROUP);
  hear(via, IGMP_MEMBERSHIP_QUERY, GROUP + 1, 1);
  pass(1000 * SECOND);
  expectSilence(via);
});

test("igmp: answers are spread over the whole time", () => {
  const via = idleMember();
  let late = 0;
  const rounds = 64;
  for (let i = 0; i < rounds; i++) {
    hear(via, IGMP_MEMBERSHIP_QUERY, 0, RESPONSE);
    pass(5 * SECOND);
    if (!takeSent(via)) late++;
    pass(5 * SECOND + 1);
    dropSent(via);
  }
  expect(late > 0 && late < rounds, "in either half of it");
});

test("igmp: a query with less time hastens an answer, one with more does not put it off", () => {
  const via = idleMember();
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, RESPONSE);
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, 1);
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, RESPONSE);
  pass(SECOND / 10 + 1);
  expectReport(via, GROUP);
});

test("igmp: a report of another host spares ours, and the leave", () => {
  const via = idleMember();
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, RESPONSE);
  hear(via, IGMP_V2_MEMBERSHIP_REPORT, GROUP);
  pass(1000 * SECOND);
  expectSilence(via);
  groupLeave(GROUP, via);
  expectSilence(via);
});

test("igmp: a router of version 1 gets its reports, for a time", () => {
  const via = idleMember();
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, 0);
  pass(10 * SECOND + 1);
  expectSent(via, IGMP_V1_MEMBERSHIP_REPORT, GROUP, GROUP);
  pass(400 * SECOND);
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, RESPONSE);
  pass(10 * SECOND + 1);
  expectReport(via, GROUP);
});

test("igmp: nothing is said of all hosts, nor of what stays on this machine", () => {
  netSetNow(SECOND);
  const via = testInterfaceUp();
  groupJoin(IGMP_ALL_HOSTS, via);
  groupJoin(GROUP, loopback);
  hear(via, IGMP_MEMBERSHIP_QUERY, 0, RESPONSE);
  pass(1000 * SECOND);
  groupLeave(GROUP, loopback);
  groupLeave(IGMP_ALL_HOSTS, via);
  expectSilence(via);
});

test("igmp: what is too short or damaged is dropped", () => {
  const via = idleMember();
  const damaged = packetAlloc()!;
  igmpStore(damaged.append(IGMP_LENGTH), IGMP_MEMBERSHIP_QUERY, 0);
  store8(damaged.data + 1, RESPONSE);
  receiveFrom(via, damaged, PEER_ADDRESS, IPPROTO_IGMP);
  const short = packetAlloc()!;
  igmpStore(short.append(IGMP_LENGTH), IGMP_MEMBERSHIP_QUERY, 0);
  short.length = IGMP_LENGTH - 1;
  receiveFrom(via, short, PEER_ADDRESS, IPPROTO_IGMP);
  pass(1000 * SECOND);
  expectSilence(via);
});
