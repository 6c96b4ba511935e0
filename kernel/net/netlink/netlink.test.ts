import { addressOf, load16, load32 } from "../../arch/hw";
import { filePut } from "../../fs/file";
import { isError } from "../../fs/inode";
import { IoVector } from "../../fs/io-vector";
import { EAGAIN, EINVAL, ENODEV, EOPNOTSUPP } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { heapAlloc } from "../../runtime/heap";
import { expectUndone } from "../../runtime/testing";
import { interfaceAt, interfaceSetAddress } from "../interface";
import { AF_INET, AF_NETLINK, AF_UNSPEC, SOCK_RAW } from "../socket/constants";
import { socketCreate } from "../socket/create";
import { NetlinkSocket } from "../socket/netlink-socket";
import { nonBlocking, receiveBytes, received } from "../socket/testing";
import { UdpSocket } from "../socket/udp-socket";
import { OUR_ADDRESS, testInterfaceUp } from "../testing";
import { udpBind } from "../udp";
import { IPPROTO_UDP } from "../wire/ipv4";
import {
  INET_DIAG_REQ_SIZE,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTNLGRP_IPV4_IFADDR,
  SOCK_DIAG_BY_FAMILY,
  SOL_NETLINK,
} from "./constants";
import { netlinkEventsInit } from "./events";

const BUFFER: u32 = 1 << 16;
const SEQUENCE: u32 = 77;
const NETLINK_ADD_MEMBERSHIP: u32 = 1;
/** A bit for each of TCP_*. */
const ALL_STATES: u32 = 0xfff;

function open(): NetlinkSocket {
  return nonBlocking(new NetlinkSocket(SOCK_RAW, NETLINK_ROUTE));
}

const diagIo = new IoVector();

/** Asks for all sockets of a protocol of AF_INET, in `size` bytes; what send says. */
function askForSockets(socket: NetlinkSocket, protocol: u32, size: u32): i64 {
  const length = 16 + size;
  const request = memory.data(16 + 56, 8);
  store<u32>(request, length);
  store<u16>(request, <u16>SOCK_DIAG_BY_FAMILY, 4);
  store<u16>(request, <u16>(NLM_F_REQUEST | NLM_F_DUMP), 6);
  store<u32>(request, SEQUENCE, 8);
  store<u8>(request, <u8>AF_INET, 16);
  store<u8>(request, <u8>protocol, 17);
  store<u32>(request, ALL_STATES, 20);
  diagIo.setKernel(addressOf(request), length);
  return socket.send(diagIo, 0, null);
}

/** Sends a request with a struct ifinfomsg of an index, or another header of that size. */
function ask(socket: NetlinkSocket, type: u32, flags: u32, family: u32, index: i32): void {
  const request = heapAlloc(32);
  memory.fill(request, 0, 32);
  store<u32>(request, 32);
  store<u16>(request, <u16>type, 4);
  store<u16>(request, <u16>(NLM_F_REQUEST | flags), 6);
  store<u32>(request, SEQUENCE, 8);
  store<u8>(request, <u8>family, 16);
  store<i32>(request, index, 20);
  const io = new IoVector();
  io.setKernel(addressOf(request), 32);
  expectEqual(socket.send(io, 0, null), 32, "send");
}

/** Receives, and counts the messages of a type. */
function count(socket: NetlinkSocket, type: u32): i32 {
  const length = receiveBytes(socket, BUFFER);
  let found = 0;
  let at: i64 = 0;
  while (at + 16 <= length) {
    const message = addressOf(received) + <u64>at;
    expectEqual(load32(message + 8), SEQUENCE, "the request's number");
    if (load16(message + 4) == type) found++;
    at += (load32(message) + 3) & ~3;
  }
  return found;
}

/** The errno of the next message, which is an error's. */
function failure(socket: NetlinkSocket): i32 {
  expect(receiveBytes(socket, BUFFER) > 0, "an answer");
  expectEqual(load16(addressOf(received) + 4), NLMSG_ERROR, "an error");
  return <i32>load32(addressOf(received) + 16);
}

test("netlink: dumps tell of every interface and address, and end", () => {
  testInterfaceUp();
  const socket = open();
  ask(socket, RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, 0);
  expectEqual(count(socket, RTM_NEWLINK), 2, "lo and eth0");
  ask(socket, RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, 0);
  expectEqual(count(socket, NLMSG_DONE), 1, "an end");
  ask(socket, RTM_GETADDR, NLM_F_DUMP, AF_INET, 0);
  expectEqual(count(socket, RTM_NEWADDR), 2, "of IPv4");
  ask(socket, RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC, 0);
  expectEqual(count(socket, RTM_NEWADDR), 3, "and ::1");
  expectEqual(receiveBytes(socket, BUFFER), -EAGAIN, "nothing else");
});

test("netlink: what is not there, and what is not known", () => {
  testInterfaceUp();
  const socket = open();
  ask(socket, RTM_GETLINK, 0, AF_UNSPEC, 9);
  expectEqual(failure(socket), -ENODEV, "no such link");
  ask(socket, 2000, 0, AF_UNSPEC, 0);
  expectEqual(failure(socket), -EOPNOTSUPP, "no such request");
});

test("netlink: members of a group hear of an address that goes and comes", () => {
  testInterfaceUp();
  netlinkEventsInit();
  const socket = open();
  const other = open();
  expectEqual(
    socket.setOption(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_IPV4_IFADDR),
    0,
    "join",
  );
  interfaceSetAddress(interfaceAt(1), OUR_ADDRESS + 1, 24, 0);
  expect(receiveBytes(socket, BUFFER) > 0, "the first message");
  expectEqual(load16(addressOf(received) + 4), RTM_DELADDR, "the old address");
  expect(receiveBytes(socket, BUFFER) > 0, "the second");
  expectEqual(load16(addressOf(received) + 4), RTM_NEWADDR, "the new one");
  expectEqual(receiveBytes(other, BUFFER), -EAGAIN, "who is not a member");
  expectEqual(socket.family, AF_NETLINK, "its family");
});

test("netlink: a dump of sockets tells of UDP's, and ends; a short request is refused", () => {
  testInterfaceUp();
  const socket = nonBlocking(new NetlinkSocket(SOCK_RAW, NETLINK_SOCK_DIAG));
  const datagrams = new UdpSocket();
  expectEqual(udpBind(datagrams.endpoint, OUR_ADDRESS, 5353), 0, "bind");
  askForSockets(socket, IPPROTO_UDP, INET_DIAG_REQ_SIZE);
  expect(receiveBytes(socket, BUFFER) > 0, "an answer");
  const message = addressOf(received);
  expectEqual(load16(message + 4), SOCK_DIAG_BY_FAMILY, "a socket");
  expectEqual(load16(message + 20), bswap<u16>(5353), "its port");
  expectEqual(load32(message + 24), bswap<u32>(OUR_ADDRESS), "its address");
  askForSockets(socket, IPPROTO_UDP, INET_DIAG_REQ_SIZE - 4);
  expectEqual(failure(socket), -EINVAL, "too short");
  filePut(datagrams);
  filePut(socket);
});

test("netlink: a dump of sockets for which there is no memory", () => {
  testInterfaceUp();
  expectUndone((): bool => {
    const socket = socketCreate(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
    if (isError(socket)) return false;
    const sent = askForSockets(changetype<NetlinkSocket>(socket), IPPROTO_UDP, INET_DIAG_REQ_SIZE);
    filePut(changetype<NetlinkSocket>(socket));
    return sent > 0;
  });
});
