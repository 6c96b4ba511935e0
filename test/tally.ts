/*
 * What the test command found: counts, failures, and where the time went. Failures are printed when
 * they are found, so that nobody waits for the end to see the first; their names once more as a
 * list at the end.
 */

export interface Failure {
  readonly name: string;
  readonly detail: string;
}

export class Tally {
  passed = 0;
  readonly failures: Failure[] = [];
  readonly #print: (text: string) => void;
  readonly #phases: { name: string; ms: number; passed: number; failed: number }[] = [];

  /** `print` gets what is told on the way; without it, stdout does. */
  constructor(print: (text: string) => void = say) {
    this.#print = print;
  }

  get failed(): number {
    return this.failures.length;
  }

  pass(count = 1): void {
    this.passed += count;
  }

  fail(name: string, detail: string): void {
    this.failures.push({ name, detail });
    this.say(`not ok ${name}\n${indent(detail)}`);
  }

  /** One line, or several, on the way. */
  say(text: string): void {
    this.#print(text);
  }

  /** Runs one phase; what it throws is a failure of the phase and does not stop the next one. */
  async phase(name: string, work: () => Promise<void>): Promise<void> {
    const begin = performance.now();
    const before = { passed: this.passed, failed: this.failed };
    this.say(`== ${name}`);
    try {
      await work();
    } catch (error) {
      this.fail(name, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    this.#phases.push({
      name,
      ms: performance.now() - begin,
      passed: this.passed - before.passed,
      failed: this.failed - before.failed,
    });
  }

  /** The table of phases, the failures, and the last line, which is for machines, too. */
  summary(): string {
    const rows = this.#phases.map(({ name, ms, passed, failed }) =>
      [
        name.padEnd(12),
        seconds(ms).padStart(9),
        `${passed} passed`.padStart(14),
        failed > 0 ? `${failed} failed`.padStart(12) : "",
      ].join(""),
    );
    const lines = ["", ...rows, ""];
    for (const { name } of this.failures) lines.push(`not ok ${name}`);
    return [...lines, `${this.passed} passed, ${this.failed} failed`].join("\n");
  }
}

/** One line, or several, on stdout. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function indent(text: string): string {
  return text.replace(/^/gm, "    ");
}
