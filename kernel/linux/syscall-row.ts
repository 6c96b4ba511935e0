/**
 * Rows of the system call table: which function handles a number. The families' lists
 * (syscall-table.ts, syscall-table-files.ts) call `row` at boot; afterwards the table is only read.
 */
import { setSyscallHandler } from "../arch/hw";
import { SYSCALL_COUNT } from "../sched/cpu";

/** Index in the function table, per number; 0: unknown. */
const handlers: usize = memory.data(464 * 4, 4);

/** A result of fewer bits would be extended without its sign: an error that is none. */
function checkResult<T>(): void {
  if (sizeof<ReturnType<T>>() != 8 || !isSigned<ReturnType<T>>()) {
    ERROR("a system call's handler returns i64");
  }
}

/** A function's value points at an object whose first word is its index in the wasm table. */
function enter<T>(number: i32, handler: T, needsFrame: u32): void {
  checkResult<T>();
  const index = load<u32>(changetype<usize>(handler));
  store<u32>(handlers + ((<usize>number) << 2), index);
  setSyscallHandler(number, index, needsFrame);
}

/** Enters a row. The name is the reader's, and the log's has its own list (syscall-names.ts). */
export function row<T>(number: i32, name: string, handler: T): void {
  assert(syscallHandler(number) == 0, "a system call has one handler");
  enter(number, handler, 0);
}

/** Enters a row of a call that looks at its TrapFrame. */
export function rowWithFrame<T>(number: i32, name: string, handler: T): void {
  assert(syscallHandler(number) == 0, "a system call has one handler");
  enter(number, handler, 1);
}

/** Function table index of the handler of call `number`; 0 when there is none. */
export function syscallHandler(number: u64): u32 {
  return number < SYSCALL_COUNT ? load<u32>(handlers + ((<usize>number) << 2)) : 0;
}
