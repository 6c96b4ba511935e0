/**
 * The messages that tell about links, addresses, routes, neighbours and rules (rtnetlink(7)). Each
 * function writes one, or none that does not pass the filter.
 */
import { Interface, interfaceAt, interfaceCount, loopback } from "../interface";
import {
  Counter,
  hasCarrier,
  interfaceCounter,
  interfaceFlags,
  interfacePrefix,
  interfaceType,
  isLoopback,
  operationalState,
  TX_QUEUE_LENGTH,
} from "../interface-view";
import { Neighbour, NeighbourState, neighbourFirst } from "../neighbour";
import { ROUTE_LOCAL, Route } from "../route";
import { inet6Store } from "../socket/address";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../socket/constants";
import { IN6_LOOPBACK, isMulticastAddress } from "../wire/ipv4";
import { NetlinkBuilder } from "./builder";
import * as n from "./constants";

const MAC_BROADCAST: u64 = 0xffff_ffff_ffff;
/** struct rtnl_link_stats64, up to rx_nohandler, in words of 64 or (IFLA_STATS) 32 bits. */
const STATS_WORDS: u32 = 24;
const STATS_RX_DROPPED: u32 = 6;
/**
 * struct ifa_cacheinfo: preferred and valid lifetime for ever, then when it was made and changed.
 */
const CACHEINFO_SIZE: u32 = 16;
const IPV6_BITS: u32 = 128;

// ---- Links --------------------------------------------------------------------------------------

export function putLink(b: NetlinkBuilder, via: Interface): void {
  const header = b.begin(n.RTM_NEWLINK, n.IFINFOMSG_SIZE);
  store<u16>(header, <u16>interfaceType(via), 2);
  store<i32>(header, via.index, 4);
  store<u32>(header, interfaceFlags(via), 8);
  b.text(n.IFLA_IFNAME, via.name);
  b.number(n.IFLA_TXQLEN, TX_QUEUE_LENGTH);
  b.byte(n.IFLA_OPERSTATE, operationalState(via));
  b.byte(n.IFLA_LINKMODE, 0);
  b.number(n.IFLA_MTU, via.mtu);
  b.number(n.IFLA_GROUP, 0);
  b.number(n.IFLA_PROMISCUITY, 0);
  b.number(n.IFLA_NUM_TX_QUEUES, 1);
  b.number(n.IFLA_NUM_RX_QUEUES, 1);
  b.byte(n.IFLA_CARRIER, hasCarrier(via) ? 1 : 0);
  b.text(n.IFLA_QDISC, "noqueue");
  b.mac(n.IFLA_ADDRESS, via.mac);
  b.mac(n.IFLA_BROADCAST, isLoopback(via) ? 0 : MAC_BROADCAST);
  const wide = b.reserve(n.IFLA_STATS64, STATS_WORDS * 8);
  for (let i: i32 = 0; i <= <i32>Counter.TX_BYTES; i++) {
    store<u64>(wide + ((<usize>i) << 3), interfaceCounter(via, <Counter>i));
  }
  store<u64>(wide + ((<usize>STATS_RX_DROPPED) << 3), interfaceCounter(via, Counter.RX_DROPPED));
  const narrow = b.reserve(n.IFLA_STATS, STATS_WORDS * 4);
  for (let i: usize = 0; i < STATS_WORDS; i++) {
    store<u32>(narrow + (i << 2), <u32>load<u64>(wide + (i << 3)));
  }
  b.end();
}

// ---- Addresses ----------------------------------------------------------------------------------

/** The IPv4 address of an interface that has one; `type`: RTM_NEWADDR or RTM_DELADDR. */
export function putAddress(b: NetlinkBuilder, via: Interface, type: u32): void {
  const header = b.begin(type, n.IFADDRMSG_SIZE);
  store<u8>(header, <u8>AF_INET);
  store<u8>(header, <u8>interfacePrefix(via), 1);
  store<u8>(header, <u8>n.IFA_F_PERMANENT, 2);
  store<u8>(header, <u8>(isLoopback(via) ? n.RT_SCOPE_HOST : n.RT_SCOPE_UNIVERSE), 3);
  store<i32>(header, via.index, 4);
  b.address(n.IFA_ADDRESS, via.address);
  b.address(n.IFA_LOCAL, via.address);
  if (via.broadcast != 0) b.address(n.IFA_BROADCAST, via.broadcast);
  b.text(n.IFA_LABEL, via.name);
  b.number(n.IFA_FLAGS, n.IFA_F_PERMANENT);
  store<u64>(b.reserve(n.IFA_CACHEINFO, CACHEINFO_SIZE), -1);
  b.end();
}

/** ::1, the only IPv6 address there is. */
function putAddress6(b: NetlinkBuilder): void {
  const header = b.begin(n.RTM_NEWADDR, n.IFADDRMSG_SIZE);
  store<u8>(header, <u8>AF_INET6);
  store<u8>(header, <u8>IPV6_BITS, 1);
  store<u8>(header, <u8>n.IFA_F_PERMANENT, 2);
  store<u8>(header, <u8>n.RT_SCOPE_HOST, 3);
  store<i32>(header, loopback.index, 4);
  inet6Store(b.reserve(n.IFA_ADDRESS, 16), IN6_LOOPBACK);
  store<u64>(b.reserve(n.IFA_CACHEINFO, CACHEINFO_SIZE), -1);
  b.number(n.IFA_FLAGS, n.IFA_F_PERMANENT);
  b.end();
}

/** All addresses of a family (AF_UNSPEC: every) and interface (0: every). */
export function putAddresses(b: NetlinkBuilder, family: u32, index: i32): void {
  if (family == AF_UNSPEC || family == AF_INET) {
    for (let i = 0; i < interfaceCount(); i++) {
      const via = interfaceAt(i);
      if (via.address == 0 || (index != 0 && index != via.index)) continue;
      putAddress(b, via, n.RTM_NEWADDR);
    }
  }
  if (family != AF_UNSPEC && family != AF_INET6) return;
  if (index == 0 || index == loopback.index) putAddress6(b);
}

// ---- Routes -------------------------------------------------------------------------------------

/** Begins a route's message, with the attributes that all have; `length`: of the prefix. */
function beginRoute(
  b: NetlinkBuilder,
  family: u32,
  length: u32,
  table: u32,
  protocol: u32,
  scope: u32,
  type: u32,
): usize {
  const header = b.begin(n.RTM_NEWROUTE, n.RTMSG_SIZE);
  store<u8>(header, <u8>family);
  store<u8>(header, <u8>length, 1);
  store<u8>(header, <u8>table, 4);
  store<u8>(header, <u8>protocol, 5);
  store<u8>(header, <u8>scope, 6);
  store<u8>(header, <u8>type, 7);
  b.number(n.RTA_TABLE, table);
  return header;
}

/** A route of the table `local`: what is delivered here. */
function putLocal(b: NetlinkBuilder, via: Interface, to: u32, length: u32, type: u32): void {
  const scope = type == n.RTN_LOCAL ? n.RT_SCOPE_HOST : n.RT_SCOPE_LINK;
  beginRoute(b, AF_INET, length, n.RT_TABLE_LOCAL, n.RTPROT_KERNEL, scope, type);
  b.address(n.RTA_DST, to);
  b.address(n.RTA_PREFSRC, via.address);
  b.number(n.RTA_OIF, via.index);
  b.end();
}

/** The routes of one interface with an IPv4 address. */
function putRoutesOf(b: NetlinkBuilder, via: Interface): void {
  if (!isLoopback(via)) {
    if (via.gateway != 0) putDefaultRoute(b, via);
    const network = via.address & via.mask;
    const length = interfacePrefix(via);
    beginRoute(
      b,
      AF_INET,
      length,
      n.RT_TABLE_MAIN,
      n.RTPROT_KERNEL,
      n.RT_SCOPE_LINK,
      n.RTN_UNICAST,
    );
    b.address(n.RTA_DST, network);
    b.address(n.RTA_PREFSRC, via.address);
    b.number(n.RTA_OIF, via.index);
    b.end();
  } else {
    putLocal(b, via, via.address & via.mask, interfacePrefix(via), n.RTN_LOCAL);
  }
  putLocal(b, via, via.address, 32, n.RTN_LOCAL);
  if (via.broadcast != 0) putLocal(b, via, via.broadcast, 32, n.RTN_BROADCAST);
}

/** The route by an interface's gateway. */
export function putDefaultRoute(b: NetlinkBuilder, via: Interface): void {
  beginRoute(b, AF_INET, 0, n.RT_TABLE_MAIN, n.RTPROT_BOOT, n.RT_SCOPE_UNIVERSE, n.RTN_UNICAST);
  b.address(n.RTA_GATEWAY, via.gateway);
  b.number(n.RTA_OIF, via.index);
  b.end();
}

/** All routes of a family (AF_UNSPEC: every). */
export function putRoutes(b: NetlinkBuilder, family: u32): void {
  if (family == AF_UNSPEC || family == AF_INET) {
    // The main table's default route comes first, as a list by prefix has it.
    for (let i = interfaceCount() - 1; i >= 0; i--) {
      const via = interfaceAt(i);
      if (via.address != 0) putRoutesOf(b, via);
    }
  }
  if (family != AF_UNSPEC && family != AF_INET6) return;
  beginRoute(
    b,
    AF_INET6,
    IPV6_BITS,
    n.RT_TABLE_LOCAL,
    n.RTPROT_KERNEL,
    n.RT_SCOPE_UNIVERSE,
    n.RTN_LOCAL,
  );
  inet6Store(b.reserve(n.RTA_DST, 16), IN6_LOOPBACK);
  b.number(n.RTA_OIF, loopback.index);
  b.end();
}

/** The route that packets to `destination` take. */
export function putRoute(b: NetlinkBuilder, route: Route, destination: u32): void {
  const isLocal = (route.flags & ROUTE_LOCAL) != 0;
  const isBroadcast = destination == 0xffff_ffff || destination == route.via.broadcast;
  let type = isLocal ? n.RTN_LOCAL : n.RTN_UNICAST;
  if (isMulticastAddress(destination)) type = n.RTN_MULTICAST;
  else if (isBroadcast && !isLocal) type = n.RTN_BROADCAST;
  const table = type == n.RTN_UNICAST ? n.RT_TABLE_MAIN : n.RT_TABLE_LOCAL;
  const header = beginRoute(b, AF_INET, 32, table, 0, n.RT_SCOPE_UNIVERSE, type);
  store<u32>(header, n.RTM_F_CLONED, 8);
  b.address(n.RTA_DST, destination);
  b.number(n.RTA_OIF, route.via.index);
  b.address(n.RTA_PREFSRC, route.source);
  if (type == n.RTN_UNICAST && route.nextHop != destination) {
    b.address(n.RTA_GATEWAY, route.nextHop);
  }
  b.end();
}

// ---- Neighbours and rules -----------------------------------------------------------------------

function stateBits(state: NeighbourState): u32 {
  switch (state) {
    case NeighbourState.INCOMPLETE:
      return n.NUD_INCOMPLETE;
    case NeighbourState.REACHABLE:
      return n.NUD_REACHABLE;
    case NeighbourState.STALE:
      return n.NUD_STALE;
    case NeighbourState.DELAY:
      return n.NUD_DELAY;
    default:
      return n.NUD_PROBE;
  }
}

function putNeighbour(b: NetlinkBuilder, entry: Neighbour): void {
  const header = b.begin(n.RTM_NEWNEIGH, n.NDMSG_SIZE);
  store<u8>(header, <u8>AF_INET);
  store<i32>(header, entry.via.index, 4);
  store<u16>(header, <u16>stateBits(entry.state), 8);
  store<u8>(header, <u8>n.RTN_UNICAST, 11);
  b.address(n.NDA_DST, entry.address);
  if (entry.state != NeighbourState.INCOMPLETE) b.mac(n.NDA_LLADDR, entry.mac);
  b.end();
}

/** What is known of the links' hosts, of an interface (0: of every). */
export function putNeighbours(b: NetlinkBuilder, family: u32, index: i32): void {
  if (family != AF_UNSPEC && family != AF_INET) return;
  let entry = neighbourFirst();
  while (entry) {
    if (index == 0 || index == entry.via.index) putNeighbour(b, entry);
    entry = entry.next;
  }
}

function putRule(b: NetlinkBuilder, family: u32, priority: u32, table: u32): void {
  const header = b.begin(n.RTM_NEWRULE, n.RTMSG_SIZE);
  store<u8>(header, <u8>family);
  store<u8>(header, <u8>table, 4);
  store<u8>(header, <u8>n.FR_ACT_TO_TBL, 7);
  b.number(n.FRA_TABLE, table);
  if (priority != 0) b.number(n.FRA_PRIORITY, priority);
  b.end();
}

/** Linux's default rules, which are how routes are looked up here. */
export function putRules(b: NetlinkBuilder, family: u32): void {
  for (let i = 0; i < 2; i++) {
    const each = i == 0 ? AF_INET : AF_INET6;
    if (family != AF_UNSPEC && family != each) continue;
    putRule(b, each, 0, n.RT_TABLE_LOCAL);
    putRule(b, each, 32766, n.RT_TABLE_MAIN);
    if (each == AF_INET) putRule(b, each, 32767, n.RT_TABLE_DEFAULT);
  }
}
