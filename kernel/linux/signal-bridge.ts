/**
 * What the waiting calls need of signals.
 */

/** The current thread has written to a pipe or socket that nobody reads: SIGPIPE. */
export function brokenPipe(): void {}

/** Makes `mask` the current thread's signal mask; returns the one before. */
export function signalMaskSwap(mask: u64): u64 {
  return 0;
}

/**
 * Ends a `signalMaskSwap`: the old mask is back at once, or, when the call was interrupted, once the handler has run
 * under the temporary mask (ppoll(2), epoll_pwait(2)).
 */
export function signalMaskRestore(old: u64, result: i64): void {}
