/**
 * Socket addresses: struct sockaddr_in, sockaddr_in6 and sockaddr_un, in and out of the
 * application.
 *
 *     const a = addressCreate()                     free(a)
 *     addressLoad(a, user, length)                  0, -EFAULT, -EINVAL
 *     addressStore(a, user, lengthUser)             as accept(2) and its kin return one
 *
 * One object per call, because a copy may sleep. It is the parsed fields, then the bytes as the
 * application sees them:
 *
 *     sockaddr_in   0 family   2 port (big-endian)   4 address (big-endian)   8 zero, up to 16
 *     sockaddr_in6  0 family   2 port (big-endian)   4 flow   8 address   24 scope; 28 bytes
 *     sockaddr_un   0 family   2 path, up to 108 bytes; a first byte of 0: an abstract name, which may hold any bytes
 */
import { EFAULT, EINVAL } from "../../lib/errno";
import { loadUser, storeUser, storeUser32 } from "../../linux/user-memory";
import { heapAlloc } from "../../runtime/heap";
import { IN6_LOOPBACK } from "../wire/ipv4";
import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC } from "./constants";

export const SOCKADDR_IN_SIZE: u32 = 16;
const SOCKADDR_IN6_SIZE: u32 = 28;
/** Without the scope, as RFC 2133 had it: Linux takes both. */
const SOCKADDR_IN6_MIN: u32 = 24;
export const UNIX_PATH_MAX: u32 = 108;
/** sizeof(struct sockaddr_storage): no address is longer. */
const SOCKADDR_MAX: u32 = 128;

/** What an IPv6 address is to a stack of IPv4; see inet-address.ts. */
export enum Inet6 {
  ANY,
  LOOPBACK,
  MAPPED,
  OTHER,
}

/** The third word of ::ffff:a.b.c.d in memory order. */
const MAPPED_PREFIX: u32 = 0xffff_0000;

/** The kind of the address at a pointer. */
export function inet6Kind(at: usize): Inet6 {
  if (load<u64>(at) != 0) return Inet6.OTHER;
  if (load<u32>(at, 8) == MAPPED_PREFIX) return Inet6.MAPPED;
  if (load<u32>(at, 8) != 0) return Inet6.OTHER;
  const last = bswap<u32>(load<u32>(at, 12));
  if (last == 0) return Inet6.ANY;
  return last == IN6_LOOPBACK ? Inet6.LOOPBACK : Inet6.OTHER;
}

/**
 * Writes the 16 bytes of an address of the stack: 0 is ::, IN6_LOOPBACK is ::1, others are mapped.
 */
export function inet6Store(at: usize, address: u32): void {
  store<u64>(at, 0);
  store<u32>(at, address > IN6_LOOPBACK ? MAPPED_PREFIX : 0, 8);
  store<u32>(at, bswap<u32>(address), 12);
}

@unmanaged
export class SocketAddress {
  family: u32;
  /** IPv4, in host order; of a mapped IPv6 address its IPv4 part. */
  port: u32;
  address: u32;
  /** Of AF_INET6. */
  inet6: Inet6;
  /** Bytes that the application gave, or `setRaw` was called with. */
  given: u32;
  /**
   * Bytes of a unix(7) name: a path without its terminator, or an abstract name with its leading 0.
   */
  pathLength: u32;

  /** Whether what the application gave can't be an IPv6 address. */
  isShort(): bool {
    return this.given < SOCKADDR_IN6_MIN;
  }

  /** Pointer to the bytes of struct sockaddr. */
  @inline
  raw(): usize {
    return changetype<usize>(this) + offsetof<SocketAddress>();
  }

  @inline
  path(): usize {
    return this.raw() + 2;
  }

  /** Makes it an IPv4 address. */
  setInet(address: u32, port: u32): void {
    this.family = AF_INET;
    this.address = address;
    this.port = port;
    const raw = this.raw();
    store<u16>(raw, <u16>AF_INET);
    store<u16>(raw, bswap<u16>(<u16>port), 2);
    store<u32>(raw, bswap<u32>(address), 4);
    store<u64>(raw, 0, 8);
  }

  /** Makes it an IPv6 address: 0 is ::, IN6_LOOPBACK is ::1, others are mapped. */
  setInet6(address: u32, port: u32): void {
    this.family = AF_INET6;
    this.address = address;
    this.port = port;
    const raw = this.raw();
    memory.fill(raw, 0, SOCKADDR_IN6_SIZE);
    store<u16>(raw, <u16>AF_INET6);
    store<u16>(raw, bswap<u16>(<u16>port), 2);
    inet6Store(raw + 8, address);
    this.inet6 = inet6Kind(raw + 8);
  }

  /** Makes it an address of another family, of `size` bytes, zeroed but for the family. */
  setRaw(family: u32, size: u32): void {
    this.family = family;
    this.given = size;
    memory.fill(this.raw(), 0, size);
    store<u16>(this.raw(), <u16>family);
  }

  /** Makes it a unix(7) name: `length` bytes at `name`; 0: unnamed. */
  setUnix(name: usize, length: u32): void {
    this.family = AF_UNIX;
    this.pathLength = length;
    store<u16>(this.raw(), <u16>AF_UNIX);
    memory.copy(this.path(), name, length);
    // A path is returned with its terminator.
    if (length > 0 && length < UNIX_PATH_MAX) store<u8>(this.path() + length, 0);
  }

  /** Bytes of the struct sockaddr that the application sees. */
  size(): u32 {
    if (this.family == AF_INET) return SOCKADDR_IN_SIZE;
    if (this.family == AF_INET6) return SOCKADDR_IN6_SIZE;
    if (this.family != AF_UNIX) return this.given;
    if (this.pathLength == 0) return 2;
    const isPath = load<u8>(this.path()) != 0;
    return 2 + this.pathLength + (isPath && this.pathLength < UNIX_PATH_MAX ? 1 : 0);
  }
}

/** An empty address (AF_UNSPEC). Free with `free`. Null: memory is out. */
export function addressCreate(): SocketAddress | null {
  const at = heapAlloc(offsetof<SocketAddress>() + SOCKADDR_MAX);
  if (at == 0) return null;
  const address = changetype<SocketAddress>(at);
  address.family = AF_UNSPEC;
  address.port = 0;
  address.address = 0;
  address.pathLength = 0;
  address.given = 0;
  return address;
}

/** Loads and parses what the application gave. 0, -EFAULT, or -EINVAL. */
export function addressLoad(address: SocketAddress, user: u64, length: u32): i32 {
  if (length < 2 || length > SOCKADDR_MAX) return -EINVAL;
  const raw = address.raw();
  if (loadUser(raw, user, length) != 0) return -EFAULT;
  address.given = length;
  address.family = load<u16>(raw);
  if (address.family == AF_INET) {
    if (length < SOCKADDR_IN_SIZE) return -EINVAL;
    address.port = bswap<u16>(load<u16>(raw, 2));
    address.address = bswap<u32>(load<u32>(raw, 4));
  } else if (address.family == AF_INET6) {
    if (length < SOCKADDR_IN6_MIN) return -EINVAL;
    address.port = bswap<u16>(load<u16>(raw, 2));
    address.address = bswap<u32>(load<u32>(raw, 20));
    address.inet6 = inet6Kind(raw + 8);
  } else if (address.family == AF_UNIX) {
    if (length > 2 + UNIX_PATH_MAX) return -EINVAL;
    address.pathLength = length - 2;
    if (length > 2 && load<u8>(raw, 2) != 0) {
      let n: u32 = 0;
      while (n < length - 2 && load<u8>(raw + n, 2) != 0) n++;
      address.pathLength = n;
    }
  }
  return 0;
}

/**
 * Gives an address to the application: at most as many bytes as the u32 at `lengthUser` says, which
 * then says how long it really is. `user` 0: not wanted. 0, -EFAULT, or -EINVAL.
 */
export function addressStore(address: SocketAddress, user: u64, lengthUser: u64): i32 {
  if (user == 0) return 0;
  const scratch = changetype<usize>(address) + offsetof<SocketAddress>("port");
  const kept = address.port;
  if (loadUser(scratch, lengthUser, 4) != 0) return -EFAULT;
  const room = <i32>address.port;
  address.port = kept;
  if (room < 0) return -EINVAL;
  const size = address.size();
  if (storeUser(user, address.raw(), min<u32>(size, room)) != 0) return -EFAULT;
  return storeUser32(lengthUser, size);
}
