/**
 * A network channel (kernel/net/channel.ts) under interleavings: one CPU pushes numbered items, the
 * other pops them and sleeps while there is none.
 *
 * What must hold: each item that was taken comes out once, in order; the ring is called full only
 * when it was; and a consumer that sleeps is woken for the next item.
 */
import type { Scenario, World } from "./explore.ts";
import type { Build, Mutation } from "./load.ts";
import { call, giveWay, InterleaveFailure, type Machine, type Program } from "./machine.ts";

export const CHANNEL_BUILD: Build = {
  entry: "net/channel-sim-exports.ts",
  played: { "sched/scheduler/schedule": "sleep", "sched/scheduler/makeReady": "wake" },
  stopsAtAccesses: true,
};

const AREA_BYTES = 8192;
/** CHANNEL_FULL of kernel/net/channel.ts. */
const FULL = 0;
/** The last item: the consumer ends with it. */
const END = 0x7fffffff;

interface Shape {
  /** Items that are pushed during a run. */
  readonly items: number;
  /** Items that are in the ring before. */
  readonly before: number;
  /** What the counters begin with. */
  readonly counters: number;
}

class ChannelWorld implements World {
  private readonly shape: Shape;
  private readonly channel: number;
  private readonly slots: number;
  private readonly consumer: number;
  private accepted: number[] = [];
  private popped = 0;

  constructor(machine: Machine, shape: Shape) {
    this.shape = shape;
    this.channel = machine.call("simChannel");
    this.slots = machine.call("simSlots");
    const producer = machine.call("simThread");
    this.consumer = machine.call("simThread");
    // Two counters, the slots, and the third.
    const size = 8 + this.slots * 4 + 4;
    machine.share(this.channel, size);
    machine.share(machine.call("simSignal"), 4);
    for (const thread of [producer, this.consumer]) {
      machine.share(thread + machine.call("simThreadState"), 4);
      machine.addCpu(thread, machine.call("simMemory", AREA_BYTES), AREA_BYTES);
    }
    const view = new DataView(machine.memory.buffer);
    for (const counter of [0, 4, size - 4]) {
      view.setUint32(this.channel + counter, shape.counters, true);
    }
    for (let item = 1; item <= shape.before; item++) {
      machine.call("simPush", this.channel, item, this.consumer);
    }
  }

  programs(): Program[] {
    const { before } = this.shape;
    this.accepted = Array.from({ length: before }, (_, index) => index + 1);
    this.popped = 0;
    return [this.produce(), this.consume()];
  }

  private *produce(): Program {
    const { before, items } = this.shape;
    for (let item = before + 1; item <= before + items; item++) yield* this.push(item);
    while (!(yield* this.push(END))) yield giveWay;
  }

  /** Pushes an item; false when the ring is full. */
  private *push(item: number): Generator<ReturnType<typeof call>, boolean, number> {
    const popped = this.popped;
    // Noted before: it may be popped before the call returns.
    this.accepted.push(item);
    const result = yield call("simPush", this.channel, item, this.consumer);
    if (result !== FULL) return true;
    this.accepted.pop();
    const inside = this.accepted.length - popped;
    if (inside >= this.slots) return false;
    throw new InterleaveFailure(`with ${inside} items the ring is called full`);
  }

  private *consume(): Program {
    for (;;) {
      const item = yield call("simPop", this.channel);
      const wanted = this.accepted[this.popped++];
      if (item !== wanted) {
        throw new InterleaveFailure(`item ${item} comes out where ${wanted ?? "none"} was next`);
      }
      if (item === END) return;
    }
  }

  check(): void {
    const left = this.accepted.length - this.popped;
    if (left !== 0) throw new InterleaveFailure(`${left} items are left`);
  }
}

function scenario(name: string, preemptions: number, shape: Shape): Scenario {
  return { name, preemptions, prepare: (machine) => new ChannelWorld(machine, shape) };
}

/** One pop less than the counters' end. */
const LAST_COUNTS = 2 ** 32 - 2;

export const CHANNEL_SCENARIOS: readonly Scenario[] = [
  scenario("channel", 3, { items: 3, before: 0, counters: 0 }),
  scenario("channel-wrap", 3, { items: 3, before: 1, counters: LAST_COUNTS }),
  scenario("channel-full", 1, { items: 4, before: 127, counters: 0 }),
];

/** Faults that the simulation must find. */
export const CHANNEL_MUTATIONS: readonly Mutation[] = [
  {
    name: "push does not see that the ring was empty",
    pattern: String.raw`\(select \(i32.const 2\) \(i32.const 1\) VALUE \)`,
    replacement: "(i32.const 1)",
    scenario: "channel",
    failure: /a wake-up was lost/,
  },
  {
    name: "push takes one item more than there are slots",
    pattern: String.raw`\(i32.const 128\)`,
    replacement: "(i32.const 129)",
    scenario: "channel-full",
    failure: /comes out where/,
  },
];
