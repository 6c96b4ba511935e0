/**
 * A received segment, parsed: header fields and options as numbers. There is one, `segment`, filled
 * per packet and valid while that packet is processed; input neither sleeps nor nests (what is sent
 * is queued by the layers below). With more CPUs, one per CPU.
 */
import { Packet } from "../packet";
import {
  headerAcknowledgment,
  headerFlags,
  headerSequence,
  headerSize,
  headerUrgent,
  headerWindow,
  TCP_HEADER_SIZE,
} from "./header";
import { parseOptions } from "./options";

/** RFC 2018: at most four blocks fit in the option space. */
export const SACK_BLOCKS_MAX: u32 = 4;

@unmanaged
export class Segment {
  sequence: u32;
  acknowledgment: u32;
  flags: u32;
  /** As in the header: not scaled. */
  window: u32;
  /** Bytes of payload, SYN and FIN not counted. */
  length: u32;
  /** With URG: of the urgent byte. */
  urgentSequence: u32;
  // ---- Options ----
  hasTimestamp: bool;
  sackPermitted: bool;
  /** -1: not offered. */
  windowScale: i8;
  /** 0: not given. */
  mss: u16;
  tsValue: u32;
  tsEcho: u32;
  sackCount: u32;
  /** SACK_BLOCKS_MAX pairs of sequence numbers: see sackStart and sackEnd. */
  blocks: u64;
  blocks1: u64;
  blocks2: u64;
  blocks3: u64;

  /** Left and right edge of SACK block i. */
  sackStart(i: u32): u32 {
    return load<u32>(changetype<usize>(this) + offsetof<Segment>("blocks") + ((<usize>i) << 3));
  }

  sackEnd(i: u32): u32 {
    return load<u32>(changetype<usize>(this) + offsetof<Segment>("blocks") + ((<usize>i) << 3), 4);
  }

  addSack(start: u32, end: u32): void {
    const at =
      changetype<usize>(this) + offsetof<Segment>("blocks") + ((<usize>this.sackCount) << 3);
    store<u32>(at, start);
    store<u32>(at, end, 4);
    this.sackCount++;
  }

  /**
   * Fills in all fields and takes the header off the packet. The caller has checked the header's
   * size.
   */
  parse(packet: Packet): void {
    const at = packet.data;
    const size = headerSize(at);
    this.sequence = headerSequence(at);
    this.acknowledgment = headerAcknowledgment(at);
    this.flags = headerFlags(at);
    this.window = headerWindow(at);
    this.urgentSequence = this.sequence + headerUrgent(at) - 1;
    this.hasTimestamp = false;
    this.sackPermitted = false;
    this.windowScale = -1;
    this.mss = 0;
    this.sackCount = 0;
    if (size > TCP_HEADER_SIZE) parseOptions(this, at + TCP_HEADER_SIZE, at + size);
    packet.pull(size);
    this.length = packet.fragment ? packet.totalLength() : packet.length;
  }
}

const storage: usize = memory.data(128, 8);
if (offsetof<Segment>() > 128) ERROR("a segment fits into its storage");
export const segment: Segment = changetype<Segment>(storage);
