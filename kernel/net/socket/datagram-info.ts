/**
 * What recvmsg tells of a datagram beside its bytes and its sender, if it was asked for: control
 * messages of ip(7) and socket(7).
 */
import { realtimeOffset } from "../../time/clock";
import { interfaceIndexOf } from "../interface";
import {
  IP_PKTINFO,
  IP_TOS,
  IP_TTL,
  SO_TIMESTAMP,
  SO_TIMESTAMPNS,
  SOL_IP,
  SOL_SOCKET,
} from "./constants";
import { Message } from "./message";
import { Socket } from "./socket";

const NS_PER_SECOND: u64 = 1_000_000_000;
/** Of what this machine sends itself. */
const TTL_DEFAULT: u8 = 64;

/**
 * IP_PKTINFO: struct in_pktinfo is the interface's index, our address there, the packet's
 * destination.
 */
export function tellPacketInfo(message: Message, destination: u32): void {
  const data = message.controlReserve(SOL_IP, IP_PKTINFO, 12);
  if (data == 0) return;
  store<u32>(data, interfaceIndexOf(destination));
  store<u32>(data, bswap<u32>(destination), 4);
  store<u32>(data, bswap<u32>(destination), 8);
}

/** IP_RECVTTL. */
export function tellTtl(message: Message, ttl: u8): void {
  message.controlAddNumber(SOL_IP, IP_TTL, ttl == 0 ? TTL_DEFAULT : ttl);
}

/** IP_RECVTOS: one byte. */
export function tellTos(message: Message, tos: u8): void {
  const data = message.controlReserve(SOL_IP, IP_TOS, 1);
  if (data != 0) store<u8>(data, tos);
}

/** SO_TIMESTAMP and SO_TIMESTAMPNS: when the datagram came (monotonic ns), as wall time. */
export function tellTime(socket: Socket, message: Message, time: u64): void {
  const now = time + realtimeOffset();
  if (((socket.plainOptions >> SO_TIMESTAMPNS) & 1) != 0) {
    putTime(message, SO_TIMESTAMPNS, now / NS_PER_SECOND, now % NS_PER_SECOND);
  } else if (((socket.plainOptions >> SO_TIMESTAMP) & 1) != 0) {
    putTime(message, SO_TIMESTAMP, now / NS_PER_SECOND, (now % NS_PER_SECOND) / 1000);
  }
}

/** struct timeval or timespec. */
function putTime(message: Message, type: u32, seconds: u64, fraction: u64): void {
  const data = message.controlReserve(SOL_SOCKET, type, 16);
  if (data == 0) return;
  store<u64>(data, seconds);
  store<u64>(data, fraction, 8);
}
