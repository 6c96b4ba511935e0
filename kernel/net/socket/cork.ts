/**
 * A datagram that is put together from several sends (MSG_MORE, UDP_CORK of udp(7)). Destination,
 * source and marks are those of the first one.
 *
 *     cork.append(piece)       takes it; 0, or -EMSGSIZE and all is dropped
 *     cork.take()              the whole, the caller's, as one buffer; null: memory is out
 */
import { EMSGSIZE } from "../../lib/errno";
import { packetLinearize } from "../ipv4";
import { Packet, packetFree } from "../packet";
import { UDP_PAYLOAD_MAX } from "../udp";

export class Cork {
  address: u32 = 0;
  port: u32 = 0;
  source: u32 = 0;
  private first: Packet | null = null;
  private last: Packet | null = null;
  private length: u32 = 0;

  isEmpty(): bool {
    return this.first == null;
  }

  append(piece: Packet): i32 {
    const length = piece.totalLength();
    if (this.length + length > UDP_PAYLOAD_MAX) {
      packetFree(piece);
      this.drop();
      return -EMSGSIZE;
    }
    const last = this.last;
    if (last) last.fragment = piece;
    else this.first = piece;
    let end = piece;
    while (end.fragment) end = end.fragment!;
    this.last = end;
    this.length += length;
    return 0;
  }

  take(): Packet | null {
    const whole = this.first!;
    this.forget();
    whole.networkLength = 0;
    return packetLinearize(whole);
  }

  drop(): void {
    const whole = this.first;
    if (whole) packetFree(whole);
    this.forget();
  }

  private forget(): void {
    this.first = null;
    this.last = null;
    this.length = 0;
  }
}
