/**
 * What travels between unix(7) sockets beside bytes: descriptors and credentials. In a packet it is
 * a Rights (message.ts), to which `Packet.owner` points.
 */
import { processInfo } from "../../fs/process-info";
import { ENOBUFS } from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { SCM_CREDENTIALS, SOL_SOCKET } from "./constants";
import { Message, Rights } from "./message";
import { isKnownSender } from "./unix-peer";
import { UnixSocket } from "./unix-socket";

/** sizeof(struct ucred): process, user, group. */
export const UCRED_SIZE: u32 = 12;
/** Of a message that was sent before anybody asked who sends (/proc/sys/kernel/overflowuid). */
const OVERFLOW_ID: u32 = 65534;

/**
 * What of a message from `sender` travels in a packet beside its bytes: a pointer to its Rights,
 * which the packet owns then; 0: nothing; or -ENOBUFS. Who sends is said where the receiver asked
 * for it, unless its own end of the connection knows (`tellCredentials`).
 */
export function takeAncillary(message: Message | null, target: UnixSocket): usize {
  const isClaimed = message != null && message.hasCredentials;
  const isTold = isClaimed || (target.passCredentials && !isKnownSender(target));
  let rights = message ? message.rights : null;
  if (isTold && !rights) {
    rights = attempt(new Rights());
    if (!rights) return -ENOBUFS;
  }
  if (message) message.rights = null;
  if (rights && isTold) {
    const process = processInfo();
    rights.hasCredentials = true;
    rights.pid = isClaimed ? message!.pid : process.pid();
    rights.uid = isClaimed ? message!.uid : process.userId();
    rights.gid = isClaimed ? message!.gid : process.groupId();
    if (message) message.hasCredentials = false;
  }
  return changetype<usize>(rights);
}

function storeCredentials(to: usize, pid: u32, uid: u32, gid: u32): void {
  store<u32>(to, pid);
  store<u32>(to, uid, 4);
  store<u32>(to, gid, 8);
}

/** Tells a received message's credentials: the sender's word, who sent, or who connected. */
export function tellCredentials(message: Message, socket: UnixSocket): void {
  const data = message.controlReserve(SOL_SOCKET, SCM_CREDENTIALS, UCRED_SIZE);
  if (data == 0) return;
  const rights = message.rights;
  const identity = socket.peerIdentity;
  if (rights && rights.hasCredentials) {
    storeCredentials(data, rights.pid, rights.uid, rights.gid);
  } else if (identity) {
    storeCredentials(data, identity.pid, identity.realUser, identity.realGroup);
  } else {
    storeCredentials(data, 0, OVERFLOW_ID, OVERFLOW_ID);
  }
}
