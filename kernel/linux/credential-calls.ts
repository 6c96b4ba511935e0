/**
 * The calls on credentials.ts: setuid(2), setreuid(2), setresuid(2), setfsuid(2), the same of
 * groups, getgroups(2), setgroups(2), capget(2), capset(2), and what prctl(2) has of capabilities.
 */
import { addressOf } from "../arch/hw";
import { EFAULT, EINVAL, ENOMEM, EPERM, ESRCH } from "../lib/errno";
import { heapAlloc, heapFree } from "../runtime/heap";
import { threadScratch } from "../sched/thread";
import {
  CAP_LAST_CAP,
  CAP_SETGID,
  CAP_SETPCAP,
  CAP_SETUID,
  capable,
  changeFileSystemUser,
  changeGroups,
  changeUsers,
  credentials,
  groups,
  Ids,
  SECBIT_NO_CAP_AMBIENT_RAISE,
  takeGroupList,
  users,
} from "./credentials";
import { currentTask, taskFind } from "./task";
import { copyFromUser, copyToUser, loadUser, storeUser, storeUser32 } from "./user-memory";

/** An id that means "leave it": (uid_t) -1. */
const UNCHANGED: u32 = u32.MAX_VALUE;
/** NGROUPS_MAX. */
const GROUPS_MAX: u32 = 65536;

// include/uapi/linux/capability.h
const CAPABILITY_VERSION_1: u32 = 0x19980330;
const CAPABILITY_VERSION_2: u32 = 0x20071026;
const CAPABILITY_VERSION_3: u32 = 0x20080522;

// include/uapi/linux/prctl.h
const PR_CAP_AMBIENT_IS_SET: u64 = 1;
const PR_CAP_AMBIENT_RAISE: u64 = 2;
const PR_CAP_AMBIENT_LOWER: u64 = 3;
const PR_CAP_AMBIENT_CLEAR_ALL: u64 = 4;

export function sys_getuid(): i64 {
  return users.real;
}

export function sys_geteuid(): i64 {
  return users.effective;
}

export function sys_getgid(): i64 {
  return groups.real;
}

export function sys_getegid(): i64 {
  return groups.effective;
}

/** Whether an id is one of those there are. */
function isOneOf(ids: Ids, id: u32): bool {
  return id == ids.real || id == ids.effective || id == ids.saved;
}

function change(ids: Ids, real: u32, effective: u32, saved: u32): void {
  if (ids == users) changeUsers(real, effective, saved);
  else changeGroups(real, effective, saved);
}

/** setuid and setgid: all three with the capability, otherwise the effective one. */
function setId(ids: Ids, id: u32, isPrivileged: bool): i64 {
  if (id == UNCHANGED) return -EINVAL;
  if (isPrivileged) {
    change(ids, id, id, id);
    return 0;
  }
  if (id != ids.real && id != ids.saved) return -EPERM;
  change(ids, ids.real, id, ids.saved);
  return 0;
}

/** setreuid and setregid. The saved id follows the effective one when the real one is set. */
function setTwo(ids: Ids, real: u32, effective: u32, isPrivileged: bool): i64 {
  const newReal = real == UNCHANGED ? ids.real : real;
  const newEffective = effective == UNCHANGED ? ids.effective : effective;
  if (!isPrivileged) {
    if (newReal != ids.real && newReal != ids.effective) return -EPERM;
    if (!isOneOf(ids, newEffective)) return -EPERM;
  }
  const follows = real != UNCHANGED || (effective != UNCHANGED && newEffective != ids.real);
  change(ids, newReal, newEffective, follows ? newEffective : ids.saved);
  return 0;
}

/** setresuid and setresgid. */
function setThree(ids: Ids, real: u32, effective: u32, saved: u32, isPrivileged: bool): i64 {
  const newReal = real == UNCHANGED ? ids.real : real;
  const newEffective = effective == UNCHANGED ? ids.effective : effective;
  const newSaved = saved == UNCHANGED ? ids.saved : saved;
  const known = isOneOf(ids, newReal) && isOneOf(ids, newEffective) && isOneOf(ids, newSaved);
  if (!isPrivileged && !known) return -EPERM;
  change(ids, newReal, newEffective, newSaved);
  return 0;
}

export function sys_setuid(id: u32): i64 {
  return setId(users, id, capable(CAP_SETUID));
}

export function sys_setgid(id: u32): i64 {
  return setId(groups, id, capable(CAP_SETGID));
}

export function sys_setreuid(real: u32, effective: u32): i64 {
  return setTwo(users, real, effective, capable(CAP_SETUID));
}

export function sys_setregid(real: u32, effective: u32): i64 {
  return setTwo(groups, real, effective, capable(CAP_SETGID));
}

export function sys_setresuid(real: u32, effective: u32, saved: u32): i64 {
  return setThree(users, real, effective, saved, capable(CAP_SETUID));
}

export function sys_setresgid(real: u32, effective: u32, saved: u32): i64 {
  return setThree(groups, real, effective, saved, capable(CAP_SETGID));
}

/** Returns the id before, whether or not it could be changed. */
export function sys_setfsuid(id: u32): i64 {
  const old = users.fileSystem;
  const isAllowed = isOneOf(users, id) || id == old || capable(CAP_SETUID);
  if (id != UNCHANGED && isAllowed) changeFileSystemUser(id);
  return old;
}

export function sys_setfsgid(id: u32): i64 {
  const old = groups.fileSystem;
  const isAllowed = isOneOf(groups, id) || id == old || capable(CAP_SETGID);
  if (id != UNCHANGED && isAllowed) groups.fileSystem = id;
  return old;
}

function storeThree(ids: Ids, real: u64, effective: u64, saved: u64): i64 {
  const failed =
    storeUser32(real, ids.real) != 0 ||
    storeUser32(effective, ids.effective) != 0 ||
    storeUser32(saved, ids.saved) != 0;
  return failed ? -EFAULT : 0;
}

export function sys_getresuid(real: u64, effective: u64, saved: u64): i64 {
  return storeThree(users, real, effective, saved);
}

export function sys_getresgid(real: u64, effective: u64, saved: u64): i64 {
  return storeThree(groups, real, effective, saved);
}

export function sys_getgroups(size: i32, list: u64): i64 {
  const count = credentials.groupCount;
  if (size == 0) return count;
  if (size < <i32>count) return -EINVAL;
  if (count == 0) return 0;
  return storeUser(list, credentials.groups, (<u64>count) << 2) != 0 ? -EFAULT : <i64>count;
}

export function sys_setgroups(count: u32, list: u64): i64 {
  if (!capable(CAP_SETGID)) return -EPERM;
  if (count > GROUPS_MAX) return -EINVAL;
  if (count == 0) {
    takeGroupList(0, 0);
    return 0;
  }
  const made = heapAlloc((<usize>count) << 2);
  if (made == 0) return -ENOMEM;
  if (copyFromUser(addressOf(made), list, (<u64>count) << 2) != 0) {
    heapFree(made);
    return -EFAULT;
  }
  takeGroupList(made, count);
  return 0;
}

/** 0 when a cap_user_header's `pid` names a thread whose sets are told; -EINVAL, -ESRCH. */
function readableError(pid: i32): i32 {
  if (pid < 0) return -EINVAL;
  return pid == 0 || taskFind(pid) ? 0 : -ESRCH;
}

/** 0 when it names the caller: nobody sets another's; -EPERM. */
function settableError(pid: i32): i32 {
  return pid == 0 || <u32>pid == currentTask().id ? 0 : -EPERM;
}

/**
 * Checks struct cap_user_header, and `pid` by one of the two above; returns how many cap_user_data
 * follow, or -errno.
 */
function capabilityWords(header: u64, pidError: (pid: i32) => i32): i32 {
  if (loadUser(threadScratch(), header, 8) != 0) return -EFAULT;
  const version = load<u32>(threadScratch());
  const isShort = version == CAPABILITY_VERSION_1;
  if (isShort || version == CAPABILITY_VERSION_2 || version == CAPABILITY_VERSION_3) {
    const error = pidError(load<i32>(threadScratch() + 4));
    if (error != 0) return error;
    return isShort ? 1 : 2;
  }
  // Tells the version that is known.
  return storeUser32(header, CAPABILITY_VERSION_3) != 0 ? -EFAULT : -EINVAL;
}

/** struct cap_user_data: effective, permitted, inheritable, one for each 32 capabilities. */
export function sys_capget(header: u64, data: u64): i64 {
  const words = capabilityWords(header, readableError);
  if (words < 0) return data == 0 && words == -EINVAL ? 0 : words;
  if (data == 0) return 0;
  for (let i = 0; i < words; i++) {
    const shift = <u64>i * 32;
    const at = threadScratch() + <usize>i * 12;
    store<u32>(at, <u32>(credentials.effective >> shift));
    store<u32>(at + 4, <u32>(credentials.permitted >> shift));
    store<u32>(at + 8, <u32>(credentials.inheritable >> shift));
  }
  return copyToUser(data, addressOf(threadScratch()), <u64>words * 12);
}

/** One of the three sets of a cap_user_data that has been loaded. */
function loadedSet(field: usize, words: i32): u64 {
  const at = threadScratch() + field;
  const low = <u64>load<u32>(at);
  return words > 1 ? low | ((<u64>load<u32>(at + 12)) << 32) : low;
}

/** Sets can be given up; the inheritable one grows within the permitted and the bounding one. */
export function sys_capset(header: u64, data: u64): i64 {
  const words = capabilityWords(header, settableError);
  if (words < 0) return words;
  if (loadUser(threadScratch(), data, <u64>words * 12) != 0) return -EFAULT;
  const effective = loadedSet(0, words);
  const permitted = loadedSet(4, words);
  const inheritable = loadedSet(8, words);
  const c = credentials;
  if ((permitted & ~c.permitted) != 0 || (effective & ~permitted) != 0) return -EPERM;
  const from = capable(CAP_SETPCAP) ? c.bounding : c.permitted;
  if ((inheritable & ~(c.inheritable | from)) != 0) return -EPERM;
  if ((inheritable & ~(c.inheritable | c.bounding)) != 0) return -EPERM;
  c.effective = effective;
  c.permitted = permitted;
  c.inheritable = inheritable;
  c.ambient &= permitted & inheritable;
  return 0;
}

export function capabilityBoundingRead(capability: u64): i64 {
  if (capability > <u64>CAP_LAST_CAP) return -EINVAL;
  return (credentials.bounding >> capability) & 1;
}

export function capabilityBoundingDrop(capability: u64): i64 {
  if (!capable(CAP_SETPCAP)) return -EPERM;
  if (capability > <u64>CAP_LAST_CAP) return -EINVAL;
  credentials.bounding &= ~((<u64>1) << capability);
  return 0;
}

/** PR_CAP_AMBIENT. */
export function capabilityAmbient(operation: u64, capability: u64): i64 {
  const c = credentials;
  if (operation == PR_CAP_AMBIENT_CLEAR_ALL) {
    if (capability != 0) return -EINVAL;
    c.ambient = 0;
    return 0;
  }
  if (capability > <u64>CAP_LAST_CAP) return -EINVAL;
  const bit = (<u64>1) << capability;
  if (operation == PR_CAP_AMBIENT_IS_SET) return (c.ambient & bit) != 0 ? 1 : 0;
  if (operation == PR_CAP_AMBIENT_LOWER) {
    c.ambient &= ~bit;
    return 0;
  }
  if (operation != PR_CAP_AMBIENT_RAISE) return -EINVAL;
  if ((c.securebits & SECBIT_NO_CAP_AMBIENT_RAISE) != 0) return -EPERM;
  if ((c.permitted & c.inheritable & bit) == 0) return -EPERM;
  c.ambient |= bit;
  return 0;
}
