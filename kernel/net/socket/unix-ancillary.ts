/**
 * What travels between unix(7) sockets beside bytes: descriptors and credentials. In a packet it is
 * a Rights (message.ts), to which `Packet.owner` points.
 */
import { processInfo } from "../../fs/process-info";
import { ENOBUFS } from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { SCM_CREDENTIALS, SOL_SOCKET } from "./constants";
import { Message, Rights } from "./message";

/** sizeof(struct ucred): process, user, group. */
export const UCRED_SIZE: u32 = 12;

/**
 * What of a message travels in a packet beside its bytes: a pointer to its Rights, which the packet
 * owns then; 0: nothing; or -ENOBUFS.
 */
export function takeAncillary(message: Message): usize {
  let rights = message.rights;
  if (message.hasCredentials && !rights) {
    rights = attempt(new Rights());
    if (!rights) return -ENOBUFS;
  }
  message.rights = null;
  if (rights && message.hasCredentials) {
    rights.hasCredentials = true;
    rights.pid = message.pid;
    rights.uid = message.uid;
    rights.gid = message.gid;
    message.hasCredentials = false;
  }
  return changetype<usize>(rights);
}

function storeCredentials(to: usize, pid: u32, uid: u32, gid: u32): void {
  store<u32>(to, pid);
  store<u32>(to, uid, 4);
  store<u32>(to, gid, 8);
}

/** Writes the struct ucred of the one process there is. */
export function storeOwnCredentials(to: usize): void {
  const process = processInfo();
  storeCredentials(to, process.pid(), process.userId(), process.groupId());
}

/** Tells a received message's credentials: the sender's word, or who it is. */
export function tellCredentials(message: Message): void {
  const data = message.controlReserve(SOL_SOCKET, SCM_CREDENTIALS, UCRED_SIZE);
  if (data == 0) return;
  const rights = message.rights;
  if (rights && rights.hasCredentials) storeCredentials(data, rights.pid, rights.uid, rights.gid);
  else storeOwnCredentials(data);
}
