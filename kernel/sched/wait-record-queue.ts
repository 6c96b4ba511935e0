/**
 * A queue of wait records, first in, first out: any number of CPUs push at the same time, one pops.
 *
 *     queue.push(record)     from any thread
 *     queue.pop()            the oldest record, or null; the caller sees to it that pops exclude
 *                            each other, and that one happens before the next
 *     queue.isEmpty()        from any thread, see there
 *
 * Two lists. `pushed` is a stack, newest first: a push links its record before the head and puts it
 * in the head's place by a compare-exchange. `popped` is in order, oldest first, and only pops
 * change it: when it has run out, a pop takes all of `pushed` by one exchange and turns it around.
 *
 *     push ─▶ pushed: D ─▶ C ─▶ null          popped: A ─▶ B ─▶ null ─▶ pop
 *
 * Lock-free: a push whose compare-exchange fails has lost to another that succeeded. There is no
 * ABA problem: nothing takes a single record off `pushed`, so a head that is the same again is the
 * head of a list whose rest is what the pusher links to, whatever happened in between.
 */
import { WaitRecord } from "./wait-record";

@unmanaged
export class WaitRecordQueue {
  /** Records, newest first. Touched by atomics alone. */
  pushed: WaitRecord | null;
  /** Records, oldest first. Changed by `pop` alone, read by `isEmpty` on any CPU. */
  popped: WaitRecord | null;

  push(record: WaitRecord): void {
    const at = changetype<usize>(this);
    let head = atomic.load<usize>(at, offsetof<WaitRecordQueue>("pushed"));
    for (;;) {
      record.next = changetype<WaitRecord | null>(head);
      // Publishes the link. Pairs with the exchange in `pop`, which reads it.
      const seen = atomic.cmpxchg<usize>(
        at,
        head,
        changetype<usize>(record),
        offsetof<WaitRecordQueue>("pushed"),
      );
      if (seen == head) return;
      head = seen;
    }
  }

  pop(): WaitRecord | null {
    const at = changetype<usize>(this);
    let first = changetype<WaitRecord | null>(
      atomic.load<usize>(at, offsetof<WaitRecordQueue>("popped")),
    );
    if (!first) {
      // Pairs with the compare-exchange in `push`: the links of what is taken are all in place, and
      // nobody but this pop looks at these records' links from here on.
      let record = changetype<WaitRecord | null>(
        atomic.xchg<usize>(at, 0, offsetof<WaitRecordQueue>("pushed")),
      );
      while (record) {
        const older = record.next;
        record.next = first;
        first = record;
        record = older;
      }
      if (!first) return null;
    }
    atomic.store<usize>(at, changetype<usize>(first.next), offsetof<WaitRecordQueue>("popped"));
    return first;
  }

  /**
   * Whether there is no record. Exact as long as no pop is under way: a push that has ended shows.
   * While a pop turns the list around, both lists may look empty though one is not.
   */
  isEmpty(): bool {
    const at = changetype<usize>(this);
    return (
      atomic.load<usize>(at, offsetof<WaitRecordQueue>("popped")) == 0 &&
      atomic.load<usize>(at, offsetof<WaitRecordQueue>("pushed")) == 0
    );
  }
}
