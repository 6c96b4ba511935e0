/**
 * The console as a terminal: /dev/console, /dev/tty, and so the application's standard input and
 * output.
 *
 * The line discipline is the host's: it edits lines and echoes. Here, a carriage return becomes a
 * newline, and ^D at the beginning of what has come is the end of the input, both unless the
 * program has switched that off (termios(3)). Output goes out as it is: to the console, or, for a
 * terminal that is standard output alone (/dev/hvc0), to a port of its own.
 */
import { addressOf } from "../arch/hw";
import {
  consoleInputCount,
  consoleInputEnded,
  consoleOnInput,
  consoleRead,
  consoleWaitInput,
} from "../dev/console";
import { OutputStream } from "../dev/output-stream";
import { EAGAIN, ENOMEM, ENOTTY } from "../lib/errno";
import { loadUser, storeUser, storeUser32 } from "../linux/user-memory";
import { heapAlloc, heapFree } from "../runtime/heap";
import { Dentry } from "./dentry";
import { O_NONBLOCK, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./file";
import { Inode } from "./inode";
import { IoVector } from "./io-vector";
import { ListedFile, OpenFiles } from "./listed-file";

// include/uapi/asm-generic/ioctls.h
const TCGETS: u32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSF: u32 = 0x5404;
const TCSBRK: u32 = 0x5409;
const TCFLSH: u32 = 0x540b;
const TIOCSCTTY: u32 = 0x540e;
const TIOCGPGRP: u32 = 0x540f;
const TIOCSPGRP: u32 = 0x5410;
const TIOCGWINSZ: u32 = 0x5413;
const TIOCSWINSZ: u32 = 0x5414;
const FIONREAD: u32 = 0x541b;
const TIOCGSID: u32 = 0x5429;

/**
 * struct termios: iflag, oflag, cflag, lflag (u32 each), line (u8), cc (19 bytes). Linux's defaults
 * for a serial console.
 */
const TERMIOS_SIZE: u64 = 36;
const TERMIOS: usize = memory.data<u8>(
  [
    0x00, 0x05, 0, 0, 0x05, 0, 0, 0, 0xbf, 0x04, 0, 0, 0x3b, 0x8a, 0, 0, 0, 0x03, 0x1c, 0x7f, 0x15,
    0x04, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0x0f, 0x17, 0x16, 0, 0, 0,
  ],
  8,
);
const LFLAG: usize = 12;
const ICRNL: u32 = 0x100;
const ICANON: u32 = 0x2;

/** struct winsize: rows, columns, and pixels (unknown). */
const WINDOW_SIZE: usize = memory.data<u16>([24, 80, 0, 0]);

/** Bytes that go through the kernel at once; a size class of the heap. */
const PIECE: u64 = 1008;
const PROCESS_GROUP: u32 = 1;
const CARRIAGE_RETURN: u8 = 13;
const NEWLINE: u8 = 10;
const END_OF_TRANSMISSION: u8 = 4;

/** The open files of the console, for telling their observers. */
const openFiles: OpenFiles = new OpenFiles();
let listening = false;

function inputCame(): void {
  openFiles.notify(POLLIN | POLLRDNORM);
}

function roomCame(): void {
  openFiles.notify(POLLOUT | POLLWRNORM);
}

export class ConsoleFile extends ListedFile {
  constructor(
    dentry: Dentry,
    inode: Inode,
    flags: u32,
    private output: OutputStream,
  ) {
    super(dentry, inode, flags, openFiles);
  }

  write(io: IoVector): i64 {
    const piece = heapAlloc(<usize>PIECE);
    if (piece == 0) return -ENOMEM;
    const output = this.output;
    let done: i64 = 0;
    while (io.remaining > 0) {
      const error =
        (this.flags & O_NONBLOCK) == 0 || output.hasRoom() ? output.waitRoom() : -EAGAIN;
      if (error != 0) {
        if (done == 0) done = error;
        break;
      }
      const moved = io.take(addressOf(piece), min(io.remaining, PIECE));
      if (moved <= 0) {
        if (done == 0) done = moved;
        break;
      }
      output.write(addressOf(piece), moved);
      done += moved;
    }
    heapFree(piece);
    return done;
  }

  read(io: IoVector): i64 {
    if (io.remaining == 0) return 0;
    if (consoleInputCount() == 0 && !consoleInputEnded()) {
      if ((this.flags & O_NONBLOCK) != 0) return -EAGAIN;
      const error = consoleWaitInput();
      if (error != 0) return error;
    }
    const piece = heapAlloc(<usize>PIECE);
    if (piece == 0) return -ENOMEM;
    const n = consoleRead(addressOf(piece), min(io.remaining, PIECE));
    const kept = cook(piece, <u32>n);
    const done = kept == 0 ? 0 : io.put(addressOf(piece), kept);
    heapFree(piece);
    return done;
  }

  /** Whether a write would wait; if so, observers are told when it would not. */
  protected pollOutput(): u32 {
    this.output.onRoom(roomCame);
    return this.output.hasRoom() ? POLLOUT | POLLWRNORM : 0;
  }

  poll(): u32 {
    if (!listening) {
      listening = true;
      consoleOnInput(inputCame);
    }
    const isReadable = consoleInputCount() > 0 || consoleInputEnded();
    const input: u32 = isReadable ? POLLIN | POLLRDNORM : 0;
    return input | this.pollOutput();
  }

  ioctl(request: u32, argument: u64): i64 {
    switch (request) {
      case TCGETS:
        return storeUser(argument, TERMIOS, TERMIOS_SIZE);
      case TIOCGWINSZ:
        return storeUser(argument, WINDOW_SIZE, 8);
      case TIOCSWINSZ:
        return loadUser(WINDOW_SIZE, argument, 8);
      case TIOCGPGRP:
      case TIOCGSID:
        return storeUser32(argument, PROCESS_GROUP);
      case FIONREAD:
        return storeUser32(argument, consoleInputCount());
      case TCSBRK:
      case TCFLSH:
      case TIOCSCTTY:
      case TIOCSPGRP:
        return 0;
      default:
        if (request >= TCSETS && request <= TCSETSF) {
          return loadUser(TERMIOS, argument, TERMIOS_SIZE);
        }
        return -ENOTTY;
    }
  }
}

/** What a terminal does to its input; returns how many bytes are left. */
function cook(text: usize, n: u32): u32 {
  const lines = (load<u32>(TERMIOS + LFLAG) & ICANON) != 0;
  const newlines = (load<u32>(TERMIOS) & ICRNL) != 0;
  for (let i: u32 = 0; i < n; i++) {
    const byte = load<u8>(text + <usize>i);
    if (newlines && byte == CARRIAGE_RETURN) store<u8>(text + <usize>i, NEWLINE);
    if (lines && byte == END_OF_TRANSMISSION) return i;
  }
  return n;
}
