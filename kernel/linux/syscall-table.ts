/**
 * Every system call in one table: number, name, handler. Dispatch, the ENOSYS default and traces read it.
 *
 * A handler is `sys_name(…): i64` in the file of its family, with as many parameters as the call has (at most six, each
 * u64, i64, u32 or i32: they arrive in registers, so surplus ones are not seen). It returns the result or a negative errno.
 * It runs on the thread's kernel stack and may sleep.
 */
const SYSCALL_COUNT = 512;

/** Index in the function table, per number; 0: unknown. */
const handlers: usize = memory.data(SYSCALL_COUNT * 4, 4);
/** Name (a string), per number. */
const names: usize = memory.data(SYSCALL_COUNT * 4, 4);

/** Enters a row. A function's value points at an object whose first word is its index in the wasm table. */
function row<T>(number: i32, name: string, handler: T): void {
  assert(load<u32>(handlers + (<usize>number << 2)) == 0, "a system call has one handler");
  store<u32>(handlers + (<usize>number << 2), load<u32>(changetype<usize>(handler)));
  store<usize>(names + (<usize>number << 2), changetype<usize>(name));
}

/** Function table index of the handler of call `number`; 0 when there is none. */
export function syscallHandler(number: u64): u32 {
  return number < SYSCALL_COUNT ? load<u32>(handlers + (<usize>number << 2)) : 0;
}

export function syscallTableInit(): void {
}
