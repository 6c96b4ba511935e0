/**
 * What will happen: a binary heap of actions by time, those of the same time in the order they were
 * entered.
 */
interface Event {
  time: number;
  order: number;
  action: () => void;
}

export class EventQueue {
  /** Nanoseconds. */
  now = 1_000_000_000;
  count = 0;
  private readonly heap: Event[] = [];
  private order = 0;

  at(time: number, action: () => void): void {
    this.heap.push({ time: Math.max(time, this.now), order: this.order++, action });
    let index = this.heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.before(index, parent)) break;
      this.swap(index, parent);
      index = parent;
    }
  }

  after(delay: number, action: () => void): void {
    this.at(this.now + delay, action);
  }

  /** Runs the next action; false when there is none. */
  step(): boolean {
    const first = this.heap[0];
    if (first === undefined) return false;
    const last = this.heap.pop() as Event;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.sink();
    }
    this.now = first.time;
    this.count++;
    first.action();
    return true;
  }

  private before(a: number, b: number): boolean {
    const x = this.heap[a] as Event;
    const y = this.heap[b] as Event;
    return x.time < y.time || (x.time === y.time && x.order < y.order);
  }

  private swap(a: number, b: number): void {
    const x = this.heap[a] as Event;
    this.heap[a] = this.heap[b] as Event;
    this.heap[b] = x;
  }

  private sink(): void {
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.heap.length) return;
      if (child + 1 < this.heap.length && this.before(child + 1, child)) child++;
      if (!this.before(child, index)) return;
      this.swap(child, index);
      index = child;
    }
  }
}
