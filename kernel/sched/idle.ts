/**
 * What a CPU does before it halts. Subsystems that are polled (the network) enter a function; it
 * returns whether it has found something to do, and when it has not, it leaves its device ready to
 * interrupt.
 *
 * And what it does before it runs another thread: output that was put off in the hope of more from
 * the thread that now sleeps (`setOutputWaits`) is sent.
 */
const POLLERS_MAX = 4;
const pollers: usize = memory.data(POLLERS_MAX * 4, 4);
let count = 0;

export function addIdlePoller(poll: () => bool): void {
  assert(count < POLLERS_MAX, "there is room for another poller");
  const slot = (<usize>count) << 2;
  count++;
  store<u32>(pollers + slot, load<u32>(changetype<usize>(poll)));
}

/** Runs all pollers; true when one of them found work. */
export function idlePoll(): bool {
  let found = false;
  for (let i = 0; i < count; i++) {
    if (call_indirect<bool>(load<u32>(pollers + ((<usize>i) << 2)))) found = true;
  }
  return found;
}

let hasOutput = false;
let outputFlusher: u32 = 0;

/** Whether output waits for `flushOutput`. */
export function outputWaits(): bool {
  return hasOutput;
}

export function setOutputWaits(value: bool): void {
  hasOutput = value;
}

/** Sets what sends the output, without sleeping. */
export function setOutputFlusher(flush: () => void): void {
  outputFlusher = load<u32>(changetype<usize>(flush));
}

export function flushOutput(): void {
  hasOutput = false;
  call_indirect<void>(outputFlusher);
}
