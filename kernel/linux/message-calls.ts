/**
 * sendto, recvfrom, sendmsg, recvmsg and their kin for several messages.
 *
 *     struct msghdr     0 name   8 name length (u32)   16 iovecs   24 their number   32 control   40 its length   48 flags (u32)
 *     struct mmsghdr    msghdr, then 56 length of the message (u32); 64 bytes
 */
import { IOV_MAX, IoVector } from "../fs/io-vector";
import { EFAULT, EMSGSIZE, ENOBUFS } from "../lib/errno";
import { addressLoad, addressStore } from "../net/socket/address";
import { MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_WAITFORONE } from "../net/socket/constants";
import { Message, messageCreate, messageDestroy } from "../net/socket/message";
import { Socket } from "../net/socket/socket";
import { attempt } from "../runtime/attempt";
import { heapFree } from "../runtime/heap";
import { currentThread } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { monotonicNs } from "../time/clock";
import { controlLoad, controlStore } from "./control-messages";
import { socketFailure, socketOf, socketPut } from "./socket-calls";
import { loadTimespec } from "./timespec";
import { loadUser, storeUser32, storeUser64 } from "./user-memory";

const MSGHDR_SIZE: u64 = 56;
const MMSGHDR_SIZE: u64 = 64;
/** Linux's UIO_MAXIOV, which bounds sendmmsg and recvmmsg too. */
const MESSAGES_MAX: u32 = 1024;
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
    result = message ? addressLoad(message.address, user, addressLength) : -ENOBUFS;
    if (message) {
      message.hasAddress = true;
      if (result == 0) result = socket.send(io, flags, message);
      messageDestroy(message);
    }
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
    result = message ? socket.receive(io, flags, message) : -ENOBUFS;
    if (message && result >= 0) {
      const error = storeName(message, user, lengthUser);
      if (error != 0) result = error;
    }
    if (message) messageDestroy(message);
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

/** Sends what the loaded header describes. */
function sendHeader(socket: Socket, header: MessageHeader, flags: u32, io: IoVector): i64 {
  if (header.iovecCount > IOV_MAX) return -EMSGSIZE;
  let error = io.setVector(header.iovecs, header.iovecCount);
  if (error != 0) return error;
  if (header.name == 0 && header.control == 0) return socket.send(io, flags, null);
  const message = messageCreate();
  if (!message) return -ENOBUFS;
  if (header.name != 0 && header.nameLength != 0) {
    error = addressLoad(message.address, header.name, header.nameLength);
    message.hasAddress = true;
  }
  if (error == 0 && header.control != 0) {
    error = controlLoad(message, header.control, header.controlLength, socket.family);
  }
  const result: i64 = error != 0 ? error : socket.send(io, flags, message);
  messageDestroy(message);
  return result;
}

export function sys_sendmsg(fd: i32, user: u64, flags: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const header = attempt(new MessageHeader());
  if (!header) {
    socketPut(socket);
    return -ENOBUFS;
  }
  let result: i64 = loadUser(changetype<usize>(header), user, MSGHDR_SIZE);
  if (result == 0) result = sendHeader(socket, header, flags, currentThread().io);
  heapFree(changetype<usize>(header));
  socketPut(socket);
  return result;
}

export function sys_sendmmsg(fd: i32, user: u64, count: u32, flags: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const header = attempt(new MessageHeader());
  if (!header) {
    socketPut(socket);
    return -ENOBUFS;
  }
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
  if (!message) return -ENOBUFS;
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
      const room = header.control != 0 ? header.controlLength : 0;
      const used = controlStore(message, header.control, room, flags);
      error = used < 0 ? <i32>used : storeUser64(user + 40, used);
    }
    if (error == 0) error = storeUser32(user + 48, message.flags | (flags & MSG_CMSG_CLOEXEC));
  }
  messageDestroy(message);
  return error != 0 ? error : result;
}

export function sys_recvmsg(fd: i32, user: u64, flags: u32): i64 {
  const socket = socketOf(fd);
  if (!socket) return socketFailure(fd);
  const header = attempt(new MessageHeader());
  if (!header) {
    socketPut(socket);
    return -ENOBUFS;
  }
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
  const header = attempt(new MessageHeader());
  if (!header) {
    socketPut(socket);
    return -ENOBUFS;
  }
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
