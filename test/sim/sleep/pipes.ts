/**
 * Pipes: some threads write numbered words, some read them; signals interrupt them; ends are closed
 * while others wait.
 *
 * What must hold: each word comes out once, those of one writer in order to each reader; small
 * writes come out whole; nobody sleeps while there is something to do; nobody is interrupted
 * without a signal.
 */
import type { Scenario } from "../interleave/explore.ts";
import { call, type Program } from "../interleave/machine.ts";
import type { Edit, SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import { EPIPE, PAGE, scenario, signed, ThreadWorld } from "./worlds.ts";

const F_SETPIPE_SZ = 1031;
const WRITER_SHIFT = 24;

interface Shape {
  /** Words of each write of each writer. */
  readonly writers: readonly (readonly number[])[];
  /**
   * Bytes that each reader asks for; it reads to the end of file unless `reads` says when to stop.
   */
  readonly readers: readonly number[];
  readonly reads?: number;
  /** How often each reader and writer gets a signal. */
  readonly signals?: number;
  /** The first reader ends when it is interrupted, and otherwise leaves what it reads to others. */
  readonly givesUp?: boolean;
}

class PipeWorld extends ThreadWorld {
  private readonly shape: Shape;
  private readonly reader: number;
  private readonly writer: number;
  private writersLeft = 0;
  private readersLeft = 0;
  private seen: number[] = [];
  /** The last word of each write. */
  private ends = new Set<number>();
  private readonly written: number;

  constructor(machine: SleepMachine, shape: Shape) {
    const { writers, readers, signals = 0 } = shape;
    super(machine, writers.length + readers.length + (signals > 0 ? 1 : 0));
    this.shape = shape;
    machine.call("simPipe", this.shared, 0);
    this.reader = machine.call("simLoad", this.shared);
    this.writer = machine.call("simLoad", this.shared + 4);
    machine.call("simFcntl", this.writer, F_SETPIPE_SZ, PAGE);
    this.written = writers.flat().reduce((sum, words) => sum + words, 0);
  }

  programs(): Program[] {
    const { writers, readers, signals = 0 } = this.shape;
    this.writersLeft = writers.length;
    this.readersLeft = readers.length;
    this.seen = [];
    this.ends = new Set();
    const programs = [
      ...writers.map((writes, index) => this.write(index, writes)),
      ...readers.map((bytes, index) => this.read(writers.length + index, bytes)),
    ];
    if (signals > 0) programs.push(this.signal(programs.length, signals));
    return programs;
  }

  private *signal(threads: number, times: number): Program {
    for (let thread = 0; thread < threads; thread++) yield* this.interrupt(thread, times);
  }

  private *write(index: number, writes: readonly number[]): Program {
    const buffer = this.bufferOf(index);
    let number = 0;
    for (const words of writes) {
      const first = number;
      number += words;
      for (let word = 0; word < words; word++) {
        this.poke(buffer + word * 4, (index << WRITER_SHIFT) | (first + word));
      }
      this.ends.add((index << WRITER_SHIFT) | (number - 1));
      let done = 0;
      while (done < words * 4) {
        const result = yield* this.restarted(
          "simWrite",
          this.writer,
          buffer + done,
          words * 4 - done,
        );
        if (result === -EPIPE && this.readersLeft === 0) return;
        this.expect(result > 0, `a write returns ${result}`);
        done += result;
      }
    }
    // Where readers stop by themselves, the end of the file must not wake them.
    if (this.shape.reads !== undefined) return;
    if (--this.writersLeft === 0) yield call("simClose", this.writer);
  }

  private *read(index: number, bytes: number): Program {
    const buffer = this.bufferOf(index);
    const last = new Map<number, number>();
    for (let reads = 0; reads !== this.shape.reads; reads++) {
      const givesUp = this.shape.givesUp === true && index === this.shape.writers.length;
      const result = givesUp
        ? yield* signed("simRead", this.reader, buffer, bytes)
        : yield* this.restarted("simRead", this.reader, buffer, bytes);
      if (givesUp) {
        if (result > 0) yield call("simWrite", this.writer, buffer, result);
        return;
      }
      this.expect(result >= 0, `a read returns ${result}`);
      if (result === 0) break;
      this.expect(result % 4 === 0, "a read ends amid a word");
      for (let at = 0; at < result; at += 4) {
        const word = this.peek(buffer + at);
        const writer = word >>> WRITER_SHIFT;
        if (this.isAtomic) this.checkWhole(word);
        this.expect(word > (last.get(writer) ?? -1), "a writer's words are out of order");
        last.set(writer, word);
        this.seen.push(word);
      }
    }
    if (--this.readersLeft === 0) yield call("simClose", this.reader);
  }

  /** All writes are small, and one thread sees the stream. */
  private get isAtomic(): boolean {
    const { writers, readers } = this.shape;
    return readers.length === 1 && Math.max(...writers.flat()) * 4 <= PAGE;
  }

  private checkWhole(word: number): void {
    const before = this.seen.at(-1);
    if (before === undefined || this.ends.has(before)) return;
    this.expect(word === before + 1, "a small write is not whole in the stream");
  }

  override check(): void {
    const { seen, shape } = this;
    this.expect(new Set(seen).size === seen.length, "a word was read twice");
    if (shape.reads !== undefined) return;
    this.expect(seen.length === this.written, `${this.written - seen.length} words were lost`);
  }
}

function pipeScenario(name: string, shape: Shape): Scenario {
  return scenario(name, (machine) => new PipeWorld(machine, shape));
}

export const PIPE_SCENARIOS: readonly Scenario[] = [
  pipeScenario("pipe", {
    writers: [
      [200, 3, 900],
      [1000, 5],
    ],
    readers: [1600, 4096],
  }),
  pipeScenario("pipe-signals", { writers: [[1500, 900]], readers: [400, 400], signals: 2 }),
  pipeScenario("pipe-large", { writers: [[1500], [1200]], readers: [8192] }),
  pipeScenario("pipe-small-reads", { writers: [[20], [20]], readers: [16, 16, 16] }),
  pipeScenario("pipe-one-read", { writers: [[12]], readers: [16, 16, 16], reads: 1 }),
  pipeScenario("pipe-give-up", {
    writers: [[4]],
    readers: [16, 16],
    reads: 1,
    signals: 1,
    givesUp: true,
  }),
  pipeScenario("pipe-atomic", {
    writers: [
      [500, 500],
      [700, 300],
    ],
    readers: [1000],
  }),
  pipeScenario("pipe-no-reader", {
    writers: [
      [1000, 1000],
      [1000, 1000],
    ],
    readers: [64],
    reads: 2,
  }),
];

const LOST = /a wake-up was lost/;

function fault(
  name: string,
  scenario: string,
  failure: RegExp,
  edit: Omit<Edit, "file">,
): SourceFault {
  return { name, scenario, failure, edits: [{ file: "fs/pipe.ts", ...edit }] };
}

export const PIPE_FAULTS: readonly SourceFault[] = [
  fault("a reader that leaves bytes wakes no other reader", "pipe-one-read", LOST, {
    from: "this.readers.wakeOne();",
    to: "",
    within: "} else {\n      this.readers.wakeOne();",
  }),
  fault("the last writer's close wakes one reader of several", "pipe-small-reads", LOST, {
    from: "pipe.readers.wakeAll();",
    to: "pipe.readers.wakeOne();",
  }),
  fault("the last reader's close wakes one writer of several", "pipe-no-reader", LOST, {
    from: "pipe.writers.wakeAll();",
    to: "pipe.writers.wakeOne();",
  }),
  fault("bytes that come wake nobody", "pipe", LOST, {
    from: "this.readers.wakeOne();",
    to: "",
    within: "this.head += n;\n    this.readers.wakeOne();",
  }),
  fault("room that comes wakes nobody", "pipe", LOST, {
    from: "this.writers.wakeOne();",
    to: "",
    within: "if (hadRoom || this.room() < PIPE_BUF) return;\n    this.writers.wakeOne();",
  }),
  fault("a reader does not look whether the pipe is locked", "pipe", /the lock is free/, {
    from: "this.head == this.tail || this.lockHeld",
    to: "this.head == this.tail",
    within: "if (this.head == this.tail || this.lockHeld) {",
    isExpression: true,
  }),
  fault(
    "a reader that waited for the lock takes it unseen",
    "pipe",
    /the lock is free|a read returns|lost/,
    {
      from: "SleepLock.waitTurn(this);",
      to: "SleepLock.waitTurn(this); return 1;",
      within: "SleepLock.waitTurn(this);\n      } else if (this.writer == null) {",
    },
  ),
  fault("a small write goes in piece by piece", "pipe-atomic", /is not whole/, {
    from: "io.remaining <= PIPE_BUF ? <u32>io.remaining : 1",
    to: "<u32>1",
    isExpression: true,
  }),
  fault(
    "a write that was interrupted forgets what it has written",
    "pipe-signals",
    /twice|out of order/,
    {
      from: "total > 0 ? total : error",
      to: "error != 0 ? error : total",
      isExpression: true,
    },
  ),
];
