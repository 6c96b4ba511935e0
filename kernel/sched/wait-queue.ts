/**
 * Sleeping until something happens: the one way to wait in the kernel.
 *
 *     while (!condition()) {                 the waker makes the condition true first, then wakes
 *       const error = queue.wait(deadline);  0, -ETIMEDOUT, or -EINTR when a signal has to be handled
 *       if (error != 0) return error;
 *     }
 *
 * Threads are not preempted inside the kernel, so between the check and `wait` nothing else runs on this CPU. Waking
 * from an interrupt handler goes through the CPU's incoming queue and so takes effect at the next scheduling point.
 */
export const NO_DEADLINE: u64 = u64.MAX_VALUE;
