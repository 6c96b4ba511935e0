/*
 * The signals that `virga run` gets and passes on to the program, in place of a default action that
 * would leave its machine behind: `take` before there is one, `attach` it, `release`.
 */
import { note } from "../progress.ts";
import type { Machine } from "../qemu/index.ts";

/** What people and their tools send to end a program, to have it tell something, or reload. */
const SIGNALS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGTERM: 15,
};
const SIGINT = 2;

/** How long a program may take over SIGINT before we say how to be rid of it. */
const HINT_MS = 2_000;

export class Signals {
  /** The last one that came, 0 if none did. */
  last = 0;
  #machine: Machine | null = null;
  #name = "";
  #isInterrupted = false;
  #hint: NodeJS.Timeout | undefined;
  readonly #listener = (_: NodeJS.Signals, number: number): void => this.#came(number);

  take(): void {
    for (const name of Object.keys(SIGNALS)) process.on(name, this.#listener);
  }

  /** From now on signals go to the program; one that came before ends the machine. */
  attach(machine: Machine, name: string): void {
    this.#machine = machine;
    this.#name = name;
    if (this.last !== 0) void machine.stop();
  }

  release(): void {
    clearTimeout(this.#hint);
    for (const name of Object.keys(SIGNALS)) process.off(name, this.#listener);
  }

  /** Sends the program a signal. Where nobody can be asked, the machine's end is the next best. */
  send(number: number): void {
    const machine = this.#machine;
    machine?.signal(number).catch(() => machine.stop());
  }

  /** Passes a signal on; the second SIGINT ends the machine. */
  #came(number: number): void {
    this.last = number;
    const machine = this.#machine;
    if (machine === null) return;
    if (number === SIGINT && this.#isInterrupted) {
      void machine.stop();
      return;
    }
    this.send(number);
    if (number !== SIGINT) return;
    this.#isInterrupted = true;
    const hint = `${this.#name} still runs; Ctrl-C again ends it at once`;
    this.#hint = setTimeout(() => note(hint), HINT_MS);
  }
}
