// As much of a Redis client as measuring needs: when does a server answer, and does it store
// values.
//
//   await firstPong(target, options)   resolves with performance.now() at the first +PONG
//   await request(target, words, ms)   one command on a connection of its own, the reply as text

import { connect, type Socket } from "node:net";
import { BenchError } from "./errors.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A command as RESP's array of bulk strings. */
export function encodeCommand(words: readonly string[]): string {
  const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
  return `*${words.length}\r\n${bulk}`;
}

/**
 * The first reply in `text`: simple strings, errors, integers, bulk strings; null if incomplete.
 */
export function decodeReply(text: string): string | null {
  const end = text.indexOf("\r\n");
  if (end < 0) return null;
  const rest = text.slice(1, end);
  if (text[0] !== "$") return text.slice(0, end);
  const length = Number(rest);
  if (length < 0) return "";
  const body = text.slice(end + 2, end + 2 + length);
  return text.length >= end + 4 + length ? body : null;
}

export function request(
  target: Target,
  words: readonly string[],
  timeoutMs: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(target.port, target.host);
    let text = "";
    const timer = setTimeout(() => fail(new BenchError(`${words[0]}: no reply`)), timeoutMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    socket.setNoDelay(true);
    socket.on("error", fail);
    socket.on("close", () => fail(new BenchError(`${words[0]}: connection closed`)));
    socket.on("connect", () => socket.write(encodeCommand(words)));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const reply = decodeReply(text);
      if (reply === null) return;
      clearTimeout(timer);
      socket.removeAllListeners("close");
      socket.destroy();
      resolve(reply);
    });
  });
}

export interface PongOptions {
  readonly intervalMs: number;
  /** Older attempts are given up when this many are open. */
  readonly openMax: number;
  readonly timeoutMs: number;
  readonly ended: () => boolean;
}

/**
 * A new connection every few milliseconds, without waiting for the ones before: a SYN that a
 * booting guest loses would be repeated by the host after a whole second only.
 */
export function firstPong(target: Target, options: PongOptions): Promise<number> {
  const open: Socket[] = [];
  return new Promise((resolve, reject) => {
    const deadline = performance.now() + options.timeoutMs;
    const finish = () => {
      clearInterval(timer);
      for (const socket of open) socket.destroy();
    };
    const attempt = () => {
      const socket = connect(target.port, target.host);
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        const index = open.indexOf(socket);
        if (index >= 0) open.splice(index, 1);
      });
      socket.on("connect", () => socket.write(encodeCommand(["PING"])));
      socket.on("data", (chunk) => {
        if (!chunk.toString("latin1").startsWith("+PONG")) return;
        finish();
        resolve(performance.now());
      });
      open.push(socket);
      if (open.length > options.openMax) open.shift()?.destroy();
    };
    const timer = setInterval(() => {
      if (options.ended() || performance.now() > deadline) {
        finish();
        const what = options.ended() ? "the guest ended" : `nothing in ${options.timeoutMs} ms`;
        reject(new BenchError(`no answer to PING: ${what}`));
      } else {
        attempt();
      }
    }, options.intervalMs);
  });
}
