/**
 * Network interfaces: the loopback, and one per device. Each has one IPv4 address with its network,
 * and at most one gateway. IPv6 will add its own list of addresses beside it.
 *
 *     interfaceAdd(device)       at boot                interfaceSetAddress(interface, …)     static configuration, DHCP
 *
 * Every change of an address calls `routesChanged` (route.ts), which drops what is cached about
 * destinations.
 */
import { NetDevice } from "./device";
import { routesChanged } from "./route";
import { IN6_LOOPBACK } from "./wire/ipv4";

export const INTERFACES_MAX = 4;

export class Interface {
  /** Null for the loopback. */
  device: NetDevice | null = null;
  name: string = "lo";
  /** As the SIOCGIFINDEX ioctl counts: from 1. */
  index: i32 = 1;
  mac: u64 = 0;
  /** The loopback's fits the largest packet buffer. */
  mtu: u32 = 65000;
  /** All in host order; 0: not set. */
  address: u32 = 0;
  mask: u32 = 0;
  gateway: u32 = 0;
  broadcast: u32 = 0;
  /** Who wants to see all that comes and goes (raw.ts, tap.ts). */
  watchers: u32 = 0;
  /** `address`, for whom the usual packet may be (classify.ts); 0 while somebody watches. */
  usualAddress: u32 = 0;
}

/** Who hears that an interface's address changes. */
export abstract class AddressListener {
  /** It has an address, which is about to be taken away. */
  abstract addressGoes(via: Interface): void;
  abstract addressCame(via: Interface): void;
}

let listener: AddressListener | null = null;

/** There is one listener: netlink's (netlink/events.ts). */
export function setAddressListener(value: AddressListener): void {
  listener = value;
}

export const loopback: Interface = new Interface();
loopback.address = 0x7f00_0001;
loopback.mask = 0xff00_0000;

const interfaces: StaticArray<Interface | null> = new StaticArray<Interface | null>(INTERFACES_MAX);
interfaces[0] = loopback;
let count: i32 = 1;

export function interfaceCount(): i32 {
  return count;
}

export function interfaceAt(index: i32): Interface {
  return interfaces[index]!;
}

/** The interface of a new device, without an address yet; null when there are too many. */
export function interfaceAdd(device: NetDevice): Interface | null {
  if (count == INTERFACES_MAX) return null;
  const added = new Interface();
  added.device = device;
  added.name = count == 1 ? "eth0" : count == 2 ? "eth1" : "eth2";
  added.index = count + 1;
  added.mac = device.mac;
  added.mtu = device.mtu;
  interfaces[count++] = added;
  return added;
}

/**
 * Sets address, prefix length and gateway (0: none). Address 0 takes the interface's address away.
 */
export function interfaceSetAddress(
  target: Interface,
  address: u32,
  prefix: u32,
  gateway: u32,
): void {
  const told = listener;
  if (told && target.address != 0 && target.address != address) told.addressGoes(target);
  target.address = address;
  target.usualAddress = target.watchers == 0 ? address : 0;
  target.mask = prefix == 0 ? 0 : 0xffff_ffff << (32 - prefix);
  target.gateway = gateway;
  target.broadcast = address == 0 || prefix > 30 ? 0 : address | ~target.mask;
  routesChanged();
  if (told && address != 0) told.addressCame(target);
}

/** Somebody watches the interface of an index, or (0) all of them. */
export function interfacesWatch(index: i32): void {
  for (let i = 0; i < count; i++) {
    const via = interfaces[i]!;
    if (index != 0 && via.index != index) continue;
    via.watchers++;
    via.usualAddress = 0;
  }
}

/** The end of `interfacesWatch`. Interfaces are not added meanwhile: that is done at boot. */
export function interfacesUnwatch(index: i32): void {
  for (let i = 0; i < count; i++) {
    const via = interfaces[i]!;
    if (index != 0 && via.index != index) continue;
    if (--via.watchers == 0) via.usualAddress = via.address;
  }
}

/**
 * Whether packets to `address` are for this machine: an interface's own address, one of 127/8, or
 * what stands for ::1.
 */
export function isLocalAddress(address: u32): bool {
  if (address >> 24 == 127) return true;
  if (address <= IN6_LOOPBACK) return address == IN6_LOOPBACK;
  for (let i = 1; i < count; i++) {
    if (interfaces[i]!.address == address) return true;
  }
  return false;
}

/** Whether `address` is a broadcast address, of everyone or of a network of ours. */
export function isBroadcastAddress(address: u32): bool {
  if (address == 0xffff_ffff) return true;
  for (let i = 1; i < count; i++) {
    const broadcast = interfaces[i]!.broadcast;
    if (broadcast != 0 && broadcast == address) return true;
  }
  return false;
}

/** The index of the interface that has an address of ours; the loopback's for all others. */
export function interfaceIndexOf(address: u32): i32 {
  for (let i = 1; i < count; i++) {
    if (interfaces[i]!.address == address) return interfaces[i]!.index;
  }
  return loopback.index;
}
