/**
 * What IP_RECVERR asks for (ip(7)): the errors of a socket's datagrams, each with the datagram
 * itself as far as that is known, in order, for recvmsg with MSG_ERRQUEUE.
 *
 *     struct sock_extended_err    0 errno (u32)   4 origin (u8)   5 type (u8)   6 code (u8)   8 info (u32)   12 data (u32),
 *                                 and behind it the offender as a struct sockaddr_in
 */
import { copy } from "../../arch/hw";
import { IoVector } from "../../fs/io-vector";
import { EAGAIN } from "../../lib/errno";
import { free } from "../../runtime/free";
import { ErrorReport } from "../error-report";
import { Packet, PacketQueue, packetAllocLarge, packetFree } from "../packet";
import { AF_INET, IP_RECVERR, MSG_ERRQUEUE, MSG_TRUNC, SOL_IP } from "./constants";
import { Message } from "./message";
import { packetPut } from "./packet-io";

const EXTENDED_ERROR_SIZE: u32 = 16;
const OFFENDER_SIZE: u32 = 16;
/** More are dropped: who does not read them does not want them. */
const ERRORS_MAX: u32 = 64;

export const SO_EE_ORIGIN_LOCAL: u32 = 1;
export const SO_EE_ORIGIN_ICMP: u32 = 2;

export class ErrorQueue {
  private reports: PacketQueue = new PacketQueue();

  constructor() {
    this.reports.reset();
  }

  isEmpty(): bool {
    return this.reports.first == null;
  }

  /**
   * Notes an error of a datagram to `address` and `port`, `bytes` of whose payload are at
   * `payload`. When there is no memory for it, it is lost.
   */
  add(origin: u32, report: ErrorReport, address: u32, port: u32, payload: u64, bytes: u32): void {
    if (this.reports.count >= ERRORS_MAX) return;
    const entry = packetAllocLarge(bytes);
    if (!entry) return;
    copy(entry.append(bytes), payload, bytes);
    entry.destination = address;
    entry.destinationPort = <u16>port;
    entry.source = report.offender;
    // The fields of TCP's queues are free here.
    entry.sequence = report.errno;
    entry.sequenceEnd = origin | (report.type << 8) | (report.code << 16);
    entry.time = report.info;
    this.reports.push(entry);
  }

  /** The errno of the oldest error; 0: there is none. */
  nextErrno(): i32 {
    const first = this.reports.first;
    return first ? <i32>first.sequence : 0;
  }

  /** Takes the oldest error, for recvmsg: bytes of the payload, -EAGAIN, or -EFAULT. May sleep. */
  take(io: IoVector, message: Message | null): i64 {
    const entry = this.reports.pop();
    if (!entry) return -EAGAIN;
    if (message) tell(message, entry);
    const done = packetPut(entry, io);
    if (message && done >= 0 && done != <i64>entry.length) message.flags |= MSG_TRUNC;
    packetFree(entry);
    return done;
  }

  clear(): void {
    this.reports.clear();
  }

  release(): void {
    this.reports.clear();
    free(this.reports);
  }
}

function tell(message: Message, entry: Packet): void {
  message.flags |= MSG_ERRQUEUE;
  message.address.setInet(entry.destination, entry.destinationPort);
  message.hasAddress = true;
  const data = message.controlReserve(SOL_IP, IP_RECVERR, EXTENDED_ERROR_SIZE + OFFENDER_SIZE);
  if (data == 0) return;
  store<u32>(data, entry.sequence);
  store<u32>(data, entry.sequenceEnd, 4);
  store<u32>(data, <u32>entry.time, 8);
  if ((entry.sequenceEnd & 0xff) == SO_EE_ORIGIN_LOCAL) return;
  store<u16>(data + EXTENDED_ERROR_SIZE, <u16>AF_INET);
  store<u32>(data + EXTENDED_ERROR_SIZE, bswap<u32>(entry.source), 4);
}
