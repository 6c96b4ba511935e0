/**
 * What the simulator of interleavings (test/sim/interleave) calls of a channel; nothing of this is
 * part of the kernel. One simulated CPU produces, one consumes, each with a thread of its own. The
 * consumer sleeps when it finds nothing, and is woken when the producer is told to.
 */
import { makeReady, schedule } from "../sched/scheduler";
import { currentThread, STATE_BLOCKED, STATE_READY, Thread } from "../sched/thread";
import { CHANNEL_SLOTS, CHANNEL_WAS_EMPTY, Channel, channelCreate } from "./channel";

export { simMemory, simThread, simThreadState } from "../sched/sim-exports";

/** The consumer has to look again. */
const signal: usize = memory.data(4, 4);

export function simSignal(): usize {
  return signal;
}

export function simSlots(): u32 {
  return CHANNEL_SLOTS;
}

export function simChannel(): usize {
  return changetype<usize>(channelCreate());
}

/** Appends an item; when the consumer may not know that there is one, wakes it. */
export function simPush(channel: usize, item: u32, consumer: usize): i32 {
  const result = changetype<Channel>(channel).push(item);
  if (result == CHANNEL_WAS_EMPTY) {
    atomic.store<u32>(signal, 1);
    makeReady(changetype<Thread>(consumer));
  }
  return result;
}

/** The next item; sleeps until there is one. */
export function simPop(channel: usize): u32 {
  const thread = currentThread();
  let item = changetype<Channel>(channel).pop();
  while (item == 0) {
    thread.state = STATE_BLOCKED;
    // Pairs with the store in `simPush`: it comes before the exchange, or the wake finds us
    // blocked.
    if (atomic.xchg<u32>(signal, 0) == 0) {
      schedule();
      atomic.store<u32>(signal, 0);
    }
    thread.state = STATE_READY;
    item = changetype<Channel>(channel).pop();
  }
  return item;
}
