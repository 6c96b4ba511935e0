/**
 * Control messages (cmsg(3)) between the application and a Message (net/socket/message.ts): what
 * sendmsg gives, what recvmsg tells, and the descriptors that travel between unix(7) sockets.
 *
 *     struct cmsghdr    0 length (u64)   8 level (u32)   12 type (u32)   16 data; the next one begins at a multiple of 8
 */
import { File } from "../fs/file";
import { processInfo } from "../fs/process-info";
import { EBADF, EFAULT, EINVAL, ENOBUFS, ENOMEM, EPERM, ESRCH } from "../lib/errno";
import { Inet6, inet6Kind } from "../net/socket/address";
import {
  AF_UNIX,
  IP_PKTINFO,
  IP_TOS,
  IP_TTL,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  SCM_CREDENTIALS,
  SCM_MAX_FD,
  SCM_RIGHTS,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from "../net/socket/constants";
import { PKTINFO_SIZE as INET6_PKTINFO_SIZE, IPV6_PKTINFO } from "../net/socket/inet6-options";
import { CMSG_HEADER, Message, Rights } from "../net/socket/message";
import { UCRED_SIZE } from "../net/socket/unix-ancillary";
import { attempt } from "../runtime/attempt";
import { heapAlloc, heapFree } from "../runtime/heap";
import { CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, capable, groups, Ids, users } from "./credentials";
import { fdFile, fdInstall } from "./descriptors";
import { loadUser, storeUser, storeUser32, storeUser64 } from "./user-memory";

/** struct in_pktinfo: interface index, our address, the destination of the header. */
const PKTINFO_SIZE: u32 = 12;
/**
 * The most control data that a sender may give: several of each kind, and SCM_MAX_FD descriptors.
 */
const CONTROL_MAX: u64 = 4096;

// ---- sendmsg ------------------------------------------------------------------------------------

/** Reads the control messages at [user, user + length). 0 or a negative errno. May sleep. */
export function controlLoad(message: Message, user: u64, length: u64, family: u32): i32 {
  if (length < CMSG_HEADER) return 0;
  if (length > CONTROL_MAX) return -ENOBUFS;
  const control = heapAlloc(<usize>length);
  if (control == 0) return -ENOBUFS;
  let result = loadUser(control, user, length);
  if (result == 0) result = parse(message, control, <u32>length, family);
  heapFree(control);
  return result;
}

/** Walks the loaded messages. */
function parse(message: Message, control: usize, length: u32, family: u32): i32 {
  let at: u32 = 0;
  while (at + CMSG_HEADER <= length) {
    const here = control + <usize>at;
    const whole = load<u64>(here);
    if (whole < CMSG_HEADER || whole > length - at) return -EINVAL;
    const size = <u32>whole - CMSG_HEADER;
    const level = load<u32>(here, 8);
    const type = load<u32>(here, 12);
    const data = here + <usize>CMSG_HEADER;
    let error = 0;
    if (level == SOL_SOCKET && family == AF_UNIX) error = parseUnix(message, type, data, size);
    else if (level == SOL_IPV6) error = parseIpv6(message, type, data, size);
    else if (level == SOL_IP) error = parseIp(message, type, data, size);
    if (error != 0) return error;
    at += (CMSG_HEADER + size + 7) & ~7;
  }
  return 0;
}

function parseUnix(message: Message, type: u32, data: usize, size: u32): i32 {
  if (type == SCM_RIGHTS) return takeDescriptors(message, data, size);
  if (type != SCM_CREDENTIALS || size != UCRED_SIZE) return -EINVAL;
  // With CAP_SYS_ADMIN one may claim another process, but not one that there is not.
  if (load<u32>(data) != processInfo().pid()) return capable(CAP_SYS_ADMIN) ? -ESRCH : -EPERM;
  const mayBeUser = hasId(users, load<u32>(data, 4)) || capable(CAP_SETUID);
  if (!mayBeUser || !(hasId(groups, load<u32>(data, 8)) || capable(CAP_SETGID))) return -EPERM;
  message.hasCredentials = true;
  message.pid = load<u32>(data);
  message.uid = load<u32>(data, 4);
  message.gid = load<u32>(data, 8);
  return 0;
}

function hasId(ids: Ids, id: u32): bool {
  return id == ids.real || id == ids.effective || id == ids.saved;
}

/** Descriptors to be sent; several SCM_RIGHTS messages add up. */
function takeDescriptors(message: Message, data: usize, size: u32): i32 {
  const count = <i32>(size / 4);
  let rights = message.rights;
  if (count > SCM_MAX_FD - (rights ? rights.count : 0)) return -EINVAL;
  if (!rights) {
    if (count == 0) return 0;
    rights = attempt(new Rights());
    if (!rights) return -ENOMEM;
    message.rights = rights;
  }
  for (let i = 0; i < count; i++) {
    const file = fdFile(load<i32>(data + ((<usize>i) << 2)));
    if (!file) return -EBADF;
    rights.add(file);
  }
  return 0;
}

function parseIp(message: Message, type: u32, data: usize, size: u32): i32 {
  if (type == IP_PKTINFO) {
    if (size != PKTINFO_SIZE) return -EINVAL;
    message.localAddress = bswap<u32>(load<u32>(data, 4));
    return 0;
  }
  if (type != IP_TTL && type != IP_TOS) return -EINVAL;
  if (size < 4 && !(type == IP_TOS && size == 1)) return -EINVAL;
  const value = size < 4 ? load<u8>(data) : load<u32>(data);
  if (type == IP_TTL) {
    if (value < 1 || value > 255) return -EINVAL;
    message.ttl = <u8>value;
  } else {
    if (value > 255) return -EINVAL;
    message.hasTos = true;
    message.tos = <u8>value;
  }
  return 0;
}

/** What asks for a way to send a packet of IPv6 is read and has no effect: there are none. */
function parseIpv6(message: Message, type: u32, data: usize, size: u32): i32 {
  if (type != IPV6_PKTINFO) return 0;
  if (size < INET6_PKTINFO_SIZE || inet6Kind(data) == Inet6.OTHER) return -EINVAL;
  message.localAddress = bswap<u32>(load<u32>(data, 12));
  return 0;
}

// ---- recvmsg ------------------------------------------------------------------------------------

/**
 * Gives the application, at `user` with `room` bytes, what a received message tells, as much as
 * fits (MSG_CTRUNC). Bytes used, or -EFAULT. May sleep.
 */
export function controlStore(message: Message, user: u64, room: u64, flags: u32): i64 {
  let used: u64 = 0;
  let at: u32 = 0;
  while (at < message.controlLength) {
    const from = message.control + <usize>at;
    const length = load<u32>(from);
    const left = room - used;
    if (left < CMSG_HEADER) {
      message.flags |= MSG_CTRUNC;
      break;
    }
    // What does not fit is cut, and says so in its own length, too.
    if (length > left) {
      message.flags |= MSG_CTRUNC;
      store<u64>(from, left);
    }
    if (storeUser(user + used, from, min<u64>(length, left)) != 0) return -EFAULT;
    const aligned = (length + 7) & ~7;
    used += min<u64>(aligned, left);
    at += aligned;
  }
  if (!message.rights) return <i64>used;
  const more = storeRights(message, user + used, room - used, flags);
  return more < 0 ? more : <i64>used + more;
}

/** Gives received files descriptors, and their numbers to the application. Bytes, or -EFAULT. */
function storeRights(message: Message, user: u64, room: u64, flags: u32): i64 {
  const rights = message.rights!;
  if (rights.count == 0) return 0;
  const fits = room < CMSG_HEADER + 4 ? 0 : <i32>min<u64>((room - CMSG_HEADER) / 4, rights.count);
  if (fits < rights.count) message.flags |= MSG_CTRUNC;
  let given = 0;
  while (given < fits) {
    const file = rights.files[given];
    if (!file) break;
    rights.files[given] = null;
    const fd = fdInstall(<File>file, (flags & MSG_CMSG_CLOEXEC) != 0);
    if (fd < 0) {
      message.flags |= MSG_CTRUNC;
      break;
    }
    if (storeUser32(user + CMSG_HEADER + <u64>given * 4, <u32>fd) != 0) return -EFAULT;
    given++;
  }
  if (given == 0) return 0;
  const length = CMSG_HEADER + <u64>given * 4;
  const head = <u64>SOL_SOCKET | ((<u64>SCM_RIGHTS) << 32);
  if (storeUser64(user, length) != 0 || storeUser64(user + 8, head) != 0) return -EFAULT;
  return <i64>min(room, (length + 7) & ~7);
}
