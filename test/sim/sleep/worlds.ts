/** What the worlds of this folder have in common. */

import type { Scenario, World } from "../interleave/explore.ts";
import { call, InterleaveFailure, type Machine, type Program } from "../interleave/machine.ts";
import type { SleepMachine } from "./machine.ts";

export const PAGE = 4096;
/**
 * Each thread has a page of buffers of its own there, and what they share is in the page before.
 */
const BUFFERS = 0x2000_0000;
const PAGES_PER_THREAD = 2;

// The kernel's errors, lib/errno.ts.
export const EINTR = 4;
export const EAGAIN = 11;
/** Inside of the kernel alone, linux/restart.ts. */
const ERESTARTNOINTR = 513;
export const EFAULT = 14;
export const EPIPE = 32;

/** The signal of `interrupt`: its default is the end, so it is not ignored. */
const SIGUSR1 = 10;

/** A call whose result may be a negative errno. */
export function* signed(
  name: string,
  ...args: number[]
): Generator<ReturnType<typeof call>, number, number> {
  return (yield call(name, ...args)) | 0;
}

/** Several threads of one program, with memory for each and some that they share. */
export abstract class ThreadWorld implements World {
  protected readonly machine: SleepMachine;
  protected readonly ids: readonly number[];
  /** Memory of all threads: one page. */
  protected readonly shared = BUFFERS;

  constructor(machine: SleepMachine, threads: number) {
    this.machine = machine;
    this.ids = Array.from({ length: threads }, () => machine.addThread());
    machine.call("simBuffer", BUFFERS, PAGE * (1 + threads * PAGES_PER_THREAD));
  }

  abstract programs(): Program[];

  check(): void {}

  protected fail(message: string): never {
    throw new InterleaveFailure(message);
  }

  protected expect(isRight: boolean, message: string): void {
    if (!isRight) this.fail(message);
  }

  /** The memory of a thread: two pages. */
  protected bufferOf(thread: number): number {
    return BUFFERS + PAGE * (1 + thread * PAGES_PER_THREAD);
  }

  /** The program's own look at its memory, and its own store. */
  protected peek(address: number): number {
    return this.machine.call("simPeek", address);
  }

  protected poke(address: number, value: number): void {
    this.machine.call("simPoke", address, value);
  }

  /**
   * A call that a signal may interrupt: goes on after the signal, as SA_RESTART does. It must not
   * say so without one.
   */
  protected *restarted(
    name: string,
    ...args: number[]
  ): Generator<ReturnType<typeof call>, number, number> {
    for (;;) {
      const result = yield* signed(name, ...args);
      const taken = yield call("simTakeSignals");
      if (result !== -EINTR && result !== -ERESTARTNOINTR) return result;
      this.expect(taken > 0, `${name} was interrupted by no signal`);
    }
  }

  /** Sends a thread signals. */
  protected *interrupt(thread: number, times: number): Program {
    for (let count = 0; count < times; count++) {
      yield call("simTkill", this.ids[thread] ?? 0, SIGUSR1);
    }
  }
}

export function scenario(name: string, make: (machine: SleepMachine) => World): Scenario {
  return { name, preemptions: 0, prepare: (machine: Machine) => make(machine as SleepMachine) };
}
