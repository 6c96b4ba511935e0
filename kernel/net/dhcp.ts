/**
 * The DHCP client (RFC 2131 section 4.4).
 *
 *     client = new DhcpClient(interface, listener)      client.start()
 *
 *     state         event                     to            does
 *     INIT          start                     SELECTING     DISCOVER
 *     SELECTING     OFFER                     REQUESTING    REQUEST (broadcast, names the server)
 *     SELECTING     time out                  SELECTING     DISCOVER again, backing off
 *     REQUESTING    ACK                       BOUND         sets the address
 *     REQUESTING    NAK, or REQUESTS_MAX      SELECTING     DISCOVER
 *     BOUND         T1                        RENEWING      REQUEST to the server
 *     RENEWING      T2                        REBINDING     REQUEST to all
 *     RENEWING, REBINDING   ACK               BOUND
 *     RENEWING, REBINDING   NAK, lease's end  SELECTING     takes the address away, DISCOVER
 *
 * Nothing waits for it: the application runs meanwhile, and its sockets work when the address is
 * there.
 */
import { load16, store8 } from "../arch/hw";
import { randomU32 } from "../lib/random";
import { arpAnnounce } from "./arp";
import { netNow } from "./clock";
import { Interface, interfaceSetAddress } from "./interface";
import { ipv4BroadcastOn, packetLinearize } from "./ipv4";
import { neighboursFlush } from "./neighbour";
import { Packet, packetAlloc, packetFree } from "./packet";
import { NetTimer } from "./timers";
import { UdpEndpoint, udpBind, udpOutput, udpPrepare, udpReceive } from "./udp";
import { loadBe32 } from "./wire/bytes";
import {
  DHCP_CLIENT_PORT,
  DHCP_FIXED,
  DHCP_LENGTH_MIN,
  DHCP_REPLY_OP,
  DHCP_REQUEST_OP,
  DHCP_SERVER_PORT,
  DHCPACK,
  DHCPDISCOVER,
  DHCPNAK,
  DHCPOFFER,
  DHCPREQUEST,
  dhcpClientIdStore,
  dhcpClientMac,
  dhcpIsValid,
  dhcpMessageType,
  dhcpOp,
  dhcpOption,
  dhcpOption32,
  dhcpOptionLength,
  dhcpOptionStore8,
  dhcpOptionStore32,
  dhcpParameterListStore,
  dhcpStore,
  dhcpXid,
  dhcpYourAddress,
  OPTION_DNS,
  OPTION_END,
  OPTION_LEASE_TIME,
  OPTION_MASK,
  OPTION_MESSAGE_TYPE,
  OPTION_MTU,
  OPTION_REBINDING_TIME,
  OPTION_RENEWAL_TIME,
  OPTION_REQUESTED_ADDRESS,
  OPTION_ROUTER,
  OPTION_SERVER_ID,
} from "./wire/dhcp";
import { IPPROTO_UDP, IPV4_BROADCAST } from "./wire/ipv4";

const SECOND: u64 = 1_000_000_000;
/** RFC 2131 4.1 begins with 4 s; a virtual machine's server is near and its program waits. */
const RETRY_FIRST: u64 = SECOND / 2;
const RETRY_MAX: u64 = 64 * SECOND;
const REQUESTS_MAX = 4;
const LEASE_FOREVER: u32 = 0xffff_ffff;
const DNS_MAX = 3;

export enum DhcpState {
  INIT,
  SELECTING,
  REQUESTING,
  BOUND,
  RENEWING,
  REBINDING,
}

/** Hears of what the client has learnt. */
export abstract class DhcpListener {
  abstract bound(client: DhcpClient): void;
  /** A lease, new or renewed, has told `client.dns`. */
  abstract nameServers(client: DhcpClient): void;
  /** The lease has ended without a renewal. */
  abstract lost(client: DhcpClient): void;
}

class DhcpEndpoint extends UdpEndpoint {
  client: DhcpClient | null = null;

  arrived(): void {
    for (;;) {
      const packet = udpReceive(this);
      if (!packet) return;
      this.client!.input(packet);
    }
  }
}

export class DhcpClient extends NetTimer {
  state: DhcpState = DhcpState.INIT;
  address: u32 = 0;
  server: u32 = 0;
  /** Name servers, in host order. */
  dns: StaticArray<u32> = new StaticArray<u32>(DNS_MAX);
  dnsCount: i32 = 0;
  private endpoint: DhcpEndpoint = new DhcpEndpoint();
  private xid: u32 = 0;
  private retry: u64 = 0;
  private tries: i32 = 0;
  private startedAt: u64 = 0;
  // When to renew, rebind, and stop using the address.
  private renewAt: u64 = 0;
  private rebindAt: u64 = 0;
  private expireAt: u64 = 0;

  constructor(
    public via: Interface,
    private listener: DhcpListener,
  ) {
    super();
    this.endpoint.client = this;
  }

  /** Begins to ask for an address. 0 or a negative errno: the client's port is taken. */
  start(): i32 {
    const error = udpBind(this.endpoint, 0, DHCP_CLIENT_PORT);
    if (error != 0) return error;
    this.discover();
    return 0;
  }

  private discover(): void {
    this.state = DhcpState.SELECTING;
    this.xid = randomU32();
    this.startedAt = netNow();
    this.retry = RETRY_FIRST;
    this.address = 0;
    this.server = 0;
    this.send();
  }

  /** Arms the retransmission: twice the last time, give or take an eighth. */
  private backOff(): void {
    const spread = this.retry / 4;
    const jitter = spread == 0 ? 0 : <u64>randomU32() % spread;
    this.arm(netNow() + this.retry - spread / 2 + jitter);
    this.retry = min(this.retry * 2, RETRY_MAX);
  }

  expired(): void {
    const now = netNow();
    switch (this.state) {
      case DhcpState.SELECTING:
        this.send();
        return;
      case DhcpState.REQUESTING:
        if (++this.tries >= REQUESTS_MAX) this.discover();
        else this.send();
        return;
      case DhcpState.BOUND:
        this.state = DhcpState.RENEWING;
        this.xid = randomU32();
        this.startedAt = now;
        this.send();
        return;
      default:
        if (now >= this.expireAt) {
          this.drop();
          return;
        }
        if (now >= this.rebindAt) this.state = DhcpState.REBINDING;
        this.send();
    }
  }

  /** The lease is over. */
  private drop(): void {
    neighboursFlush(this.via);
    interfaceSetAddress(this.via, 0, 0, 0);
    this.listener.lost(this);
    this.discover();
  }

  /** Sends the message of the present state, and sets the time for the next. */
  private send(): void {
    const isBoundState = this.state == DhcpState.RENEWING || this.state == DhcpState.REBINDING;
    const packet = packetAlloc();
    if (packet) {
      this.fillMessage(packet, isBoundState);
      if (this.state == DhcpState.RENEWING) {
        udpOutput(packet, this.address, DHCP_CLIENT_PORT, this.server, DHCP_SERVER_PORT);
      } else {
        const source = isBoundState ? this.address : 0;
        udpPrepare(packet, source, DHCP_CLIENT_PORT, IPV4_BROADCAST, DHCP_SERVER_PORT);
        ipv4BroadcastOn(this.via, packet, source, IPPROTO_UDP);
      }
    }
    if (!isBoundState) {
      this.backOff();
      return;
    }
    // RFC 2131 4.4.5: half of what is left, but not more often than once a minute.
    const until = this.state == DhcpState.RENEWING ? this.rebindAt : this.expireAt;
    const now = netNow();
    const left = until > now ? until - now : 0;
    this.arm(left <= 60 * SECOND ? until : now + max(left / 2, 60 * SECOND));
  }

  private fillMessage(packet: Packet, isBoundState: bool): void {
    const message = packet.append(DHCP_LENGTH_MIN);
    const mac = this.via.mac;
    const secs = <u32>min<u64>((netNow() - this.startedAt) / SECOND, 0xffff);
    const client: u32 = isBoundState ? this.address : 0;
    dhcpStore(message, DHCP_REQUEST_OP, this.xid, secs, client, 0, mac);
    let at = message + DHCP_FIXED;
    const discovers = this.state == DhcpState.SELECTING;
    at = dhcpOptionStore8(at, OPTION_MESSAGE_TYPE, discovers ? DHCPDISCOVER : DHCPREQUEST);
    at = dhcpClientIdStore(at, mac);
    if (this.state == DhcpState.REQUESTING) {
      at = dhcpOptionStore32(at, OPTION_REQUESTED_ADDRESS, this.address);
      at = dhcpOptionStore32(at, OPTION_SERVER_ID, this.server);
    }
    at = dhcpParameterListStore(at);
    store8(at++, OPTION_END);
    const end = message + DHCP_LENGTH_MIN;
    while (at < end) store8(at++, 0);
  }

  /** Takes a received message. */
  input(packet: Packet): void {
    const single = packetLinearize(packet);
    if (!single) return;
    const message = single.data;
    const length = single.length;
    if (
      dhcpIsValid(message, length) &&
      dhcpOp(message) == DHCP_REPLY_OP &&
      dhcpXid(message) == this.xid &&
      dhcpClientMac(message) == this.via.mac
    ) {
      this.reply(message, length);
    }
    packetFree(single);
  }

  private reply(message: u64, length: u32): void {
    const type = dhcpMessageType(message, length);
    const server = dhcpOption32(message, length, OPTION_SERVER_ID, 0);
    if (this.state == DhcpState.SELECTING) {
      const offered = dhcpYourAddress(message);
      if (type != DHCPOFFER || server == 0 || offered == 0) return;
      this.state = DhcpState.REQUESTING;
      this.address = offered;
      this.server = server;
      this.tries = 0;
      this.retry = RETRY_FIRST;
      this.send();
      return;
    }
    if (this.state == DhcpState.INIT || this.state == DhcpState.BOUND) return;
    if (this.state != DhcpState.REBINDING && server != 0 && server != this.server) return;
    if (type == DHCPACK) this.acknowledged(message, length, server);
    else if (type == DHCPNAK) this.refused();
  }

  private refused(): void {
    if (this.state == DhcpState.REQUESTING) this.discover();
    else this.drop();
  }

  private acknowledged(message: u64, length: u32, server: u32): void {
    const address = dhcpYourAddress(message);
    if (address == 0) return;
    const isNew = this.state == DhcpState.REQUESTING || address != this.via.address;
    if (server != 0) this.server = server;
    this.address = address;
    this.takeLease(message, length);
    this.takeDns(message, length);
    this.state = DhcpState.BOUND;
    const mtu = dhcpOption(message, length, OPTION_MTU, 2);
    if (mtu != 0) this.takeMtu(bswap<u16>(<u16>load16(mtu)));
    const mask = dhcpOption32(message, length, OPTION_MASK, classMask(address));
    const gateway = dhcpOption32(message, length, OPTION_ROUTER, 0);
    if (isNew || mask != this.via.mask || gateway != this.via.gateway) {
      interfaceSetAddress(this.via, address, popcnt(mask), gateway);
    }
    if (isNew) {
      arpAnnounce(this.via);
      this.listener.bound(this);
    }
  }

  /** T1 and T2 as the server says, else half and seven eighths of the lease (RFC 2131 4.4.5). */
  private takeLease(message: u64, length: u32): void {
    const now = netNow();
    const lease = dhcpOption32(message, length, OPTION_LEASE_TIME, LEASE_FOREVER);
    if (lease == LEASE_FOREVER) {
      this.cancel();
      return;
    }
    let renew = dhcpOption32(message, length, OPTION_RENEWAL_TIME, lease / 2);
    let rebind = dhcpOption32(message, length, OPTION_REBINDING_TIME, <u32>((<u64>lease * 7) / 8));
    if (rebind > lease) rebind = <u32>((<u64>lease * 7) / 8);
    if (renew > rebind) renew = rebind / 2;
    this.renewAt = now + <u64>renew * SECOND;
    this.rebindAt = now + <u64>rebind * SECOND;
    this.expireAt = now + <u64>lease * SECOND;
    this.arm(this.renewAt);
  }

  private takeDns(message: u64, length: u32): void {
    const list = dhcpOption(message, length, OPTION_DNS, 4);
    const count = list == 0 ? 0 : min<i32>(<i32>(dhcpOptionLength(list) / 4), DNS_MAX);
    for (let i = 0; i < count; i++) this.dns[i] = loadBe32(list + <u64>i * 4);
    this.dnsCount = count;
    this.listener.nameServers(this);
  }

  private takeMtu(mtu: u32): void {
    const device = this.via.device;
    // RFC 2132 5.1: at least 68; below 576 nothing works.
    if (device && mtu >= 576 && mtu <= device.mtu) this.via.mtu = mtu;
  }
}

/** The network mask of an address's class, for servers that send none. */
function classMask(address: u32): u32 {
  if (address >> 31 == 0) return 0xff00_0000;
  return address >> 30 == 2 ? 0xffff_0000 : 0xffff_ff00;
}
