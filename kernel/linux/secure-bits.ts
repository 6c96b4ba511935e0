/**
 * The secure bits: how a thread's capabilities follow its user ids (capabilities(7), "The
 * securebits flags"). Each bit is followed by one that locks it for good.
 */
import { EINVAL, EPERM } from "../lib/errno";
import {
  CAP_SETPCAP,
  capable,
  credentials,
  SECBIT_KEEP_CAPS,
  SECBIT_NO_CAP_AMBIENT_RAISE,
  SECBIT_NO_SETUID_FIXUP,
} from "./credentials";

// include/uapi/linux/securebits.h
const SECBIT_NOROOT: u32 = 1 << 0;
const SECURE_ALL_BITS: u64 =
  SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS | SECBIT_NO_CAP_AMBIENT_RAISE;
const SECURE_ALL_LOCKS: u64 = SECURE_ALL_BITS << 1;

/** PR_SET_SECUREBITS: 0, or -EPERM, also for bits that there are not. */
export function setSecureBits(bits: u64): i64 {
  const now = <u64>credentials.securebits;
  const locks = now & SECURE_ALL_LOCKS;
  const touchesLocked = ((locks >> 1) & (now ^ bits)) != 0 || (locks & ~bits) != 0;
  const isUnknown = (bits & ~(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) != 0;
  if (touchesLocked || isUnknown || !capable(CAP_SETPCAP)) return -EPERM;
  credentials.securebits = <u32>bits;
  return 0;
}

/** PR_SET_KEEPCAPS: 0, -EINVAL, or -EPERM when that is locked. */
export function setKeepCapabilities(keep: u64): i64 {
  if (keep > 1) return -EINVAL;
  if ((credentials.securebits & (SECBIT_KEEP_CAPS << 1)) != 0) return -EPERM;
  if (keep != 0) credentials.securebits |= SECBIT_KEEP_CAPS;
  else credentials.securebits &= ~SECBIT_KEEP_CAPS;
  return 0;
}
