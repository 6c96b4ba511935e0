/**
 * The 20 bytes that the compiler expects in front of an object of a managed class (one with virtual
 * methods, an array, a string). Only the class id and the size mean something: there is no
 * collector.
 */
import { OBJECT, TOTAL_OVERHEAD } from "rt/common";

/** Makes an object of class `id` with `size` zero bytes of a block of heap memory; its pointer. */
export function objectIn(block: usize, size: usize, id: u32): usize {
  const header = changetype<OBJECT>(block);
  header.mmInfo = 0;
  header.gcInfo = 0;
  header.gcInfo2 = 0;
  header.rtId = id;
  header.rtSize = <u32>size;
  memory.fill(block + TOTAL_OVERHEAD, 0, size);
  return block + TOTAL_OVERHEAD;
}
