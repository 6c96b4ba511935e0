/**
 * Which node memory comes from (there is one, 0), and protection keys (there are none): mbind(2),
 * set_mempolicy(2), get_mempolicy(2), pkeys(7). A policy is checked, kept and told; there is
 * nothing that it could change.
 */
import { EFAULT, EINVAL, ENOSPC } from "../lib/errno";
import { isMapped, MAP_END, pageAlign } from "../mem/address-space";
import { PAGE_SIZE } from "../mem/page-allocator";
import { vmaFind } from "../mem/vma";
import { threadScratch } from "../sched/thread";
import { sys_mprotect } from "./memory-calls";
import { loadUser, storeUser32, storeUser64, userRange } from "./user-memory";

// include/uapi/linux/mempolicy.h
const MPOL_DEFAULT: u32 = 0;
const MPOL_PREFERRED: u32 = 1;
const MPOL_BIND: u32 = 2;
const MPOL_INTERLEAVE: u32 = 3;
const MPOL_LOCAL: u32 = 4;
const MPOL_PREFERRED_MANY: u32 = 5;
const MPOL_MODE_FLAGS: u32 = 0xe000;
const MPOL_F_NODE: u32 = 1;
const MPOL_F_ADDR: u32 = 2;
const MPOL_F_MEMS_ALLOWED: u32 = 4;
const MPOL_MF_VALID: u32 = 7;
/** More bits than this no mask of nodes has. */
const NODE_BITS_MAX: u64 = 32768;

/** The policy of the process, and its nodes. */
let policy: u32 = MPOL_DEFAULT;
let policyNodes: u64 = 0;

/** The first 64 nodes of a mask; -EFAULT, or -EINVAL when there are others or it is too long. */
function loadNodes(mask: u64, bits: u64): i64 {
  // The last bit does not count; of none at all it would be the one before.
  if (mask == 0 || bits == 1) return 0;
  if (bits - 1 > NODE_BITS_MAX) return -EINVAL;
  const words = (bits - 1 + 63) / 64;
  for (let word: u64 = 0; word < words; word++) {
    if (loadUser(threadScratch(), mask + word * 8, 8) != 0) return -EFAULT;
    if (load<u64>(threadScratch()) > (word == 0 ? 1 : 0)) return -EINVAL;
  }
  if (loadUser(threadScratch(), mask, 8) != 0) return -EFAULT;
  return load<i64>(threadScratch());
}

/** Whether a mode goes with a set of nodes: 0 or -EINVAL. */
function policyError(mode: u32, nodes: i64): i32 {
  if (nodes < 0) return <i32>nodes;
  const kind = mode & ~MPOL_MODE_FLAGS;
  if (kind > MPOL_PREFERRED_MANY) return -EINVAL;
  if (kind == MPOL_DEFAULT || kind == MPOL_LOCAL) return nodes == 0 ? 0 : -EINVAL;
  const needsNodes = kind == MPOL_BIND || kind == MPOL_INTERLEAVE || kind == MPOL_PREFERRED_MANY;
  return needsNodes && nodes == 0 ? -EINVAL : 0;
}

export function sys_set_mempolicy(mode: u32, mask: u64, bits: u64): i64 {
  const nodes = loadNodes(mask, bits);
  const error = policyError(mode, nodes);
  if (error != 0) return error;
  policy = mode == MPOL_PREFERRED && nodes == 0 ? MPOL_LOCAL : mode;
  policyNodes = nodes;
  return 0;
}

function storeNodes(mask: u64, bits: u64, nodes: u64): i32 {
  const words = (bits - 1 + 63) / 64;
  if (!userRange(mask, words * 8)) return -EFAULT;
  for (let word: u64 = 0; word < words; word++) {
    if (storeUser64(mask + word * 8, word == 0 ? nodes : 0) != 0) return -EFAULT;
  }
  return 0;
}

export function sys_get_mempolicy(
  modeTo: u64,
  mask: u64,
  bits: u64,
  address: u64,
  flags: u32,
): i64 {
  if ((flags & ~(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)) != 0) return -EINVAL;
  if (mask != 0 && bits - 1 > NODE_BITS_MAX) return -EINVAL;
  if ((flags & MPOL_F_MEMS_ALLOWED) != 0) {
    if ((flags & (MPOL_F_NODE | MPOL_F_ADDR)) != 0) return -EINVAL;
    if (modeTo != 0 && storeUser32(modeTo, MPOL_DEFAULT) != 0) return -EFAULT;
    return mask != 0 ? storeNodes(mask, bits, 1) : 0;
  }
  const asksNode = (flags & MPOL_F_NODE) != 0;
  const ofAddress = (flags & MPOL_F_ADDR) != 0;
  if (ofAddress && !vmaFind(address)) return -EFAULT;
  if (!ofAddress && address != 0) return -EINVAL;
  if (asksNode && !ofAddress && policy != MPOL_INTERLEAVE) return -EINVAL;
  const told: u32 = asksNode ? 0 : ofAddress ? MPOL_DEFAULT : policy;
  if (modeTo != 0 && storeUser32(modeTo, told) != 0) return -EFAULT;
  return mask != 0 ? storeNodes(mask, bits, ofAddress ? 0 : policyNodes) : 0;
}

/** The policy of a range is checked and not kept. */
export function sys_mbind(
  address: u64,
  length: u64,
  mode: u32,
  mask: u64,
  bits: u64,
  flags: u32,
): i64 {
  if ((flags & ~MPOL_MF_VALID) != 0 || (address & (PAGE_SIZE - 1)) != 0) return -EINVAL;
  const error = policyError(mode, loadNodes(mask, bits));
  if (error != 0) return error;
  const bytes = pageAlign(length);
  if (bytes > MAP_END || address > MAP_END - bytes) return -EINVAL;
  return isMapped(address, bytes) ? 0 : -EFAULT;
}

export function sys_pkey_alloc(flags: u64, rights: u64): i64 {
  return flags != 0 || rights > 3 ? -EINVAL : -ENOSPC;
}

export function sys_pkey_free(_key: i32): i64 {
  return -EINVAL;
}

/** Key -1 is none, and this mprotect(2). */
export function sys_pkey_mprotect(address: u64, length: u64, protection: u64, key: i32): i64 {
  return key == -1 ? sys_mprotect(address, length, protection) : -EINVAL;
}
