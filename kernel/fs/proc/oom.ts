/**
 * Whom the kernel would end for want of memory: /proc/self/oom_score, oom_score_adj and oom_adj
 * (proc_pid_oom_score_adj(5)). There is one process, so what is set here changes what is told and
 * nothing else: when memory is out, it is the one that ends.
 */
import { EACCES, EINVAL } from "../../lib/errno";
import { TextBuffer } from "../../lib/text-buffer";
import { totalPageCount } from "../../mem/page-allocator";
import { processInfo } from "../process-info";
import { NOT_A_NUMBER, takenNumber } from "./taken";

// include/uapi/linux/oom.h
const OOM_SCORE_ADJ_MIN: i64 = -1000;
const OOM_SCORE_ADJ_MAX: i64 = 1000;
const OOM_DISABLE: i64 = -17;
const OOM_ADJUST_MAX: i64 = 15;
/** Linux's scale of the score: a program that has all memory, as far as the setting lets it. */
const SCORE_MAX: i64 = 1000;

let adjust: i64 = 0;
/** The lowest value that needs no right: what somebody with the right has set. */
let adjustMin: i64 = 0;

export function procOomScoreAdj(out: TextBuffer, subject: u32): void {
  out.signed(adjust).put("\n");
}

/** The same in the old scale, from -17 to 15. */
export function procOomAdj(out: TextBuffer, subject: u32): void {
  const old =
    adjust == OOM_SCORE_ADJ_MAX ? OOM_ADJUST_MAX : (adjust * -OOM_DISABLE) / OOM_SCORE_ADJ_MAX;
  out.signed(old).put("\n");
}

/** The share of memory in use by the program, in thousandths, and what was added. */
export function procOomScore(out: TextBuffer, subject: u32): void {
  const used = <i64>((processInfo().residentPages() * SCORE_MAX) / max(totalPageCount(), 1));
  out.decimal(max(used + adjust, 0)).put("\n");
}

/** 0 or -EACCES. */
function setAdjust(value: i64): i32 {
  const mayLower = processInfo().mayExceedLimits();
  if (value < adjustMin && !mayLower) return -EACCES;
  adjust = value;
  if (mayLower) adjustMin = value;
  return 0;
}

export function takeOomScoreAdj(bytes: usize, length: u32, subject: u32): i32 {
  const value = takenNumber(bytes, length);
  if (value == NOT_A_NUMBER || value < OOM_SCORE_ADJ_MIN || value > OOM_SCORE_ADJ_MAX) {
    return -EINVAL;
  }
  return setAdjust(value);
}

export function takeOomAdj(bytes: usize, length: u32, subject: u32): i32 {
  const value = takenNumber(bytes, length);
  if (value == NOT_A_NUMBER || value < OOM_DISABLE || value > OOM_ADJUST_MAX) return -EINVAL;
  if (value == OOM_ADJUST_MAX) return setAdjust(OOM_SCORE_ADJ_MAX);
  return setAdjust((value * OOM_SCORE_ADJ_MAX) / -OOM_DISABLE);
}
