/**
 * Who is at the other end of a unix(7) socket: SO_PEERCRED, SO_PEERGROUPS, and how two ends become
 * a connection. An end knows who the process was when the other one connected, listened, or made
 * the pair; what the process calls itself later makes no difference.
 */
import { addressOf } from "../../arch/hw";
import { identityGet, identityPut } from "../../fs/identity";
import { processInfo } from "../../fs/process-info";
import { EFAULT, EINVAL, ENODATA, ERANGE } from "../../lib/errno";
import { copyToUser, loadUser, storeUser32 } from "../../linux/user-memory";
import { threadScratch } from "../../sched/thread";
import { AF_UNIX } from "./constants";
import { Socket } from "./socket";
import { UnixSocket } from "./unix-socket";

const GROUP_SIZE: u32 = 4;
const NOBODY: u32 = u32.MAX_VALUE;

/** Connects two new sockets of this process. False: memory is out, and nothing was done. */
export function unixPair(a: UnixSocket, b: UnixSocket): bool {
  const identity = processInfo().identity();
  if (!identity) return false;
  a.knowPeer(identityGet(identity));
  b.knowPeer(identity);
  a.peer = b;
  b.peer = a;
  a.wasConnected = true;
  b.wasConnected = true;
  return true;
}

/** Whether the process still has the ids that a socket knows of its other end. */
export function isKnownSender(socket: UnixSocket): bool {
  const identity = socket.peerIdentity;
  const process = processInfo();
  return (
    identity != null &&
    identity.realUser == process.userId() &&
    identity.realGroup == process.groupId()
  );
}

/** SO_PEERCRED: writes a struct ucred; with nobody known, no process and no user or group. */
export function storePeer(socket: Socket, to: usize): void {
  const identity = socket.family == AF_UNIX ? changetype<UnixSocket>(socket).peerIdentity : null;
  store<u32>(to, identity ? identity.pid : 0);
  store<u32>(to, identity ? identity.effectiveUser : NOBODY, 4);
  store<u32>(to, identity ? identity.effectiveGroup : NOBODY, 8);
}

/**
 * SO_PEERGROUPS: the other end's supplementary groups, u32 each, to the application. 0; -ERANGE: no
 * room, and the size that it takes is told; -ENODATA: nobody is known; -EINVAL; -EFAULT.
 */
export function tellPeerGroups(socket: Socket, user: u64, lengthUser: u64): i32 {
  const scratch = threadScratch();
  if (loadUser(scratch, lengthUser, GROUP_SIZE) != 0) return -EFAULT;
  const room = load<i32>(scratch);
  if (room < 0) return -EINVAL;
  const known = socket.family == AF_UNIX ? changetype<UnixSocket>(socket).peerIdentity : null;
  if (!known) return -ENODATA;
  // The copy may sleep, and another thread close or connect the socket meanwhile.
  const identity = identityGet(known);
  const size = identity.groupCount * GROUP_SIZE;
  const fits = <u32>room >= size;
  let error = fits ? copyToUser(user, addressOf(identity.groups()), size) : 0;
  if (error == 0) error = storeUser32(lengthUser, size);
  identityPut(identity);
  if (error != 0) return -EFAULT;
  return fits ? 0 : -ERANGE;
}
