/**
 * sendto, recvfrom, sendmsg, recvmsg and their kin for several messages.
 *
 *     struct msghdr     0 name   8 name length (u32)   16 iovecs   24 their number   32 control   40 its length   48 flags (u32)
 *     struct mmsghdr    msghdr, then 56 length of the message (u32); 64 bytes
 *     struct cmsghdr    0 length (u64)   8 level (u32)   12 type (u32)   16 data; the next one begins at a multiple of 8
 */
import { File } from "../fs/file";
import { IOV_MAX, IoVector } from "../fs/io-vector";
import { EBADF, EFAULT, EINVAL, EMSGSIZE } from "../lib/errno";
import { interfaceIndexOf } from "../net/interface";
import { addressLoad, addressStore } from "../net/socket/address";
import {
  AF_UNIX,
  IP_PKTINFO,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_WAITFORONE,
  SCM_MAX_FD,
  SCM_RIGHTS,
  SOL_IP,
  SOL_SOCKET,
} from "../net/socket/constants";
import { Message, messageCreate, messageDestroy, Rights } from "../net/socket/message";
import { Socket } from "../net/socket/socket";
import { heapAlloc, heapFree } from "../runtime/heap";
import { currentThread } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { monotonicNs } from "../time/clock";
import { fdFile, fdInstall } from "./descriptors";
import { socketFailure, socketOf, socketPut } from "./socket-calls";
import { loadTimespec } from "./timespec";
import { loadUser, storeUser32, storeUser64 } from "./user-memory";

const MSGHDR_SIZE: u64 = 56;
const MMSGHDR_SIZE: u64 = 64;
const CMSG_HEADER: u64 = 16;
/** Linux's UIO_MAXIOV, which bounds sendmmsg and recvmmsg too. */
const MESSAGES_MAX: u32 = 1024;
/** struct in_pktinfo: interface index, our address, the destination of the header. */
const PKTINFO_SIZE: u64 = 12;
/** More control data than SCM_MAX_FD descriptors and their header is nothing that we know. */
const CONTROL_MAX: u64 = 1280;

@unmanaged
class MessageHeader {
  name: u64;
  nameLength: u32;
  padding: u32;
  iovecs: u64;
  iovecCount: u64;
  control: u64;
  controlLength: u64;
  flags: u32;
  padding1: u32;
}
if (offsetof<MessageHeader>() != 56) ERROR("struct msghdr is 56 bytes");

export function sys_sendto(
  fd: i32,
  buffer: u64,
  length: u64,
  flags: u32,
  user: u64,
  addressLength: u32,
): i64 {
  const io = currentThread().io;
  if (io.setUser(buffer, length) != 0) return -EFAULT;
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  let result: i64;
  if (user == 0) {
    result = socket.send(io, flags, null);
  } else {
    const message = messageCreate();
    result = addressLoad(message.address, user, addressLength);
    message.hasAddress = true;
    if (result == 0) result = socket.send(io, flags, message);
    messageDestroy(message);
  }
  socketPut(socket);
  return result;
}

export function sys_recvfrom(
  fd: i32,
  buffer: u64,
  length: u64,
  flags: u32,
  user: u64,
  lengthUser: u64,
): i64 {
  const io = currentThread().io;
  if (io.setUser(buffer, length) != 0) return -EFAULT;
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  let result: i64;
  if (user == 0) {
    result = socket.receive(io, flags, null);
  } else {
    const message = messageCreate();
    result = socket.receive(io, flags, message);
    if (result >= 0) {
      const error = storeName(message, user, lengthUser);
      if (error != 0) result = error;
    }
    messageDestroy(message);
  }
  socketPut(socket);
  return result;
}

/** The sender's address; a connected stream has none to tell. */
function storeName(message: Message, user: u64, lengthUser: u64): i32 {
  if (!message.hasAddress) return storeUser32(lengthUser, 0);
  return addressStore(message.address, user, lengthUser);
}

// ---- sendmsg ------------------------------------------------------------------------------------

/**
 * The descriptors of one SCM_RIGHTS message, of which `data` are the numbers. 0 or a negative
 * errno.
 */
function takeDescriptors(message: Message, data: usize, length: u64): i32 {
  const count = <i32>(length / 4);
  if (count > SCM_MAX_FD) return -EINVAL;
  if (message.rights != null) return -EINVAL;
  const rights = new Rights(count);
  message.rights = rights;
  for (let i = 0; i < count; i++) {
    const file = fdFile(load<i32>(data + ((<usize>i) << 2)));
    if (!file) return -EBADF;
    rights.add(file);
  }
  return 0;
}

/** Reads the control messages that go with a message. 0 or a negative errno. */
function loadControl(message: Message, header: MessageHeader, isUnix: bool): i32 {
  const length = header.controlLength;
  if (header.control == 0 || length < CMSG_HEADER) return 0;
  if (length > CONTROL_MAX) return -EMSGSIZE;
  const control = heapAlloc(<usize>CONTROL_MAX);
  let result = loadUser(control, header.control, length);
  let at: u64 = 0;
  while (result == 0 && at + CMSG_HEADER <= length) {
    const here = control + <usize>at;
    const size = load<u64>(here);
    if (size < CMSG_HEADER || size > length - at) {
      result = -EINVAL;
      break;
    }
    const level = load<u32>(here, 8);
    const type = load<u32>(here, 12);
    const data = here + <usize>CMSG_HEADER;
    if (isUnix && level == SOL_SOCKET && type == SCM_RIGHTS) {
      result = takeDescriptors(message, data, size - CMSG_HEADER);
    } else if (!isUnix && level == SOL_IP && type == IP_PKTINFO) {
      if (size < CMSG_HEADER + PKTINFO_SIZE) result = -EINVAL;
      else message.localAddress = bswap<u32>(load<u32>(data, 4));
    }
    at += (size + 7) & ~7;
  }
  heapFree(control);
  return result;
}

/** Sends what the loaded header describes. */
function sendHeader(socket: Socket, header: MessageHeader, flags: u32, io: IoVector): i64 {
  if (header.iovecCount > IOV_MAX) return -EMSGSIZE;
  let error = io.setVector(header.iovecs, header.iovecCount);
  if (error != 0) return error;
  if (header.name == 0 && header.control == 0) return socket.send(io, flags, null);
  const message = messageCreate();
  if (header.name != 0 && header.nameLength != 0) {
    error = addressLoad(message.address, header.name, header.nameLength);
    message.hasAddress = true;
  }
  if (error == 0) error = loadControl(message, header, socket.family == AF_UNIX);
  const result: i64 = error != 0 ? error : socket.send(io, flags, message);
  messageDestroy(message);
  return result;
}

export function sys_sendmsg(fd: i32, user: u64, flags: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const header = new MessageHeader();
  let result: i64 = loadUser(changetype<usize>(header), user, MSGHDR_SIZE);
  if (result == 0) result = sendHeader(socket, header, flags, currentThread().io);
  heapFree(changetype<usize>(header));
  socketPut(socket);
  return result;
}

export function sys_sendmmsg(fd: i32, user: u64, count: u32, flags: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const header = new MessageHeader();
  const wanted = min(count, MESSAGES_MAX);
  let done: u32 = 0;
  let result: i64 = 0;
  while (done < wanted) {
    const at = user + <u64>done * MMSGHDR_SIZE;
    result = loadUser(changetype<usize>(header), at, MSGHDR_SIZE);
    if (result == 0) result = sendHeader(socket, header, flags, currentThread().io);
    if (result < 0) break;
    result = storeUser32(at + MSGHDR_SIZE, <u32>result);
    if (result < 0) break;
    done++;
  }
  heapFree(changetype<usize>(header));
  socketPut(socket);
  return done > 0 ? done : result;
}

// ---- recvmsg ------------------------------------------------------------------------------------

/**
 * Gives received files descriptors, and their numbers to the application. Sets the length used; or
 * -EFAULT.
 */
function storeRights(message: Message, header: MessageHeader, flags: u32): i32 {
  const room = header.control != 0 ? header.controlLength : 0;
  header.controlLength = 0;
  const rights = message.rights;
  if (!rights) return 0;
  const fits = room < CMSG_HEADER + 4 ? 0 : <i32>min<u64>((room - CMSG_HEADER) / 4, rights.count);
  if (fits < rights.count) message.flags |= MSG_CTRUNC;
  if (fits == 0) return 0;
  let given = 0;
  const numbers = header.control + CMSG_HEADER;
  while (given < fits) {
    const file = rights.files[given];
    if (!file) break;
    rights.files[given] = null;
    const fd = fdInstall(<File>file, (flags & MSG_CMSG_CLOEXEC) != 0);
    if (fd < 0) {
      message.flags |= MSG_CTRUNC;
      break;
    }
    if (storeUser32(numbers + <u64>given * 4, <u32>fd) != 0) return -EFAULT;
    given++;
  }
  if (given == 0) return 0;
  const length = CMSG_HEADER + <u64>given * 4;
  if (storeUser64(header.control, length) != 0) return -EFAULT;
  if (storeUser32(header.control + 8, SOL_SOCKET) != 0) return -EFAULT;
  if (storeUser32(header.control + 12, SCM_RIGHTS) != 0) return -EFAULT;
  header.controlLength = min(room, (length + 7) & ~7);
  return 0;
}

/** Tells which of our addresses a datagram came to: struct in_pktinfo. */
function storePacketInfo(message: Message, header: MessageHeader): i32 {
  const at = header.control;
  const room = at != 0 ? header.controlLength : 0;
  header.controlLength = 0;
  if (room < CMSG_HEADER + PKTINFO_SIZE) {
    message.flags |= MSG_CTRUNC;
    return 0;
  }
  const address = bswap<u32>(message.localAddress);
  const head = <u64>SOL_IP | ((<u64>IP_PKTINFO) << 32);
  const index = interfaceIndexOf(message.localAddress);
  if (
    storeUser64(at, CMSG_HEADER + PKTINFO_SIZE) != 0 ||
    storeUser64(at + 8, head) != 0 ||
    storeUser64(at + 16, <u64>index | ((<u64>address) << 32)) != 0 ||
    storeUser32(at + 24, address) != 0
  ) {
    return -EFAULT;
  }
  header.controlLength = min(room, (CMSG_HEADER + PKTINFO_SIZE + 7) & ~7);
  return 0;
}

/** Receives as the loaded header of the struct at `user` says, and stores what changes in it. */
function receiveHeader(
  socket: Socket,
  header: MessageHeader,
  user: u64,
  flags: u32,
  io: IoVector,
): i64 {
  if (header.iovecCount > IOV_MAX) return -EMSGSIZE;
  const invalid = io.setVector(header.iovecs, header.iovecCount);
  if (invalid != 0) return invalid;
  const message = messageCreate();
  const result = socket.receive(io, flags, message);
  let error = 0;
  if (result >= 0) {
    if (header.name != 0) {
      // addressStore takes the room from where it puts the length: msg_namelen.
      error = message.hasAddress
        ? addressStore(message.address, header.name, user + 8)
        : storeUser32(user + 8, 0);
    }
    if (error == 0) {
      error =
        message.localAddress != 0
          ? storePacketInfo(message, header)
          : storeRights(message, header, flags);
    }
    if (error == 0) error = storeUser64(user + 40, header.controlLength);
    if (error == 0) error = storeUser32(user + 48, message.flags | (flags & MSG_CMSG_CLOEXEC));
  }
  messageDestroy(message);
  return error != 0 ? error : result;
}

export function sys_recvmsg(fd: i32, user: u64, flags: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const header = new MessageHeader();
  let result: i64 = loadUser(changetype<usize>(header), user, MSGHDR_SIZE);
  if (result == 0) result = receiveHeader(socket, header, user, flags, currentThread().io);
  heapFree(changetype<usize>(header));
  socketPut(socket);
  return result;
}

export function sys_recvmmsg(fd: i32, user: u64, count: u32, flags: u32, timeout: u64): i64 {
  const limit = timeout != 0 ? loadTimespec(timeout) : 0;
  if (limit < 0) return limit;
  const deadline = timeout != 0 ? monotonicNs() + <u64>limit : NO_DEADLINE;
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const header = new MessageHeader();
  const wanted = min(count, MESSAGES_MAX);
  let done: u32 = 0;
  let result: i64 = 0;
  let mode = flags & ~MSG_WAITFORONE;
  while (done < wanted) {
    const at = user + <u64>done * MMSGHDR_SIZE;
    result = loadUser(changetype<usize>(header), at, MSGHDR_SIZE);
    if (result == 0) result = receiveHeader(socket, header, at, mode, currentThread().io);
    if (result < 0) break;
    result = storeUser32(at + MSGHDR_SIZE, <u32>result);
    if (result < 0) break;
    done++;
    if ((flags & MSG_WAITFORONE) != 0) mode |= MSG_DONTWAIT;
    // As on Linux, the time is only looked at between messages.
    if (deadline != NO_DEADLINE && monotonicNs() >= deadline) break;
  }
  heapFree(changetype<usize>(header));
  socketPut(socket);
  return done > 0 ? done : result;
}
