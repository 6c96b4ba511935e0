/**
 * The multicast groups that sockets of this machine have joined, whichever and however often, on
 * each interface.
 *
 *     groupJoin(address, via)     false: memory is out           groupLeave(address, via)
 *     groupIsJoined(address)      whether a datagram to the group is for anybody here
 *     groupFirst(), group.next    all of them
 *
 * Routers hear of the first member and of the end of the last one (igmp.ts): who joins or leaves
 * has entered the stack.
 */
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { igmpJoined, igmpLeft, igmpTimeout } from "./igmp";
import { Interface } from "./interface";
import { NetTimer } from "./timers";
import { IGMP_ALL_HOSTS } from "./wire/igmp";

/** The timer is for its next report. */
export class Group extends NetTimer {
  next: Group | null = null;
  members: u32 = 1;
  /** Of all hosts on the link this one was the last to report the group. */
  isLastReporter: bool = false;

  constructor(
    public address: u32,
    public via: Interface,
  ) {
    super();
  }

  expired(): void {
    igmpTimeout(this);
  }
}

let first: Group | null = null;

export function groupFirst(): Group | null {
  return first;
}

function find(address: u32, via: Interface): Group | null {
  let group = first;
  while (group && (group.address != address || group.via != via)) group = group.next;
  return group;
}

export function groupJoin(address: u32, via: Interface): bool {
  const known = find(address, via);
  if (known) {
    known.members++;
    return true;
  }
  const group = attempt(new Group(address, via));
  if (!group) return false;
  group.next = first;
  first = group;
  igmpJoined(group);
  return true;
}

export function groupLeave(address: u32, via: Interface): void {
  const group = find(address, via);
  if (!group || --group.members > 0) return;
  let previous: Group | null = null;
  let at = first;
  while (at && at != group) {
    previous = at;
    at = at.next;
  }
  if (previous) previous.next = group.next;
  else first = group.next;
  igmpLeft(group);
  group.remove();
  free(group);
}

/** Everybody is one of all hosts (RFC 1112 section 4). */
export function groupIsJoined(address: u32): bool {
  if (address == IGMP_ALL_HOSTS) return true;
  let group = first;
  while (group && group.address != address) group = group.next;
  return group != null;
}
