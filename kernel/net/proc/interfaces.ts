/**
 * /proc/net/dev, route, arp, if_inet6, igmp and what else is told about interfaces, and the files
 * of /sys/class/net (sysfs-class-net in Linux's documentation).
 */
import { TextBuffer } from "../../lib/text-buffer";
import { Interface, interfaceAt, interfaceCount } from "../interface";
import {
  Counter,
  hasCarrier,
  interfaceCounter,
  interfaceFlags,
  interfaceType,
  isLoopback,
  TX_QUEUE_LENGTH,
} from "../interface-view";
import { NeighbourState, neighbourFirst } from "../neighbour";
import { pad, putDotted, putHex, putLeft, putMac } from "./format";

/** RTF_UP and RTF_GATEWAY (include/uapi/linux/route.h). */
const RTF_UP: u32 = 1;
const RTF_GATEWAY: u32 = 2;
/** ATF_COM: the entry is complete (include/uapi/linux/if_arp.h). */
const ATF_COM: u32 = 2;
const ROUTE_WIDTH: u32 = 127;
const MAC_BROADCAST: u64 = 0xffff_ffff_ffff;
/** What sysfs shows of IFF_*: the low 16 bits, without IFF_RUNNING. */
const SYSFS_FLAGS: u32 = 0xffbf;

export function procDev(out: TextBuffer, subject: u32): void {
  out.put("Inter-|   Receive                                                |  Transmit\n");
  out.put(" face |bytes    packets errs drop fifo frame compressed multicast");
  out.put("|bytes    packets errs drop fifo colls carrier compressed\n");
  for (let i = 0; i < interfaceCount(); i++) {
    const via = interfaceAt(i);
    for (let n = via.name.length; n < 6; n++) out.byte(32);
    out.put(via.name).put(": ");
    out.decimal(interfaceCounter(via, Counter.RX_BYTES), 7).byte(32);
    out.decimal(interfaceCounter(via, Counter.RX_PACKETS), 7).put("    0 ");
    out.decimal(interfaceCounter(via, Counter.RX_DROPPED), 4);
    out.put("    0     0          0         0 ");
    out.decimal(interfaceCounter(via, Counter.TX_BYTES), 8).byte(32);
    out.decimal(interfaceCounter(via, Counter.TX_PACKETS), 7);
    out.put("    0    0    0     0       0          0\n");
  }
}

function putRoute(out: TextBuffer, via: Interface, to: u32, gateway: u32, mask: u32): void {
  const start = out.length;
  out.put(via.name).byte(9);
  putHex(out, bswap<u32>(to), 8).byte(9);
  putHex(out, bswap<u32>(gateway), 8).byte(9);
  putHex(out, RTF_UP | (gateway != 0 ? RTF_GATEWAY : 0), 4).put("\t0\t0\t0\t");
  putHex(out, bswap<u32>(mask), 8).put("\t0\t0\t0");
  pad(out, start + ROUTE_WIDTH).put("\n");
}

export function procRoute(out: TextBuffer, subject: u32): void {
  const start = out.length;
  out.put("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
  pad(out, start + ROUTE_WIDTH).put("\n");
  for (let i = 1; i < interfaceCount(); i++) {
    const via = interfaceAt(i);
    if (via.address == 0) continue;
    if (via.gateway != 0) putRoute(out, via, 0, via.gateway, 0);
    putRoute(out, via, via.address & via.mask, 0, via.mask);
  }
}

export function procArp(out: TextBuffer, subject: u32): void {
  out.put("IP address       HW type     Flags       HW address            Mask     Device\n");
  let entry = neighbourFirst();
  while (entry) {
    const start = out.length;
    const isComplete = entry.state != NeighbourState.INCOMPLETE;
    pad(putDotted(out, entry.address), start + 17).put("0x1         0x");
    out.hex(isComplete ? ATF_COM : 0);
    pad(out, start + 41);
    putMac(out, isComplete ? entry.mac : 0).put("     *        ");
    out.put(entry.via.name).put("\n");
    entry = entry.next;
  }
}

/** ::1, which the loopback has; prefix length, scope host, IFA_F_PERMANENT. */
export function procIfInet6(out: TextBuffer, subject: u32): void {
  out.put("00000000000000000000000000000001 01 80 10 80       lo\n");
}

/**
 * Interfaces take part in the group of all hosts; other memberships are not reported to routers.
 */
export function procIgmp(out: TextBuffer, subject: u32): void {
  out.put("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n");
  for (let i = 0; i < interfaceCount(); i++) {
    const via = interfaceAt(i);
    const start = out.length;
    out.decimal(via.index).byte(9).put(via.name);
    pad(out, start + 2 + 10).put(":     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n");
  }
}

export function procDevMcast(out: TextBuffer, subject: u32): void {
  for (let i = 1; i < interfaceCount(); i++) {
    const start = out.length;
    putLeft(out, interfaceAt(i).index, 4).byte(32);
    out.put(interfaceAt(i).name);
    pad(out, start + 5 + 16).put("1     0     01005e000001\n");
  }
}

// ---- /sys/class/net: the subject is the interface's index ---------------------------------------

function viaOf(subject: u32): Interface {
  return interfaceAt(<i32>subject - 1);
}

export function sysAddress(out: TextBuffer, subject: u32): void {
  putMac(out, viaOf(subject).mac).put("\n");
}

export function sysBroadcast(out: TextBuffer, subject: u32): void {
  putMac(out, isLoopback(viaOf(subject)) ? 0 : MAC_BROADCAST).put("\n");
}

export function sysMtu(out: TextBuffer, subject: u32): void {
  out.decimal(viaOf(subject).mtu).put("\n");
}

export function sysIndex(out: TextBuffer, subject: u32): void {
  out.decimal(subject).put("\n");
}

export function sysFlags(out: TextBuffer, subject: u32): void {
  out
    .put("0x")
    .hex(interfaceFlags(viaOf(subject)) & SYSFS_FLAGS)
    .put("\n");
}

export function sysType(out: TextBuffer, subject: u32): void {
  out.decimal(interfaceType(viaOf(subject))).put("\n");
}

/** A loopback does not know its state. */
export function sysOperstate(out: TextBuffer, subject: u32): void {
  const via = viaOf(subject);
  if (isLoopback(via)) out.put("unknown\n");
  else out.put(hasCarrier(via) ? "up\n" : "down\n");
}

export function sysCarrier(out: TextBuffer, subject: u32): void {
  out.put(hasCarrier(viaOf(subject)) ? "1\n" : "0\n");
}

export function sysQueueLength(out: TextBuffer, subject: u32): void {
  out.decimal(TX_QUEUE_LENGTH).put("\n");
}

/** A paravirtual link has no speed. */
export function sysSpeed(out: TextBuffer, subject: u32): void {
  out.put("-1\n");
}

export function sysDuplex(out: TextBuffer, subject: u32): void {
  out.put("unknown\n");
}

export function sysUevent(out: TextBuffer, subject: u32): void {
  out.put("INTERFACE=").put(viaOf(subject).name).put("\nIFINDEX=").decimal(subject).put("\n");
}

function putCounter(out: TextBuffer, subject: u32, counter: Counter): void {
  out.decimal(interfaceCounter(viaOf(subject), counter)).put("\n");
}

export function sysRxBytes(out: TextBuffer, subject: u32): void {
  putCounter(out, subject, Counter.RX_BYTES);
}

export function sysTxBytes(out: TextBuffer, subject: u32): void {
  putCounter(out, subject, Counter.TX_BYTES);
}

export function sysRxPackets(out: TextBuffer, subject: u32): void {
  putCounter(out, subject, Counter.RX_PACKETS);
}

export function sysTxPackets(out: TextBuffer, subject: u32): void {
  putCounter(out, subject, Counter.TX_PACKETS);
}

export function sysRxDropped(out: TextBuffer, subject: u32): void {
  putCounter(out, subject, Counter.RX_DROPPED);
}
