/**
 * What goes with a message beside its bytes: the other end's address, control data, and flags. One
 * per call of sendmsg, recvmsg, sendto, recvfrom; plain read, write, send and recv do without.
 */
import { File, fileGet, filePut } from "../../fs/file";
import { free } from "../../runtime/free";
import { addressCreate, SocketAddress } from "./address";

@unmanaged
export class Message {
  address: SocketAddress = changetype<SocketAddress>(0);
  /** Sending: `address` is where to; receiving: it was filled in. */
  hasAddress: bool;
  /** MSG_* that recvmsg returns. */
  flags: u32;
  /** Descriptors that travel along: the sender's, or the received ones. */
  rights: Rights | null;
  /**
   * IP_PKTINFO: which of our addresses a datagram came to, or is to come from; 0: not asked for.
   */
  localAddress: u32;
}

export function messageCreate(): Message {
  const message = new Message();
  message.address = addressCreate();
  message.hasAddress = false;
  message.flags = 0;
  message.rights = null;
  message.localAddress = 0;
  return message;
}

/** Frees a message, and what of its rights nobody took. */
export function messageDestroy(message: Message): void {
  const rights = message.rights;
  if (rights) rightsDestroy(rights);
  free(message.address);
  free(message);
}

/**
 * Open files on their way between processes' descriptor tables (SCM_RIGHTS); each counts as a
 * reference.
 */
export class Rights {
  count: i32 = 0;
  files: StaticArray<File | null>;

  constructor(capacity: i32) {
    this.files = new StaticArray<File | null>(capacity);
  }

  add(file: File): void {
    fileGet(file);
    this.files[this.count++] = file;
  }
}

export function rightsDestroy(rights: Rights): void {
  for (let i = 0; i < rights.count; i++) {
    const file = rights.files[i];
    if (file) filePut(file);
  }
  free(rights.files);
  free(rights);
}
