/**
 * The multicast groups that sockets of this machine have joined, whichever and however often.
 *
 *     groupJoin(address)          false: memory is out           groupLeave(address)
 *     groupIsJoined(address)      whether a datagram to the group is for anybody here
 */
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";

/** All hosts on the link, which everybody is one of (RFC 1112 section 4). */
const ALL_HOSTS: u32 = 0xe000_0001;

class Group {
  next: Group | null = null;
  members: u32 = 1;

  constructor(public address: u32) {}
}

let first: Group | null = null;

function find(address: u32): Group | null {
  let group = first;
  while (group && group.address != address) group = group.next;
  return group;
}

export function groupJoin(address: u32): bool {
  const known = find(address);
  if (known) {
    known.members++;
    return true;
  }
  const group = attempt(new Group(address));
  if (!group) return false;
  group.next = first;
  first = group;
  return true;
}

export function groupLeave(address: u32): void {
  const group = find(address);
  if (!group || --group.members > 0) return;
  let previous: Group | null = null;
  let at = first;
  while (at && at != group) {
    previous = at;
    at = at.next;
  }
  if (previous) previous.next = group.next;
  else first = group.next;
  free(group);
}

export function groupIsJoined(address: u32): bool {
  return address == ALL_HOSTS || find(address) != null;
}
