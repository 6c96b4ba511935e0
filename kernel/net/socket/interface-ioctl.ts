/**
 * ioctl(2)s about interfaces (netdevice(7), arp(7)), on any socket.
 *
 *     struct ifreq: 0 name (16 bytes)   16 a union: struct sockaddr, or a number; 40 bytes in all
 *
 * All answers; what would change something is refused as to somebody without CAP_NET_ADMIN (EPERM):
 * the runner decides about addresses.
 */
import { EADDRNOTAVAIL, EFAULT, EINVAL, ENODEV, ENOMEM, ENOTTY, EPERM } from "../../lib/errno";
import { loadUser, storeUser, storeUser32 } from "../../linux/user-memory";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { Interface, interfaceAt, interfaceCount } from "../interface";
import {
  interfaceFlags,
  interfaceOfIndex,
  interfaceOfName,
  interfaceType,
  TX_QUEUE_LENGTH,
} from "../interface-view";
import { SOCKADDR_IN_SIZE } from "./address";
import { AF_INET } from "./constants";
import { ethtoolRequest } from "./ethtool";

const SIOCADDRT: u32 = 0x890b;
const SIOCDELRT: u32 = 0x890c;
const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFCONF: u32 = 0x8912;
const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCSIFFLAGS: u32 = 0x8914;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCSIFADDR: u32 = 0x8916;
const SIOCGIFDSTADDR: u32 = 0x8917;
const SIOCSIFDSTADDR: u32 = 0x8918;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCSIFBRDADDR: u32 = 0x891a;
const SIOCGIFNETMASK: u32 = 0x891b;
const SIOCSIFNETMASK: u32 = 0x891c;
const SIOCGIFMETRIC: u32 = 0x891d;
const SIOCSIFMETRIC: u32 = 0x891e;
const SIOCGIFMTU: u32 = 0x8921;
const SIOCSIFMTU: u32 = 0x8922;
const SIOCSIFNAME: u32 = 0x8923;
const SIOCSIFHWADDR: u32 = 0x8924;
const SIOCGIFHWADDR: u32 = 0x8927;
const SIOCADDMULTI: u32 = 0x8931;
const SIOCDELMULTI: u32 = 0x8932;
const SIOCGIFINDEX: u32 = 0x8933;
const SIOCGIFTXQLEN: u32 = 0x8942;
const SIOCSIFTXQLEN: u32 = 0x8943;
const SIOCETHTOOL: u32 = 0x8946;
const SIOCDARP: u32 = 0x8953;
const SIOCSARP: u32 = 0x8955;
const SIOCGIFMAP: u32 = 0x8970;
const SIOCSIFMAP: u32 = 0x8971;

const IFREQ_SIZE: usize = 40;
const IFREQ_VALUE: usize = 16;
const NAME_SIZE: u32 = 16;
/** struct ifconf: 0 length (i32)   8 buffer (u64). */
const IFCONF_SIZE: usize = 16;

/** Answers a request about interfaces; -ENOTTY: it is none. May sleep. */
export function interfaceIoctl(request: u32, argument: u64): i64 {
  switch (request) {
    case SIOCGIFCONF:
      return interfaceList(argument);
    case SIOCGIFNAME:
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFMETRIC:
    case SIOCGIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFINDEX:
    case SIOCGIFTXQLEN:
    case SIOCGIFMAP:
    case SIOCETHTOOL:
      return interfaceRequest(request, argument);
    case SIOCADDRT:
    case SIOCDELRT:
    case SIOCSIFFLAGS:
    case SIOCSIFADDR:
    case SIOCSIFDSTADDR:
    case SIOCSIFBRDADDR:
    case SIOCSIFNETMASK:
    case SIOCSIFMETRIC:
    case SIOCSIFMTU:
    case SIOCSIFNAME:
    case SIOCSIFHWADDR:
    case SIOCADDMULTI:
    case SIOCDELMULTI:
    case SIOCSIFTXQLEN:
    case SIOCDARP:
    case SIOCSARP:
    case SIOCSIFMAP:
      return -EPERM;
    default:
      return -ENOTTY;
  }
}

/** Writes a name and its terminator. */
function storeName(to: usize, via: Interface): void {
  memory.fill(to, 0, NAME_SIZE);
  for (let i = 0; i < via.name.length; i++) store<u8>(to + <usize>i, <u8>via.name.charCodeAt(i));
}

/** Writes a struct sockaddr_in. */
function storeSockaddr(to: usize, address: u32): void {
  memory.fill(to, 0, SOCKADDR_IN_SIZE);
  store<u16>(to, <u16>AF_INET);
  store<u32>(to, bswap<u32>(address), 4);
}

function interfaceRequest(request: u32, argument: u64): i64 {
  const ifreq = heapAlloc(IFREQ_SIZE);
  if (ifreq == 0) return -ENOMEM;
  let result: i64 = loadUser(ifreq, argument, IFREQ_SIZE);
  if (result == 0) result = fillRequest(request, ifreq);
  if (result == 0 && storeUser(argument, ifreq, IFREQ_SIZE) != 0) result = -EFAULT;
  heapFree(ifreq);
  return result;
}

function fillRequest(request: u32, ifreq: usize): i64 {
  const value = ifreq + IFREQ_VALUE;
  if (request == SIOCGIFNAME) {
    const named = interfaceOfIndex(load<i32>(value));
    if (!named) return -ENODEV;
    storeName(ifreq, named);
    return 0;
  }
  const via = interfaceOfName(ifreq, NAME_SIZE);
  if (!via) return -ENODEV;
  switch (request) {
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
      return fillAddress(request, value, via);
    case SIOCETHTOOL:
      return ethtoolRequest(via, load<u64>(value));
    case SIOCGIFFLAGS:
      store<u16>(value, <u16>interfaceFlags(via));
      return 0;
    case SIOCGIFMTU:
      store<u32>(value, via.mtu);
      return 0;
    case SIOCGIFMETRIC:
      store<u32>(value, 0);
      return 0;
    case SIOCGIFTXQLEN:
      store<u32>(value, TX_QUEUE_LENGTH);
      return 0;
    case SIOCGIFMAP:
      memory.fill(value, 0, IFREQ_SIZE - IFREQ_VALUE);
      return 0;
    case SIOCGIFHWADDR:
      store<u16>(value, <u16>interfaceType(via));
      store<u64>(value, via.mac, 2);
      return 0;
    default:
      store<i32>(value, via.index);
      return 0;
  }
}

function fillAddress(request: u32, value: usize, via: Interface): i64 {
  if (via.address == 0) return -EADDRNOTAVAIL;
  if (request == SIOCGIFBRDADDR) storeSockaddr(value, via.broadcast);
  else if (request == SIOCGIFNETMASK) storeSockaddr(value, via.mask);
  // Without another end of the link, its address is the interface's own.
  else storeSockaddr(value, via.address);
  return 0;
}

/** SIOCGIFCONF: only interfaces with an address are listed. */
function interfaceList(argument: u64): i64 {
  const ifconf = heapAlloc(IFCONF_SIZE + IFREQ_SIZE);
  if (ifconf == 0) return -ENOMEM;
  const ifreq = ifconf + IFCONF_SIZE;
  let result: i64 = loadUser(ifconf, argument, IFCONF_SIZE);
  const room = load<i32>(ifconf);
  const buffer = load<u64>(ifconf, 8);
  if (result == 0 && room < 0) result = -EINVAL;
  let used: usize = 0;
  for (let i = 0; i < interfaceCount() && result == 0; i++) {
    const via = interfaceAt(i);
    if (via.address == 0) continue;
    if (buffer != 0) {
      if (used + IFREQ_SIZE > <usize>room) break;
      memory.fill(ifreq, 0, IFREQ_SIZE);
      storeName(ifreq, via);
      storeSockaddr(ifreq + IFREQ_VALUE, via.address);
      result = storeUser(buffer + used, ifreq, IFREQ_SIZE);
    }
    used += IFREQ_SIZE;
  }
  if (result == 0) result = storeUser32(argument, <u32>used);
  heapFree(ifconf);
  return result;
}
