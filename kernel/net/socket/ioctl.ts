/**
 * ioctl(2) of sockets: bytes waiting, times, non-blocking mode; the rest is about interfaces
 * (interface-ioctl.ts).
 */
import { O_NONBLOCK } from "../../fs/file";
import { ENOENT } from "../../lib/errno";
import { loadUser, storeUser, storeUser32 } from "../../linux/user-memory";
import { threadScratch } from "../../sched/thread";
import { interfaceIoctl } from "./interface-ioctl";
import { Socket } from "./socket";

/** SIOCINQ and SIOCOUTQ. */
const FIONREAD: u32 = 0x541b;
const TIOCOUTQ: u32 = 0x5411;
const FIONBIO: u32 = 0x5421;
const SIOCATMARK: u32 = 0x8905;
// Each has a number from before times had 64 bits everywhere, and one from since: here they agree.
const SIOCGSTAMP_OLD: u32 = 0x8906;
const SIOCGSTAMPNS_OLD: u32 = 0x8907;
const SIOCGSTAMP_NEW: u32 = 0x80108906;
const SIOCGSTAMPNS_NEW: u32 = 0x80108907;

const NS_PER_US: u64 = 1000;
const NS_PER_SECOND: u64 = 1_000_000_000;

export function socketIoctl(socket: Socket, request: u32, argument: u64): i64 {
  switch (request) {
    case FIONREAD: {
      const n = socket.readableBytes();
      return n < 0 ? n : storeUser32(argument, <u32>n);
    }
    case TIOCOUTQ: {
      const n = socket.unsentBytes();
      return n < 0 ? n : storeUser32(argument, <u32>n);
    }
    case FIONBIO:
      return setNonBlocking(socket, argument);
    case SIOCATMARK:
      return storeUser32(argument, socket.atMark() ? 1 : 0);
    case SIOCGSTAMP_OLD:
    case SIOCGSTAMP_NEW:
      return storeReceiveTime(socket, argument, NS_PER_US);
    case SIOCGSTAMPNS_OLD:
    case SIOCGSTAMPNS_NEW:
      return storeReceiveTime(socket, argument, 1);
    default:
      return interfaceIoctl(request, argument);
  }
}

/**
 * When the datagram that was read last had come: struct timeval or timespec, whose fraction counts
 * units of `unitNs`. -ENOENT: none was.
 */
function storeReceiveTime(socket: Socket, user: u64, unitNs: u64): i64 {
  const time = socket.receiveTime();
  if (time == 0) return -ENOENT;
  store<u64>(threadScratch(), time / NS_PER_SECOND);
  store<u64>(threadScratch(), (time % NS_PER_SECOND) / unitNs, 8);
  return storeUser(user, threadScratch(), 16);
}

function setNonBlocking(socket: Socket, argument: u64): i64 {
  const error = loadUser(threadScratch(), argument, 4);
  if (error != 0) return error;
  if (load<u32>(threadScratch()) != 0) socket.flags |= O_NONBLOCK;
  else socket.flags &= ~O_NONBLOCK;
  return 0;
}
