/**
 * Options of AF_INET6 sockets (ipv6(7), RFC 3493, RFC 3542). Beside IPV6_V6ONLY and the
 * destination's address they are kept and given back: they say how packets of IPv6 are to be sent,
 * and those do not leave this machine (inet-address.ts). Missing: what takes a structure other than
 * a group's (IPV6_PKTINFO, extension headers, flow labels).
 */
import { EADDRNOTAVAIL, EINVAL, ENODEV, ENOPROTOOPT } from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { interfaceIndexOf } from "../interface";
import { inet6Store } from "./address";
import { AF_INET6, SOL_IPV6 } from "./constants";
import { Message } from "./message";
import { Socket } from "./socket";

const IPV6_UNICAST_HOPS: u32 = 16;
const IPV6_MULTICAST_IF: u32 = 17;
const IPV6_MULTICAST_HOPS: u32 = 18;
const IPV6_MULTICAST_LOOP: u32 = 19;
const IPV6_ADD_MEMBERSHIP: u32 = 20;
const IPV6_DROP_MEMBERSHIP: u32 = 21;
const IPV6_MTU_DISCOVER: u32 = 23;
const IPV6_RECVERR: u32 = 25;
const IPV6_V6ONLY: u32 = 26;
export const IPV6_RECVPKTINFO: u32 = 49;
export const IPV6_PKTINFO: u32 = 50;
const IPV6_RECVHOPLIMIT: u32 = 51;
const IPV6_DONTFRAG: u32 = 62;
const IPV6_RECVTCLASS: u32 = 66;
const IPV6_TCLASS: u32 = 67;
const IPV6_AUTOFLOWLABEL: u32 = 70;
const IPV6_FREEBIND: u32 = 78;

/** Linux's default hop limit. */
const HOPS_DEFAULT: i32 = 64;
/** struct ipv6_mreq: the group, the interface's index. */
const MREQ_SIZE: u32 = 20;
/** struct in6_pktinfo. */
export const PKTINFO_SIZE: u32 = 20;

export class Inet6Options {
  /** IPV6_V6ONLY. */
  only: bool = false;
  /** It was bound to `::`. */
  boundToAny: bool = false;
  /** IPV6_RECVPKTINFO. */
  packetInfo: bool = false;
  private hops: i32 = -1;
  private multicastHops: i32 = 1;
  private multicastLoop: bool = true;
  private class: i32 = 0;
  private discover: i32 = 1;
  /** Options that are on or off and only remembered, by their numbers modulo 64. */
  private flags: u64 = 1 << (IPV6_AUTOFLOWLABEL & 63);

  /** Sets an option of `socket`. 0 or a negative errno. */
  set(socket: Socket, name: u32, data: usize, size: u32): i32 {
    if (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP) {
      return setGroup(name, data, size);
    }
    if (size < 4) return -EINVAL;
    return this.setNumber(socket, name, load<i32>(data));
  }

  private setNumber(socket: Socket, name: u32, value: i32): i32 {
    switch (name) {
      case IPV6_V6ONLY:
        // Which addresses it is bound to follows from it.
        if (socket.isBound()) return -EINVAL;
        this.only = value != 0;
        return 0;
      case IPV6_UNICAST_HOPS:
      case IPV6_MULTICAST_HOPS:
        if (value < -1 || value > 255) return -EINVAL;
        if (name == IPV6_UNICAST_HOPS) this.hops = value;
        else this.multicastHops = value == -1 ? 1 : value;
        return 0;
      case IPV6_MULTICAST_LOOP:
        if (value != 0 && value != 1) return -EINVAL;
        this.multicastLoop = value != 0;
        return 0;
      case IPV6_TCLASS:
        if (value < -1 || value > 255) return -EINVAL;
        this.class = value == -1 ? 0 : value;
        return 0;
      case IPV6_MTU_DISCOVER:
        if (value < 0 || value > 5) return -EINVAL;
        this.discover = value;
        return 0;
      case IPV6_RECVPKTINFO:
        this.packetInfo = value != 0;
        return 0;
      case IPV6_MULTICAST_IF:
        return value == 0 || value == 1 ? 0 : -ENODEV;
      default:
        break;
    }
    if (!isFlag(name)) return -ENOPROTOOPT;
    const bit = (<u64>1) << (name & 63);
    this.flags = value != 0 ? this.flags | bit : this.flags & ~bit;
    return 0;
  }

  /** An option, a number >= 0; or a negative errno. */
  get(name: u32): i64 {
    switch (name) {
      case IPV6_V6ONLY:
        return this.only ? 1 : 0;
      case IPV6_UNICAST_HOPS:
        return this.hops == -1 ? HOPS_DEFAULT : this.hops;
      case IPV6_MULTICAST_HOPS:
        return this.multicastHops;
      case IPV6_MULTICAST_LOOP:
        return this.multicastLoop ? 1 : 0;
      case IPV6_TCLASS:
        return this.class;
      case IPV6_MTU_DISCOVER:
        return this.discover;
      case IPV6_RECVPKTINFO:
        return this.packetInfo ? 1 : 0;
      case IPV6_MULTICAST_IF:
        return 0;
      default:
        return isFlag(name) ? (this.flags >> (name & 63)) & 1 : -ENOPROTOOPT;
    }
  }
}

/** Makes a new socket one of IPv6 if its listener is. False: memory is out. */
export function inet6Inherit(socket: Socket, listener: Socket): bool {
  const from = listener.inet6;
  if (!from) return true;
  const options = attempt(new Inet6Options());
  if (!options) return false;
  options.only = from.only;
  socket.family = AF_INET6;
  socket.inet6 = options;
  return true;
}

/** IPV6_V6ONLY of a socket that may be one of IPv4. */
export function inet6Only(socket: Socket): bool {
  const options = socket.inet6;
  return options != null && options.only;
}

function isFlag(name: u32): bool {
  switch (name) {
    case IPV6_RECVERR:
    case IPV6_RECVHOPLIMIT:
    case IPV6_DONTFRAG:
    case IPV6_RECVTCLASS:
    case IPV6_AUTOFLOWLABEL:
    case IPV6_FREEBIND:
      return true;
    default:
      return false;
  }
}

/** No interface has IPv6 but the loopback, which has no groups: as where IPv6 is off. */
function setGroup(name: u32, data: usize, size: u32): i32 {
  if (size < MREQ_SIZE) return -EINVAL;
  if (load<u8>(data) != 0xff) return -EINVAL;
  return name == IPV6_ADD_MEMBERSHIP ? -ENODEV : -EADDRNOTAVAIL;
}

/** IPV6_PKTINFO: struct in6_pktinfo is the destination's address, then the interface's index. */
export function inet6TellPacketInfo(message: Message, destination: u32): void {
  const data = message.controlReserve(SOL_IPV6, IPV6_PKTINFO, PKTINFO_SIZE);
  if (data == 0) return;
  inet6Store(data, destination);
  store<u32>(data, interfaceIndexOf(destination), 16);
}
