/**
 * The console: the virtio console where there is one, else the first serial port. A byte on a
 * serial port costs an exit to the hypervisor, a whole write on a virtio console does.
 *
 *     consoleInit()                     from main, first of all: output works, the log goes here
 *     consoleStart()                    at the end of discovery: output may be put off
 *     consoleInputFrom(port)            input comes from the host's terminal (virtio/host-ports.ts)
 *     consoleWrite(address, n)          n bytes at an address that is known to be mapped
 *     consoleOutput()                   the same as an OutputStream, which programs write to
 *     consoleRead(address, n) → bytes   what input has come; 0: none. Does not wait
 *     consoleWaitInput()                sleeps until there is input: 0 or -EINTR
 *     consoleInputCount()
 *     consoleInputEnded()               no more will come once what has come is read
 *     consoleOnInput(notify)            called, in interrupt context, when input comes: for poll(2)
 *     consoleDrain()                    writes what has been put off; called before power off
 *
 * Input is switched on by the first that asks for it: most applications never do, and it costs boot
 * time. The log writes byte by byte; its lines are collected and go out whole.
 */
import { addressOf, load8, store8 } from "../arch/hw";
import { setBeforePowerOff } from "../arch/x86_64/power";
import { setLogSink } from "../lib/log";
import { WaitQueue } from "../sched/wait-queue";
import { OutputStream } from "./output-stream";
import { serialDrain, serialInit, serialInputCount, serialListen, serialRead } from "./serial";
import { serialQueueDrain, serialQueueStart, serialQueueWrite } from "./serial-queue";
import { InputPort, standardOutput } from "./virtio/host-ports";
import {
  virtioConsoleHasInput,
  virtioConsoleListen,
  virtioConsoleOutput,
  virtioConsolePoll,
} from "./virtio/virtio-console";

const LINE_SIZE: u32 = 256;
const line: usize = memory.data(256);
let lineLength: u32 = 0;

const INPUT_SIZE: u32 = 4096;
/** Input of the virtio console that nobody has read. */
const input: usize = memory.data(4096);
let inputHead: u32 = 0;
let inputTail: u32 = 0;
/** Where input comes from, if neither from the virtio console nor from the serial port. */
let hostInput: InputPort | null = null;
let listening = false;
const waiters: WaitQueue = new WaitQueue();
let notifyInput: () => void = () => {};

/** Takes a byte of the log. */
function logByte(byte: u32): void {
  store<u8>(line + <usize>lineLength, <u8>byte);
  lineLength++;
  if (byte == 10 || lineLength == LINE_SIZE) flushLine();
}

function flushLine(): void {
  const length = lineLength;
  lineLength = 0;
  if (length == 0) return;
  consoleWrite(addressOf(line), length);
  // What the kernel has to say may be its last words.
  serialQueueDrain();
}

export function consoleInit(): void {
  serialInit();
  setLogSink(logByte);
}

/** Output may take its time from now on: devices are known, timers run. */
export function consoleStart(): void {
  setBeforePowerOff(consoleDrain);
  if (!virtioConsoleOutput().isStarted()) serialQueueStart();
}

export function consoleWrite(address: u64, n: u64): void {
  const output = virtioConsoleOutput();
  if (!output.isStarted()) {
    serialQueueWrite(address, n);
    return;
  }
  // The device may have come while output waited.
  serialQueueDrain();
  output.write(address, n);
}

/** The serial port has always room: it keeps or writes what comes. */
class ConsoleOutput extends OutputStream {
  write(address: u64, n: u64): void {
    consoleWrite(address, n);
  }

  hasRoom(): bool {
    const output = virtioConsoleOutput();
    return !output.isStarted() || output.hasRoom();
  }

  waitRoom(): i32 {
    const output = virtioConsoleOutput();
    return output.isStarted() ? output.waitRoom() : 0;
  }

  onRoom(notify: () => void): void {
    virtioConsoleOutput().onRoom(notify);
  }
}

const programOutput: ConsoleOutput = new ConsoleOutput();

export function consoleOutput(): OutputStream {
  return programOutput;
}

/** Returns when the host has all output, of the program too. */
export function consoleDrain(): void {
  flushLine();
  serialQueueDrain();
  serialDrain();
  virtioConsoleOutput().drain();
  const apart = standardOutput();
  if (apart) apart.drain();
}

/** In interrupt context. */
function inputCame(): void {
  waiters.wakeAll();
  notifyInput();
}

function listen(): void {
  if (listening) return;
  listening = true;
  const port = hostInput;
  if (port) port.open(inputCame);
  else if (virtioConsoleHasInput()) virtioConsoleListen(inputCame);
  else serialListen(inputCame);
}

/** Keeps a piece of the virtio console's input; what does not fit is lost. */
function keepInput(address: u64, n: u64): void {
  for (let i: u64 = 0; i < n && inputHead - inputTail < INPUT_SIZE; i++) {
    store<u8>(input + <usize>(inputHead & (INPUT_SIZE - 1)), <u8>load8(address + i));
    inputHead++;
  }
}

/** Bytes of input that wait to be read. */
export function consoleInputCount(): u32 {
  listen();
  const port = hostInput;
  if (port) return port.isReady() ? port.count() : 0;
  if (!virtioConsoleHasInput()) return serialInputCount();
  virtioConsolePoll(keepInput);
  return inputHead - inputTail;
}

/** Moves up to n bytes of input to a kernel address; returns how many. */
export function consoleRead(address: u64, n: u64): u64 {
  const port = hostInput;
  if (port) return port.read(address, n);
  const count = min(n, <u64>consoleInputCount());
  for (let i: u64 = 0; i < count; i++) {
    if (virtioConsoleHasInput()) {
      store8(address + i, load<u8>(input + <usize>(inputTail & (INPUT_SIZE - 1))));
      inputTail++;
    } else {
      store8(address + i, <u32>serialRead());
    }
  }
  return count;
}

/** Whether the host's end is closed: no more will come than consoleInputCount says. */
export function consoleInputEnded(): bool {
  const port = hostInput;
  return port != null && port.isEnded;
}

export function consoleInputFrom(port: InputPort): void {
  hostInput = port;
}

/** Sleeps until there is input, or its end: 0, or -EINTR. */
export function consoleWaitInput(): i32 {
  while (consoleInputCount() == 0 && !consoleInputEnded()) {
    const error = waiters.wait();
    if (error != 0) return error;
  }
  return 0;
}

export function consoleOnInput(notify: () => void): void {
  notifyInput = notify;
  listen();
}
