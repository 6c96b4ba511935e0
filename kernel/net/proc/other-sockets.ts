/**
 * /proc/net/unix and netlink, the tables of kinds of sockets that there are none of, and how many
 * there are of each (sockstat).
 */
import { TextBuffer } from "../../lib/text-buffer";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { netlinkFirst } from "../socket/netlink-socket";
import { unixFirst } from "../socket/unix-names";
import { UnixSocket } from "../socket/unix-socket";
import { LISTENER_CHAINS, listenerChain } from "../tcp/listener";
import { tableChain, tableChainCount } from "../tcp/table";
import { UDP_BUCKETS, udpBucket } from "../udp";
import { pad, putHex, putLeft } from "./format";

/** Of a listening socket: __SO_ACCEPTCON. */
const ACCEPTS: u32 = 0x1_0000;
/** SS_UNCONNECTED, SS_CONNECTED. */
const UNCONNECTED: u32 = 1;
const CONNECTED: u32 = 3;
const AT_SIGN: u32 = 64;

function putUnix(out: TextBuffer, socket: UnixSocket): void {
  out.put("0000000000000000: ");
  putHex(out, socket.references, 8).put(" 00000000 ");
  putHex(out, socket.listening ? ACCEPTS : 0, 8).byte(32);
  putHex(out, socket.type, 4).byte(32);
  putHex(out, socket.peer ? CONNECTED : UNCONNECTED, 2).byte(32);
  out.decimal(socket.inode, 5);
  if (socket.nameLength > 0) out.byte(32);
  for (let i: u32 = 0; i < socket.nameLength; i++) {
    const byte: u32 = load<u8>(socket.name + <usize>i);
    out.byte(byte == 0 ? AT_SIGN : byte);
  }
  out.put("\n");
}

export function procUnix(out: TextBuffer, subject: u32): void {
  out.put("Num       RefCount Protocol Flags    Type St Inode Path\n");
  let socket = unixFirst();
  while (socket) {
    putUnix(out, socket);
    socket = socket.nextSocket;
  }
}

export function procNetlink(out: TextBuffer, subject: u32): void {
  out.put("sk               Eth Pid        Groups   ");
  out.put("Rmem     Wmem     Dump  Locks    Drops    Inode\n");
  let socket = netlinkFirst();
  while (socket) {
    const start = out.length;
    out.put("0000000000000000 ");
    putLeft(out, socket.protocol, 3).byte(32);
    putLeft(out, socket.port, 10).byte(32);
    putHex(out, socket.groups, 8).byte(32);
    putLeft(out, socket.queuedBytes, 8).put(" 0        0     2        0        ");
    putLeft(out, socket.inode, 8);
    pad(out, start).put("\n");
    socket = socket.nextSocket;
  }
}

export function procRaw(out: TextBuffer, subject: u32): void {
  out.put("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid");
  out.put("  timeout inode ref pointer drops\n");
}

export function procPacket(out: TextBuffer, subject: u32): void {
  out.put("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
}

/** How many sockets of a kind there are, by family. */
class Tally {
  tcp: u32 = 0;
  tcp6: u32 = 0;
  timeWait: u32 = 0;
  udp: u32 = 0;
  udp6: u32 = 0;
  others: u32 = 0;

  constructor() {
    for (let i: u32 = 0; i < LISTENER_CHAINS; i++) {
      let listener = listenerChain(i);
      while (listener) {
        if (listener.isIpv6) this.tcp6++;
        else this.tcp++;
        listener = listener.next;
      }
    }
    for (let i: u32 = 0; i < tableChainCount(); i++) {
      let endpoint = tableChain(i);
      while (endpoint) {
        if (endpoint.isTimeWait()) this.timeWait++;
        else this.tcp++;
        endpoint = endpoint.hashNext;
      }
    }
    for (let i: u32 = 0; i < UDP_BUCKETS; i++) {
      let endpoint = udpBucket(i);
      while (endpoint) {
        if (endpoint.isIpv6) this.udp6++;
        else this.udp++;
        endpoint = endpoint.nextEndpoint;
      }
    }
    let unix = unixFirst();
    while (unix) {
      this.others++;
      unix = unix.nextSocket;
    }
    let netlink = netlinkFirst();
    while (netlink) {
      this.others++;
      netlink = netlink.nextSocket;
    }
  }
}

/** `ipv6`: 0: sockstat, 1: sockstat6. */
export function procSockstat(out: TextBuffer, ipv6: u32): void {
  const tally = attempt(new Tally());
  if (!tally) {
    out.cut = true;
    return;
  }
  if (ipv6 == 0) {
    const all = tally.tcp + tally.tcp6 + tally.udp + tally.udp6 + tally.others;
    out.put("sockets: used ").decimal(all);
    out.put("\nTCP: inuse ").decimal(tally.tcp).put(" orphan 0 tw ").decimal(tally.timeWait);
    out.put(" alloc ").decimal(tally.tcp + tally.tcp6);
    out.put(" mem 0\nUDP: inuse ").decimal(tally.udp);
    out.put(" mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n");
  } else {
    out.put("TCP6: inuse ").decimal(tally.tcp6);
    out.put("\nUDP6: inuse ").decimal(tally.udp6);
    out.put("\nUDPLITE6: inuse 0\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n");
  }
  free(tally);
}
