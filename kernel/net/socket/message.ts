/**
 * What goes with a message beside its bytes: the other end's address, control data, and flags. One
 * per call of sendmsg, recvmsg, sendto, recvfrom; plain read, write, send and recv do without.
 *
 * Received control data is put together here by the socket (`controlAdd`), as struct cmsghdr, and
 * copied to the application as far as it has room (linux/control-messages.ts), which also reads
 * what a sender gives into the fields below.
 */
import { File, fileGet, filePut } from "../../fs/file";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { addressCreate, SocketAddress } from "./address";
import { SCM_MAX_FD } from "./constants";

/** struct cmsghdr: 0 length (u64)   8 level (u32)   12 type (u32)   16 data. */
export const CMSG_HEADER: u32 = 16;
/** All that one message can tell, descriptors aside, with room to spare. */
const CONTROL_SIZE: u32 = 256;

@unmanaged
export class Message {
  address: SocketAddress = changetype<SocketAddress>(0);
  /** Sending: `address` is where to; receiving: it was filled in. */
  hasAddress: bool;
  /** MSG_* that recvmsg returns. */
  flags: u32;
  /** Descriptors that travel along: the sender's, or the received ones. */
  rights: Rights | null;
  /** Received control messages, one behind the other; 0: none. */
  control: usize;
  controlLength: u32;

  // ---- What a sender's control messages say ----
  /** SCM_CREDENTIALS. */
  hasCredentials: bool;
  pid: u32;
  uid: u32;
  gid: u32;
  /** IP_PKTINFO: which of our addresses a datagram is to come from; 0: any. */
  localAddress: u32;
  /** IP_TTL; 0: the socket's. */
  ttl: u8;
  /** IP_TOS. */
  hasTos: bool;
  tos: u8;

  /**
   * Adds a control message to what recvmsg tells; where its `size` bytes of data go, or 0: no room.
   */
  controlReserve(level: u32, type: u32, size: u32): usize {
    const aligned = (CMSG_HEADER + size + 7) & ~7;
    if (this.control == 0) this.control = heapAlloc(CONTROL_SIZE);
    if (this.control == 0 || this.controlLength + aligned > CONTROL_SIZE) return 0;
    const at = this.control + <usize>this.controlLength;
    memory.fill(at, 0, aligned);
    store<u64>(at, <u64>(CMSG_HEADER + size));
    store<u32>(at, level, 8);
    store<u32>(at, type, 12);
    this.controlLength += aligned;
    return at + CMSG_HEADER;
  }

  /** Adds a control message that is a 32-bit number. */
  controlAddNumber(level: u32, type: u32, value: u32): void {
    const data = this.controlReserve(level, type, 4);
    if (data != 0) store<u32>(data, value);
  }
}

/** An empty message, the caller's; null: memory is out. */
export function messageCreate(): Message | null {
  const address = addressCreate();
  if (!address) return null;
  const at = heapAlloc(offsetof<Message>());
  if (at == 0) {
    free(address);
    return null;
  }
  memory.fill(at, 0, offsetof<Message>());
  const message = changetype<Message>(at);
  message.address = address;
  return message;
}

/** Frees a message, and what of its rights nobody took. */
export function messageDestroy(message: Message): void {
  const rights = message.rights;
  if (rights) rightsDestroy(rights);
  if (message.control != 0) heapFree(message.control);
  free(message.address);
  free(message);
}

/**
 * What travels with a message between unix(7) sockets: open files (SCM_RIGHTS), each of which
 * counts as a reference, and the sender's own word on who it is (SCM_CREDENTIALS).
 */
export class Rights {
  count: i32 = 0;
  files: StaticArray<File | null> = new StaticArray<File | null>(SCM_MAX_FD);
  hasCredentials: bool = false;
  pid: u32 = 0;
  uid: u32 = 0;
  gid: u32 = 0;

  /** There is room for SCM_MAX_FD files. */
  add(file: File): void {
    fileGet(file);
    this.files[this.count++] = file;
  }
}

/** A second one with references of its own; null: memory is out. */
export function rightsCopy(rights: Rights): Rights | null {
  const copy = attempt(new Rights());
  if (!copy) return null;
  for (let i = 0; i < rights.count; i++) copy.add(rights.files[i]!);
  copy.hasCredentials = rights.hasCredentials;
  copy.pid = rights.pid;
  copy.uid = rights.uid;
  copy.gid = rights.gid;
  return copy;
}

export function rightsDestroy(rights: Rights): void {
  for (let i = 0; i < rights.count; i++) {
    const file = rights.files[i];
    if (file) filePut(file);
  }
  free(rights.files);
  free(rights);
}
