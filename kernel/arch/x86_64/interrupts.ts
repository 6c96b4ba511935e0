/**
 * Device interrupts: vectors 0x30 to 0xef, and who handles each.
 *
 *     interruptAllocate(handler, context) → vector      then a route to it: ioapic.ts, or an MSI message
 *     interruptDispatch(vector)                         from the trap code, which has sent the EOI before
 *     interruptFree(vector)                             once nothing can raise it any more
 *
 * A handler acknowledges its device, records and wakes threads; all work is done in threads. It
 * runs with interrupts off and never sleeps. Vectors below 0x30 are exceptions and the 8259's;
 * those from 0xf0 belong to the local APIC (timer, IPIs, spurious). The table is shared by all
 * CPUs; it is written in thread context, before a device can raise the vector.
 */
const FIRST_VECTOR: u32 = 0x30;
const LAST_VECTOR: u32 = 0xef;

/** Message address of MSI: fixed delivery to one APIC id, edge (Intel SDM 3A, 11.11.1). */
const MSI_ADDRESS: u64 = 0xfee00000;

/** How often each vector has come; several before its handler ran may count as one. */
const counts: usize = memory.data(256 * 8, 8);
/** Per vector: who raises it, as a string. */
const names: StaticArray<string> = new StaticArray<string>(256);
/** Per vector: the handler (a function's value), its context. */
const table: usize = memory.data(256 * 8, 8);
let nextVector: u32 = FIRST_VECTOR;

function entryOf(vector: u32): usize {
  return table + ((<usize>vector) << 3);
}

/**
 * Takes a vector for a device, whose name is for /proc/interrupts. Returns it, or -1 when none is
 * left.
 */
export function interruptAllocate(
  handler: (context: usize) => void,
  context: usize,
  name: string,
): i32 {
  for (let tries = FIRST_VECTOR; tries <= LAST_VECTOR; tries++) {
    const vector = nextVector;
    nextVector = vector == LAST_VECTOR ? FIRST_VECTOR : vector + 1;
    const entry = entryOf(vector);
    if (load<usize>(entry) != 0) continue;
    store<usize>(entry, context, 4);
    store<usize>(entry, changetype<usize>(handler));
    names[vector] = name;
    return <i32>vector;
  }
  return -1;
}

export function interruptFree(vector: u32): void {
  assert(load<usize>(entryOf(vector)) != 0, "an interrupt vector that is in use");
  store<usize>(entryOf(vector), 0);
}

/** Runs the handler of a vector; one without a handler is ignored. Interrupts are off. */
export function interruptDispatch(vector: u32): void {
  const entry = entryOf(vector & 0xff);
  const handler = load<usize>(entry);
  if (handler == 0) return;
  changetype<(context: usize) => void>(handler)(load<usize>(entry, 4));
}

/** Where a device writes `msiData` to raise an interrupt on the CPU with that APIC id. */
export function msiAddress(apicId: u32): u64 {
  return MSI_ADDRESS | ((<u64>(apicId & 0xff)) << 12);
}

export function msiData(vector: u32): u32 {
  return vector;
}

/** An interrupt is about to be handled. */
export function interruptCounted(vector: u32): void {
  const at = counts + ((<usize>vector) << 3);
  store<u64>(at, load<u64>(at) + 1);
}

export function interruptCount(vector: u32): u64 {
  return load<u64>(counts + ((<usize>vector) << 3));
}

/** The first vector from `from` on that a device has; 0: none. */
export function interruptNext(from: u32): u32 {
  for (let vector = max(from, FIRST_VECTOR); vector <= LAST_VECTOR; vector++) {
    if (load<usize>(entryOf(vector)) != 0) return vector;
  }
  return 0;
}

export function interruptName(vector: u32): string {
  return names[vector];
}
