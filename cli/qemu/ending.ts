/*
 * How a machine ended, from what is known when QEMU's process is gone: the guest's last event; else
 * why QEMU ended, which it says itself by QMP (`SHUTDOWN`), by its status, and by its last words.
 *
 *   const monitor = new ShutdownMonitor(socket)     QEMU's end of a socket pair is a QMP monitor
 *   endOf({ last, isStopping, code, signal, complaint, shutdown: monitor.reason })
 */
import type { Duplex } from "node:stream";
import type { MachineEvent } from "./events.ts";

export type MachineEnd =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: number; readonly name: string }
  | { readonly kind: "panic"; readonly reason: string }
  /** We ended it, or somebody did by `virga stop`. */
  | { readonly kind: "stopped" }
  /** QEMU ended without a word of the guest; `detail` says why. */
  | { readonly kind: "vanished"; readonly detail: string };

export interface EndFacts {
  /** `exit`, `signal` or `panic`, if the guest came that far. */
  readonly last: MachineEvent | null;
  readonly isStopping: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What QEMU printed on its standard error. */
  readonly complaint: string;
  /** QMP's ShutdownCause; null if QEMU has not told. */
  readonly shutdown: string | null;
}

const CAUSES: Readonly<Record<string, string>> = {
  "guest-reset": "the machine was reset: the kernel failed beyond its own report (a triple fault)",
  "guest-shutdown": "the machine was switched off from inside without an event",
  "host-signal": "QEMU was ended by a signal",
};

/** So early that our request for events had not been read. */
const AT_ONCE = "the machine was reset or switched off at once, before QEMU could say why";

export function endOf(facts: EndFacts): MachineEnd {
  const { last } = facts;
  switch (last?.event) {
    case "exit":
      return { kind: "exit", code: last.code };
    case "signal":
      return { kind: "signal", signal: last.signal, name: last.name };
    case "panic":
      return { kind: "panic", reason: last.reason };
    default:
      if (facts.isStopping || facts.shutdown === "host-qmp-quit") return { kind: "stopped" };
      return { kind: "vanished", detail: causeOf(facts) };
  }
}

function causeOf({ code, signal, complaint, shutdown }: EndFacts): string {
  if (signal === "SIGKILL") return "QEMU was killed (SIGKILL); has this host run out of memory?";
  if (signal !== null) return withWords(`QEMU was ended by ${signal}`, complaint);
  if (code !== 0) return withWords(`QEMU failed with status ${code}`, complaint);
  if (shutdown === null) return withWords(AT_ONCE, complaint);
  return withWords(CAUSES[shutdown] ?? `QEMU ended with status 0 (${shutdown})`, complaint);
}

/** The last line of QEMU's own, without the program's name in front. */
function withWords(what: string, complaint: string): string {
  const line = complaint.trim().split("\n").at(-1) ?? "";
  const words = line.replace(/^qemu-system-x86_64: /, "");
  return words === "" ? what : `${what}: ${words}`;
}

/** Listens to a QMP monitor for the one event that says why QEMU ends. */
export class ShutdownMonitor {
  reason: string | null = null;
  readonly #socket: Duplex;
  #rest = "";

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("error", () => {}); // QEMU was killed; `close` follows
    socket.on("data", (chunk: Buffer) => this.#push(chunk.toString()));
    // Without it QEMU sends no events.
    socket.write('{"execute":"qmp_capabilities"}\n');
  }

  close(): void {
    this.#socket.destroy();
  }

  #push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.reason = shutdownReason(line) ?? this.reason;
  }
}

/** The reason in a line of QMP, if it is the event. */
export function shutdownReason(line: string): string | null {
  const message = JSON.parse(line) as { event?: unknown; data?: { reason?: unknown } };
  if (message.event !== "SHUTDOWN") return null;
  return typeof message.data?.reason === "string" ? message.data.reason : null;
}
