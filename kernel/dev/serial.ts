/**
 * The first serial port: a 16550A with its FIFO (National Semiconductor PC16550D data sheet,
 * section 8).
 *
 *     serialInit()
 *     serialWrite(address, n)       waits for the port, not for an interrupt
 *     serialDrain()                 waits until the host has all of it: before the machine ends
 *     serialListen(wake)            input by interrupt from now on
 *     serialRead() → byte or -1     what has come
 *
 * Every port access leaves the guest, so the line status is read once per 16 bytes: an empty
 * transmitter holding register means an empty FIFO. The interrupt handler moves input to a ring,
 * which a thread empties.
 */
import { in8, load8, out8, pause } from "../arch/hw";
import { interruptAllocate } from "../arch/x86_64/interrupts";
import { ioapicRouteIsa } from "../arch/x86_64/ioapic";

const COM1: u32 = 0x3f8;
const COM1_IRQ: u32 = 4;

const DATA: u32 = COM1 + 0; // RW; with LCR.DLAB the divisor, which the firmware set
const INTERRUPT_ENABLE: u32 = COM1 + 1; // RW
const FIFO_CONTROL: u32 = COM1 + 2; // WO
const LINE_CONTROL: u32 = COM1 + 3; // RW
const MODEM_CONTROL: u32 = COM1 + 4; // RW
const LINE_STATUS: u32 = COM1 + 5; // RO

const IER_RECEIVED: u32 = 1 << 0;
/** Enabled, both FIFOs cleared, an interrupt from the first byte on. */
const FCR_ENABLE_CLEAR: u32 = 0x07;
const LCR_8N1: u32 = 0x03;
/** DTR, RTS, and OUT2, which connects the interrupt. */
const MCR_READY: u32 = 0x0b;
const LSR_DATA_READY: u32 = 1 << 0;
const LSR_HOLDING_EMPTY: u32 = 1 << 5;
/** The shift register, too: an emulated port keeps bytes there while its host takes none. */
const LSR_TRANSMITTER_EMPTY: u32 = 1 << 6;
const FIFO_SIZE: u64 = 16;
/**
 * How often to look whether the port takes more: some seconds. A host that does not read for so
 * long loses output, until it reads again; the machine goes on. (A port that is not there reads
 * 0xff, so nothing waits for it.)
 */
const SPINS_MAX = 10_000_000;

const RING_SIZE: u32 = 256;
const ring: usize = memory.data(256);
/** Free-running; `head` is the interrupt handler's, `tail` the reader's. */
let head: u32 = 0;
let tail: u32 = 0;
let listening = false;
/** The host has stopped reading. */
let stuck = false;
let wakeReader: () => void = () => {};

export function serialInit(): void {
  out8(INTERRUPT_ENABLE, 0);
  out8(LINE_CONTROL, LCR_8N1);
  out8(FIFO_CONTROL, FCR_ENABLE_CLEAR);
  out8(MODEM_CONTROL, MCR_READY);
}

/** Waits until the line status has `bit`; false when the host does not read. */
function waitFor(bit: u32): bool {
  for (let spins = 0; (in8(LINE_STATUS) & bit) == 0; spins++) {
    if (stuck || spins == SPINS_MAX) {
      stuck = true;
      return false;
    }
    pause();
  }
  stuck = false;
  return true;
}

/** Writes n bytes at a kernel address. */
export function serialWrite(address: u64, n: u64): void {
  let done: u64 = 0;
  while (done < n) {
    if (!waitFor(LSR_HOLDING_EMPTY)) return;
    const stop = min(n, done + FIFO_SIZE);
    for (; done < stop; done++) out8(DATA, load8(address + done));
  }
}

export function serialDrain(): void {
  waitFor(LSR_TRANSMITTER_EMPTY);
}

function serialInterrupt(context: usize): void {
  while ((in8(LINE_STATUS) & LSR_DATA_READY) != 0) {
    const byte = in8(DATA);
    if (head - tail == RING_SIZE) continue; // nobody reads: lost, as on any serial line
    store<u8>(ring + <usize>(head & (RING_SIZE - 1)), <u8>byte);
    head++;
  }
  wakeReader();
}

/** Receives from now on; `wake` is called in interrupt context when input has come. */
export function serialListen(wake: () => void): void {
  if (listening) return;
  const vector = interruptAllocate(serialInterrupt, 0, "serial");
  if (vector < 0 || !ioapicRouteIsa(COM1_IRQ, vector)) return;
  listening = true;
  wakeReader = wake;
  out8(INTERRUPT_ENABLE, IER_RECEIVED);
  // What came before the interrupt was enabled raises none on some ports.
  serialInterrupt(0);
}

/** The next byte of input, or -1. */
export function serialRead(): i32 {
  if (head == tail) return -1;
  const byte = load<u8>(ring + <usize>(tail & (RING_SIZE - 1)));
  tail++;
  return byte;
}

export function serialInputCount(): u32 {
  return head - tail;
}
