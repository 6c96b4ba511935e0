/*
 * The kernel's events (docs/boot-protocol.md), parsed once, here. Lines that are no event, or one
 * of a later kernel, are dropped: the debug console of another guest, a firmware for example, may
 * carry anything.
 */
import type { Protocol } from "./options.ts";

export type MachineEvent =
  | { readonly event: "start"; readonly ns: number }
  | { readonly event: "listen"; readonly port: number; readonly protocol: Protocol }
  | { readonly event: "serve"; readonly port: number }
  | { readonly event: "address"; readonly ip: string }
  | { readonly event: "stdin" }
  | { readonly event: "fork" }
  | { readonly event: "exit"; readonly code: number }
  | { readonly event: "signal"; readonly signal: number; readonly name: string }
  | { readonly event: "panic"; readonly reason: string };

/** Longer than any event; what has no end by then is noise. */
const LINE_MAX = 64 * 1024;

export function parseEvent(line: string): MachineEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const fields = value as Record<string, unknown>;
  const number = (name: string): number => (typeof fields[name] === "number" ? fields[name] : -1);
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  switch (fields.event) {
    case "start":
      return { event: "start", ns: number("ns") };
    case "listen":
      return {
        event: "listen",
        port: number("port"),
        protocol: fields.protocol === "udp" ? "udp" : "tcp",
      };
    case "serve":
      return { event: "serve", port: number("port") };
    case "address":
      return { event: "address", ip: text("ip") };
    case "stdin":
      return { event: "stdin" };
    case "fork":
      return { event: "fork" };
    case "exit":
      return { event: "exit", code: number("code") & 0xff };
    case "signal":
      return { event: "signal", signal: number("signal"), name: text("name") };
    case "panic":
      return { event: "panic", reason: text("reason") };
    default:
      return null;
  }
}

/** Turns a stream of chunks into events; a line may come in any number of pieces. */
export class EventParser {
  #rest = "";

  push(chunk: string): MachineEvent[] {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = (lines.pop() ?? "").slice(-LINE_MAX);
    return lines.flatMap((line) => parseEvent(line) ?? []);
  }
}
