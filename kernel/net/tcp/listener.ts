/**
 * A listening port, with its half-open connections and those that wait for accept.
 *
 *     const l = new Listener();  l.observer = …  l.template = …
 *     l.listen(address, port, backlog)   0 or -EADDRINUSE; address 0: any
 *     l.accept()                         the oldest established connection, the caller's from then on, or null
 *     l.close()                          resets what was not accepted; the object is the caller's to free
 *
 * Half-open connections are bounded by the backlog; beyond it SYN cookies are sent (passive.ts). A
 * connection whose handshake completes while the accept queue is full stays half-open, and its
 * SYN+ACK is repeated. One that ends before it is accepted is accepted all the same, as on Linux.
 */
import { EADDRINUSE } from "../../lib/errno";
import { addressesOverlap, IN6_LOOPBACK } from "../wire/ipv4";
import { reset } from "./close";
import { Connection, ConnectionObserver } from "./connection";

/** Half-open connections a listener may have whatever its backlog. */
const HALF_OPEN_MIN: u32 = 16;

export class Listener {
  address: u32 = 0;
  port: u32 = 0;
  backlog: u32 = 0;
  /** Other listeners may have the same address and port (SO_REUSEPORT). */
  reusePort: bool = false;
  /** Its socket is one of IPv6: only such hear ::1. */
  isIpv6: bool = false;
  observer: ConnectionObserver | null = null;
  /** Where connections take their options from; the socket's, it stays the socket's. */
  template: Connection | null = null;
  /** Next listener of the same chain. */
  next: Listener | null = null;
  listening: bool = false;
  /** The program has accepted or polled: it means to serve. */
  isAsked: bool = false;
  /** Children in the order of arrival: half-open ones, and those to be accepted. */
  halfOpenFirst: Connection | null = null;
  halfOpenLast: Connection | null = null;
  halfOpenCount: u32 = 0;
  acceptFirst: Connection | null = null;
  acceptLast: Connection | null = null;
  acceptCount: u32 = 0;
  /** When the last cookie was sent; 0: never. */
  cookieTime: u64 = 0;

  listen(address: u32, port: u32, backlog: u32): i32 {
    let other = chain(port);
    while (other) {
      const same =
        other.port == port && addressesOverlap(other.address, other.isIpv6, address, this.isIpv6);
      if (same && !(other.reusePort && this.reusePort)) return -EADDRINUSE;
      other = other.next;
    }
    this.address = address;
    this.port = port;
    this.backlog = backlog;
    this.next = chain(port);
    setChain(port, this);
    this.listening = true;
    return 0;
  }

  /** Whether it listens on ::1, or on :: without IPv4, which is the same. */
  isIpv6Only(): bool {
    return this.isIpv6 && this.address == IN6_LOOPBACK;
  }

  @inline
  acceptFull(): bool {
    return this.acceptCount > this.backlog;
  }

  @inline
  halfOpenFull(): bool {
    return this.halfOpenCount >= max(this.backlog, HALF_OPEN_MIN);
  }

  accept(): Connection | null {
    const c = this.acceptFirst;
    if (!c) return null;
    this.forget(c);
    return c;
  }

  /** Enters a child that has got its SYN. */
  addHalfOpen(c: Connection): void {
    c.listener = this;
    c.siblingNext = null;
    const last = this.halfOpenLast;
    c.siblingPrevious = last;
    if (last) last.siblingNext = c;
    else this.halfOpenFirst = c;
    this.halfOpenLast = c;
    this.halfOpenCount++;
  }

  /** A half-open child is established now. */
  promote(c: Connection): void {
    this.unlinkHalfOpen(c);
    c.siblingNext = null;
    const last = this.acceptLast;
    c.siblingPrevious = last;
    if (last) last.siblingNext = c;
    else this.acceptFirst = c;
    this.acceptLast = c;
    this.acceptCount++;
  }

  private unlinkHalfOpen(c: Connection): void {
    const next = c.siblingNext;
    const previous = c.siblingPrevious;
    if (previous) previous.siblingNext = next;
    else this.halfOpenFirst = next;
    if (next) next.siblingPrevious = previous;
    else this.halfOpenLast = previous;
    this.halfOpenCount--;
  }

  private unlinkAccept(c: Connection): void {
    const next = c.siblingNext;
    const previous = c.siblingPrevious;
    if (previous) previous.siblingNext = next;
    else this.acceptFirst = next;
    if (next) next.siblingPrevious = previous;
    else this.acceptLast = previous;
    this.acceptCount--;
  }

  /** A child is accepted, or a half-open one has ended. */
  forget(c: Connection): void {
    if (c.established) this.unlinkAccept(c);
    else this.unlinkHalfOpen(c);
    c.listener = null;
    c.siblingNext = null;
    c.siblingPrevious = null;
  }

  close(): void {
    if (this.listening) this.unlinkListener();
    this.observer = null;
    for (;;) {
      const c = this.halfOpenFirst;
      if (!c) break;
      reset(c);
    }
    for (;;) {
      const c = this.acceptFirst;
      if (!c) break;
      this.forget(c);
      c.abort();
    }
  }

  private unlinkListener(): void {
    this.listening = false;
    let previous: Listener | null = null;
    let at = chain(this.port);
    while (at && at != this) {
      previous = at;
      at = at.next;
    }
    if (previous) previous.next = this.next;
    else setChain(this.port, this.next);
    this.next = null;
  }
}

export const LISTENER_CHAINS: u32 = 64;
/** First listener of each chain, by the low bits of the port. */
const chains: usize = memory.data(64 * 4, 4);

/** Chain i of LISTENER_CHAINS, linked by `next`: for listings as /proc/net/tcp. */
export function listenerChain(index: u32): Listener | null {
  return chain(index);
}

function chain(port: u32): Listener | null {
  return changetype<Listener | null>(
    load<usize>(chains + ((<usize>(port & (LISTENER_CHAINS - 1))) << 2)),
  );
}

function setChain(port: u32, listener: Listener | null): void {
  store<usize>(
    chains + ((<usize>(port & (LISTENER_CHAINS - 1))) << 2),
    changetype<usize>(listener),
  );
}

/** Whether a listener takes connections to an address: all of IPv4 does not hold ::1. */
function hears(listener: Listener, address: u32): bool {
  if (listener.address != 0) return listener.address == address;
  return listener.isIpv6 || address != IN6_LOOPBACK;
}

/**
 * The listener for an address and port: one for the very address before one for any. Of several
 * (SO_REUSEPORT) the `hash` of the connection decides.
 */
export function listenerFind(address: u32, port: u32, hash: u32): Listener | null {
  let exact: u32 = 0;
  let any: u32 = 0;
  let found: Listener | null = null;
  let at = chain(port);
  while (at) {
    if (at.port == port && hears(at, address)) {
      found = at;
      if (at.address == 0) any++;
      else exact++;
    }
    at = at.next;
  }
  if (exact + any <= 1) return found;
  const wanted = exact > 0 ? address : 0;
  let skip = hash % (exact > 0 ? exact : any);
  at = chain(port);
  while (at) {
    if (at.port == port && at.address == wanted && hears(at, address)) {
      if (skip == 0) return at;
      skip--;
    }
    at = at.next;
  }
  return found;
}
