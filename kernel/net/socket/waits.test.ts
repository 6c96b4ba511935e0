import { addressOf } from "../../arch/hw";
import { filePut, O_NONBLOCK } from "../../fs/file";
import { isError } from "../../fs/inode";
import { IoVector } from "../../fs/io-vector";
import { expect, expectEqual, test } from "../../lib/testing";
import { heapAlloc } from "../../runtime/heap";
import { thisCpu } from "../../sched/cpu";
import { addIdlePoller } from "../../sched/idle";
import { STATE_READY, Thread, threadBare } from "../../sched/thread";
import { testInterfaceUp } from "../testing";
import { MSG_WAITALL } from "./constants";
import { Socket } from "./socket";
import { TcpSocket, tcpSocketCreate } from "./tcp-socket";
import { inet, LOOPBACK, nonBlocking, receiveBytes, receivedIs, sendBytes } from "./testing";

// Calls that wait, on the only thread there is. When it sleeps nobody runs but `meanwhile`, which
// plays the other end. A second sleep on end after that has nothing more to do is one for ever.

enum Meanwhile {
  NOTHING,
  PEER_READS,
  PEER_SENDS,
  CLIENT_CONNECTS,
}

let meanwhile: Meanwhile = Meanwhile.NOTHING;
let peer: TcpSocket = changetype<TcpSocket>(0);
let other: Thread = changetype<Thread>(0);
const otherIo: IoVector = new IoVector();
const otherBytes: usize = memory.data(10000);
let sleeps = 0;

/** What runs while the thread sleeps, as another thread would. */
function act(): bool {
  sleeps++;
  const sleeper = thisCpu().current;
  thisCpu().current = other;
  const acted = otherActs();
  thisCpu().current = sleeper;
  return acted;
}

function otherActs(): bool {
  switch (meanwhile) {
    case Meanwhile.PEER_READS: {
      let read = false;
      for (;;) {
        otherIo.setKernel(addressOf(otherBytes), 10000);
        if (peer.receive(otherIo, 0, null) <= 0) break;
        read = true;
      }
      expect(read, "the thread sleeps, and the other end has nothing to read");
      return true;
    }
    case Meanwhile.PEER_SENDS:
      meanwhile = Meanwhile.NOTHING;
      for (let i: u32 = 0; i < 100; i++) store<u8>(otherBytes + i, <u8>(7 + i));
      otherIo.setKernel(addressOf(otherBytes), 100);
      expectEqual(peer.send(otherIo, 0, null), 100, "the peer sends");
      return true;
    case Meanwhile.CLIENT_CONNECTS:
      meanwhile = Meanwhile.NOTHING;
      nonBlocking(tcpSocketCreate()!).connect(inet(LOOPBACK, 80));
      return true;
    default:
      expect(false, "a thread sleeps that nobody will wake");
      return false;
  }
}

function ready(name: string): Thread {
  const thread = threadBare(name);
  thread.state = STATE_READY;
  return thread;
}

function start(): TcpSocket {
  testInterfaceUp();
  thisCpu().current = ready("test");
  other = ready("other");
  addIdlePoller(act);
  const server = tcpSocketCreate()!;
  server.reuseAddress = true;
  expectEqual(server.bind(inet(0, 80)), 0, "bind");
  expectEqual(server.listen(16), 0, "listen");
  return server;
}

/** A blocking client of a connection over the loopback, whose other end is `peer`. */
function connected(): TcpSocket {
  const server = start();
  const client = tcpSocketCreate()!;
  expectEqual(client.connect(inet(LOOPBACK, 80)), 0, "connect waits for the outcome");
  const accepted = server.accept();
  expect(!isError(accepted), "accept");
  peer = nonBlocking(changetype<TcpSocket>(accepted));
  expectEqual(sleeps, 0, "what this machine sends to itself is there at once");
  return client;
}

/** Sends what there is room for. */
function fill(socket: Socket): u32 {
  let sent: u32 = 0;
  socket.flags |= O_NONBLOCK;
  for (;;) {
    const n = sendBytes(socket, 50000, sent);
    if (n <= 0) break;
    sent += <u32>n;
  }
  socket.flags &= ~O_NONBLOCK;
  return sent;
}

test("waits: recv of more than the receive buffer needs no sleep when all has been sent", () => {
  const client = connected();
  const sent = fill(peer);
  expect(sent > client.connection.receiveLimit, "more than the receive buffer holds");
  const whole = heapAlloc(sent);
  const io = new IoVector();
  io.setKernel(addressOf(whole), sent);
  expectEqual(client.receive(io, MSG_WAITALL, null), sent, "all that was asked for");
  for (let i: u32 = 0; i < sent; i++) expect(load<u8>(whole + i) == <u8>i, "in order");
  expectEqual(sleeps, 0, "nothing to wait for");
});

test("waits: recv is woken by what is sent while it sleeps", () => {
  const client = connected();
  meanwhile = Meanwhile.PEER_SENDS;
  expectEqual(receiveBytes(client, 1000), 100, "the peer's bytes");
  expect(receivedIs(100, 7), "as sent");
  expectEqual(sleeps, 1, "one sleep");
});

test("waits: send is woken by room", () => {
  const client = connected();
  fill(client);
  meanwhile = Meanwhile.PEER_READS;
  expectEqual(sendBytes(client, 100000), 100000, "all");
});

test("waits: accept is woken by a connection", () => {
  const server = start();
  meanwhile = Meanwhile.CLIENT_CONNECTS;
  expect(!isError(server.accept()), "the connection");
  expectEqual(sleeps, 1, "one sleep");
});

test("waits: close with SO_LINGER is woken when the peer has everything", () => {
  const client = connected();
  fill(client);
  client.lingerOn = true;
  client.lingerSeconds = 3600;
  meanwhile = Meanwhile.PEER_READS;
  filePut(client);
  expect(sleeps > 0, "it waited");
  meanwhile = Meanwhile.NOTHING;
  expectEqual(receiveBytes(peer, 1), 0, "nothing is left but the end");
});
