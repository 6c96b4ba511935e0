/**
 * Ping sockets (icmp(7), "net.ipv4.ping_group_range"): SOCK_DGRAM with IPPROTO_ICMP, for whom it is
 * enough to ask whether somebody answers. Echo requests go out, whose identifier is the socket's
 * (what a port is to UDP), and their replies come back, without an IP header.
 */
import { load16, store16 } from "../../arch/hw";
import { EADDRINUSE, EINVAL } from "../../lib/errno";
import { randomU32 } from "../../lib/random";
import { checksumAdd, checksumFinish, checksumFold, checksumPacket } from "../checksum";
import { ipv4Output } from "../ipv4";
import { PACKET_CHECKSUM_VALID, Packet, packetFree } from "../packet";
import {
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_HEADER,
  icmpChecksumStore,
  icmpCode,
  icmpType,
} from "../wire/icmp";
import { IPPROTO_ICMP } from "../wire/ipv4";
import { SocketAddress } from "./address";
import { SOCK_DGRAM } from "./constants";
import { RawSocket } from "./raw-socket";

const IDENTIFIER: u64 = 4;
const IDENTIFIERS: u32 = 1 << 16;

let first: PingSocket | null = null;

function isTaken(identifier: u32): bool {
  let socket = first;
  while (socket) {
    if (socket.identifier == identifier) return true;
    socket = socket.nextPing;
  }
  return false;
}

export class PingSocket extends RawSocket {
  nextPing: PingSocket | null = null;
  /** 0: none yet. */
  identifier: u32 = 0;

  constructor() {
    super(IPPROTO_ICMP);
    this.type = SOCK_DGRAM;
    this.isPing = true;
    this.nextPing = first;
    first = this;
  }

  localPort(): u32 {
    return this.identifier;
  }

  bind(address: SocketAddress): i32 {
    if (this.identifier != 0) return -EINVAL;
    if (address.port != 0 && isTaken(address.port)) return -EADDRINUSE;
    const error = super.bind(address);
    if (error != 0) return error;
    this.identifier = address.port;
    return this.chooseIdentifier();
  }

  connect(address: SocketAddress): i32 {
    const error = super.connect(address);
    return error != 0 ? error : this.chooseIdentifier();
  }

  private chooseIdentifier(): i32 {
    if (this.identifier != 0) return 0;
    const offset = randomU32();
    for (let i: u32 = 0; i < IDENTIFIERS; i++) {
      const candidate = (offset + i) & (IDENTIFIERS - 1);
      if (candidate == 0 || isTaken(candidate)) continue;
      this.identifier = candidate;
      return 0;
    }
    return -EADDRINUSE;
  }

  /** Of what comes: whole replies to requests of its own. */
  wants(packet: Packet): bool {
    if (this.identifier == 0 || packet.length < ICMP_HEADER) return false;
    const message = packet.data;
    if (icmpType(message) != ICMP_ECHO_REPLY) return false;
    if (bswap<u16>(<u16>load16(message + IDENTIFIER)) != this.identifier) return false;
    if ((packet.flags & PACKET_CHECKSUM_VALID) != 0) return true;
    return checksumFold(checksumPacket(0, packet)) == 0xffff;
  }

  transmit(packet: Packet, from: u32, destination: u32): i32 {
    const message = packet.data;
    const isRequest =
      packet.length >= ICMP_HEADER && icmpType(message) == ICMP_ECHO && icmpCode(message) == 0;
    const error = isRequest ? this.chooseIdentifier() : -EINVAL;
    if (error != 0) {
      packetFree(packet);
      return error;
    }
    store16(message + IDENTIFIER, bswap<u16>(<u16>this.identifier));
    icmpChecksumStore(message, 0);
    icmpChecksumStore(message, checksumFinish(checksumAdd(0, message, packet.length)));
    return ipv4Output(packet, this.sourceFor(from, destination), destination, IPPROTO_ICMP);
  }

  release(): void {
    let previous: PingSocket | null = null;
    let at = first;
    while (at && at != this) {
      previous = at;
      at = at.nextPing;
    }
    if (previous) previous.nextPing = this.nextPing;
    else first = this.nextPing;
    super.release();
  }
}
