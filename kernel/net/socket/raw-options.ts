/**
 * Options of ip(7) for raw and ping sockets.
 */
import { EINVAL, ENOPROTOOPT } from "../../lib/errno";
import {
  IP_FREEBIND,
  IP_HDRINCL,
  IP_MTU_DISCOVER,
  IP_MULTICAST_ALL,
  IP_MULTICAST_LOOP,
  IP_PKTINFO,
  IP_RECVERR,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_RETOPTS,
  IP_TOS,
  IP_TTL,
} from "./constants";

const TTL_DEFAULT: i64 = 64;

let identification: u32 = 0;

export class RawOptions {
  /** 0: the default. */
  ttl: u8 = 0;
  tos: u8 = 0;
  headerIncluded: bool = false;
  broadcast: bool = false;
  packetInfo: bool = false;
  tellTtl: bool = false;
  tellTos: bool = false;
  /** Those that are remembered and without effect, a bit per number below 64. */
  private plain: u64 = 0;

  nextIdentification(): u32 {
    return ++identification & 0xffff;
  }

  set(name: u32, value: i32): i32 {
    switch (name) {
      case IP_HDRINCL:
        this.headerIncluded = value != 0;
        return 0;
      case IP_TTL:
        if (value != -1 && (value < 1 || value > 255)) return -EINVAL;
        this.ttl = value == -1 ? 0 : <u8>value;
        return 0;
      case IP_TOS:
        this.tos = <u8>value;
        return 0;
      case IP_PKTINFO:
        this.packetInfo = value != 0;
        return 0;
      case IP_RECVTTL:
        this.tellTtl = value != 0;
        return 0;
      case IP_RECVTOS:
        this.tellTos = value != 0;
        return 0;
      default:
        break;
    }
    if (!isPlain(name)) return -ENOPROTOOPT;
    const bit = (<u64>1) << name;
    this.plain = value != 0 ? this.plain | bit : this.plain & ~bit;
    return 0;
  }

  get(name: u32): i64 {
    switch (name) {
      case IP_HDRINCL:
        return i64(this.headerIncluded);
      case IP_TTL:
        return this.ttl == 0 ? TTL_DEFAULT : this.ttl;
      case IP_TOS:
        return this.tos;
      case IP_PKTINFO:
        return i64(this.packetInfo);
      case IP_RECVTTL:
        return i64(this.tellTtl);
      case IP_RECVTOS:
        return i64(this.tellTos);
      default:
        return isPlain(name) ? <i64>((this.plain >> name) & 1) : -ENOPROTOOPT;
    }
  }
}

function isPlain(name: u32): bool {
  return (
    name == IP_RECVERR ||
    name == IP_RETOPTS ||
    name == IP_FREEBIND ||
    name == IP_MTU_DISCOVER ||
    name == IP_MULTICAST_LOOP ||
    name == IP_MULTICAST_ALL
  );
}
