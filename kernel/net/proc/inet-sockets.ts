/**
 * /proc/net/tcp, tcp6, udp, udp6: sockets of IPv4 and IPv6, as ss(8), netstat(8) and monitors read
 * them (proc_net_tcp in Linux's documentation). What a kernel-internal pointer would tell is 0.
 */
import { TextBuffer } from "../../lib/text-buffer";
import { Connection } from "../tcp/connection";
import { LISTENER_CHAINS, Listener, listenerChain } from "../tcp/listener";
import { State } from "../tcp/state";
import { Endpoint, tableChain, tableChainCount } from "../tcp/table";
import { UDP_BUCKETS, UdpEndpoint, udpBucket } from "../udp";
import { IN6_LOOPBACK } from "../wire/ipv4";
import { endLine, putEndpoint, putHex } from "./format";

/** Columns of a line. */
const TCP_WIDTH: u32 = 149;
const UDP_WIDTH: u32 = 127;
/** States of UDP sockets: TCP_ESTABLISHED, TCP_CLOSE. */
const CONNECTED: u32 = 1;
const UNCONNECTED: u32 = 7;
const COMMON_HEADER = " st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const DATAGRAM_HEADER = " ref pointer drops";

function putHeader(out: TextBuffer, ipv6: bool): void {
  if (ipv6) {
    out.put("  sl  local_address                         remote_address                       ");
  } else {
    out.put("  sl  local_address rem_address  ");
  }
  out.put(COMMON_HEADER);
}

/** The columns up to the reference count, the same for both protocols. */
function putSocket(
  out: TextBuffer,
  ipv6: bool,
  local: u32,
  localPort: u32,
  remote: u32,
  remotePort: u32,
  state: u32,
  sending: u64,
  received: u64,
  inode: u64,
): void {
  putEndpoint(out.put(": "), local, localPort, ipv6).byte(32);
  putEndpoint(out, remote, remotePort, ipv6).byte(32);
  putHex(out, state, 2).byte(32);
  putHex(out, sending, 8).byte(58);
  putHex(out, received, 8);
  out.put(" 00:00000000 00000000     0        0 ").decimal(inode);
}

// ---- TCP ----------------------------------------------------------------------------------------

function putListener(out: TextBuffer, number: u32, listener: Listener): void {
  const start = out.length;
  const observer = listener.observer;
  const inode = observer ? observer.inode() : 0;
  out.decimal(number, 4);
  const address = listener.isIpv6Only() ? 0 : listener.address;
  putSocket(
    out,
    listener.isIpv6,
    address,
    listener.port,
    0,
    0,
    State.LISTEN,
    0,
    listener.acceptCount,
    inode,
  );
  out.put(" 1 0000000000000000 100 0 0 10 0");
  endLine(out, start, TCP_WIDTH);
}

/** Whether an endpoint is listed for IPv6: its socket, or its listener's, is one of that. */
export function isOfIpv6(endpoint: Endpoint): bool {
  if (endpoint.localAddress == IN6_LOOPBACK) return true;
  if (endpoint.isTimeWait()) return false;
  const c = changetype<Connection>(endpoint);
  const observer = c.observer;
  if (observer) return observer.isIpv6();
  const listener = c.listener;
  return listener != null && listener.isIpv6;
}

function putConnection(out: TextBuffer, number: u32, endpoint: Endpoint, ipv6: bool): void {
  const start = out.length;
  let sending: u64 = 0;
  let received: u64 = 0;
  let inode: u64 = 0;
  if (!endpoint.isTimeWait()) {
    const c = changetype<Connection>(endpoint);
    sending = c.bufferUsed;
    received = <u64>max<i64>(c.readable(), 0);
    const observer = c.observer;
    if (observer) inode = observer.inode();
  }
  out.decimal(number, 4);
  putSocket(
    out,
    ipv6,
    endpoint.localAddress,
    endpoint.localPort(),
    endpoint.remoteAddress,
    endpoint.remotePort(),
    endpoint.state,
    sending,
    received,
    inode,
  );
  out.put(" 1 0000000000000000 20 4 30 10 -1");
  endLine(out, start, TCP_WIDTH);
}

/** `ipv6`: 0 or 1. */
export function procTcp(out: TextBuffer, ipv6: u32): void {
  const start = out.length;
  putHeader(out, ipv6 != 0);
  endLine(out, start, TCP_WIDTH);
  let number: u32 = 0;
  for (let i: u32 = 0; i < LISTENER_CHAINS; i++) {
    let listener = listenerChain(i);
    while (listener) {
      if (listener.isIpv6 == (ipv6 != 0)) putListener(out, number++, listener);
      listener = listener.next;
    }
  }
  for (let i: u32 = 0; i < tableChainCount(); i++) {
    let endpoint = tableChain(i);
    while (endpoint) {
      if (isOfIpv6(endpoint) == (ipv6 != 0)) putConnection(out, number++, endpoint, ipv6 != 0);
      endpoint = endpoint.hashNext;
    }
  }
}

// ---- UDP ----------------------------------------------------------------------------------------

function putDatagramSocket(out: TextBuffer, number: u32, endpoint: UdpEndpoint): void {
  const start = out.length;
  const isConnected = endpoint.remotePort != 0;
  out.decimal(number, 5);
  putSocket(
    out,
    endpoint.isIpv6,
    endpoint.localAddress,
    endpoint.localPort,
    endpoint.remoteAddress,
    endpoint.remotePort,
    isConnected ? CONNECTED : UNCONNECTED,
    0,
    endpoint.queuedBytes,
    endpoint.inode(),
  );
  out.put(" 2 0000000000000000 ").decimal(endpoint.dropped);
  endLine(out, start, UDP_WIDTH);
}

export function procUdp(out: TextBuffer, ipv6: u32): void {
  const start = out.length;
  putHeader(out, ipv6 != 0);
  out.put(DATAGRAM_HEADER);
  endLine(out, start, UDP_WIDTH);
  for (let i: u32 = 0; i < UDP_BUCKETS; i++) {
    let endpoint = udpBucket(i);
    while (endpoint) {
      if (endpoint.isIpv6 == (ipv6 != 0)) putDatagramSocket(out, i, endpoint);
      endpoint = endpoint.nextEndpoint;
    }
  }
}
