/**
 * Objects that a program causes, and that memory may be out for.
 *
 *     const queue = attempt(new PacketQueue(capacity));
 *     if (!queue) return -ENOMEM;
 *
 *     const slots = attemptArray<u64>(count);
 *     if (!slots) return -ENOMEM;
 *
 * The compiler does not let anyone pass by the check: the type is nullable. The constructor runs
 * only when the heap's reserve is whole (toolchain/assemblyscript-runtime.mjs), so what it
 * allocates by plain `new` (a wait queue in a field, a timer) is there: an object is made as a
 * whole or not at all, and a constructor has nothing to undo. In return a constructor allocates no
 * more than a few small objects, whose number and size no program chooses. An array whose length a
 * program chooses is `attemptArray`'s, and made beside the object, not by its constructor.
 *
 * A plain `new` is for constructors, for module-level initializers and for what a boot must have;
 * when memory is out, it is a panic that says so. Elsewhere the compiler refuses it.
 */
import { TOTAL_OVERHEAD } from "rt/common";
import { heapAlloc } from "./heap";
import { objectIn } from "./object-header";

/**
 * The new object, or null when memory is out; then neither the constructor nor its arguments were
 * evaluated. The argument is a `new` expression.
 */
export function attempt<T>(object: T): T | null {
  return object;
}

/** An array of `length` zeros or nulls, or null when memory is out. Whoever owns it frees it. */
export function attemptArray<T>(length: i32): StaticArray<T> | null {
  const size = (<usize>length) << alignof<T>();
  const block = heapAlloc(TOTAL_OVERHEAD + size);
  if (block == 0) return null;
  return changetype<StaticArray<T>>(objectIn(block, size, idof<StaticArray<T>>()));
}
