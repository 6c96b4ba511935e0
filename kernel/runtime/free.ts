/**
 * The other half of `new`: whoever owns an object frees it.
 */
import { TOTAL_OVERHEAD } from "rt/common";
import { heapFree } from "./heap";

/** Releases an object of a managed class (virtual methods, arrays) or of an `@unmanaged` one. */
export function free<T>(object: T): void {
  const pointer = changetype<usize>(object);
  if (isManaged<T>()) heapFree(pointer - TOTAL_OVERHEAD);
  else heapFree(pointer);
}
