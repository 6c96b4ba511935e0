/**
 * What the three kinds of System V IPC share (sysvipc(7)): identifiers, keys, owners, permissions.
 *
 *     table.keyed(key)                       the object of a key, borrowed, or null
 *     table.enter(object, key, flags, most)  gives it an identifier: that, -ENOSPC or -ENOMEM
 *     table.find(id), table.error(id)        by identifier; why there is none: -EINVAL or -EIDRM
 *     table.at(index), table.highest()       by place: *_STAT, /proc/sysvipc
 *     table.leave(object)                    its identifier means nothing any more
 *     object.allows(rights)                  whether the process may: 4 to read, 2 to write or alter
 *     object.isOwned()                       whether it may change or remove it
 *
 * An identifier is a place in the table and, above PLACE_BITS, a number that each new object gets
 * the next of. So a place that is used again has another identifier, and what has been found by
 * identifier is found again, or not, after a sleep: nothing here is held across one.
 */
import { EIDRM, EINVAL, ENOMEM, ENOSPC } from "../lib/errno";
import {
  CAP_IPC_OWNER,
  CAP_SYS_ADMIN,
  capable,
  credentials,
  groups,
  users,
} from "../linux/credentials";
import { attemptArray } from "../runtime/attempt";
import { free } from "../runtime/free";
import { realtimeNs } from "../time/clock";

// include/uapi/linux/ipc.h
export const IPC_PRIVATE: u32 = 0;
export const IPC_CREAT: u32 = 0o1000;
export const IPC_EXCL: u32 = 0o2000;
export const IPC_NOWAIT: u32 = 0o4000;

/** Rights, as in each digit of a mode. */
export const IPC_READ: u32 = 4;
export const IPC_WRITE: u32 = 2;
export const IPC_EXECUTE: u32 = 1;
const PERMISSIONS: u32 = 0o777;

const PLACE_BITS: u32 = 15;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;
const SEQUENCE_MASK: u32 = 0xffff;
const PLACES_MIN: i32 = 16;
const NS_PER_SECOND: u64 = 1_000_000_000;

/** Seconds since 1970. */
export function ipcSeconds(): u64 {
  return realtimeNs() / NS_PER_SECOND;
}

/** Whether a group is one of the process'. */
function isInGroup(group: u32): bool {
  if (groups.effective == group) return true;
  for (let i: u32 = 0; i < credentials.groupCount; i++) {
    if (load<u32>(credentials.groups + ((<usize>i) << 2)) == group) return true;
  }
  return false;
}

/** What struct ipc64_perm tells. */
export class IpcObject {
  id: i32 = 0;
  /** IPC_PRIVATE: no key leads to it. */
  key: u32 = IPC_PRIVATE;
  /** Permissions, and flags of the kind above them. */
  mode: u32 = 0;
  user: u32 = 0;
  group: u32 = 0;
  creator: u32 = 0;
  creatorGroup: u32 = 0;
  /** Seconds since 1970: made, or changed by IPC_SET and its like. */
  changedAt: u64 = 0;

  /** The number in the identifier. */
  get sequence(): u32 {
    return <u32>this.id >> PLACE_BITS;
  }

  /** Whether the process has all of the rights (IPC_READ …), which may come from any digit. */
  allows(rights: u32): bool {
    const wanted = rights | (rights >> 3) | (rights >> 6);
    let granted = this.mode;
    if (users.effective == this.creator || users.effective == this.user) granted >>= 6;
    else if (isInGroup(this.creatorGroup) || isInGroup(this.group)) granted >>= 3;
    return (wanted & ~granted & 7) == 0 || capable(CAP_IPC_OWNER);
  }

  isOwned(): bool {
    const user = users.effective;
    return user == this.creator || user == this.user || capable(CAP_SYS_ADMIN);
  }

  /** IPC_SET. */
  setOwner(user: u32, group: u32, mode: u32): void {
    this.user = user;
    this.group = group;
    this.mode = (this.mode & ~PERMISSIONS) | (mode & PERMISSIONS);
    this.changedAt = ipcSeconds();
  }
}

export class IpcTable<T extends IpcObject> {
  private places: StaticArray<T | null> | null = null;
  private sequence: u32 = 0;
  /** No place below this one is free. */
  private lowest: i32 = 0;
  /** How many objects there are. */
  count: u32 = 0;

  keyed(key: u32): T | null {
    const places = this.places;
    if (!places || key == IPC_PRIVATE) return null;
    for (let i = 0; i < places.length; i++) {
      const object = places[i];
      if (object && object.key == key) return object;
    }
    return null;
  }

  find(id: i32): T | null {
    const object = this.at(<u32>id & PLACE_MASK);
    return object && object.id == id ? object : null;
  }

  /** Why an identifier leads to nothing. */
  error(id: i32): i64 {
    return id >= 0 && this.at(<u32>id & PLACE_MASK) ? -EIDRM : -EINVAL;
  }

  at(index: u32): T | null {
    const places = this.places;
    return places && index < <u32>places.length ? places[index] : null;
  }

  /** The highest place that is taken, or 0: what *_INFO return. */
  highest(): u32 {
    const places = this.places;
    for (let i = places ? places.length - 1 : 0; i > 0; i--) if (places![i]) return i;
    return 0;
  }

  /** A free place below `most`, or -ENOSPC, -ENOMEM. */
  private freePlace(most: u32): i32 {
    if (this.count >= most) return -ENOSPC;
    const places = this.places;
    const length = places ? places.length : 0;
    for (; this.lowest < length; this.lowest++) if (!places![this.lowest]) return this.lowest;
    const larger = attemptArray<T | null>(max(length << 1, PLACES_MIN));
    if (!larger) return -ENOMEM;
    for (let i = 0; i < length; i++) larger[i] = places![i];
    if (places) free(places);
    this.places = larger;
    return length;
  }

  /** Takes a new object in, as the process' own: its identifier, -ENOSPC or -ENOMEM. */
  enter(object: T, key: u32, flags: u32, most: u32): i64 {
    const place = this.freePlace(most);
    if (place < 0) return place;
    this.places![place] = object;
    this.count++;
    object.id = (this.sequence << PLACE_BITS) | place;
    this.sequence = (this.sequence + 1) & SEQUENCE_MASK;
    object.key = key;
    object.mode = flags & PERMISSIONS;
    object.user = users.effective;
    object.creator = users.effective;
    object.group = groups.effective;
    object.creatorGroup = groups.effective;
    object.changedAt = ipcSeconds();
    return object.id;
  }

  leave(object: T): void {
    assert(this.find(object.id) == object, "the object is in the table");
    const place = <u32>object.id & PLACE_MASK;
    this.places![place] = null;
    this.lowest = min(this.lowest, <i32>place);
    this.count--;
  }

  /** Gives back the table's own memory; it must be empty. */
  destroy(): void {
    const places = this.places;
    if (places) free(places);
    this.places = null;
    this.lowest = 0;
  }
}
