/**
 * For the unit tests of the stack: a device whose sent frames are kept, and to which frames can be
 * given; and helpers that build them. Not part of the kernel.
 */
import { addMemory } from "../mem/page-allocator";
import { NetDevice } from "./device";
import { devicePoll, ethernetInput } from "./ethernet";
import { Interface, interfaceAdd, interfaceSetAddress } from "./interface";
import { Packet, PacketQueue, packetAlloc } from "./packet";
import { transportInit } from "./transport";
import { ARP_LENGTH, ARP_REPLY, arpStore } from "./wire/arp";
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ethernetHeaderStore,
} from "./wire/ethernet";
import { IPV4_HEADER, ipv4HeaderStore } from "./wire/ipv4";

export const OUR_MAC: u64 = 0x5634_1200_5452;
export const PEER_MAC: u64 = 0x0200_0000_0a02;
/** 10.0.2.15, and its peer 10.0.2.2. */
export const OUR_ADDRESS: u32 = 0x0a00_020f;
export const PEER_ADDRESS: u32 = 0x0a00_0202;

export class TestDevice extends NetDevice {
  sent: PacketQueue = new PacketQueue();
  incoming: PacketQueue = new PacketQueue();
  flushes: i32 = 0;

  constructor() {
    super();
    this.sent.reset();
    this.incoming.reset();
    this.mac = OUR_MAC;
  }

  transmit(packet: Packet): i32 {
    this.sent.push(packet);
    return 0;
  }

  flush(): void {
    this.flushes++;
  }

  unsent(): u32 {
    return 0;
  }

  poll(): i32 {
    let count = 0;
    for (;;) {
      const packet = this.incoming.pop();
      if (!packet) break;
      count++;
      ethernetInput(packet);
    }
    return count;
  }

  enableReceiveInterrupt(): bool {
    return this.incoming.count == 0;
  }
}

/** Memory, and an interface on a test device, without an address. */
export function testInterface(): Interface {
  addMemory(1 << 20, 33 << 20);
  transportInit();
  return interfaceAdd(new TestDevice())!;
}

/** As `testInterface`, with OUR_ADDRESS/24 and PEER_ADDRESS as gateway. */
export function testInterfaceUp(): Interface {
  const via = testInterface();
  interfaceSetAddress(via, OUR_ADDRESS, 24, PEER_ADDRESS);
  return via;
}

export function testDevice(via: Interface): TestDevice {
  return changetype<TestDevice>(via.device!);
}

/** The next frame that was sent, without its Ethernet header; null: none. */
export function takeSent(via: Interface): Packet | null {
  const packet = testDevice(via).sent.pop();
  if (packet) packet.pull(ETHERNET_HEADER);
  return packet;
}

export function dropSent(via: Interface): void {
  testDevice(via).sent.clear();
}

/** Gives the stack a frame from the peer. */
export function receiveFrame(via: Interface, packet: Packet, type: u32): void {
  ethernetHeaderStore(packet.push(ETHERNET_HEADER), OUR_MAC, PEER_MAC, type);
  testDevice(via).incoming.push(packet);
  devicePoll(via);
}

/** Gives the stack an IPv4 packet from `source` to us, whose transport part `packet` holds. */
export function receiveFrom(via: Interface, packet: Packet, source: u32, protocol: u32): void {
  const length = packet.length + IPV4_HEADER;
  const header = packet.push(IPV4_HEADER);
  ipv4HeaderStore(header, length, 1, 0, 0, 64, protocol, source, OUR_ADDRESS);
  receiveFrame(via, packet, ETHERTYPE_IPV4);
}

/** The peer answers ARP. */
export function receiveArpReply(via: Interface, sender: u32): void {
  const packet = packetAlloc()!;
  arpStore(packet.append(ARP_LENGTH), ARP_REPLY, PEER_MAC, sender, OUR_MAC, via.address);
  receiveFrame(via, packet, ETHERTYPE_ARP);
}
