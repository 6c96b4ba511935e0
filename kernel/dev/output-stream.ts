/**
 * Where a program's output goes: the console (console.ts) or a port of its own
 * (virtio/output-port.ts).
 *
 *     write(address, n)    n bytes at an address that is known to be mapped; waits only where there is no room
 *     hasRoom()            whether a page would be taken without waiting
 *     waitRoom()           sleeps until it would: 0 or -EINTR
 *     onRoom(notify)       `notify` is called, in interrupt context, when there is room again
 */
export abstract class OutputStream {
  abstract write(address: u64, n: u64): void;
  abstract hasRoom(): bool;
  abstract waitRoom(): i32;
  abstract onRoom(notify: () => void): void;
}
