import { filePut, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP } from "../../fs/file";
import { isError } from "../../fs/inode";
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  ECONNREFUSED,
  EDESTADDRREQ,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENOTCONN,
  EPIPE,
} from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { packetCount, packetFreeCount } from "../packet";
import { testInterfaceUp } from "../testing";
import {
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_WR,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_TCP,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_SYNCNT,
} from "./constants";
import { messageCreate, messageDestroy, Rights } from "./message";
import { TcpSocket, tcpSocketCreate } from "./tcp-socket";
import {
  inet,
  LOOPBACK,
  nonBlocking,
  receiveBytes,
  receivedIs,
  sendBytes,
  unixAddress,
} from "./testing";
import { UdpSocket } from "./udp-socket";
import { unixPair } from "./unix-peer";
import { UnixSocket } from "./unix-socket";

function listener(port: u32): TcpSocket {
  const socket = nonBlocking(tcpSocketCreate()!);
  socket.reuseAddress = true;
  expectEqual(socket.bind(inet(0, port)), 0, "bind");
  expectEqual(socket.listen(16), 0, "listen");
  return socket;
}

function connected(port: u32): TcpSocket {
  const socket = nonBlocking(tcpSocketCreate()!);
  expectEqual(socket.connect(inet(LOOPBACK, port)), -EINPROGRESS, "who does not wait asks later");
  expectEqual(socket.poll() & POLLOUT, POLLOUT, "the loopback has connected");
  expectEqual(socket.connect(inet(LOOPBACK, port)), 0, "the outcome");
  return socket;
}

function accepted(from: TcpSocket): TcpSocket {
  const socket = from.accept();
  expect(!isError(socket), "a connection waits");
  return nonBlocking(changetype<TcpSocket>(socket));
}

function nothingHeld(): void {
  expectEqual(packetFreeCount(), packetCount(), "all packets are back");
}

test("tcp: connect, request, response, end", () => {
  testInterfaceUp();
  const server = listener(6379);
  expectEqual(server.poll(), 0, "nobody yet");
  const client = connected(6379);
  expectEqual(server.poll() & POLLIN, POLLIN, "somebody");
  const peer = accepted(server);
  expectEqual(<i32>server.accept(), -EAGAIN, "one only");
  expectEqual(peer.poll(), client.poll(), "both the same");
  expectEqual(client.poll() & (POLLIN | POLLOUT), POLLOUT, "can send");
  expectEqual(receiveBytes(peer, 100), -EAGAIN, "nothing yet");
  expectEqual(sendBytes(client, 100, 7), 100, "request");
  expectEqual(peer.poll() & POLLIN, POLLIN, "arrived");
  expectEqual(peer.readableBytes(), 100, "FIONREAD");
  expectEqual(receiveBytes(peer, 40, MSG_PEEK), 40, "peek");
  expectEqual(receiveBytes(peer, 1000), 100, "read");
  expect(receivedIs(100, 7), "as sent");
  expectEqual(sendBytes(peer, 50, 3), 50, "response");
  expectEqual(receiveBytes(client, 1000), 50, "read");
  expect(receivedIs(50, 3), "as sent");
  filePut(client);
  expectEqual(peer.poll() & POLLRDHUP, POLLRDHUP, "the end");
  expectEqual(receiveBytes(peer, 10), 0, "end of stream");
  filePut(peer);
  filePut(server);
  nothingHeld();
});

test("tcp: a large transfer goes through, however small the reads", () => {
  testInterfaceUp();
  const server = listener(80);
  const client = connected(80);
  const peer = accepted(server);
  let sent: i64 = 0;
  let got: i64 = 0;
  while (got < 500000) {
    if (sent < 500000) {
      const n = sendBytes(client, 10000, <u32>sent);
      if (n > 0) sent += n;
      else expectEqual(n, -EAGAIN, "full");
    }
    const n = receiveBytes(peer, 7777);
    if (n > 0) {
      expect(receivedIs(<u32>n, <u32>got), "in order");
      got += n;
    }
  }
  expectEqual(sent, got, "all of it");
});

test("tcp: names, and what is refused", () => {
  testInterfaceUp();
  const server = listener(80);
  const other = nonBlocking(tcpSocketCreate()!);
  expectEqual(other.bind(inet(0, 80)), -EADDRINUSE, "taken");
  expectEqual(other.bind(inet(0x01020304, 80)), -EADDRNOTAVAIL, "not ours");
  expectEqual(other.connect(inet(LOOPBACK, 81)), -EINPROGRESS, "where nobody listens");
  expectEqual(other.poll() & (POLLERR | POLLHUP), POLLERR | POLLHUP, "refused");
  expectEqual(other.connect(inet(LOOPBACK, 81)), -ECONNREFUSED, "told once");
  expectEqual(other.connect(inet(LOOPBACK, 80)), -EINPROGRESS, "again, where somebody does");
  expectEqual(other.connect(inet(LOOPBACK, 80)), 0, "connected");
  expectEqual(other.connect(inet(LOOPBACK, 80)), -EISCONN, "connected");
  const peer = accepted(server);
  const a = inet(0, 0);
  const b = inet(0, 0);
  expectEqual(other.localAddress(a), 0, "local");
  expectEqual(peer.remoteAddress(b), 0, "remote");
  expect(a.port == b.port && a.address == b.address && a.address == LOOPBACK, "the same end");
  const fresh = nonBlocking(tcpSocketCreate()!);
  expectEqual(fresh.remoteAddress(a), -ENOTCONN, "no peer");
  expectEqual(receiveBytes(fresh, 1), -ENOTCONN, "nothing to read");
  expectEqual(fresh.shutdown(SHUT_WR), -ENOTCONN, "nothing to shut down");
  expectEqual(fresh.setOption(SOL_TCP, TCP_NODELAY, 1), 0, "option");
  expectEqual(fresh.getOption(SOL_TCP, TCP_NODELAY), 1, "is set");
  expectEqual(fresh.setOption(SOL_TCP, 999, 1) < 0 ? 1 : 0, 1, "no such option");
  expectEqual(fresh.poll() & (POLLOUT | POLLHUP), POLLOUT | POLLHUP, "as Linux shows it");
});

test("tcp: shutdown of one direction leaves the other", () => {
  testInterfaceUp();
  const server = listener(80);
  const client = connected(80);
  const peer = accepted(server);
  expectEqual(client.shutdown(SHUT_WR), 0, "shutdown");
  expectEqual(receiveBytes(peer, 10), 0, "end");
  expectEqual(sendBytes(client, 1), -EPIPE, "no more");
  expectEqual(sendBytes(peer, 20), 20, "the other way");
  expectEqual(receiveBytes(client, 100), 20, "arrives");
});

test("tcp: closing a listener resets who was not accepted", () => {
  testInterfaceUp();
  const server = listener(80);
  const client = connected(80);
  filePut(server);
  expect((client.poll() & (POLLERR | POLLHUP)) != 0, "reset");
  filePut(client);
  nothingHeld();
  const again = listener(80);
  filePut(again);
});

test("udp: datagrams keep their bounds, and tell who sent them", () => {
  testInterfaceUp();
  const server = nonBlocking(new UdpSocket());
  const client = nonBlocking(new UdpSocket());
  expectEqual(server.bind(inet(LOOPBACK, 53)), 0, "bind");
  expectEqual(sendBytes(client, 5), -EDESTADDRREQ, "where to?");
  const to = messageCreate()!;
  to.address.setInet(LOOPBACK, 53);
  to.hasAddress = true;
  expectEqual(sendBytes(client, 100, 1, to), 100, "send");
  expectEqual(sendBytes(client, 200, 2, to), 200, "send");
  expectEqual(server.readableBytes(), 100, "FIONREAD: the first");
  const from = messageCreate()!;
  expectEqual(receiveBytes(server, 60, MSG_TRUNC, from), 100, "its real length");
  expect(receivedIs(60, 1), "as much as fits");
  expectEqual(from.flags, MSG_TRUNC, "cut");
  expect(from.address.port >= 32768 && from.address.address == LOOPBACK, "sender");
  expectEqual(receiveBytes(server, 1000), 200, "the second");
  expectEqual(receiveBytes(server, 1000), -EAGAIN, "no more");
  expectEqual(client.connect(inet(LOOPBACK, 53)), 0, "connect");
  expectEqual(sendBytes(client, 0), 0, "an empty datagram");
  expectEqual(server.poll() & POLLIN, POLLIN, "arrives");
  expectEqual(receiveBytes(server, 10), 0, "empty");
  expectEqual(sendBytes(client, 65508), -EMSGSIZE, "too large");
  expectEqual(sendBytes(client, 65507), 65507, "the largest");
  expectEqual(receiveBytes(server, 70000), 65507, "arrives");
  filePut(server);
  expectEqual(sendBytes(client, 1), 1, "to nobody");
  expectEqual(client.poll() & POLLERR, POLLERR, "an error");
  expectEqual(receiveBytes(client, 1), -ECONNREFUSED, "refused");
  filePut(client);
  messageDestroy(to);
  messageDestroy(from);
  nothingHeld();
});

test("unix: a stream by name", () => {
  testInterfaceUp();
  const server = nonBlocking(new UnixSocket(SOCK_STREAM));
  const client = nonBlocking(new UnixSocket(SOCK_STREAM));
  expectEqual(client.connect(unixAddress("@y")), -ECONNREFUSED, "no such name");
  expectEqual(server.bind(unixAddress("@x")), 0, "bind");
  expectEqual(server.bind(unixAddress("@y")), -EINVAL, "once");
  expectEqual(client.connect(unixAddress("@x")), -ECONNREFUSED, "does not listen");
  expectEqual(server.listen(5), 0, "listen");
  expectEqual(client.connect(unixAddress("@x")), 0, "connect");
  expectEqual(sendBytes(client, 10, 1), 10, "before it is accepted");
  expectEqual(sendBytes(client, 10, 11), 10, "joined");
  const peer = changetype<UnixSocket>(server.accept());
  nonBlocking(peer);
  expectEqual(receiveBytes(peer, 5, MSG_PEEK), 5, "peek");
  expectEqual(receiveBytes(peer, 15), 15, "across the writes");
  expect(receivedIs(15, 1), "as sent");
  expectEqual(peer.readableBytes(), 5, "left");
  let sent: i64 = 0;
  for (;;) {
    const n = sendBytes(peer, 60000, 0);
    if (n < 0) break;
    sent += n;
  }
  expect(sent >= 200000, "buffered");
  expectEqual(peer.poll() & POLLOUT, 0, "full");
  let got: i64 = 0;
  for (;;) {
    const n = receiveBytes(client, 100000);
    if (n < 0) break;
    got += n;
  }
  expectEqual(got, sent, "all of it");
  expectEqual(peer.poll() & POLLOUT, POLLOUT, "room again");
  filePut(client);
  expectEqual(receiveBytes(peer, 100), 5, "what was there");
  expectEqual(receiveBytes(peer, 100), 0, "end");
  expectEqual(sendBytes(peer, 1), -EPIPE, "nobody there");
  filePut(peer);
  filePut(server);
  nothingHeld();
});

test("unix: datagrams and sequenced packets keep their bounds", () => {
  testInterfaceUp();
  const a = nonBlocking(new UnixSocket(SOCK_DGRAM));
  const b = nonBlocking(new UnixSocket(SOCK_DGRAM));
  expectEqual(a.bind(unixAddress("@a")), 0, "bind");
  expectEqual(b.bind(unixAddress("@b")), 0, "bind");
  expectEqual(b.connect(unixAddress("@a")), 0, "connect");
  expectEqual(sendBytes(b, 30, 1), 30, "send");
  expectEqual(sendBytes(b, 40, 2), 40, "send");
  const from = messageCreate()!;
  expectEqual(receiveBytes(a, 10, 0, from), 10, "cut");
  expectEqual(from.flags, MSG_TRUNC, "and says so");
  expectEqual(from.address.pathLength, 2, "the sender's name");
  expectEqual(load<u8>(from.address.path() + 1), 98, "b");
  expectEqual(receiveBytes(a, 100), 40, "the second");
  filePut(a);
  expectEqual(sendBytes(b, 1), -ECONNREFUSED, "gone");
  filePut(b);
  messageDestroy(from);
  const c = nonBlocking(new UnixSocket(SOCK_SEQPACKET));
  const d = nonBlocking(new UnixSocket(SOCK_SEQPACKET));
  unixPair(c, d);
  expectEqual(sendBytes(c, 30), 30, "send");
  expectEqual(sendBytes(c, 40), 40, "send");
  expectEqual(receiveBytes(d, 100), 30, "the first");
  expectEqual(receiveBytes(d, 100), 40, "the second");
  filePut(c);
  expectEqual(receiveBytes(d, 100), 0, "end");
  filePut(d);
  nothingHeld();
});

test("unix: descriptors travel with the bytes, and are released when nobody takes them", () => {
  testInterfaceUp();
  const a = nonBlocking(new UnixSocket(SOCK_STREAM));
  const b = nonBlocking(new UnixSocket(SOCK_STREAM));
  unixPair(a, b);
  const file = new UdpSocket();
  for (let i = 0; i < 3; i++) {
    const message = messageCreate()!;
    const rights = new Rights();
    rights.add(file);
    message.rights = rights;
    expectEqual(sendBytes(a, 1, i, message), 1, "send");
    messageDestroy(message);
  }
  expectEqual(file.references, 4, "on their way");
  const message = messageCreate()!;
  expectEqual(receiveBytes(b, 100, 0, message), 1, "bytes of one message");
  expect(message.rights != null, "with its descriptor");
  expectEqual(message.rights!.count, 1, "one");
  messageDestroy(message);
  expectEqual(file.references, 3, "not taken: released");
  expectEqual(receiveBytes(b, 100), 1, "without asking for it");
  expectEqual(file.references, 2, "released");
  filePut(a);
  filePut(b);
  expectEqual(file.references, 1, "with the queue");
  filePut(file);
  nothingHeld();
});

test("tcp: TCP_MAXSEG and TCP_SYNCNT before connect", () => {
  testInterfaceUp();
  const server = listener(80);
  const client = nonBlocking(tcpSocketCreate()!);
  expectEqual(client.getOption(SOL_TCP, TCP_MAXSEG), 536, "the default");
  expectEqual(client.setOption(SOL_TCP, TCP_MAXSEG, 87), -EINVAL, "too small");
  expectEqual(client.setOption(SOL_TCP, TCP_MAXSEG, 1000), 0, "set");
  expectEqual(client.getOption(SOL_TCP, TCP_MAXSEG), 1000, "told");
  expectEqual(client.getOption(SOL_TCP, TCP_SYNCNT), 6, "the default");
  expectEqual(client.setOption(SOL_TCP, TCP_SYNCNT, 0), -EINVAL, "none");
  expectEqual(client.setOption(SOL_TCP, TCP_SYNCNT, 128), -EINVAL, "too many");
  expectEqual(client.setOption(SOL_TCP, TCP_SYNCNT, 3), 0, "set");
  expectEqual(client.getOption(SOL_TCP, TCP_SYNCNT), 3, "told");
  client.connect(inet(LOOPBACK, 80));
  const peer = accepted(server);
  expectEqual(client.getOption(SOL_TCP, TCP_MAXSEG), 988, "less the timestamps");
  expectEqual(peer.getOption(SOL_TCP, TCP_MAXSEG), 988, "as announced to the peer");
});
