/**
 * Ethernet: frames in from a device, frames out to it.
 *
 * A device's `poll` calls `ethernetInput` for every frame, and `devicePoll` says whose frames they
 * are: polling does not nest, so the interface need not be passed through the driver. The usual
 * frame goes to its connection's channel from here (classify.ts), all others up the layers.
 */
import { arpInput } from "./arp";
import { classify } from "./classify";
import { Interface } from "./interface";
import { ipv4Input } from "./ipv4";
import { PACKET_BROADCAST, Packet, packetFree } from "./packet";
import { netStats } from "./stats";
import { tapInput, tapOutput } from "./tap";
import { frameWaits } from "./unrest";
import {
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ethernetHeaderStore,
  ethernetSource,
  ethernetToGroup,
  ethernetType,
} from "./wire/ethernet";

let receiving: Interface | null = null;

/** Drains the receive ring of an interface's device; returns how many frames there were. */
export function devicePoll(from: Interface): i32 {
  const device = from.device;
  if (!device) return 0;
  receiving = from;
  const frames = device.poll();
  receiving = null;
  return frames;
}

/** Takes a received frame. Called by `NetDevice.poll` alone. */
export function ethernetInput(packet: Packet): void {
  netStats.framesIn++;
  netStats.bytesIn += packet.length;
  if (packet.fragment) netStats.bytesIn += packet.totalLength() - packet.length;
  if (!classify(packet, receiving!)) slowInput(packet);
}

/** What is not for a connection's channel: see classify.ts. */
function slowInput(packet: Packet): void {
  const frame = packet.data;
  const from = receiving!;
  if (from.watchers != 0) tapInput(packet, from);
  if (packet.length < ETHERNET_HEADER) {
    netStats.malformed++;
    packetFree(packet);
    return;
  }
  if (ethernetToGroup(frame)) packet.flags |= PACKET_BROADCAST;
  const type = ethernetType(frame);
  if (type == ETHERTYPE_IPV4) {
    packet.pull(ETHERNET_HEADER);
    ipv4Input(packet, from);
  } else if (type == ETHERTYPE_ARP) {
    const sender = ethernetSource(frame);
    packet.pull(ETHERNET_HEADER);
    arpInput(packet, from, sender);
  } else {
    netStats.unknownProtocol++;
    packetFree(packet);
  }
}

/**
 * Takes a frame that is complete, and puts it on the ring of the interface's device. 0 or a
 * negative errno.
 */
export function ethernetTransmit(packet: Packet, via: Interface): i32 {
  netStats.framesOut++;
  netStats.bytesOut += packet.length;
  if (via.watchers != 0) tapOutput(packet, via);
  frameWaits();
  return via.device!.transmit(packet);
}

/** Takes a packet, puts an Ethernet header in front and sends it. */
export function ethernetOutput(packet: Packet, via: Interface, destination: u64, type: u32): i32 {
  ethernetHeaderStore(packet.push(ETHERNET_HEADER), destination, via.mac, type);
  return ethernetTransmit(packet, via);
}
