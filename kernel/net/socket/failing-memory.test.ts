import { filePut } from "../../fs/file";
import { isError } from "../../fs/inode";
import { test } from "../../lib/testing";
import { free } from "../../runtime/free";
import { expectUndone } from "../../runtime/testing";
import { testInterfaceUp } from "../testing";
import { addressCreate, SocketAddress } from "./address";
import {
  AF_INET,
  AF_PACKET,
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "./constants";
import { socketCreate } from "./create";
import { Socket } from "./socket";
import { TcpSocket } from "./tcp-socket";
import { LOOPBACK, nonBlocking, receiveBytes, sendBytes } from "./testing";
import { unixPair } from "./unix-peer";
import { UnixSocket } from "./unix-socket";

/** Long enough to need more than a page of send buffer. */
const BYTES: u32 = 6000;

function create<T extends Socket>(domain: u32, type: u32, protocol: u32 = 0): T | null {
  const socket = socketCreate(domain, type, protocol);
  return isError(socket) ? null : nonBlocking(changetype<T>(socket));
}

/** Binds to a port of the loopback, or null. */
function address(port: u32): SocketAddress | null {
  const made = addressCreate();
  if (made) made.setInet(LOOPBACK, port);
  return made;
}

test("failing memory: datagrams over the loopback", () => {
  testInterfaceUp();
  expectUndone((): bool => {
    const at = address(53);
    const server = create<Socket>(AF_INET, SOCK_DGRAM);
    const client = create<Socket>(AF_INET, SOCK_DGRAM);
    let done = false;
    if (at && server && client) {
      done =
        server.bind(at) == 0 &&
        client.connect(at) == 0 &&
        sendBytes(client, 100) == 100 &&
        receiveBytes(server, 200) == 100;
    }
    if (client) filePut(client);
    if (server) filePut(server);
    if (at) free(at);
    return done;
  });
});

/** Nobody's protocol (RFC 3692), and all EtherTypes, as the program gives them. */
const IPPROTO_EXPERIMENT: u32 = 253;
const ALL_FRAMES: u32 = 0x0300;

test("failing memory: raw sockets, and packet sockets that see their packets", () => {
  testInterfaceUp();
  expectUndone((): bool => {
    const at = address(0);
    const raw = create<Socket>(AF_INET, SOCK_RAW, IPPROTO_EXPERIMENT);
    const frames = create<Socket>(AF_PACKET, SOCK_RAW, ALL_FRAMES);
    let done = false;
    if (at && raw && frames) {
      done =
        raw.connect(at) == 0 &&
        sendBytes(raw, 100) == 100 &&
        receiveBytes(raw, 200) == 120 &&
        receiveBytes(frames, 200) == 134 &&
        receiveBytes(frames, 200) == 134;
    }
    if (frames) filePut(frames);
    if (raw) filePut(raw);
    if (at) free(at);
    return done;
  });
});

test("failing memory: unix sockets, connected to each other", () => {
  testInterfaceUp();
  expectUndone((): bool => {
    const first = create<UnixSocket>(AF_UNIX, SOCK_SEQPACKET);
    const second = create<UnixSocket>(AF_UNIX, SOCK_SEQPACKET);
    let done = false;
    if (first && second) {
      done =
        unixPair(first, second) &&
        sendBytes(first, BYTES) == BYTES &&
        receiveBytes(second, BYTES) == BYTES;
    }
    if (first) filePut(first);
    if (second) filePut(second);
    return done;
  });
});

test("failing memory: a TCP connection over the loopback, from both ends", () => {
  testInterfaceUp();
  expectUndone((): bool => {
    const at = address(80);
    const server = create<TcpSocket>(AF_INET, SOCK_STREAM);
    const client = create<TcpSocket>(AF_INET, SOCK_STREAM);
    let done = false;
    if (at && server && client) {
      server.reuseAddress = true;
      if (server.bind(at) == 0 && server.listen(4) == 0) {
        client.connect(at);
        const result = server.accept();
        if (!isError(result)) {
          const peer = nonBlocking(changetype<TcpSocket>(result));
          done = sendBytes(client, BYTES) == BYTES && receiveBytes(peer, BYTES) == BYTES;
          // What is cut off leaves no TIME_WAIT behind, which would be memory in use.
          peer.lingerOn = true;
          filePut(peer);
        }
      }
    }
    if (client) {
      client.lingerOn = true;
      filePut(client);
    }
    if (server) filePut(server);
    if (at) free(at);
    return done;
  });
});
