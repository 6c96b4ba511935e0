/*
 * Option values, from text to typed values, once, at the edge. Each parser names the option in its
 * error.
 */
import { UsageError } from "./errors.ts";
import type { Forward } from "./qemu/index.ts";

const KIB = 1024;
const SECONDS_MAX = 86_400;
const PORT_MAX = 65_535;
const UNITS: Readonly<Record<string, number>> = { K: KIB, M: KIB ** 2, G: KIB ** 3 };

/**
 * `128M`, `1G`, `65536K`, also with `iB` or `B` behind. Returns bytes. A bare number is refused:
 * some tools take it for bytes, others for MiB.
 */
export function parseSize(option: string, text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([KMG])(?:i?B)?$/i.exec(text.trim());
  if (/^[0-9]+$/.test(text)) {
    throw new UsageError(`${option} ${text}: the unit is missing; ${text}M or ${text}G?`);
  }
  const unit = UNITS[(match?.[2] ?? "").toUpperCase()] ?? 0;
  const bytes = Number(match?.[1]) * unit;
  if (match === null || !Number.isSafeInteger(Math.round(bytes)) || bytes < KIB) {
    throw new UsageError(`${option} ${text}: expected a size such as 128M or 1G`);
  }
  return Math.floor(bytes / KIB) * KIB;
}

export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ["G", KIB ** 3],
    ["M", KIB ** 2],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${Math.floor(bytes / KIB)}K`;
}

export function parseCount(option: string, text: string, most: number): number {
  const count = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) {
    throw new UsageError(`${option} ${text}: expected a number from 1 to ${most}`);
  }
  return count;
}

/** A whole number of seconds, 0 included, up to a day. */
export function parseSeconds(option: string, text: string): number {
  const seconds = /^[0-9]{1,5}$/.test(text) ? Number(text) : -1;
  if (seconds < 0 || seconds > SECONDS_MAX) {
    throw new UsageError(`${option} ${text}: expected seconds, 0 to ${SECONDS_MAX}`);
  }
  return seconds;
}

/** `HOST:GUEST`, `PORT` for the same on both sides, each optionally with `/udp` or `/tcp`. */
export function parseForward(option: string, text: string): Forward {
  const match = /^([0-9]+)(?::([0-9]+))?(?:\/(tcp|udp))?$/.exec(text);
  const hostPort = Number(match?.[1]);
  const guestPort = Number(match?.[2] ?? match?.[1]);
  const isPort = (port: number): boolean => port >= 1 && port <= PORT_MAX;
  if (match === null) {
    throw new UsageError(`${option} ${text}: expected HOST:GUEST, such as 6379:6379`);
  }
  if (!isPort(hostPort) || !isPort(guestPort)) {
    throw new UsageError(`${option} ${text}: ports are 1 to ${PORT_MAX}`);
  }
  return { hostPort, guestPort, protocol: match[3] === "udp" ? "udp" : "tcp" };
}

export function parseChoice<T extends string>(
  option: string,
  text: string,
  choices: readonly T[],
): T {
  const choice = choices.find((each) => each === text);
  if (choice === undefined) {
    throw new UsageError(`${option} ${text}: expected ${choices.join(" or ")}`);
  }
  return choice;
}

export function parseVariable(option: string, text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`${option} ${text}: expected NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}
