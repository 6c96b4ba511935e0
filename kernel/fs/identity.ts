/**
 * Who the process was at some moment, for those who ask later: the other end of a unix(7) socket
 * (SO_PEERCRED, SO_PEERGROUPS). Users and groups of the process change; this stays as it was.
 *
 *     identity = processInfo().identity()     the caller's reference; null: memory is out
 *     identityPut(identity)
 *
 * Sockets share one as long as nothing changes, and it is never written to after it was made.
 */
import { heapAlloc, heapFree } from "../runtime/heap";

/** Supplementary groups follow, u32 each. */
@unmanaged
export class Identity {
  references: u32;
  pid: u32;
  realUser: u32;
  realGroup: u32;
  effectiveUser: u32;
  effectiveGroup: u32;
  groupCount: u32;

  /** Address of the supplementary groups. */
  groups(): usize {
    return changetype<usize>(this) + offsetof<Identity>();
  }
}

/** One with zeros for ids and groups, and one reference; null: memory is out. */
export function identityCreate(groupCount: u32): Identity | null {
  const bytes = offsetof<Identity>() + ((<usize>groupCount) << 2);
  const at = heapAlloc(bytes);
  if (at == 0) return null;
  memory.fill(at, 0, bytes);
  const identity = changetype<Identity>(at);
  identity.references = 1;
  identity.groupCount = groupCount;
  return identity;
}

export function identityGet(identity: Identity): Identity {
  identity.references++;
  return identity;
}

export function identityPut(identity: Identity): void {
  if (--identity.references == 0) heapFree(changetype<usize>(identity));
}
