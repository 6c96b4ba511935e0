/**
 * Requests of the host to the machine, one line of text each (docs/boot-protocol.md):
 *
 *     signal 15        sends the program that signal, 1 to 64; one that has ended is past signals, but SIGKILL ends the
 *                      wait for its peers
 *
 *     controlBytes(bytes, n)       what has come, in pieces of any size
 *     controlReset()               who sent has gone: a line without an end is dropped
 *
 * A line that is no request is told on the log and changes nothing. Called by the handler of the
 * port's interrupt (main.ts wires it up), so nothing here sleeps.
 */
import { LOG_WARN, log } from "../lib/log";
import { netEndHurry } from "../net/ending";
import { sendSignalToProcess } from "./signal";
import { SI_USER, SIGKILL, SIGNAL_MAX, SignalInfo } from "./signal-numbers";
import { process } from "./task";

const LINE_MAX: u32 = 32;
const line: usize = memory.data(32);
/** Bytes of the line that have come; beyond LINE_MAX only counted. */
let length: u32 = 0;

const SIGNAL_WORD: usize = memory.data<u8>([0x73, 0x69, 0x67, 0x6e, 0x61, 0x6c, 0x20]); // "signal "
const SIGNAL_WORD_LENGTH: u32 = 7;
const NUMBER_DIGITS_MAX: u32 = 2;
const NEWLINE: u8 = 10;
const DIGIT_ZERO: u32 = 48;

const info: SignalInfo = changetype<SignalInfo>(memory.data(32, 8));

/** The signal that a line of n bytes asks for; 0 when it is no request. */
export function parseControlLine(text: usize, n: u32): i32 {
  if (n <= SIGNAL_WORD_LENGTH || n > SIGNAL_WORD_LENGTH + NUMBER_DIGITS_MAX) return 0;
  if (memory.compare(text, SIGNAL_WORD, <usize>SIGNAL_WORD_LENGTH) != 0) return 0;
  let signal: u32 = 0;
  for (let i = SIGNAL_WORD_LENGTH; i < n; i++) {
    const digit = <u32>load<u8>(text + <usize>i) - DIGIT_ZERO;
    if (digit > 9) return 0;
    signal = signal * 10 + digit;
  }
  return signal <= <u32>SIGNAL_MAX ? <i32>signal : 0;
}

function lineCame(): void {
  const signal = length <= LINE_MAX ? parseControlLine(line, length) : 0;
  if (signal == 0) {
    log(LOG_WARN, "control", 'a request of the host that is none: expected "signal N"');
    return;
  }
  // From outside of the machine, so of no process: si_pid is 0, as across pid namespaces on Linux.
  if (process.isEnding) {
    if (signal == SIGKILL) netEndHurry();
    return;
  }
  info.set(signal, SI_USER, 0);
  sendSignalToProcess(info);
}

export function controlBytes(bytes: usize, n: u32): void {
  for (let i: u32 = 0; i < n; i++) {
    const byte = load<u8>(bytes + <usize>i);
    if (byte == NEWLINE) {
      lineCame();
      length = 0;
    } else {
      if (length < LINE_MAX) store<u8>(line + <usize>length, byte);
      // One more than fits says that it is too long.
      length = min(length + 1, LINE_MAX + 1);
    }
  }
}

export function controlReset(): void {
  length = 0;
}
