/**
 * TCP options: maximum segment size (RFC 9293 3.7.1), window scale and timestamps (RFC 7323), SACK
 * permitted and SACK (RFC 2018). Unknown ones are skipped; a malformed length ends the parsing,
 * what came before counts.
 *
 * Timestamps are sent in the aligned form of RFC 7323 appendix A (NOP NOP 8 10 …), which header
 * prediction knows.
 */
import { store32 } from "../../arch/hw";
import { byteAt, halfAt, setWordAt, wordAt } from "./header";
import { SACK_BLOCKS_MAX, Segment } from "./segment";

const OPTION_END: u32 = 0;
const OPTION_NOP: u32 = 1;
const OPTION_MSS: u32 = 2;
const OPTION_WINDOW_SCALE: u32 = 3;
const OPTION_SACK_PERMITTED: u32 = 4;
const OPTION_SACK: u32 = 5;
const OPTION_TIMESTAMPS: u32 = 8;

/** RFC 7323 2.3: larger shift counts are taken as this one. */
export const WINDOW_SCALE_MAX: u32 = 14;
/** NOP, NOP, kind 8, length 10, value, echo. */
export const TIMESTAMP_OPTION_SIZE: u32 = 12;
/** The first word of that, as loaded by a little-endian machine and as sent. */
export const TIMESTAMP_PATTERN: u32 = 0x0a080101;

export function parseOptions(segment: Segment, start: u64, end: u64): void {
  let at = start;
  while (at < end) {
    const kind = byteAt(at);
    if (kind == OPTION_END) return;
    if (kind == OPTION_NOP) {
      at++;
      continue;
    }
    if (at + 2 > end) return;
    const size = byteAt(at + 1);
    if (size < 2 || at + size > end) return;
    if (kind == OPTION_TIMESTAMPS && size == 10) {
      segment.hasTimestamp = true;
      segment.tsValue = wordAt(at + 2);
      segment.tsEcho = wordAt(at + 6);
    } else if (kind == OPTION_SACK) {
      const blocks = (size - 2) >> 3;
      for (let i: u32 = 0; i < blocks && segment.sackCount < SACK_BLOCKS_MAX; i++) {
        segment.addSack(wordAt(at + 2 + i * 8), wordAt(at + 6 + i * 8));
      }
    } else if (kind == OPTION_MSS && size == 4) {
      segment.mss = <u16>halfAt(at + 2);
    } else if (kind == OPTION_WINDOW_SCALE && size == 3) {
      segment.windowScale = <i8>min(byteAt(at + 2), WINDOW_SCALE_MAX);
    } else if (kind == OPTION_SACK_PERMITTED && size == 2) {
      segment.sackPermitted = true;
    }
    at += size;
  }
}

/** Size of the options of a SYN that carries what is asked for. */
export function synOptionsSize(timestamps: bool, sack: bool, windowScale: bool): u32 {
  return 4 + (timestamps ? 12 : sack ? 4 : 0) + (windowScale ? 4 : 0);
}

/** Writes a SYN's options; `windowScale` < 0 leaves that option out. */
export function writeSynOptions(
  start: u64,
  mss: u32,
  sack: bool,
  timestamps: bool,
  tsValue: u32,
  tsEcho: u32,
  windowScale: i32,
): void {
  let at = start;
  setWordAt(at, (OPTION_MSS << 24) | (4 << 16) | mss);
  at += 4;
  if (timestamps) {
    // SACK permitted takes the place of the two NOPs.
    const front = sack
      ? (OPTION_SACK_PERMITTED << 24) | (2 << 16)
      : (OPTION_NOP << 24) | (OPTION_NOP << 16);
    setWordAt(at, front | (OPTION_TIMESTAMPS << 8) | 10);
    setWordAt(at + 4, tsValue);
    setWordAt(at + 8, tsEcho);
    at += 12;
  } else if (sack) {
    setWordAt(at, (OPTION_NOP << 24) | (OPTION_NOP << 16) | (OPTION_SACK_PERMITTED << 8) | 2);
    at += 4;
  }
  if (windowScale >= 0) {
    setWordAt(at, (OPTION_NOP << 24) | (OPTION_WINDOW_SCALE << 16) | (3 << 8) | windowScale);
  }
}

export function writeTimestamp(at: u64, value: u32, echo: u32): void {
  store32(at, TIMESTAMP_PATTERN);
  setWordAt(at + 4, value);
  setWordAt(at + 8, echo);
}

/** Writes the head of a SACK option of n blocks (4 bytes, NOPs included); the blocks follow. */
export function writeSackHead(at: u64, blocks: u32): void {
  setWordAt(at, (OPTION_NOP << 24) | (OPTION_NOP << 16) | (OPTION_SACK << 8) | (2 + blocks * 8));
}
