/**
 * The threads of one CPU, as the kernel has them: a thread runs until it sleeps, and no other one
 * runs meanwhile. The simulated CPUs of the machine below (../interleave/machine.ts) are the
 * threads here; a decision comes wherever the running thread may sleep:
 *
 *  - in a copy from or to the application, since the page may not be there
 *     (kernel/linux/sim-memory.ts);
 *  - in the reading of a page of a file;
 *  - between two calls, and where a thread makes way;
 *  - and when the thread does sleep, on whatever it waits for.
 *
 * When nobody can run, what the idle CPU does is done: poll, and let time pass to the next timer.
 * When that wakes nobody, either, a wake-up was lost.
 */
import { readString } from "../../../toolchain/fake-hardware.ts";
import {
  type Chooser,
  type Cpu,
  InterleaveFailure,
  Machine,
  type Program,
  STATE_BLOCKED,
  STATE_READY,
} from "../interleave/machine.ts";

const MEMORY_START = 0x10_000;
const MEMORY_END = 0x200_000;
/** For the stack of a call that is suspended. */
const STACK_BYTES = 32_768;
/** Offsets in the Cpu object, which lies at 0 (kernel/sched/cpu.ts). */
const CPU_CURRENT = 16;
const CPU_WORK = 24;
/**
 * So many timers in a row that wake nobody: those left belong to nothing that is waited for (a
 * connection whose window is closed is probed for ever).
 */
const IDLE_TIMERS_MAX = 1000;

export class SleepMachine extends Machine {
  private now = 0n;
  private idleTimers = 0;
  private readonly threadWork: number;

  /** `fault`: the number of the fault to put in, from 1; 0 for none. */
  constructor(module: WebAssembly.Module, fault: number) {
    const nothing = () => 0n;
    super(module, "simThreadState", {
      physicalBytes: MEMORY_END,
      hardware: {
        linearInitialStart: nothing,
        linearInitialEnd: nothing,
        kernelTextStart: nothing,
        kernelTextEnd: nothing,
        kernelRodataEnd: nothing,
        readCr4: nothing,
      },
      imports: {
        othersRun: () => this.othersRun(),
        fault: () => fault,
        fail: (message: number) => {
          throw new InterleaveFailure(readString(this.memory, message));
        },
      },
    });
    this.threadWork = this.call("simThreadWork");
    this.call("simInit", MEMORY_START, MEMORY_END);
    this.idleThread = new DataView(this.memory.buffer).getUint32(CPU_CURRENT, true);
  }

  /** A thread of the application: its id. */
  addThread(): number {
    const thread = this.call("simThread");
    this.addCpu(thread, this.call("simMemory", STACK_BYTES), STACK_BYTES);
    return this.call("simThreadId", thread);
  }

  override run(programs: readonly Program[], chooser: Chooser, steps: number): void {
    this.setTime(0n);
    super.run(programs, chooser, steps);
  }

  private setTime(now: bigint): void {
    this.now = now;
    this.hardware.setTime(now);
  }

  /** Time passes to the next timer; false when there is none. */
  tick(): boolean {
    const deadline = this.callLong("simDeadline");
    if (deadline < 0n) return false;
    if (deadline > this.now) this.setTime(deadline);
    this.call("simTimers");
    return true;
  }

  protected override idle(): boolean {
    this.current = undefined;
    if (!this.cpus.some(({ state }) => state === "asleep")) return false;
    if (this.call("simIdle") !== 0) return true;
    return this.idleTimers++ < IDLE_TIMERS_MAX && this.tick();
  }

  protected override switchTo(cpu: Cpu): void {
    super.switchTo(cpu);
    this.idleTimers = 0;
    const view = new DataView(this.memory.buffer);
    view.setUint32(CPU_CURRENT, cpu.thread, true);
    view.setUint32(CPU_WORK, view.getUint32(cpu.thread + this.threadWork, true), true);
  }

  /** The running thread is where it may sleep. */
  private othersRun(): void {
    const cpu = this.current;
    if (cpu !== undefined && !this.comesBack()) this.stops(cpu);
  }

  /** `schedule`: the running thread sleeps, unless it is ready: then it only makes way. */
  protected override sleep(): void {
    const cpu = this.current;
    if (cpu === undefined) throw new Error("nobody is there to sleep");
    if (this.comesBack()) return;
    const view = new DataView(this.memory.buffer);
    if (view.getUint32(this.stateOf(cpu.thread), true) === STATE_READY) {
      this.stops(cpu);
      return;
    }
    cpu.state = "asleep";
    this.suspend(cpu);
  }

  /** `makeReady`: who wakes another goes on itself. */
  protected override wake(thread: number): void {
    const view = new DataView(this.memory.buffer);
    const state = this.stateOf(thread);
    if (view.getUint32(state, true) !== STATE_BLOCKED) return;
    view.setUint32(state, STATE_READY, true);
    const sleeper = this.cpus.find((each) => each.thread === thread);
    if (sleeper?.state === "asleep") sleeper.state = "ready";
  }
}
