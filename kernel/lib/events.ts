/**
 * Events for whoever runs the machine: one JSON object per line, out of band, to the debug console
 * at I/O port 0xe9 (docs/boot-protocol.md). Without that port nothing is sent.
 */
import { in8, out8 } from "../arch/hw";

const DEBUG_CONSOLE: u32 = 0xe9;
const UNKNOWN = 0;
const ABSENT = 1;
const PRESENT = 2;
const HEX = "0123456789abcdef";
const QUOTE = 34;
const BACKSLASH = 92;

let state = UNKNOWN;

function hasChannel(): bool {
  if (state == UNKNOWN) state = in8(DEBUG_CONSOLE) == DEBUG_CONSOLE ? PRESENT : ABSENT;
  return state == PRESENT;
}

function text(value: string): void {
  for (let i = 0; i < value.length; i++) out8(DEBUG_CONSOLE, value.charCodeAt(i));
}

function number(value: u64): void {
  if (value >= 10) number(value / 10);
  out8(DEBUG_CONSOLE, 48 + <u32>(value % 10));
}

/** A string with what JSON needs escaped. */
function quoted(value: string): void {
  out8(DEBUG_CONSOLE, QUOTE);
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c == QUOTE || c == BACKSLASH) out8(DEBUG_CONSOLE, BACKSLASH);
    if (c < 32) {
      text("\\u00");
      out8(DEBUG_CONSOLE, HEX.charCodeAt(c >> 4));
      out8(DEBUG_CONSOLE, HEX.charCodeAt(c & 15));
    } else {
      out8(DEBUG_CONSOLE, c);
    }
  }
  out8(DEBUG_CONSOLE, QUOTE);
}

export function eventStart(ns: u64): void {
  if (!hasChannel()) return;
  text('{"event":"start","ns":');
  number(ns);
  text("}\n");
}

/** A socket listens (TCP) or is bound (UDP) on a port that is reachable from outside. */
export function eventListen(port: u16, protocol: string): void {
  if (!hasChannel()) return;
  text('{"event":"listen","port":');
  number(port);
  text(',"protocol":');
  quoted(protocol);
  text("}\n");
}

/** The program waits for connections on a port that it listens on: it has asked for one. */
export function eventServe(port: u16): void {
  if (!hasChannel()) return;
  text('{"event":"serve","port":');
  number(port);
  text("}\n");
}

/** The interface has an IPv4 address (host byte order). */
export function eventAddress(address: u32): void {
  if (!hasChannel()) return;
  text('{"event":"address","ip":"');
  for (let shift = 24; shift >= 0; shift -= 8) {
    number((address >> shift) & 255);
    if (shift > 0) text(".");
  }
  text('"}\n');
}

/** The program has asked for its standard input. */
export function eventStdin(): void {
  if (hasChannel()) text('{"event":"stdin"}\n');
}

/** The program has tried to make another process. */
export function eventFork(): void {
  if (hasChannel()) text('{"event":"fork"}\n');
}

export function eventExit(code: u32): void {
  if (!hasChannel()) return;
  text('{"event":"exit","code":');
  number(code);
  text("}\n");
}

export function eventSignal(signal: u32, name: string): void {
  if (!hasChannel()) return;
  text('{"event":"signal","signal":');
  number(signal);
  text(',"name":');
  quoted(name);
  text("}\n");
}

export function eventPanic(reason: string): void {
  if (!hasChannel()) return;
  text('{"event":"panic","reason":');
  quoted(reason);
  text("}\n");
}
