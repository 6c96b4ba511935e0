/*
 * What `virga run` tells its user: for people on stderr, so that stdout is the program's alone;
 * with --json as one object per line on stdout, the console then going to stderr.
 */
import { note } from "../progress.ts";
import type { Forward, MachineEnd, MachineEvent } from "../qemu/index.ts";
import type { RunOptions } from "./options.ts";

export class Reporter {
  readonly name: string;
  pid = 0;
  readonly #options: Pick<RunOptions, "forwards" | "awaited" | "isJson" | "isDetached">;
  readonly #awaited: Set<number>;
  readonly #hinted = new Set<number>();
  #isReady = false;
  #hasForked = false;

  constructor(
    name: string,
    options: Pick<RunOptions, "forwards" | "awaited" | "isJson" | "isDetached">,
  ) {
    this.name = name;
    this.#options = options;
    this.#awaited = new Set(options.awaited);
  }

  /** What it is not reachable on yet, of what it is to be. */
  get missing(): string {
    return [...this.#awaited].map((port) => `port ${port}`).join(", ");
  }

  /** Takes an event; true when it is the one that makes the machine ready. */
  event(event: MachineEvent, atMs: number): boolean {
    if (event.event === "listen") this.#hint(event.port);
    const isServing =
      event.event === "serve" || (event.event === "listen" && event.protocol === "udp");
    if (isServing) this.#awaited.delete(event.port);
    if (event.event === "fork") this.#hasForked = true;
    const isSign = isServing || event.event === "start";
    if (this.#isReady || !isSign || this.#awaited.size > 0) return false;
    this.#isReady = true;
    this.#ready(atMs);
    return true;
  }

  end(end: MachineEnd): void {
    if (this.#options.isJson) {
      this.#json({ event: "end", name: this.name, ...end });
      return;
    }
    if (end.kind === "exit") this.#exit(end.code);
    if (end.kind === "signal") note(`${this.name} was ended by ${end.name}`);
    if (end.kind === "panic") note(`kernel panic in ${this.name}: ${end.reason}`);
    if (end.kind === "stopped") note(`${this.name} stopped`);
  }

  /**
   * A program that is refused a process most often is a server that goes into the background, and
   * has an option against that.
   */
  #exit(code: number): void {
    const tried = "it tried to fork, and a machine runs one process: start it in the foreground";
    const hasFailed = this.#hasForked && code !== 0;
    if (this.#isReady && !hasFailed) return;
    const when = this.#isReady ? "" : " before it was reachable";
    note(`${this.name} ended with status ${code}${when}${hasFailed ? `; ${tried}` : ""}`);
  }

  #ready(atMs: number): void {
    const { forwards, isJson, isDetached } = this.#options;
    const bootSeconds = Math.round(atMs) / 1000;
    if (isJson) {
      const reachable = forwards.map((each) => ({
        address: `127.0.0.1:${each.hostPort}`,
        ...each,
      }));
      this.#json({ event: "ready", name: this.name, pid: this.pid, reachable, bootSeconds });
      return;
    }
    const time = `booted in ${bootSeconds.toFixed(3)} s`;
    const stop = isDetached ? `; \`virga stop ${this.name}\` ends it` : "";
    if (forwards.length === 0) note(`${this.name} started, ${time}${stop}`);
    else
      note(
        `${this.name} is reachable on ${forwards.map(describeForward).join(", ")}, ${time}${stop}`,
      );
  }

  /** A program that listens where nobody can reach it is most likely an oversight. */
  #hint(port: number): void {
    const { forwards, isJson } = this.#options;
    if (isJson || this.#hinted.has(port)) return;
    if (forwards.some((each) => each.guestPort === port)) return;
    this.#hinted.add(port);
    note(`${this.name} listens on port ${port}; --port ${port}:${port} makes it reachable`);
  }

  #json(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}

export function describeForward({ hostPort, guestPort, protocol }: Forward): string {
  const guest = guestPort === hostPort ? "" : ` (port ${guestPort} of the guest)`;
  return `127.0.0.1:${hostPort}${protocol === "udp" ? "/udp" : ""}${guest}`;
}
