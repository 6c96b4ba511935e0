/**
 * For the unit tests of sockets: buffers in linear memory, and non-blocking sockets of each kind.
 * Not part of the kernel.
 */
import { addressOf } from "../../arch/hw";
import { O_NONBLOCK } from "../../fs/file";
import { IoVector } from "../../fs/io-vector";
import { heapAlloc } from "../../runtime/heap";
import { addressCreate, SocketAddress } from "./address";
import { MSG_NOSIGNAL } from "./constants";
import { Message } from "./message";
import { Socket } from "./socket";

export const LOOPBACK: u32 = 0x7f00_0001;

const BUFFER: u32 = 1 << 17;
/** Where received bytes go. */
export let received: usize = 0;
let sending: usize = 0;

const io: IoVector = new IoVector();

export function inet(address: u32, port: u32): SocketAddress {
  const a = addressCreate()!;
  a.setInet(address, port);
  return a;
}

/** A unix(7) address; a leading '@' stands for the 0 of an abstract name. */
export function unixAddress(name: string): SocketAddress {
  const a = addressCreate()!;
  const path = heapAlloc(128);
  for (let i = 0; i < name.length; i++) store<u8>(path + <usize>i, <u8>name.charCodeAt(i));
  if (name.charCodeAt(0) == 64) store<u8>(path, 0);
  a.setUnix(path, <u32>name.length);
  return a;
}

export function nonBlocking<T extends Socket>(socket: T): T {
  socket.flags |= O_NONBLOCK;
  return socket;
}

/** Sends n bytes that count up from `first`. */
export function sendBytes(
  socket: Socket,
  n: u32,
  first: u32 = 0,
  message: Message | null = null,
): i64 {
  if (sending == 0) sending = heapAlloc(BUFFER);
  for (let i: u32 = 0; i < n; i++) store<u8>(sending + i, <u8>(first + i));
  io.setKernel(addressOf(sending), n);
  return socket.send(io, MSG_NOSIGNAL, message);
}

export function receiveBytes(
  socket: Socket,
  n: u32,
  flags: u32 = 0,
  message: Message | null = null,
): i64 {
  if (received == 0) received = heapAlloc(BUFFER);
  io.setKernel(addressOf(received), n);
  return socket.receive(io, flags, message);
}

/** Whether `received` holds n bytes that count up from `first`. */
export function receivedIs(n: u32, first: u32 = 0): bool {
  for (let i: u32 = 0; i < n; i++) {
    if (load<u8>(received + i) != <u8>(first + i)) return false;
  }
  return true;
}
