/**
 * The sender's scoreboard: which ranges beyond sndUna the peer has reported as received (RFC 2018
 * section 5). Sorted, apart from each other. It exists while there is something on it. Ranges
 * beyond its capacity are forgotten: the sender may always treat reported data as lost.
 */
import { heapAlloc, heapFree } from "../../runtime/heap";
import { Connection } from "./connection";
import { seqLess, seqLessEqual, seqMax, seqMin } from "./sequence";

const RANGES_MAX: u32 = 62;
const RANGE_SIZE: usize = 8;
const HEAD_SIZE: usize = 8;

@unmanaged
export class SackBoard {
  count: u32;
  /** Bytes in all ranges. */
  bytes: u32;

  @inline
  start(i: u32): u32 {
    return load<u32>(changetype<usize>(this) + HEAD_SIZE + <usize>i * RANGE_SIZE);
  }

  @inline
  end(i: u32): u32 {
    return load<u32>(changetype<usize>(this) + HEAD_SIZE + <usize>i * RANGE_SIZE + 4);
  }

  set(i: u32, start: u32, end: u32): void {
    store<u32>(changetype<usize>(this) + HEAD_SIZE + <usize>i * RANGE_SIZE, start);
    store<u32>(changetype<usize>(this) + HEAD_SIZE + <usize>i * RANGE_SIZE + 4, end);
  }

  /** Moves the ranges from `from` on to `to`. */
  move(from: u32, to: u32): void {
    const base = changetype<usize>(this) + HEAD_SIZE;
    memory.copy(
      base + <usize>to * RANGE_SIZE,
      base + <usize>from * RANGE_SIZE,
      <usize>(this.count - from) * RANGE_SIZE,
    );
    this.count = this.count + to - from;
  }

  /** Adds a range, merging; returns whether that told anything new. */
  add(start: u32, end: u32): bool {
    let first: u32 = 0;
    while (first < this.count && seqLess(this.end(first), start)) first++;
    let after = first;
    let from = start;
    let to = end;
    let known: u32 = 0;
    while (after < this.count && seqLessEqual(this.start(after), end)) {
      from = seqMin(from, this.start(after));
      to = seqMax(to, this.end(after));
      known += this.end(after) - this.start(after);
      after++;
    }
    if (to - from == known) return false;
    if (after == first) {
      if (this.count == RANGES_MAX) return false;
      this.move(first, first + 1);
    } else if (after > first + 1) {
      this.move(after, first + 1);
    }
    this.set(first, from, to);
    this.bytes += to - from - known;
    return true;
  }

  /** Forgets what is below `sequence`. */
  advance(sequence: u32): void {
    let gone: u32 = 0;
    while (gone < this.count && seqLessEqual(this.end(gone), sequence)) {
      this.bytes -= this.end(gone) - this.start(gone);
      gone++;
    }
    if (gone > 0) this.move(gone, 0);
    if (this.count > 0 && seqLess(this.start(0), sequence)) {
      this.bytes -= sequence - this.start(0);
      this.set(0, sequence, this.end(0));
    }
  }

  /** Bytes of [start, end) that are on the board. */
  within(start: u32, end: u32): u32 {
    let bytes: u32 = 0;
    for (let i: u32 = 0; i < this.count; i++) {
      const from = seqMax(start, this.start(i));
      const to = seqMin(end, this.end(i));
      if (seqLess(from, to)) bytes += to - from;
    }
    return bytes;
  }
}

/**
 * Enters a SACK block of the peer; returns whether it told anything new. What makes no sense is
 * ignored.
 */
export function sackReported(c: Connection, start: u32, end: u32): bool {
  if (!seqLess(start, end) || seqLess(c.sndNxt, end) || seqLessEqual(end, c.sndUna)) return false;
  const from = seqMax(start, c.sndUna);
  let board = c.sackBoard;
  if (!board) {
    board = changetype<SackBoard | null>(heapAlloc(HEAD_SIZE + <usize>RANGES_MAX * RANGE_SIZE));
    if (!board) return false;
    board.count = 0;
    board.bytes = 0;
    c.sackBoard = board;
  }
  return board.add(from, end);
}

/** After sndUna has advanced. */
export function sackAdvance(c: Connection): void {
  const board = c.sackBoard;
  if (!board) return;
  board.advance(c.sndUna);
  if (board.count == 0) sackClear(c);
}

export function sackClear(c: Connection): void {
  const board = c.sackBoard;
  if (!board) return;
  c.sackBoard = null;
  heapFree(changetype<usize>(board));
}
