/**
 * TCP segments as bytes, for what the wire does with them: cut (as a device that segments),
 * complete checksums, strip options, describe. Written apart from the kernel's code on purpose.
 */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** A segment on its way. */
export interface Segment {
  bytes: Uint8Array;
  source: number;
  destination: number;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function flagsOf(segment: Segment): number {
  return segment.bytes[13] as number;
}

export function sequenceOf(segment: Segment): number {
  return view(segment.bytes).getUint32(4);
}

export function portsOf(segment: Segment): { source: number; destination: number } {
  const data = view(segment.bytes);
  return { source: data.getUint16(0), destination: data.getUint16(2) };
}

function headerSize(bytes: Uint8Array): number {
  return ((bytes[12] as number) >> 4) * 4;
}

/** Fills in the checksum (RFC 9293 3.1). */
export function setChecksum({ bytes, source, destination }: Segment): void {
  const data = view(bytes);
  data.setUint16(16, 0);
  let sum = 6 + bytes.length;
  for (const address of [source, destination]) sum += (address >>> 16) + (address & 0xffff);
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += data.getUint16(i);
  if (bytes.length & 1) sum += (bytes[bytes.length - 1] as number) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  data.setUint16(16, ~sum & 0xffff);
}

/** Cuts what TCP left to the device: `size` bytes of payload each, FIN and PSH with the last. */
export function cutSegment(whole: Segment, size: number): Segment[] {
  const header = headerSize(whole.bytes);
  if (size === 0 || whole.bytes.length - header <= size) {
    setChecksum(whole);
    return [whole];
  }
  const pieces: Segment[] = [];
  const sequence = sequenceOf(whole);
  for (let at = header; at < whole.bytes.length; at += size) {
    const end = Math.min(at + size, whole.bytes.length);
    const bytes = new Uint8Array(header + end - at);
    bytes.set(whole.bytes.subarray(0, header));
    bytes.set(whole.bytes.subarray(at, end), header);
    view(bytes).setUint32(4, (sequence + at - header) >>> 0);
    if (end < whole.bytes.length) bytes[13] = (bytes[13] as number) & ~(FIN | 8);
    const piece = { bytes, source: whole.source, destination: whole.destination };
    setChecksum(piece);
    pieces.push(piece);
  }
  return pieces;
}

/** Replaces the options of the given kinds by NOPs in a SYN, as if the peers did not know them. */
export function stripOptions(segment: Segment, kinds: readonly number[]): void {
  const { bytes } = segment;
  if (kinds.length === 0 || (flagsOf(segment) & SYN) === 0) return;
  const end = headerSize(bytes);
  let at = 20;
  while (at < end) {
    const kind = bytes[at] as number;
    if (kind === 0) break;
    const size = kind === 1 ? 1 : (bytes[at + 1] as number);
    if (size < 1) break;
    if (kinds.includes(kind)) bytes.fill(1, at, at + size);
    at += size;
  }
  setChecksum(segment);
}

/** A SYN from anywhere, as a flood has them. */
export function makeSyn(
  source: number,
  destination: number,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
): Segment {
  const bytes = new Uint8Array(24);
  const data = view(bytes);
  data.setUint16(0, sourcePort);
  data.setUint16(2, destinationPort);
  data.setUint32(4, sequence);
  bytes[12] = 6 << 4;
  bytes[13] = SYN;
  data.setUint16(14, 65535);
  data.setUint32(20, 0x020405b4);
  const segment = { bytes, source, destination };
  setChecksum(segment);
  return segment;
}

/**
 * What somebody who sees the traffic, or guesses, may send to disturb it: a copy of a segment with
 * other flags and numbers a little off. It must change nothing (RFC 5961).
 */
export function forge(segment: Segment, flags: number, offset: number): Segment {
  const bytes = segment.bytes.slice(0, headerSize(segment.bytes));
  const data = view(bytes);
  bytes[13] = flags;
  data.setUint32(4, (data.getUint32(4) + offset) >>> 0);
  const forged = { ...segment, bytes };
  setChecksum(forged);
  return forged;
}

/** One line for the trace. */
export function describe(segment: Segment): string {
  const data = view(segment.bytes);
  const flags = flagsOf(segment);
  const names = ["F", "S", "R", "P", ".", "U"].filter((_, bit) => flags & (1 << bit)).join("");
  const length = segment.bytes.length - headerSize(segment.bytes);
  const { source, destination } = portsOf(segment);
  let text = `${source}>${destination} [${names}] seq ${data.getUint32(4)} ack ${data.getUint32(8)}`;
  text += ` win ${data.getUint16(14)} len ${length}`;
  for (let at = 20; at < headerSize(segment.bytes); ) {
    const kind = segment.bytes[at] as number;
    const size = kind <= 1 ? 1 : (segment.bytes[at + 1] as number);
    if (kind === 5) {
      for (let i = at + 2; i < at + size; i += 8) {
        text += ` sack ${data.getUint32(i)}-${data.getUint32(i + 4)}`;
      }
    }
    if (size === 0) break;
    at += size;
  }
  return text;
}
