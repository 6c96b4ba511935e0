/**
 * A network device, as the stack sees it; drivers (dev/virtio/virtio-net.ts) are its subclasses.
 *
 * Transmit: `transmit` puts a packet on the ring and nothing more; `flush` kicks the device once
 * for all that was put there, because a kick is an exit to the hypervisor and costs as much as a
 * packet. The stack decides when (net/poll.ts). Receive: `poll` is the only consumer of the receive
 * ring; it hands each frame to `ethernetInput` (net/ethernet.ts). Receive interrupts are off while
 * the CPU has work and polls anyway. All methods: thread context, do not sleep.
 */
import { Packet } from "./packet";

export abstract class NetDevice {
  /** The hardware address: the first byte on the wire is the lowest byte of the number. */
  mac: u64 = 0;
  /** The largest IP packet. */
  mtu: u32 = 1500;
  /** The device completes transport checksums (PACKET_CHECKSUM_PARTIAL). */
  canChecksum: bool = false;
  /** The device cuts TCP segments (`Packet.segmentSize`). */
  canTso: bool = false;
  /** A received packet may come in several buffers (`Packet.fragment`). */
  canMergeReceive: bool = false;
  /** Works; false for good once the driver has given the device up. */
  isRunning: bool = true;

  /**
   * Where a 16-bit word counts what the device has received, and its value after the last `poll`:
   * while they are equal, `poll` would find nothing. 0: there is no such word.
   */
  receiveIndex: u64 = 0;
  receiveSeen: u32 = 0;

  /**
   * Takes the packet (an Ethernet frame), puts it on the transmit ring, no kick. 0 or -ENOBUFS (the
   * packet is freed).
   */
  abstract transmit(packet: Packet): i32;
  /** Tells the device about all packets put on the ring since the last time. */
  abstract flush(): void;
  /** Frames that the device has been told of and not taken yet. */
  abstract unsent(): u32;
  /** Hands every received frame to `ethernetInput`; returns how many. Single consumer. */
  abstract poll(): i32;
  /**
   * Asks for an interrupt with the next packet; false when packets have come in meanwhile and none
   * will be raised for them.
   */
  abstract enableReceiveInterrupt(): bool;
}
