/**
 * A lock to sleep on that uses no spinlock: no CPU ever waits for another one to finish a step.
 * The algorithm is Gidenstam and Papatriantafilou's, "LFthreads: a lock-free thread library"
 * (2007), with the queue and the numbered hand-off that OSv gave it.
 *
 *     mutex.lock()       sleeps until the lock is free; mutex.tryLock() does not, and may fail
 *     mutex.unlock()     gives it to the thread that has waited longest
 *     mutex.owned()      whether the current thread holds it
 *
 * Not recursive. Held only across what may sleep; never taken by an interrupt handler.
 *
 * `count` is the number of threads that hold the lock or are in `lock`. Who raises it from 0 has
 * the lock, and who lowers it to 0 has freed it: one atomic each when nobody else comes. Everybody
 * else queues a wait record and sleeps. Who unlocks and finds others counted passes the lock on, by
 * taking the first record out of the queue and waking its thread, which then holds the lock: it
 * need not compete for it, and a thread that comes meanwhile finds the count above 0.
 *
 * **The hand-off.** A locker is counted before it is queued. Who unlocks in between knows that
 * somebody comes, but finds nobody to wake; waiting for the record would be a spinlock. Instead it
 * leaves a number in `handoff` and goes. The lock then belongs to no thread; what is left is the
 * duty to pass it on, and one thread takes that over by a compare-exchange of the number to 0: a
 * locker that has queued itself since (it pops a record and wakes it, or goes on itself when the
 * record is its own), a `tryLock` (which takes the lock itself), or the unlocker, if it finds a
 * record after all.
 *
 *     who unlocks (count stays above 0)            who locks (count was above 0)
 *       pop: nothing                                 push the record                     (P)
 *       handoff = number                   (H)       read handoff                        (R)
 *       queue is empty? then that is all   (E)       a number, and the queue is not empty?
 *       else take the number back, pop, wake         then take the number, pop, wake
 *
 * *No wake-up is lost.* H comes before E, P before R, and all four are sequentially consistent: if
 * E misses P, then R comes after H and sees the number. So the duty left at H is seen by each
 * locker that E has missed, and by the unlocker itself if it has missed none. Whoever sees it finds
 * a record to wake, its own if no other: or, when the queue is empty again, somebody took its
 * record out, and so woke it or will.
 *
 * *Two pops never run at the same time.* The right to pop is the lock itself or the duty to pass it
 * on, and there is one of them: unlock has it from the time it lowers `count` to a value above 0
 * until it wakes somebody or writes the number; who takes the number has it until it wakes somebody
 * or holds the lock. No other unlock can begin in between, since nobody holds the lock; nor can a
 * `lock` find the count at 0, for the locker that is still under way keeps it above.
 *
 * E and the look at the queue that follows R may meet a pop under way, which makes the queue look
 * empty for a moment. Then the number has been taken, and with it the duty: whether the look or the
 * compare-exchange fails is all the same.
 *
 * *The number* tells one hand-off from another. Between E and taking the number back, the hand-off
 * may be over, the lock taken and freed, and another hand-off left for another locker. With a flag
 * instead of a number, the unlocker would take that one, and find nobody to wake in a queue that is
 * empty again: the duty would be lost. (A locker can't fall for that. While its record is queued,
 * no unlock finds the queue empty; once it is popped, the lock is the locker's own to free.) The
 * numbers repeat after 2^32 - 1 hand-offs; a thread would have to stand still for that long.
 *
 * *A record is not touched once its thread has gone on*: it is popped once, by one thread, which
 * reads its link before it wakes it, and waking is the last access (wait-record.ts). A locker whose
 * record is in the queue does not return before it has been popped.
 *
 * `owner` is no part of the algorithm: it is there for `owned`, to which only the thread's own
 * writes matter. It is accessed by `hw.volatile*`, so that other threads' reads of it are whole
 * words, without making the uncontended path another atomic longer.
 */
import { addressOf, volatileLoad32, volatileStore32 } from "../arch/hw";
import { panic } from "../lib/panic";
import { VERIFY } from "../lib/verify";
import { lockReleased, lockTaken, lockWanted } from "./lock-order";
import { currentThread, Thread, threadWaitRecord } from "./thread";
import { WaitRecordQueue } from "./wait-record-queue";

@unmanaged
export class Mutex {
  /** Threads that hold the lock or are about to. Touched by atomics alone. */
  count: u32;
  /** The thread that holds the lock, null when none does or it has just changed hands. */
  owner: Thread | null;
  /** The number of the hand-off that waits for somebody, or 0. Touched by atomics alone. */
  handoff: u32;
  /** The last number that was used. Changed only by who may pop. */
  sequence: u32;
  // A WaitRecordQueue.
  queue0: u32;
  queue1: u32;
  /** LOCK_*, in debug builds. */
  kind: u32;

  /** `kind`: which lock of the order it is (lock-order.ts). */
  constructor(kind: u32) {
    memory.fill(changetype<usize>(this), 0, offsetof<Mutex>());
    if (VERIFY) this.kind = kind;
  }

  @inline
  private get queue(): WaitRecordQueue {
    return changetype<WaitRecordQueue>(changetype<usize>(this) + offsetof<Mutex>("queue0"));
  }

  @inline
  private setOwner(thread: usize): void {
    volatileStore32(addressOf(changetype<usize>(this) + offsetof<Mutex>("owner")), <u32>thread);
  }

  /** Takes the lock; sleeps while another thread has it. */
  lock(): void {
    if (VERIFY) lockWanted(this.kind);
    // Pairs with the subtraction in `unlock`: what the last holder wrote is seen.
    const others = atomic.add<u32>(changetype<usize>(this), 1, offsetof<Mutex>("count"));
    if (others != 0) this.lockContended();
    if (VERIFY) lockTaken(this.kind);
    this.setOwner(changetype<usize>(currentThread()));
  }

  private lockContended(): void {
    if (this.owned()) panic("mutex", "locked twice by the same thread");
    const at = changetype<usize>(this);
    const record = threadWaitRecord();
    record.prepare();
    this.queue.push(record); // P
    // R: pairs with H in `unlock`. Before P it could miss the number that E left for us.
    const handoff = atomic.load<u32>(at, offsetof<Mutex>("handoff"));
    if (handoff != 0 && !this.queue.isEmpty() && this.takeHandoff(handoff)) {
      const first = this.queue.pop();
      if (!first) {
        panic("mutex", "a hand-off was taken and nobody is queued");
        return;
      }
      if (first == record) return;
      first.wake();
    }
    record.wait();
  }

  /** Takes over the duty to pass the lock on. False: another thread has. */
  @inline
  private takeHandoff(number: u32): bool {
    const at = changetype<usize>(this);
    return atomic.cmpxchg<u32>(at, number, 0, offsetof<Mutex>("handoff")) == number;
  }

  /** Takes the lock if that can be done at once. Does not sleep. */
  tryLock(): bool {
    const at = changetype<usize>(this);
    if (atomic.cmpxchg<u32>(at, 0, 1, offsetof<Mutex>("count")) != 0) {
      // The lock is free, too, while a hand-off waits. The locker it is for finds it gone and
      // sleeps until our unlock. It keeps the count above 0 until we have counted ourselves.
      const handoff = atomic.load<u32>(at, offsetof<Mutex>("handoff"));
      if (handoff == 0 || !this.takeHandoff(handoff)) return false;
      atomic.add<u32>(at, 1, offsetof<Mutex>("count"));
    }
    if (VERIFY) lockTaken(this.kind);
    this.setOwner(changetype<usize>(currentThread()));
    return true;
  }

  /** Frees the lock or gives it to the next thread. Does not sleep. */
  unlock(): void {
    assert(this.owned(), "unlocked by a thread that does not hold it");
    if (VERIFY) lockReleased(this.kind);
    this.setOwner(0);
    // Pairs with the addition in `lock`.
    const holders = atomic.sub<u32>(changetype<usize>(this), 1, offsetof<Mutex>("count"));
    if (holders != 1) this.passOn();
  }

  /** Others are counted: wakes one of them, or leaves that to one that has not queued yet. */
  private passOn(): void {
    const at = changetype<usize>(this);
    let first = this.queue.pop();
    if (!first) {
      let number = this.sequence + 1;
      if (number == 0) number = 1;
      this.sequence = number;
      // H: pairs with R in `lockContended`, and publishes `sequence` and the queue's `popped` to
      // who takes the number.
      atomic.store<u32>(at, number, offsetof<Mutex>("handoff"));
      // E: pairs with P. Before H it could miss a record whose thread has missed the number.
      if (this.queue.isEmpty() || !this.takeHandoff(number)) return;
      first = this.queue.pop();
      if (!first) {
        panic("mutex", "a hand-off was taken back and nobody is queued");
        return;
      }
    }
    first.wake();
  }

  /** Whether the current thread holds the lock. */
  owned(): bool {
    const owner = volatileLoad32(addressOf(changetype<usize>(this) + offsetof<Mutex>("owner")));
    return owner == <u32>changetype<usize>(currentThread());
  }
}
