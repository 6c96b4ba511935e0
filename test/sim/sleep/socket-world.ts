/** What the worlds of sockets have in common: addresses, options, connections over the loopback. */

import { call, type Program } from "../interleave/machine.ts";
import type { Edit, SourceFault } from "./faults.ts";
import type { SleepMachine } from "./machine.ts";
import { PAGE, signed, ThreadWorld } from "./worlds.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const MSG_PEEK = 0x2;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;
export const POLLIN = 1;
export const POLLOUT = 4;

// The kernel's errors, lib/errno.ts.
export const EINVAL = 22;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOTCONN = 107;
export const ECONNREFUSED = 111;
export const EINPROGRESS = 115;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const F_SETFL = 4;
const LOOPBACK = 0x0100_007f;

/** An address in the application's memory. */
export interface Address {
  readonly at: number;
  readonly length: number;
}

export type Family = "tcp" | "unix";

/** Two ends of a connection. */
export interface Ends {
  readonly a: number;
  readonly b: number;
}

export abstract class SocketWorld extends ThreadWorld {
  constructor(machine: SleepMachine, threads: number) {
    super(machine, threads);
    machine.call("simNetwork");
  }

  /** Where the world keeps the nth address, option or list: 64 bytes each. */
  private place(index: number): number {
    return this.shared + PAGE - 64 * (index + 1);
  }

  /** 127.0.0.1 and a port. */
  protected inet(port: number, index = 0): Address {
    const at = this.place(index);
    this.poke(at, AF_INET | ((port >>> 8) << 16) | ((port & 255) << 24));
    this.poke(at + 4, LOOPBACK);
    return { at, length: 16 };
  }

  /** An abstract name of one letter. */
  protected abstractName(letter: string, index = 0): Address {
    const at = this.place(index);
    this.poke(at, AF_UNIX | (letter.charCodeAt(0) << 24));
    return { at, length: 4 };
  }

  /** A call of the setting up, which has to succeed. */
  protected made(name: string, ...args: number[]): number {
    const result = this.machine.call(name, ...args) | 0;
    if (result < 0) throw new Error(`${name} returns ${result} while the world is made`);
    return result;
  }

  protected setNumber(fd: number, name: number, value: number): void {
    const at = this.place(8);
    this.poke(at, value);
    this.made("simSetOption", fd, SOL_SOCKET, name, at, 4);
  }

  /** What may be on its way: bytes of data, twice which is what the options say. */
  protected limitBuffers(fd: number, bytes: number): void {
    this.setNumber(fd, SO_SNDBUF, bytes);
    this.setNumber(fd, SO_RCVBUF, bytes);
  }

  protected listener(address: Address, family: Family, backlog: number, bytes = 0): number {
    const fd = this.made("simSocket", family === "tcp" ? AF_INET : AF_UNIX, SOCK_STREAM);
    if (bytes > 0) this.limitBuffers(fd, bytes);
    this.made("simBind", fd, address.at, address.length);
    this.made("simListen", fd, backlog);
    return fd;
  }

  /** A connection, whose ends have room for so many bytes. */
  protected connection(family: Family, bytes: number): Ends {
    if (family === "unix") {
      this.made("simSocketpair", SOCK_STREAM, this.shared);
      const ends = { a: this.peek(this.shared), b: this.peek(this.shared + 4) };
      this.limitBuffers(ends.a, bytes);
      this.limitBuffers(ends.b, bytes);
      return ends;
    }
    const address = this.inet(7000);
    const listening = this.listener(address, "tcp", 4, bytes);
    const a = this.made("simSocket", AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    this.limitBuffers(a, bytes);
    this.machine.call("simConnect", a, address.at, address.length);
    this.made("simFcntl", a, F_SETFL, 0);
    const b = this.made("simAccept", listening);
    this.made("simClose", listening);
    return { a, b };
  }

  /** Closes what is left, and looks that nothing else is. */
  protected closeAll(fds: readonly number[]): void {
    for (const fd of fds) this.machine.call("simClose", fd);
    this.expect(this.machine.call("simOpenFiles") === 0, "a descriptor is left");
  }

  /** Sends a word. */
  protected *sendWord(thread: number, fd: number, word: number): Program {
    const buffer = this.bufferOf(thread);
    this.poke(buffer, word);
    const result = yield* signed("simSend", fd, buffer, 4, MSG_NOSIGNAL);
    this.expect(result === 4, `the sending of a word returns ${result}`);
  }

  /** Lets others run until a word in the application's memory is there. */
  protected *until(address: number, value: number): Program {
    while ((yield call("simLoad", address)) !== value) yield { givesWay: true };
  }
}

export const LOST = /a wake-up was lost/;

/** A fault that is one edit of one file. */
export function fault(
  file: string,
  name: string,
  scenario: string,
  failure: RegExp,
  edit: Omit<Edit, "file">,
): SourceFault {
  return { name, scenario, failure, edits: [{ file, ...edit }] };
}
