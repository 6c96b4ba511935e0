/**
 * TCP and UDP sockets as sock_diag(7) tells of them, with struct tcp_info of connections
 * (INET_DIAG_INFO). Owners are root, as everywhere; what memory a socket takes is its queues alone.
 */
import { ENOENT } from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { netNow } from "../clock";
import { isOfIpv6 } from "../proc/inet-sockets";
import { inet6Store } from "../socket/address";
import { AF_INET, AF_INET6, SHUT_RD, SHUT_WR } from "../socket/constants";
import { TCP_INFO_SIZE, tcpInfoFill } from "../socket/tcp-options";
import { Connection, ConnectionObserver } from "../tcp/connection";
import { LISTENER_CHAINS, Listener, listenerChain } from "../tcp/listener";
import { State } from "../tcp/state";
import { Endpoint, tableChain, tableChainCount } from "../tcp/table";
import { NEVER } from "../timers";
import { UDP_BUCKETS, UdpEndpoint, udpBucket } from "../udp";
import { IPPROTO_TCP, IPPROTO_UDP } from "../wire/ipv4";
import { NetlinkBuilder } from "./builder";
import {
  INET_DIAG_CONG,
  INET_DIAG_INFO,
  INET_DIAG_MEMINFO,
  INET_DIAG_MSG_SIZE,
  INET_DIAG_SHUTDOWN,
  INET_DIAG_SKV6ONLY,
  SOCK_DIAG_BY_FAMILY,
} from "./constants";
import { NetlinkRequest } from "./request";

const MILLISECOND: u64 = 1_000_000;
/** struct inet_diag_meminfo: received, queued to be sent, reserved, sent (u32 each). */
const MEMINFO_SIZE: u32 = 16;

/** Kinds of timers: retransmission, keepalive, the end of TIME_WAIT, a probe of the window. */
const TIMER_NONE: u8 = 0;
const TIMER_RETRANSMIT: u8 = 1;
const TIMER_KEEPALIVE: u8 = 2;
const TIMER_TIME_WAIT: u8 = 3;
const TIMER_PROBE: u8 = 4;

/** What a request asks for: sockets of a family, in some states, perhaps with certain ports. */
class InetFilter {
  ipv6: bool = false;
  extensions: u32 = 0;
  states: u32 = 0;
  /** 0: any. */
  localPort: u32 = 0;
  remotePort: u32 = 0;

  constructor(request: NetlinkRequest) {
    this.ipv6 = request.byte(0) == AF_INET6;
    this.extensions = request.byte(2);
    this.states = request.number(4);
    const ports = request.number(8);
    this.localPort = bswap<u16>(<u16>ports);
    this.remotePort = bswap<u16>(<u16>(ports >> 16));
  }

  takes(ipv6: bool, state: State, localPort: u32, remotePort: u32): bool {
    if (ipv6 != this.ipv6 || ((this.states >> state) & 1) == 0) return false;
    if (this.localPort != 0 && localPort != this.localPort) return false;
    return this.remotePort == 0 || remotePort == this.remotePort;
  }

  /** Whether the request asks for an attribute. */
  wants(attribute: u32): bool {
    return ((this.extensions >> (attribute - 1)) & 1) != 0;
  }
}

function putAddress(at: usize, address: u32, ipv6: bool): void {
  if (ipv6) inet6Store(at, address);
  else store<u32>(at, bswap<u32>(address));
}

/** Begins a socket's message; where its header is. */
function beginSocket(
  b: NetlinkBuilder,
  ipv6: bool,
  state: State,
  local: u32,
  localPort: u32,
  remote: u32,
  remotePort: u32,
  inode: u64,
): usize {
  const message = b.begin(SOCK_DIAG_BY_FAMILY, INET_DIAG_MSG_SIZE);
  store<u8>(message, <u8>(ipv6 ? AF_INET6 : AF_INET));
  store<u8>(message, <u8>state, 1);
  store<u16>(message, bswap<u16>(<u16>localPort), 4);
  store<u16>(message, bswap<u16>(<u16>remotePort), 6);
  putAddress(message + 8, local, ipv6);
  putAddress(message + 24, remote, ipv6);
  // No two sockets have the same inode, ever.
  store<u64>(message, inode, 44);
  store<u32>(message, <u32>inode, 68);
  return message;
}

/** What waits in the socket's queues, and as memory if that is asked for. */
function putQueues(
  b: NetlinkBuilder,
  filter: InetFilter,
  message: usize,
  received: u32,
  sending: u32,
): void {
  store<u32>(message, received, 56);
  store<u32>(message, sending, 60);
  if (!filter.wants(INET_DIAG_MEMINFO)) return;
  const at = b.reserve(INET_DIAG_MEMINFO, MEMINFO_SIZE);
  store<u32>(at, received);
  store<u32>(at, sending, 4);
}

// ---- TCP ----------------------------------------------------------------------------------------

function putListener(b: NetlinkBuilder, filter: InetFilter, listener: Listener): void {
  const ipv6 = listener.isIpv6;
  if (!filter.takes(ipv6, State.LISTEN, listener.port, 0)) return;
  const observer = listener.observer;
  const isOnly = listener.isIpv6Only();
  const message = beginSocket(
    b,
    ipv6,
    State.LISTEN,
    isOnly ? 0 : listener.address,
    listener.port,
    0,
    0,
    observer ? observer.inode() : 0,
  );
  putQueues(b, filter, message, listener.acceptCount, listener.backlog);
  b.byte(INET_DIAG_SHUTDOWN, 0);
  if (ipv6) b.byte(INET_DIAG_SKV6ONLY, u32(isOnly));
  b.end();
}

function putTimer(message: usize, kind: u8, deadline: u64): void {
  const now = netNow();
  store<u8>(message, kind, 2);
  store<u32>(message, deadline > now ? <u32>((deadline - now) / MILLISECOND) : 0, 52);
}

function putTimers(message: usize, c: Connection): void {
  if (c.retransmitDeadline != NEVER) {
    putTimer(message, c.probing ? TIMER_PROBE : TIMER_RETRANSMIT, c.retransmitDeadline);
    store<u8>(message, <u8>c.backoff, 3);
  } else if (c.keepaliveDeadline != NEVER) {
    putTimer(message, TIMER_KEEPALIVE, c.keepaliveDeadline);
    store<u8>(message, <u8>c.keepaliveProbes, 3);
  } else {
    store<u8>(message, TIMER_NONE, 2);
  }
}

function putConnection(b: NetlinkBuilder, filter: InetFilter, message: usize, c: Connection): void {
  putTimers(message, c);
  putQueues(b, filter, message, c.readable(), c.bufferUsed);
  const isReceiveShut = c.receiveShutdown || c.finReceived;
  const receives: u32 = isReceiveShut ? 1 << SHUT_RD : 0;
  b.byte(INET_DIAG_SHUTDOWN, receives | (c.finQueued ? 1 << SHUT_WR : 0));
  if (filter.ipv6) b.byte(INET_DIAG_SKV6ONLY, 0);
  if (filter.wants(INET_DIAG_CONG)) b.text(INET_DIAG_CONG, "cubic");
  if (filter.wants(INET_DIAG_INFO)) tcpInfoFill(c, false, b.reserve(INET_DIAG_INFO, TCP_INFO_SIZE));
}

function putEndpoint(b: NetlinkBuilder, filter: InetFilter, endpoint: Endpoint): void {
  const localPort = endpoint.localPort();
  const remotePort = endpoint.remotePort();
  if (!filter.takes(isOfIpv6(endpoint), endpoint.state, localPort, remotePort)) return;
  const isTimeWait = endpoint.isTimeWait();
  let observer: ConnectionObserver | null = null;
  if (!isTimeWait) observer = changetype<Connection>(endpoint).observer;
  const message = beginSocket(
    b,
    filter.ipv6,
    endpoint.state,
    endpoint.localAddress,
    localPort,
    endpoint.remoteAddress,
    remotePort,
    observer ? observer.inode() : 0,
  );
  if (isTimeWait) putTimer(message, TIMER_TIME_WAIT, endpoint.deadline);
  else putConnection(b, filter, message, changetype<Connection>(endpoint));
  b.end();
}

function putTcp(b: NetlinkBuilder, filter: InetFilter): void {
  for (let i: u32 = 0; i < LISTENER_CHAINS; i++) {
    let listener = listenerChain(i);
    while (listener) {
      putListener(b, filter, listener);
      listener = listener.next;
    }
  }
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      putEndpoint(b, filter, endpoint);
      endpoint = endpoint.hashNext;
    }
  }
}

// ---- UDP ----------------------------------------------------------------------------------------

function putDatagramSocket(b: NetlinkBuilder, filter: InetFilter, endpoint: UdpEndpoint): void {
  const ipv6 = endpoint.isIpv6;
  const state = endpoint.remotePort != 0 ? State.ESTABLISHED : State.CLOSED;
  if (!filter.takes(ipv6, state, endpoint.localPort, endpoint.remotePort)) return;
  const message = beginSocket(
    b,
    ipv6,
    state,
    endpoint.localAddress,
    endpoint.localPort,
    endpoint.remoteAddress,
    endpoint.remotePort,
    endpoint.inode(),
  );
  putQueues(b, filter, message, endpoint.queuedBytes, 0);
  b.byte(INET_DIAG_SHUTDOWN, 0);
  if (ipv6) b.byte(INET_DIAG_SKV6ONLY, 0);
  b.end();
}

function putUdp(b: NetlinkBuilder, filter: InetFilter): void {
  for (let i: u32 = 0; i < UDP_BUCKETS; i++) {
    let endpoint = udpBucket(i);
    while (endpoint) {
      putDatagramSocket(b, filter, endpoint);
      endpoint = endpoint.nextEndpoint;
    }
  }
}

/** All sockets that a request asks for. 0; -ENOENT: nothing is known of the protocol. */
export function putInetSockets(b: NetlinkBuilder, request: NetlinkRequest): i32 {
  const protocol = request.byte(1);
  if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) return -ENOENT;
  const filter = attempt(new InetFilter(request));
  if (!filter) {
    b.failed = true;
    return 0;
  }
  if (protocol == IPPROTO_TCP) putTcp(b, filter);
  else putUdp(b, filter);
  free(filter);
  return 0;
}
