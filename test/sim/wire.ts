/**
 * The wire between two hosts: each direction loses, repeats, damages, delays and reorders segments,
 * and has a bandwidth and a queue, as its options say.
 */
import type { EventQueue } from "./events.ts";
import type { Host } from "./host.ts";
import type { Random } from "./random.ts";
import { cutSegment, describe, type Segment, stripOptions } from "./segment.ts";

export interface WireOptions {
  /** Probabilities. */
  loss: number;
  duplicate: number;
  corrupt: number;
  reorder: number;
  /** Nanoseconds: one way, random share of it on top, and for a segment that is reordered. */
  delay: number;
  jitter: number;
  reorderDelay: number;
  /** Bytes per second, and how long the queue in front of it may get, in nanoseconds. */
  bandwidth: number;
  queue: number;
  /** Kinds of TCP options that are taken out of SYNs. */
  strip: readonly number[];
  /** Received segments come in up to this many buffers. */
  pieces: number;
  /**
   * Nanoseconds between polls of a host that receives in bursts; 0: it takes each segment at once.
   */
  poll: number;
}

export const PERFECT: WireOptions = {
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  delay: 50_000,
  jitter: 0,
  reorderDelay: 0,
  bandwidth: 1e9,
  queue: 1e9,
  strip: [],
  pieces: 1,
  poll: 0,
};

/** A wire by chance: one in four perfect, the others bad in one or several ways. */
export function randomWire(random: Random): WireOptions {
  const delay = random.magnitude(20_000, 60_000_000);
  const strip = [3, 4, 8].filter(() => random.chance(0.15));
  const poll = random.chance(0.4) ? random.magnitude(1000, 5_000_000) : 0;
  const base = { ...PERFECT, delay, strip, pieces: random.pick([1, 1, 2, 5]), poll };
  if (random.chance(0.25)) return base;
  return {
    ...base,
    loss: random.chance(0.6) ? random.scale(0.001, 0.12) : 0,
    duplicate: random.chance(0.3) ? random.scale(0.001, 0.1) : 0,
    corrupt: random.chance(0.3) ? random.scale(0.001, 0.05) : 0,
    reorder: random.chance(0.4) ? random.scale(0.001, 0.3) : 0,
    jitter: random.chance(0.4) ? random.magnitude(1000, delay) : 0,
    reorderDelay: random.magnitude(10_000, delay * 4),
    bandwidth: random.magnitude(200_000, 1e9),
    queue: random.magnitude(5_000_000, 500_000_000),
  };
}

export class Wire {
  /** Told of every segment: for the trace. */
  trace: (line: string) => void = () => {};
  /** Segments whose payload and headers exceed this are dropped, and the sender is told. */
  segmentMax = Number.POSITIVE_INFINITY;
  onTooBig: (sender: Host, segment: Segment) => void = () => {};
  /** Sees every segment that gets through; may send others. */
  onSegment: (segment: Segment) => void = () => {};
  delivered = 0;
  private readonly free = new Map<Host, number>();

  private readonly events: EventQueue;
  private readonly random: Random;
  readonly options: WireOptions;
  private readonly hosts: readonly Host[];

  constructor(events: EventQueue, random: Random, options: WireOptions, hosts: readonly Host[]) {
    this.events = events;
    this.random = random;
    this.options = options;
    this.hosts = hosts;
    for (const host of hosts) {
      host.pollInterval = options.poll;
      host.transmit = (segment, size) => {
        for (const piece of cutSegment(segment, size)) this.send(host, piece);
      };
    }
  }

  /** Puts a segment on the wire; `sender` undefined: from somewhere else. */
  send(sender: Host | undefined, segment: Segment): void {
    const target = this.hosts.find((host) => host.address === segment.destination);
    const line = (fate: string) => {
      this.trace(
        `${(this.events.now / 1e6).toFixed(3)} ${sender?.name ?? "?"} ${fate}${describe(segment)}`,
      );
    };
    if (sender && segment.bytes.length > this.segmentMax) {
      line("(too big) ");
      this.onTooBig(sender, segment);
      return;
    }
    if (target === undefined || this.random.chance(this.options.loss)) {
      line("(lost) ");
      return;
    }
    stripOptions(segment, this.options.strip);
    line("");
    this.deliver(sender, target, segment);
    if (sender) this.onSegment(segment);
    if (this.random.chance(this.options.duplicate)) this.deliver(sender, target, segment);
  }

  private deliver(sender: Host | undefined, target: Host, segment: Segment): void {
    const { options, random, events } = this;
    let time = events.now;
    if (sender) {
      time = Math.max(time, this.free.get(sender) ?? 0);
      if (time - events.now > options.queue) return;
      time += ((segment.bytes.length + 34) / options.bandwidth) * 1e9;
      this.free.set(sender, time);
    }
    time += options.delay + options.jitter * random.fraction();
    if (random.chance(options.reorder)) time += options.reorderDelay * random.fraction();
    let arriving = segment;
    const isCorrupt = random.chance(options.corrupt);
    if (isCorrupt) {
      arriving = { ...segment, bytes: segment.bytes.slice() };
      const at = random.between(0, segment.bytes.length - 1);
      arriving.bytes[at] = (arriving.bytes[at] as number) ^ random.between(1, 255);
    }
    const valid = !isCorrupt && random.chance(0.8);
    this.delivered++;
    events.at(Math.round(time), () =>
      target.receive(arriving, valid, random.between(1, options.pieces)),
    );
  }
}
