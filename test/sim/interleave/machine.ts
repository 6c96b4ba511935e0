/**
 * Simulated CPUs over one linear memory. Each runs a program: a generator that yields the calls
 * into the module which it makes, one after another. A call stops at every access to memory that
 * other CPUs may see (`share`), and a `Chooser` says which CPU goes on: the one that stopped, or
 * another. So a run is decided by the chooser's answers alone.
 *
 *     const machine = new Machine(module);
 *     machine.share(start, size)                 memory whose accesses are worth a decision
 *     machine.save()                             what each run begins with
 *     machine.run(programs, chooser, steps)     throws an InterleaveFailure when something is wrong
 *
 * During a run, for the programs and for what plays the scheduler (`sleep`, `wake`):
 *
 *     machine.forbid(start, size, name, owner)   whoever touches it, but the owner, fails
 *     machine.allow(start)
 *
 * Memory is sequentially consistent here. What a CPU's store buffer may delay is argued beside each
 * access of the code under test, not simulated.
 */
import {
  createFakeHardware,
  type FakeHardware,
  KernelAbort,
} from "../../../toolchain/fake-hardware.ts";

/** Something is wrong with the code under test. */
export class InterleaveFailure extends Error {}

/** What a program does next. */
export interface Call {
  /** An exported function; undefined: nothing, but others may run meanwhile. */
  readonly name?: string;
  readonly args?: readonly number[];
  /** Others that can run do so first. */
  readonly givesWay?: boolean;
}

/**
 * A call, or, where a program waits for nothing in particular, a moment in which others may run.
 */
export type Program = Generator<Call, void, number>;

export const call = (name: string, ...args: number[]): Call => ({ name, args });
export const pause: Call = {};
/** For a program that polls: a run ends only if it lets others run. */
export const giveWay: Call = { givesWay: true };

/** Says who runs next. */
export interface Chooser {
  /**
   * One of `ready`, which are CPUs in ascending order, at least two. `current` is the one that ran
   * last, and is not among them when it sleeps or has ended.
   */
  choose(ready: readonly number[], current: number): number;
}

/** Whether the thread can run. */
type State = "ready" | "asleep" | "ended";

export interface Cpu {
  readonly index: number;
  readonly thread: number;
  /** Where asyncify keeps the stack of a suspended call. */
  readonly area: number;
  program: Program;
  state: State;
  call: Call | undefined;
  suspended: boolean;
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly owner: number;
}

type ExportedFunction = (...values: number[]) => number | bigint;

/** What kinds of simulated machines differ in. */
export interface MachineOptions {
  readonly physicalBytes: number;
  /** Played in place of the fake's (toolchain/fake-hardware.ts). */
  readonly hardware?: Record<string, (...values: never[]) => unknown>;
  /** What the module imports besides. */
  readonly imports?: Record<string, (...values: never[]) => unknown>;
}

const PHYSICAL_BYTES = 1 << 20;
const LINEAR_MEMORY = 0xffffffff80000000n;
/** States of asyncify, as `asyncify_get_state` tells them. */
const UNWINDING = 1;
const REWINDING = 2;
/** kernel/sched/thread.ts */
export const STATE_READY = 0;
export const STATE_BLOCKED = 1;

export class Machine {
  readonly memory: WebAssembly.Memory;
  protected readonly hardware: FakeHardware;
  protected readonly cpus: Cpu[] = [];
  protected current: Cpu | undefined;
  /** Who the running thread is while none of the simulated ones runs. */
  protected idleThread = 0;
  private readonly exports: Record<string, ExportedFunction>;
  private readonly globals: WebAssembly.Global[];
  private readonly threadState: number;
  private shared: Range[] = [];
  private forbidden: Range[] = [];
  private next: Cpu | undefined;
  private chooser: Chooser | undefined;
  private stepsLeft = 0;
  private saved: { memory: Uint8Array; physical: Uint8Array; globals: unknown[] } | undefined;

  /** `stateExport` is the exported function that tells the offset of `state` in a Thread. */
  constructor(
    module: WebAssembly.Module,
    stateExport: string,
    options: MachineOptions = { physicalBytes: PHYSICAL_BYTES },
  ) {
    this.hardware = createFakeHardware(options.physicalBytes, {
      currentThread: () => this.current?.thread ?? this.idleThread,
      ...options.hardware,
    });
    const { hardware } = this;
    const sim = {
      step: (address: number, offset: number) => this.step(address, (address >>> 0) + offset),
      step64: (address: bigint) => {
        const pointer = BigInt.asUintN(64, address) - LINEAR_MEMORY;
        return pointer < 0 ? address : this.step(address, Number(pointer));
      },
      sleep: () => this.sleep(),
      wake: (thread: number) => this.wake(thread),
      ...options.imports,
    };
    const instance = new WebAssembly.Instance(module, { ...hardware.imports, sim });
    hardware.attach(instance);
    this.exports = instance.exports as Record<string, ExportedFunction>;
    this.memory = instance.exports.memory as WebAssembly.Memory;
    this.globals = Object.values(instance.exports).filter(
      (value): value is WebAssembly.Global => value instanceof WebAssembly.Global,
    );
    this.call("initializeGlobals");
    this.threadState = this.call(stateExport);
  }

  /** Calls a function outside of a run: setting up, looking at what came of it. */
  call(name: string, ...args: number[]): number {
    return Number(this.callExport(name, args)) >>> 0;
  }

  /** As `call`, for a result of 64 bits. */
  callLong(name: string, ...args: number[]): bigint {
    return BigInt(this.callExport(name, args));
  }

  private callExport(name: string, args: readonly number[]): number | bigint {
    const callee = this.exports[name];
    if (callee === undefined) throw new Error(`the module has no ${name}`);
    return callee(...args);
  }

  /**
   * Adds a CPU that runs as `thread`; returns its number. At `memory` there are `bytes` for the
   * stack of a call that is suspended.
   */
  addCpu(thread: number, memory: number, bytes: number): number {
    const view = new DataView(this.memory.buffer);
    view.setUint32(memory + 4, memory + bytes, true);
    const index = this.cpus.length;
    const program = (function* (): Program {})();
    const cpu = { index, thread, area: memory, program, call: undefined, suspended: false };
    this.cpus.push({ ...cpu, state: "ended" });
    return index;
  }

  share(start: number, size: number): void {
    this.shared.push({ start, end: start + size, name: "", owner: -1 });
  }

  forbid(start: number, size: number, name: string, owner = -1): void {
    this.allow(start);
    this.forbidden.push({ start, end: start + size, name, owner });
  }

  allow(start: number): void {
    this.forbidden = this.forbidden.filter((range) => range.start !== start);
  }

  fill(start: number, size: number, byte: number): void {
    new Uint8Array(this.memory.buffer).fill(byte, start, start + size);
  }

  /** What each run begins with. */
  save(): void {
    this.saved = {
      memory: new Uint8Array(this.memory.buffer).slice(),
      physical: this.hardware.physical.slice(),
      globals: this.globals.map((global) => global.value),
    };
  }

  private restore(): void {
    const { saved } = this;
    if (saved === undefined) throw new Error("save() comes before the first run");
    const memory = new Uint8Array(this.memory.buffer);
    memory.set(saved.memory);
    memory.fill(0, saved.memory.length);
    this.hardware.physical.set(saved.physical);
    this.globals.forEach((global, index) => {
      global.value = saved.globals[index];
    });
    this.forbidden = [];
  }

  /** Runs all programs to their ends, one per CPU. */
  run(programs: readonly Program[], chooser: Chooser, steps: number): void {
    this.restore();
    this.chooser = chooser;
    this.stepsLeft = steps;
    this.cpus.forEach((cpu, index) => {
      cpu.program = programs[index] as Program;
      cpu.state = "ready";
      cpu.call = undefined;
      cpu.suspended = false;
      this.advance(cpu, 0);
    });
    this.next = undefined;
    try {
      let last = -1;
      for (;;) {
        const cpu = this.next ?? this.choose(last);
        this.next = undefined;
        if (cpu === undefined) {
          if (this.idle()) continue;
          break;
        }
        last = cpu.index;
        this.resume(cpu);
      }
    } catch (error) {
      // The instance is in the middle of something: whoever catches this makes a new one.
      if (error instanceof KernelAbort || error instanceof WebAssembly.RuntimeError) {
        throw new InterleaveFailure(`CPU ${this.current?.index}: ${error.message}`);
      }
      throw error;
    } finally {
      this.current = undefined;
    }
    const waiting = this.cpus.filter(({ state }) => state === "asleep");
    if (waiting.length > 0) {
      const names = waiting.map(({ index }) => index).join(", ");
      throw new InterleaveFailure(`nobody can run, and CPU ${names} sleeps: a wake-up was lost`);
    }
  }

  /** Nobody can run: whether something has happened since that may have woken somebody. */
  protected idle(): boolean {
    return false;
  }

  private choose(last: number): Cpu | undefined {
    const ready = this.ready();
    if (ready.length <= 1) return this.cpus[ready[0] ?? -1];
    return this.cpus[this.chooser?.choose(ready, last) ?? 0];
  }

  private ready(): number[] {
    return this.cpus.filter(({ state }) => state === "ready").map(({ index }) => index);
  }

  /** Lets the program take its next call; `result` is the last one's. */
  private advance(cpu: Cpu, result: number): void {
    const { done, value } = cpu.program.next(result);
    cpu.call = done ? undefined : value;
    if (done) cpu.state = "ended";
  }

  /** A CPU goes on. */
  protected switchTo(cpu: Cpu): void {
    this.current = cpu;
  }

  private resume(cpu: Cpu): void {
    this.switchTo(cpu);
    const { name, givesWay } = cpu.call ?? {};
    let result = 0;
    if (name !== undefined) {
      if (cpu.suspended) this.call("asyncify_start_rewind", cpu.area);
      result = this.call(name, ...(cpu.call?.args ?? []));
      cpu.suspended = this.call("asyncify_get_state") === UNWINDING;
      if (cpu.suspended) {
        this.call("asyncify_stop_unwind");
        return;
      }
    }
    this.advance(cpu, result);
    if (givesWay) this.next = this.cpus[this.ready().find((index) => index !== cpu.index) ?? -1];
  }

  /** Leaves the running call, to be resumed in the function that called this. */
  protected suspend(cpu: Cpu): void {
    // The saved stack begins behind its two pointers.
    new DataView(this.memory.buffer).setUint32(cpu.area, cpu.area + 8, true);
    this.call("asyncify_start_unwind", cpu.area);
  }

  /** True once, when a suspended call comes back to where it was left. */
  protected comesBack(): boolean {
    if (this.call("asyncify_get_state") !== REWINDING) return false;
    this.call("asyncify_stop_rewind");
    return true;
  }

  /** A decision: true when another CPU runs first, and the current one is being suspended. */
  protected stops(cpu: Cpu): boolean {
    if (this.stepsLeft-- === 0) throw new InterleaveFailure("it does not come to an end");
    const next = this.choose(cpu.index);
    if (next === cpu) return false;
    this.next = next;
    this.suspend(cpu);
    return true;
  }

  private check(cpu: Cpu, address: number): void {
    for (const { start, end, owner, name } of this.forbidden) {
      if (address >= start && address < end && owner !== cpu.index) {
        throw new InterleaveFailure(`CPU ${cpu.index} touches ${name}`);
      }
    }
  }

  private step<T>(passed: T, address: number): T {
    const cpu = this.current;
    if (cpu === undefined) return passed;
    const isDecision = this.shared.some(({ start, end }) => address >= start && address < end);
    if (isDecision && !this.comesBack() && this.stops(cpu)) return passed;
    this.check(cpu, address);
    return passed;
  }

  protected stateOf(thread: number): number {
    return thread + this.threadState;
  }

  /** The current thread sleeps, unless it has been woken since it called itself blocked. */
  protected sleep(): void {
    const cpu = this.current;
    if (cpu === undefined) throw new Error("nobody is there to sleep");
    if (this.comesBack()) return;
    const view = new DataView(this.memory.buffer);
    if (view.getUint32(this.stateOf(cpu.thread), true) === STATE_READY) return;
    cpu.state = "asleep";
    this.suspend(cpu);
  }

  /** As the scheduler's: without effect on a thread that is not blocked. */
  protected wake(thread: number): void {
    const cpu = this.current;
    // Setting up: nobody sleeps yet.
    if (cpu === undefined) return;
    if (!this.comesBack() && this.stops(cpu)) return;
    const state = this.stateOf(thread);
    this.check(cpu, state);
    const view = new DataView(this.memory.buffer);
    if (view.getUint32(state, true) !== STATE_BLOCKED) return;
    view.setUint32(state, STATE_READY, true);
    const sleeper = this.cpus.find((each) => each.thread === thread);
    if (sleeper?.state === "asleep") sleeper.state = "ready";
  }
}
