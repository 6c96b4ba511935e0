/**
 * How calls that look for readiness reach the network without depending on it: they poll it before they say that nothing
 * is ready, so that a packet that has arrived is seen by the thread that asks, without an interrupt and a thread switch in between.
 */

/** Index of the function in the wasm table; 0: there is no network. */
let poller: u32 = 0;

/** Sets what takes in received packets. It does not sleep. */
export function setNetPoll(poll: () => void): void {
  poller = load<u32>(changetype<usize>(poll));
}

/** Takes in the packets that have arrived; files become ready, and tell their observers. Cheap when there are none. */
export function pollNetwork(): void {
  if (poller != 0) call_indirect<void>(poller);
}
