/**
 * One host: an instance of the kernel's TCP (kernel/net/sim-exports.ts) with its own memory and
 * timers, on the simulation's clock. Connections and listeners are pointers into its memory.
 */
import { createFakeHardware } from "../../toolchain/fake-hardware.ts";
import type { EventQueue } from "./events.ts";
import type { Segment } from "./segment.ts";

const MEMORY_BYTES = 48 * 1024 * 1024;
const NEVER = 2n ** 64n - 1n;

/** The functions of kernel/net/sim-exports.ts; pointers and 32-bit numbers are `number`. */
export interface SimExports {
  memory: WebAssembly.Memory;
  initializeGlobals(): void;
  simInit(random: bigint, address: number, memoryBytes: bigint): void;
  simSetLink(mtu: number, segmentation: number): void;
  simLimitPackets(bytes: bigint): void;
  simBuffer(): number;
  simBufferSize(): number;
  simSetTime(now: bigint): void;
  simTimersNext(): bigint;
  simTimersRun(): void;
  simFlush(): void;
  simTakeSegment(): number;
  simSegmentSource(): number;
  simSegmentDestination(): number;
  simSegmentSize(): number;
  simInput(
    length: number,
    source: number,
    destination: number,
    valid: number,
    pieces: number,
  ): void;
  simConnection(): number;
  simConnect(c: number, localPort: number, remote: number, remotePort: number): number;
  simListen(port: number, backlog: number): number;
  simAccept(listener: number): number;
  simCloseListener(listener: number): void;
  simSignalled(c: number): number;
  simSend(c: number, length: number, more: number): number;
  simReceive(c: number, length: number, flags: number): number;
  simHold(connection: number): void;
  simLetGo(connection: number): void;
  simPoll(c: number): number;
  simState(c: number): number;
  simRemotePort(c: number): number;
  simTakeError(c: number): number;
  simShutdown(c: number): void;
  simClose(c: number): void;
  simAbort(c: number): void;
  simFarewellBegin(): void;
  simFarewellLook(): bigint;
  simTemplate(): number;
  simSetNoDelay(c: number, value: number): void;
  simSetCork(c: number, value: number): void;
  simSetBuffers(c: number, send: number, receive: number): void;
  simSetKeepalive(c: number, idle: bigint, interval: bigint, count: number): void;
  simSetUserTimeout(c: number, timeout: bigint): void;
  simPathMtu(
    local: number,
    remote: number,
    localPort: number,
    remotePort: number,
    sequence: number,
  ): void;
  simVerify(): void;
  simEndpoints(): number;
  simTimeWaits(): number;
  simClearTimeWait(): void;
  simHeapBytes(): number;
  simPackets(): number;
  simPages(): bigint;
  simBufferPages(): bigint;
  simStats(): number;
}

/** The order of kernel/net/tcp/stats.ts. */
export const STATS = [
  "activeOpens",
  "passiveOpens",
  "attemptFails",
  "establishedResets",
  "currentEstablished",
  "inSegments",
  "outSegments",
  "retransmittedSegments",
  "inErrors",
  "outResets",
  "fastPath",
  "timeouts",
  "fastRecoveries",
  "synCookiesSent",
  "synCookiesReceived",
  "synCookiesFailed",
  "challengeAcks",
  "listenOverflows",
  "outOfOrder",
  "pawsRejected",
  "delayedAcks",
  "zeroWindowProbes",
  "keepaliveProbes",
  "bufferFailures",
  "pressureDrops",
  "channelDrops",
] as const;
export type Stat = (typeof STATS)[number];

export class Host {
  readonly exports: SimExports;
  /** Takes every segment that leaves. */
  transmit: (segment: Segment, size: number) => void = () => {};
  /** Called after whatever happened on this host: the application looks at its connections. */
  onActivity: () => void = () => {};
  private readonly buffer: number;
  /** How long a segment waits for others that are processed together with it; 0: it does not. */
  pollInterval = 0;
  private arrived: { segment: Segment; valid: boolean; pieces: number }[] = [];
  private programmed = Number.POSITIVE_INFINITY;
  private readonly baseline: { heap: number; pages: bigint };

  readonly name: string;
  readonly address: number;
  private readonly events: EventQueue;

  constructor(
    module: WebAssembly.Module,
    name: string,
    address: number,
    events: EventQueue,
    random: bigint,
  ) {
    this.name = name;
    this.address = address;
    this.events = events;
    const hardware = createFakeHardware(MEMORY_BYTES);
    const instance = new WebAssembly.Instance(module, hardware.imports);
    hardware.attach(instance);
    this.exports = instance.exports as unknown as SimExports;
    this.exports.initializeGlobals();
    this.exports.simInit(random, address, BigInt(MEMORY_BYTES));
    this.buffer = this.exports.simBuffer();
    this.baseline = { heap: this.exports.simHeapBytes(), pages: this.exports.simPages() };
  }

  /** The first `length` bytes of the shared buffer, until the memory grows. */
  bytes(length: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, this.buffer, length);
  }

  /** Runs `action` in this host at the present time, and then what follows from it. */
  run<T>(action: (exports: SimExports) => T): T {
    this.exports.simSetTime(BigInt(this.events.now));
    const result = action(this.exports);
    this.settle();
    return result;
  }

  private settle(): void {
    const { exports } = this;
    exports.simFlush();
    this.collect();
    exports.simVerify();
    const next = exports.simTimersNext();
    if (BigInt.asUintN(64, next) !== NEVER) this.program(Number(next));
  }

  private collect(): void {
    const { exports } = this;
    for (;;) {
      const length = exports.simTakeSegment();
      if (length === 0) return;
      const segment = {
        bytes: this.bytes(length).slice(),
        source: exports.simSegmentSource() >>> 0,
        destination: exports.simSegmentDestination() >>> 0,
      };
      this.transmit(segment, exports.simSegmentSize());
    }
  }

  private program(time: number): void {
    if (time >= this.programmed) return;
    this.programmed = time;
    this.events.at(time, () => {
      if (this.programmed !== time) return;
      this.programmed = Number.POSITIVE_INFINITY;
      this.run((exports) => exports.simTimersRun());
      this.onActivity();
    });
  }

  /** A segment arrives; `valid`: the device has found its checksum right. */
  receive(segment: Segment, valid: boolean, pieces: number): void {
    this.arrived.push({ segment, valid, pieces });
    if (this.pollInterval === 0) this.poll();
    else if (this.arrived.length === 1) this.events.after(this.pollInterval, () => this.poll());
  }

  /** Processes all that has arrived, as one burst. */
  private poll(): void {
    const burst = this.arrived;
    this.arrived = [];
    this.run((exports) => {
      for (const { segment, valid, pieces } of burst) {
        const { length } = segment.bytes;
        this.bytes(length).set(segment.bytes);
        exports.simInput(length, segment.source, segment.destination, valid ? 1 : 0, pieces);
      }
    });
    this.onActivity();
  }

  stat(name: Stat): number {
    const data = new DataView(this.exports.memory.buffer);
    return Number(data.getBigUint64(this.exports.simStats() + 8 * STATS.indexOf(name), true));
  }

  /** What is left that should not be, once all connections have ended; empty when nothing is. */
  leaks(): string[] {
    const { exports } = this;
    exports.simSetTime(BigInt(this.events.now));
    exports.simClearTimeWait();
    exports.simFlush();
    const found: string[] = [];
    const expect = (what: string, got: number | bigint, wanted: number | bigint) => {
      if (got !== wanted) found.push(`${this.name}: ${what} ${got}, should be ${wanted}`);
    };
    expect("endpoints", exports.simEndpoints(), 0);
    expect("packets in use", exports.simPackets(), 0);
    expect("heap bytes", exports.simHeapBytes(), this.baseline.heap);
    expect("pages of send buffers", exports.simBufferPages(), 0n);
    expect("free pages", exports.simPages(), this.baseline.pages);
    expect("established connections", this.stat("currentEstablished"), 0);
    return found;
  }
}
