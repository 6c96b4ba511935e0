import { EAGAIN, EINVAL, ENOMEM, ERANGE } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { attempt } from "../runtime/attempt";
import { heapFree } from "../runtime/heap";
import { expectUndone } from "../runtime/testing";
import { thisCpu } from "../sched/cpu";
import { addIdlePoller } from "../sched/idle";
import { STATE_READY, threadBare } from "../sched/thread";
import { NO_DEADLINE } from "../sched/wait-queue";
import { IPC_NOWAIT } from "./ipc";
import { UndoList, undoListPut, undoOf } from "./semaphore-undo";
import {
  SEM_UNDO,
  SEMMSL,
  SemaphoreCall,
  SemaphoreSet,
  semaphoreCall,
  semaphoresInUse,
  setCreate,
  sets,
} from "./semaphores";

const PID = 5;

function created(count: u32): SemaphoreSet {
  const id = setCreate(0, count, 0o600);
  expect(id >= 0, "a set");
  return sets.find(<i32>id)!;
}

function put(call: SemaphoreCall, place: u32, index: u16, change: i16, flags: u32): void {
  const operation = call.operation(place);
  operation.index = index;
  operation.change = change;
  operation.flags = <u16>flags;
}

/** One operation that is not waited for. */
function operate(set: SemaphoreSet, index: u16, change: i16): i64 {
  const call = semaphoreCall(1)!;
  call.pid = PID;
  put(call, 0, index, change, IPC_NOWAIT);
  const result = set.operate(call, NO_DEADLINE);
  heapFree(changetype<usize>(call));
  return result;
}

test("semaphores: all operations of a call or none", () => {
  const set = created(3);
  const call = semaphoreCall(3)!;
  call.pid = PID;
  put(call, 0, 0, 2, 0);
  put(call, 1, 0, -1, 0);
  put(call, 2, 2, -1, IPC_NOWAIT);
  expect(call.alters() && !call.wantsUndo(), "what it is");
  expectEqual(call.highestIndex(), 2, "as far as it goes");
  expectEqual(set.operate(call, NO_DEADLINE), -EAGAIN, "not the last");
  expectEqual(set.value(0), 0, "nothing is done");
  expectEqual(set.pid(0), 0, "by nobody");
  set.setValue(2, 1, PID + 1);
  expectEqual(set.operate(call, NO_DEADLINE), 0, "all");
  expectEqual(set.value(0), 1, "done");
  expectEqual(set.value(2), 0, "taken");
  expectEqual(set.pid(2), PID, "by the last");
  expectEqual(operate(set, 0, 32767), -ERANGE, "beyond the highest");
  expectEqual(operate(set, 0, 32766), 0, "the highest");
  set.remove();
  expectEqual(semaphoresInUse(), 0, "none is left");
});

test("semaphores: how many a set may have", () => {
  expectEqual(setCreate(0, 0, 0), -EINVAL, "none");
  expectEqual(setCreate(0, SEMMSL + 1, 0), -EINVAL, "too many");
  created(SEMMSL);
  expectEqual(semaphoresInUse(), SEMMSL, "as many as there may be");
});

test("semaphores: what is to be undone, by whichever ends first", () => {
  const set = created(2);
  const list = new UndoList();
  const call = semaphoreCall(2)!;
  call.undo = undoOf(list, set);
  expect(undoOf(list, set) == call.undo, "one for each set");
  put(call, 0, 0, 7, SEM_UNDO);
  put(call, 1, 1, 3, 0);
  expect(call.wantsUndo(), "asked for");
  expectEqual(set.operate(call, NO_DEADLINE), 0, "done");
  operate(set, 0, -2);
  const other = created(1);
  const third = new UndoList();
  undoOf(list, other)!.note(0, 4);
  undoOf(third, set)!.note(1, 1);
  other.remove();
  list.references++;
  undoListPut(list, PID);
  expectEqual(set.value(0), 5, "shared, it stays");
  undoListPut(list, PID + 1);
  expectEqual(set.value(0), 0, "undone, no further than zero");
  expectEqual(set.pid(0), PID + 1, "by who ended");
  expectEqual(set.value(1), 3, "not what was not asked for");
  undoListPut(third, PID);
  expectEqual(set.value(1), 2, "another list's");
  expect(set.undos == null, "nothing is left to undo");
});

// ---- Waiting: when the only thread sleeps, `meanwhile` plays another. ---------------------------

let waitedFor: SemaphoreSet = changetype<SemaphoreSet>(0);
let step = 0;

function meanwhile(): bool {
  switch (step++) {
    case 0:
      expectEqual(waitedFor.waiters(1, false), 1, "one waits for it to grow");
      expectEqual(
        waitedFor.waiters(1, true) + waitedFor.waiters(0, false),
        0,
        "and for nothing else",
      );
      operate(waitedFor, 1, 1);
      expectEqual(waitedFor.value(1), 1, "that is not enough");
      return true;
    case 1:
      operate(waitedFor, 1, 2);
      expectEqual(waitedFor.value(1), 1, "the waiter's part is taken at once");
      expectEqual(waitedFor.waiters(1, false), 0, "it waits no more");
      return true;
    default:
      expect(false, "a thread sleeps that nobody will wake");
      return false;
  }
}

test("semaphores: who waits is served by who makes it possible", () => {
  const thread = threadBare("test");
  thread.state = STATE_READY;
  thisCpu().current = thread;
  addIdlePoller(meanwhile);
  waitedFor = created(2);
  const call = semaphoreCall(1)!;
  put(call, 0, 1, -2, 0);
  expectEqual(waitedFor.operate(call, NO_DEADLINE), 0, "done");
  expectEqual(step, 2, "after two changes");
  expectEqual(waitedFor.value(1), 1, "one is left");
});

test("semaphores: without memory nothing is made", () => {
  expectUndone((): bool => {
    const id = setCreate(0, 9, 0);
    if (id < 0) {
      expectEqual(id, -ENOMEM, "the error");
      expectEqual(semaphoresInUse(), 0, "none");
      return false;
    }
    const set = sets.find(<i32>id)!;
    const list = attempt(new UndoList());
    const undo = list ? undoOf(list, set) : null;
    const call = semaphoreCall(2);
    if (call) heapFree(changetype<usize>(call));
    if (list) undoListPut(list, PID);
    set.remove();
    return undo != null && call != null;
  });
});
