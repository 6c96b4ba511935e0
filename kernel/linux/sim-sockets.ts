/**
 * The calls on sockets for the simulator of sleeps (test/sim/sleep); nothing of this is part of the
 * kernel. As in sim-exports.ts, addresses of the application are 32 bits here.
 */

import { netInit } from "../net/init";
import { sys_recvfrom, sys_recvmsg, sys_sendmsg, sys_sendto } from "./message-calls";
import { sys_poll, sys_select } from "./poll-calls";
import {
  sys_accept,
  sys_bind,
  sys_connect,
  sys_listen,
  sys_setsockopt,
  sys_shutdown,
  sys_socket,
  sys_socketpair,
} from "./socket-calls";

const AF_UNIX: u32 = 1;

/** The loopback, and no device. */
export function simNetwork(): void {
  netInit(null, 0, 0);
}

export function simSocket(family: u32, type: u32): i32 {
  return <i32>sys_socket(family, type, 0);
}

export function simSocketpair(type: u32, fds: u32): i32 {
  return <i32>sys_socketpair(AF_UNIX, type, 0, fds);
}

export function simBind(fd: i32, address: u32, length: u32): i32 {
  return <i32>sys_bind(fd, address, length);
}

export function simListen(fd: i32, backlog: i32): i32 {
  return <i32>sys_listen(fd, backlog);
}

export function simConnect(fd: i32, address: u32, length: u32): i32 {
  return <i32>sys_connect(fd, address, length);
}

export function simAccept(fd: i32): i32 {
  return <i32>sys_accept(fd, 0, 0);
}

export function simShutdown(fd: i32, how: u32): i32 {
  return <i32>sys_shutdown(fd, how);
}

export function simSetOption(fd: i32, level: u32, name: u32, value: u32, length: i32): i32 {
  return <i32>sys_setsockopt(fd, level, name, value, length);
}

export function simSend(fd: i32, buffer: u32, n: u32, flags: u32): i32 {
  return <i32>sys_sendto(fd, buffer, n, flags, 0, 0);
}

export function simSendTo(
  fd: i32,
  buffer: u32,
  n: u32,
  flags: u32,
  address: u32,
  length: u32,
): i32 {
  return <i32>sys_sendto(fd, buffer, n, flags, address, length);
}

export function simReceive(fd: i32, buffer: u32, n: u32, flags: u32): i32 {
  return <i32>sys_recvfrom(fd, buffer, n, flags, 0, 0);
}

export function simSendMessage(fd: i32, header: u32, flags: u32): i32 {
  return <i32>sys_sendmsg(fd, header, flags);
}

export function simReceiveMessage(fd: i32, header: u32, flags: u32): i32 {
  return <i32>sys_recvmsg(fd, header, flags);
}

export function simPoll(fds: u32, n: u32, timeoutMs: i32): i32 {
  return <i32>sys_poll(fds, n, timeoutMs);
}

export function simSelect(n: i32, read: u32, write: u32): i32 {
  return <i32>sys_select(n, read, write, 0, 0);
}
