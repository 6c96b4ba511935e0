/**
 * What is told about interfaces, by ioctls, netlink, /proc/net and /sys/class/net alike: Linux's
 * flags, types and counters (netdevice(7)).
 */
import { Interface, interfaceAt, interfaceCount } from "./interface";
import { netStats } from "./stats";

const IFF_UP: u32 = 0x1;
const IFF_BROADCAST: u32 = 0x2;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_RUNNING: u32 = 0x40;
const IFF_MULTICAST: u32 = 0x1000;
const IFF_LOWER_UP: u32 = 0x1_0000;

const ARPHRD_ETHER: u32 = 1;
const ARPHRD_LOOPBACK: u32 = 772;
/** Linux's DEFAULT_TX_QUEUE_LEN, which nothing here is ever queued in. */
export const TX_QUEUE_LENGTH: u32 = 1000;
// RFC 2863, include/uapi/linux/if.h.
const IF_OPER_UNKNOWN: u32 = 0;
const IF_OPER_DOWN: u32 = 2;
const IF_OPER_UP: u32 = 6;

export function isLoopback(via: Interface): bool {
  return via.device == null;
}

/** Whether something is at the other end: until the driver has given the device up. */
export function hasCarrier(via: Interface): bool {
  const device = via.device;
  return !device || device.isRunning;
}

/** IFF_*: an interface is up from the beginning, also before it has an address. */
export function interfaceFlags(via: Interface): u32 {
  const link = hasCarrier(via) ? IFF_RUNNING | IFF_LOWER_UP : 0;
  return IFF_UP | link | (isLoopback(via) ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST);
}

/** IF_OPER_*: the loopback does not know, as on Linux. */
export function operationalState(via: Interface): u32 {
  if (isLoopback(via)) return IF_OPER_UNKNOWN;
  return hasCarrier(via) ? IF_OPER_UP : IF_OPER_DOWN;
}

/** ARPHRD_*. */
export function interfaceType(via: Interface): u32 {
  return isLoopback(via) ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
}

/** Bits of the network's mask. */
export function interfacePrefix(via: Interface): u32 {
  return popcnt<u32>(via.mask);
}

/** The interface of an index (from 1), or null. */
export function interfaceOfIndex(index: i32): Interface | null {
  return index >= 1 && index <= interfaceCount() ? interfaceAt(index - 1) : null;
}

/** The interface whose zero-terminated name, of at most `size` bytes, is at a pointer; or null. */
export function interfaceOfName(name: usize, size: u32): Interface | null {
  for (let i = 0; i < interfaceCount(); i++) {
    if (nameIs(interfaceAt(i).name, name, size)) return interfaceAt(i);
  }
  return null;
}

function nameIs(name: string, at: usize, size: u32): bool {
  if (<u32>name.length > size) return false;
  for (let i = 0; i < name.length; i++) {
    if (load<u8>(at + <usize>i) != <u8>name.charCodeAt(i)) return false;
  }
  return <u32>name.length == size || load<u8>(at + <usize>name.length) == 0;
}

/** Counters of an interface. There is one device (net/init.ts), whose counters are the stack's. */
export enum Counter {
  RX_PACKETS,
  TX_PACKETS,
  RX_BYTES,
  TX_BYTES,
  RX_DROPPED,
}

export function interfaceCounter(via: Interface, counter: Counter): u64 {
  if (isLoopback(via)) {
    if (counter == Counter.RX_DROPPED) return 0;
    return counter == Counter.RX_PACKETS || counter == Counter.TX_PACKETS
      ? netStats.loopPackets
      : netStats.loopBytes;
  }
  switch (counter) {
    case Counter.RX_PACKETS:
      return netStats.framesIn;
    case Counter.TX_PACKETS:
      return netStats.framesOut;
    case Counter.RX_BYTES:
      return netStats.bytesIn;
    case Counter.TX_BYTES:
      return netStats.bytesOut;
    default:
      return netStats.noBuffer;
  }
}
