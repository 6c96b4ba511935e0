/**
 * SEM_UNDO: what a process has done to semaphores is undone when it ends (semop(2)).
 *
 *     list = new UndoList()              of a thread; those that share it have references
 *     undo = undoOf(list, set)           made at the first operation with SEM_UNDO; null: no memory
 *     undo.note(index, change)           false: the sum would leave the bounds
 *     undoListPut(list, pid)             with the last reference all is undone
 *
 * An undo belongs to its set and is in its list as well: it goes with whichever ends first.
 */
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { SemaphoreSet } from "./semaphores";

/** An adjustment is at least -SEMAEM - 1. */
const SEMAEM: i32 = 32767;

export class UndoList {
  references: u32 = 1;
  first: SemaphoreUndo | null = null;
}

/** What is to be added to the semaphores of one set. */
export class SemaphoreUndo {
  nextOfSet: SemaphoreUndo | null = null;
  nextOfList: SemaphoreUndo | null = null;

  /** Takes over `adjustments`, an i16 for each semaphore. */
  constructor(
    readonly list: UndoList,
    readonly set: SemaphoreSet,
    private adjustments: usize,
  ) {}

  private at(index: u32): usize {
    return this.adjustments + ((<usize>index) << 1);
  }

  /** A semaphore has been changed: the contrary is to be added. */
  note(index: u32, change: i32): bool {
    const sum = <i32>load<i16>(this.at(index)) - change;
    if (sum < -SEMAEM - 1 || sum > SEMAEM) return false;
    store<i16>(this.at(index), <i16>sum);
    return true;
  }

  /** Nothing is to be added to a semaphore. */
  forget(index: u32): void {
    store<i16>(this.at(index), 0);
  }

  /** Undoes it, as process `pid`. */
  perform(pid: u32): void {
    for (let i: u32 = 0; i < this.set.count; i++) {
      const change = load<i16>(this.at(i));
      if (change != 0) this.set.adjust(i, change, pid);
    }
    this.set.serve();
  }

  /** Takes it out of its set and its list, and frees it. */
  destroy(): void {
    const set = this.set;
    const list = this.list;
    if (set.undos == this) {
      set.undos = this.nextOfSet;
    } else {
      let before = set.undos;
      while (before && before.nextOfSet != this) before = before.nextOfSet;
      if (before) before.nextOfSet = this.nextOfSet;
    }
    if (list.first == this) {
      list.first = this.nextOfList;
    } else {
      let before = list.first;
      while (before && before.nextOfList != this) before = before.nextOfList;
      if (before) before.nextOfList = this.nextOfList;
    }
    heapFree(this.adjustments);
    free(this);
  }
}

/** The undo of a list for a set, borrowed. Null when memory is out. */
export function undoOf(list: UndoList, set: SemaphoreSet): SemaphoreUndo | null {
  let undo = list.first;
  while (undo && undo.set != set) undo = undo.nextOfList;
  if (undo) return undo;
  const bytes = (<usize>set.count) << 1;
  const adjustments = heapAlloc(bytes);
  if (adjustments == 0) return null;
  memory.fill(adjustments, 0, bytes);
  const made = attempt(new SemaphoreUndo(list, set, adjustments));
  if (!made) {
    heapFree(adjustments);
    return null;
  }
  made.nextOfSet = set.undos;
  set.undos = made;
  made.nextOfList = list.first;
  list.first = made;
  return made;
}

/** Gives a reference back; the last one undoes all. */
export function undoListPut(list: UndoList, pid: u32): void {
  if (--list.references != 0) return;
  for (let undo = list.first; undo; undo = list.first) {
    undo.perform(pid);
    undo.destroy();
  }
  free(list);
}
