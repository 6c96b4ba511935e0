/**
 * The vDSO: a small shared object that the C library calls for the time, mapped into every program.
 */

/** Maps it and returns its address, 0 when there is none: then the C library makes system calls. */
export function vdsoMap(): u64 {
  return 0;
}
