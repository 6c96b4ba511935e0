/**
 * ioctl(2) of sockets: bytes waiting, non-blocking mode, and what programs ask about interfaces
 * (netdevice(7)).
 *
 *     struct ifreq: 0 name (16 bytes)   16 a union: struct sockaddr, or a number; 40 bytes in all
 */
import { O_NONBLOCK } from "../../fs/file";
import { EFAULT, EINVAL, ENODEV, ENOTTY } from "../../lib/errno";
import { loadUser, storeUser, storeUser32 } from "../../linux/user-memory";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { Interface, interfaceAt, interfaceCount } from "../interface";
import { SOCKADDR_IN_SIZE } from "./address";
import { AF_INET } from "./constants";
import { Socket } from "./socket";

const FIONREAD: u32 = 0x541b;
const FIONBIO: u32 = 0x5421;
const TIOCOUTQ: u32 = 0x5411;
const SIOCATMARK: u32 = 0x8905;
const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFCONF: u32 = 0x8912;
const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCGIFNETMASK: u32 = 0x891b;
const SIOCGIFMTU: u32 = 0x8921;
const SIOCGIFHWADDR: u32 = 0x8927;
const SIOCGIFINDEX: u32 = 0x8933;

const IFREQ_SIZE: usize = 40;
const IFREQ_VALUE: usize = 16;
const NAME_SIZE: usize = 16;

const IFF_UP: u32 = 0x1;
const IFF_BROADCAST: u32 = 0x2;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_RUNNING: u32 = 0x40;
const IFF_MULTICAST: u32 = 0x1000;

const ARPHRD_ETHER: u32 = 1;
const ARPHRD_LOOPBACK: u32 = 772;

export function socketIoctl(socket: Socket, request: u32, argument: u64): i64 {
  switch (request) {
    case FIONREAD: {
      const n = socket.readableBytes();
      return n < 0 ? n : storeUser32(argument, <u32>n);
    }
    case TIOCOUTQ: {
      const n = socket.unsentBytes();
      return n < 0 ? n : storeUser32(argument, <u32>n);
    }
    case FIONBIO:
      return setNonBlocking(socket, argument);
    case SIOCATMARK:
      return storeUser32(argument, socket.atMark() ? 1 : 0);
    case SIOCGIFCONF:
      return interfaceList(argument);
    case SIOCGIFNAME:
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFINDEX:
      return interfaceRequest(request, argument);
    default:
      return -ENOTTY;
  }
}

function setNonBlocking(socket: Socket, argument: u64): i64 {
  const scratch = heapAlloc(16);
  const error = loadUser(scratch, argument, 4);
  const on = load<u32>(scratch) != 0;
  heapFree(scratch);
  if (error != 0) return error;
  if (on) socket.flags |= O_NONBLOCK;
  else socket.flags &= ~O_NONBLOCK;
  return 0;
}

/** Writes an interface's name into a zeroed field. */
function storeName(to: usize, via: Interface): void {
  memory.fill(to, 0, NAME_SIZE);
  for (let i = 0; i < via.name.length; i++) store<u8>(to + <usize>i, <u8>via.name.charCodeAt(i));
}

function hasName(via: Interface, name: usize): bool {
  for (let i = 0; i < via.name.length; i++) {
    if (load<u8>(name + <usize>i) != <u8>via.name.charCodeAt(i)) return false;
  }
  return load<u8>(name + <usize>via.name.length) == 0;
}

function findInterface(name: usize): Interface | null {
  for (let i = 0; i < interfaceCount(); i++) {
    if (hasName(interfaceAt(i), name)) return interfaceAt(i);
  }
  return null;
}

/** Writes a struct sockaddr_in at a pointer. */
function storeSockaddr(to: usize, address: u32): void {
  memory.fill(to, 0, SOCKADDR_IN_SIZE);
  store<u16>(to, <u16>AF_INET);
  store<u32>(to, bswap<u32>(address), 4);
}

function interfaceRequest(request: u32, argument: u64): i64 {
  const ifreq = heapAlloc(IFREQ_SIZE);
  let result: i64 = -EFAULT;
  if (loadUser(ifreq, argument, IFREQ_SIZE) == 0) {
    result = fillRequest(request, ifreq);
    if (result == 0 && storeUser(argument, ifreq, IFREQ_SIZE) != 0) result = -EFAULT;
  }
  heapFree(ifreq);
  return result;
}

function fillRequest(request: u32, ifreq: usize): i64 {
  const value = ifreq + IFREQ_VALUE;
  if (request == SIOCGIFNAME) {
    const index = load<i32>(value);
    if (index < 1 || index > interfaceCount()) return -ENODEV;
    storeName(ifreq, interfaceAt(index - 1));
    return 0;
  }
  const via = findInterface(ifreq);
  if (!via) return -ENODEV;
  const isLoopback = via.device == null;
  switch (request) {
    case SIOCGIFFLAGS: {
      let flags = via.address != 0 || isLoopback ? IFF_UP | IFF_RUNNING : IFF_UP;
      flags |= isLoopback ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST;
      store<u16>(value, <u16>flags);
      return 0;
    }
    case SIOCGIFADDR:
      storeSockaddr(value, via.address);
      return 0;
    case SIOCGIFBRDADDR:
      storeSockaddr(value, via.broadcast);
      return 0;
    case SIOCGIFNETMASK:
      storeSockaddr(value, via.mask);
      return 0;
    case SIOCGIFMTU:
      store<u32>(value, via.mtu);
      return 0;
    case SIOCGIFHWADDR:
      store<u16>(value, <u16>(isLoopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER));
      store<u64>(value, via.mac, 2);
      return 0;
    default:
      store<i32>(value, via.index);
      return 0;
  }
}

/**
 * SIOCGIFCONF: struct ifconf is an int length, then a pointer at 8. Only interfaces with an address
 * are listed.
 */
function interfaceList(argument: u64): i64 {
  const ifconf = heapAlloc(16);
  const ifreq = heapAlloc(IFREQ_SIZE);
  let result: i64 = loadUser(ifconf, argument, 16);
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
  heapFree(ifreq);
  heapFree(ifconf);
  return result;
}
