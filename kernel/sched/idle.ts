/**
 * What a CPU does before it halts. Subsystems that are polled (the network) enter a function; it returns whether it
 * has found something to do, and when it has not, it leaves its device ready to interrupt.
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
