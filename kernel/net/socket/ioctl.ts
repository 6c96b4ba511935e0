/**
 * ioctl(2) of sockets: bytes waiting, non-blocking mode; the rest is about interfaces
 * (interface-ioctl.ts).
 */
import { O_NONBLOCK } from "../../fs/file";
import { ENOENT, ENOMEM } from "../../lib/errno";
import { loadUser, storeUser32 } from "../../linux/user-memory";
import { heapAlloc, heapFree } from "../../runtime/heap";
import { interfaceIoctl } from "./interface-ioctl";
import { Socket } from "./socket";

/** SIOCINQ and SIOCOUTQ. */
const FIONREAD: u32 = 0x541b;
const TIOCOUTQ: u32 = 0x5411;
const FIONBIO: u32 = 0x5421;
const SIOCATMARK: u32 = 0x8905;
const SIOCGSTAMP: u32 = 0x8906;
const SIOCGSTAMPNS: u32 = 0x8907;

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
    case SIOCGSTAMP:
    case SIOCGSTAMPNS:
      // Nothing has been received, or nobody asked for its time.
      return -ENOENT;
    default:
      return interfaceIoctl(request, argument);
  }
}

function setNonBlocking(socket: Socket, argument: u64): i64 {
  const scratch = heapAlloc(16);
  if (scratch == 0) return -ENOMEM;
  const error = loadUser(scratch, argument, 4);
  const on = load<u32>(scratch) != 0;
  heapFree(scratch);
  if (error != 0) return error;
  if (on) socket.flags |= O_NONBLOCK;
  else socket.flags &= ~O_NONBLOCK;
  return 0;
}
