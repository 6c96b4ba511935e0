/**
 * ARP's messages (RFC 826). What is known of the link's addresses is in neighbour.ts.
 *
 *     arpRequest(interface, address, to)   asks who has an address
 *     arpInput(packet, interface, mac)     a received ARP packet
 *     arpAnnounce(interface)               tells the link about our address (RFC 5227 section 3)
 */
import { ethernetOutput } from "./ethernet";
import { Interface } from "./interface";
import { neighbourHeard } from "./neighbour";
import { Packet, packetAlloc, packetFree } from "./packet";
import { netStats } from "./stats";
import {
  ARP_LENGTH,
  ARP_REPLY,
  ARP_REQUEST,
  arpIsValid,
  arpOperation,
  arpSender,
  arpSenderMac,
  arpStore,
  arpTarget,
} from "./wire/arp";
import { ETHERTYPE_ARP, MAC_BROADCAST } from "./wire/ethernet";

function sendArp(
  via: Interface,
  operation: u32,
  sender: u32,
  targetMac: u64,
  target: u32,
  to: u64,
): void {
  const packet = packetAlloc();
  if (!packet) {
    netStats.noBuffer++;
    return;
  }
  arpStore(packet.append(ARP_LENGTH), operation, via.mac, sender, targetMac, target);
  ethernetOutput(packet, via, to, ETHERTYPE_ARP);
}

/** Asks for `address`: everybody (MAC_BROADCAST), or one whether it is still there. */
export function arpRequest(via: Interface, address: u32, to: u64): void {
  sendArp(via, ARP_REQUEST, via.address, 0, address, to);
}

/** Takes a received ARP packet; `frameSource` is who the frame claims to come from. */
export function arpInput(packet: Packet, via: Interface, frameSource: u64): void {
  const message = packet.data;
  if (packet.length < ARP_LENGTH || !arpIsValid(message)) {
    netStats.malformed++;
    packetFree(packet);
    return;
  }
  const sender = arpSender(message);
  const mac = arpSenderMac(message);
  const target = arpTarget(message);
  const operation = arpOperation(message);
  const forUs = via.address != 0 && target == via.address;
  // A sender that is a group, or us, or nobody (a probe of RFC 5227), teaches nothing.
  const teaches =
    (mac & 1) == 0 && mac != 0 && mac == frameSource && sender != 0 && sender != via.address;
  if (teaches) neighbourHeard(via, sender, mac, forUs, forUs && operation == ARP_REPLY);
  if (forUs && operation == ARP_REQUEST && sender != via.address) {
    sendArp(via, ARP_REPLY, via.address, mac, sender, mac);
  }
  packetFree(packet);
}

/** A gratuitous request: those who know our address under another hardware address correct it. */
export function arpAnnounce(via: Interface): void {
  if (!via.device || via.address == 0) return;
  sendArp(via, ARP_REQUEST, via.address, 0, via.address, MAC_BROADCAST);
}
