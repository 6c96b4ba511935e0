/**
 * Messages between the application's buffers and packets: what all sockets do that keep bounds.
 */
import { IoVector } from "../../fs/io-vector";
import { EFAULT, ENOBUFS } from "../../lib/errno";
import { Packet, packetAllocLarge, packetFree } from "../packet";

/** The most that one buffer of a message holds, headroom aside: a block of 32 KiB. */
const PIECE_MAX: u32 = 32640;

/** Copies what a packet holds to the application, as far as `io` has room. Bytes or -EFAULT. */
export function packetPut(packet: Packet, io: IoVector): i64 {
  let done: i64 = 0;
  let part: Packet | null = packet;
  while (part && io.remaining > 0) {
    const wanted = min<u64>(part.length, io.remaining);
    const n = io.put(part.data, wanted);
    if (n != <i64>wanted) return -EFAULT;
    done += n;
    part = part.fragment;
  }
  return done;
}

/**
 * A packet with n bytes of the application, in as many buffers as that takes; a pointer, the
 * caller's, or -ENOBUFS, -EFAULT. May sleep.
 */
export function packetGather(io: IoVector, n: u32): usize {
  let first: Packet | null = null;
  let last: Packet | null = null;
  let left = n;
  do {
    const size = min(left, PIECE_MAX);
    const piece = packetAllocLarge(size);
    if (!piece || io.take(piece.append(size), size) != <i64>size) {
      if (piece) packetFree(piece);
      if (first) packetFree(first);
      return piece ? -EFAULT : -ENOBUFS;
    }
    if (last) last.fragment = piece;
    else first = piece;
    last = piece;
    left -= size;
  } while (left > 0);
  return changetype<usize>(first);
}
