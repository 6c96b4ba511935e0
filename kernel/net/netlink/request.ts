/**
 * One request that a program has sent to a netlink socket: its header (struct nlmsghdr) and what
 * follows it, of which a program may send less than there should be.
 */

/** One request: its header, and what follows it. */
@unmanaged
export class NetlinkRequest {
  header: usize;
  body: usize;
  size: u32;
  type: u32;
  flags: u32;

  /** A field of the body, or 0 when it is too short. */
  byte(at: u32): u32 {
    return at < this.size ? load<u8>(this.body + <usize>at) : 0;
  }

  number(at: u32): u32 {
    return at + 4 <= this.size ? load<u32>(this.body + <usize>at) : 0;
  }

  /** Where an attribute behind a header of `from` bytes is; 0: there is none. */
  attribute(from: u32, type: u32): usize {
    let at = (from + 3) & ~3;
    while (at + 4 <= this.size) {
      const length = load<u16>(this.body + <usize>at);
      if (length < 4 || at + length > this.size) return 0;
      if ((load<u16>(this.body + <usize>at, 2) & 0x3fff) == type) return this.body + <usize>at;
      at += (length + 3) & ~3;
    }
    return 0;
  }
}
