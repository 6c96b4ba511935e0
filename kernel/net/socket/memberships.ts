/**
 * The multicast groups that a socket has joined (IP_ADD_MEMBERSHIP of ip(7)).
 *
 * An interface takes what is sent to any group; who of the sockets on a port hears it, these say
 * (net/udp.ts). Routers hear of them by IGMP (net/igmp.ts). Missing: sources
 * (IP_ADD_SOURCE_MEMBERSHIP).
 */
import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOBUFS, ENODEV } from "../../lib/errno";
import { free } from "../../runtime/free";
import { groupJoin, groupLeave } from "../groups";
import { Interface, interfaceAt, interfaceCount } from "../interface";
import { interfaceOfIndex } from "../interface-view";
import { netEnter, netLeave } from "../poll";
import { routeTo } from "../route";
import { isMulticastAddress } from "../wire/ipv4";

/** Linux's net.ipv4.igmp_max_memberships. */
const MEMBERSHIPS_MAX: i32 = 20;
/** struct ip_mreq: 0 group   4 the interface's address; ip_mreqn has 8 its index, too. */
const MREQ_SIZE: u32 = 8;
const MREQN_SIZE: u32 = 12;

export class Memberships {
  private count: i32 = 0;
  private groups: StaticArray<u32> = new StaticArray<u32>(MEMBERSHIPS_MAX);
  private indexes: StaticArray<i32> = new StaticArray<i32>(MEMBERSHIPS_MAX);

  /** Frees what the object holds. */
  release(): void {
    netEnter();
    for (let i = 0; i < this.count; i++) this.leave(i);
    netLeave();
    free(this.groups);
    free(this.indexes);
  }

  /** Joins or leaves the group that the structure at `data` names. 0 or a negative errno. */
  change(data: usize, size: u32, joins: bool): i32 {
    if (size < MREQ_SIZE) return -EINVAL;
    const group = bswap<u32>(load<u32>(data));
    if (!isMulticastAddress(group)) return joins ? -EINVAL : -EADDRNOTAVAIL;
    const via = membershipInterface(group, data, size);
    if (!via) return -ENODEV;
    const at = this.find(group, via.index);
    if (!joins) return at < 0 ? -EADDRNOTAVAIL : this.remove(at);
    if (at >= 0) return -EADDRINUSE;
    if (this.count == MEMBERSHIPS_MAX) return -ENOBUFS;
    netEnter();
    const joined = groupJoin(group, via);
    netLeave();
    if (!joined) return -ENOBUFS;
    this.groups[this.count] = group;
    this.indexes[this.count] = via.index;
    this.count++;
    return 0;
  }

  has(group: u32): bool {
    for (let i = 0; i < this.count; i++) {
      if (this.groups[i] == group) return true;
    }
    return false;
  }

  private find(group: u32, index: i32): i32 {
    for (let i = 0; i < this.count; i++) {
      if (this.groups[i] == group && this.indexes[i] == index) return i;
    }
    return -1;
  }

  private leave(at: i32): void {
    groupLeave(this.groups[at], interfaceOfIndex(this.indexes[at])!);
  }

  private remove(at: i32): i32 {
    netEnter();
    this.leave(at);
    netLeave();
    this.count--;
    this.groups[at] = this.groups[this.count];
    this.indexes[at] = this.indexes[this.count];
    return 0;
  }
}

/** The interface that is named by its index or address, or else the one that leads to the group. */
function membershipInterface(group: u32, data: usize, size: u32): Interface | null {
  const index = size >= MREQN_SIZE ? load<i32>(data, 8) : 0;
  if (index != 0) return interfaceOfIndex(index);
  const address = bswap<u32>(load<u32>(data, 4));
  if (address == 0) {
    const route = routeTo(group);
    return route ? route.via : null;
  }
  return interfaceOfAddress(address);
}

/**
 * IP_MULTICAST_IF: the interface that a struct in_addr, ip_mreq or ip_mreqn names by its address or
 * index; null: there is none such.
 */
export function outgoingInterface(data: usize, size: u32): Interface | null {
  const index = size >= MREQN_SIZE ? load<i32>(data, 8) : 0;
  if (index != 0) return interfaceOfIndex(index);
  const address = size >= MREQ_SIZE ? load<u32>(data, 4) : load<u32>(data);
  return interfaceOfAddress(bswap<u32>(address));
}

function interfaceOfAddress(address: u32): Interface | null {
  for (let i = 0; i < interfaceCount(); i++) {
    if (interfaceAt(i).address == address) return interfaceAt(i);
  }
  return null;
}
