/**
 * Who the process says it is: user and group ids, supplementary groups, capabilities. Kept by the
 * rules of credentials(7) and capabilities(7), so that a program that gives its rights up finds
 * that it has none any more.
 *
 *     credentials                    the ids and sets, to be read
 *     capable(CAP_…)                 whether the process has a capability in effect
 *     changeUsers(…), changeGroups   set the ids; the capabilities follow
 *     currentIdentity()              the ids as they are now, to be kept
 *
 * What differs from Linux: they are the process's and not each thread's (C libraries keep all
 * threads alike), and files and sockets are not protected by them. What does look at them: the
 * calls that change them, limits, priorities, the machine's name, IPC objects (ipc/ipc.ts).
 */
import { Identity, identityCreate, identityGet, identityPut } from "../fs/identity";
import { heapFree } from "../runtime/heap";
import { PROCESS_ID } from "./task";

// include/uapi/linux/capability.h
export const CAP_CHOWN: u32 = 0;
export const CAP_DAC_READ_SEARCH: u32 = 2;
export const CAP_SETGID: u32 = 6;
export const CAP_SETUID: u32 = 7;
export const CAP_SETPCAP: u32 = 8;
export const CAP_NET_RAW: u32 = 13;
export const CAP_IPC_LOCK: u32 = 14;
export const CAP_IPC_OWNER: u32 = 15;
export const CAP_SYS_ADMIN: u32 = 21;
export const CAP_SYS_NICE: u32 = 23;
export const CAP_SYS_RESOURCE: u32 = 24;
export const CAP_LAST_CAP: u32 = 40;
export const ALL_CAPABILITIES: u64 = ((<u64>1) << (CAP_LAST_CAP + 1)) - 1;
/** CAP_FS_SET: those of a file system's user, which setfsuid(2) takes and gives back. */
const FILE_CAPABILITIES: u64 =
  // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE, MKNOD, MAC_OVERRIDE
  0x1f | (1 << 9) | (1 << 27) | ((<u64>1) << 32);

/** Real, effective, saved and file system id. */
@unmanaged
export class Ids {
  real: u32;
  effective: u32;
  saved: u32;
  fileSystem: u32;
}

@unmanaged
export class Credentials {
  effective: u64;
  permitted: u64;
  inheritable: u64;
  bounding: u64;
  ambient: u64;
  /** PR_SET_NO_NEW_PRIVS, and PR_SET_SECUREBITS (secure-bits.ts). */
  noNewPrivileges: bool;
  securebits: u32;
  /** Supplementary groups, u32 each; owned. */
  groups: usize;
  groupCount: u32;
}

/** Root, as the program starts: all ids are 0. */
export const users: Ids = changetype<Ids>(memory.data(16, 4));
export const groups: Ids = changetype<Ids>(memory.data(16, 4));
export const credentials: Credentials = initial();

function initial(): Credentials {
  const made = changetype<Credentials>(memory.data(64, 8));
  made.effective = ALL_CAPABILITIES;
  made.permitted = ALL_CAPABILITIES;
  made.bounding = ALL_CAPABILITIES;
  return made;
}
if (offsetof<Credentials>() > 64) ERROR("the credentials are 64 bytes");

export function capable(capability: u32): bool {
  return ((credentials.effective >> capability) & 1) != 0;
}

// include/uapi/linux/securebits.h
/** Root's rights do not follow the ids. */
export const SECBIT_NO_SETUID_FIXUP: u32 = 1 << 2;
/** What is permitted stays so when the last id of root goes. */
export const SECBIT_KEEP_CAPS: u32 = 1 << 4;
export const SECBIT_NO_CAP_AMBIENT_RAISE: u32 = 1 << 6;

/** Sets all user ids; the capabilities follow (capabilities(7), "Effect of user ID changes"). */
export function changeUsers(real: u32, effective: u32, saved: u32): void {
  const hadRoot = users.real == 0 || users.effective == 0 || users.saved == 0;
  const wasRoot = users.effective == 0;
  users.real = real;
  users.effective = effective;
  users.saved = saved;
  changeFileSystemUser(effective);
  if ((credentials.securebits & SECBIT_NO_SETUID_FIXUP) != 0) return;
  const hasRoot = real == 0 || effective == 0 || saved == 0;
  if (hadRoot && !hasRoot) {
    if ((credentials.securebits & SECBIT_KEEP_CAPS) == 0) credentials.permitted = 0;
    credentials.effective = 0;
    credentials.ambient = 0;
  }
  if (wasRoot && effective != 0) credentials.effective = 0;
  if (!wasRoot && effective == 0) credentials.effective = credentials.permitted;
}

export function changeFileSystemUser(id: u32): void {
  const was = users.fileSystem;
  users.fileSystem = id;
  if ((credentials.securebits & SECBIT_NO_SETUID_FIXUP) != 0) return;
  if (was == 0 && id != 0) credentials.effective &= ~FILE_CAPABILITIES;
  if (was != 0 && id == 0) credentials.effective |= credentials.permitted & FILE_CAPABILITIES;
}

export function changeGroups(real: u32, effective: u32, saved: u32): void {
  groups.real = real;
  groups.effective = effective;
  groups.saved = saved;
  groups.fileSystem = effective;
}

/** Sets the supplementary groups: takes over `list`, `count` u32 of the heap. */
export function takeGroupList(list: usize, count: u32): void {
  if (credentials.groups != 0) heapFree(credentials.groups);
  credentials.groups = list;
  credentials.groupCount = count;
}

/** The last one that was asked for, with a reference. */
let lastIdentity: Identity | null = null;

/** Whether an identity says what the credentials say now. */
function isCurrent(identity: Identity): bool {
  const bytes = (<usize>credentials.groupCount) << 2;
  return (
    identity.realUser == users.real &&
    identity.effectiveUser == users.effective &&
    identity.realGroup == groups.real &&
    identity.effectiveGroup == groups.effective &&
    identity.groupCount == credentials.groupCount &&
    memory.compare(identity.groups(), credentials.groups, bytes) == 0
  );
}

/** Who the process is now, with a reference of the caller's; null: memory is out. */
export function currentIdentity(): Identity | null {
  const last = lastIdentity;
  if (last && isCurrent(last)) return identityGet(last);
  const identity = identityCreate(credentials.groupCount);
  if (!identity) return null;
  identity.pid = PROCESS_ID;
  identity.realUser = users.real;
  identity.effectiveUser = users.effective;
  identity.realGroup = groups.real;
  identity.effectiveGroup = groups.effective;
  memory.copy(identity.groups(), credentials.groups, (<usize>credentials.groupCount) << 2);
  if (last) identityPut(last);
  lastIdentity = identityGet(identity);
  return identity;
}
