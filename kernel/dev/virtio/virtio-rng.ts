/**
 * The virtio entropy device (virtio 1.2, section 5.4): one queue, whose buffers it fills with random bytes.
 *
 *     virtioRngProbe(transport)       asks for the first bytes at once, and waits for nothing
 *     rngTake(address, n)             copies bytes that have come meanwhile; returns how many
 *
 * The device answers while the rest of the kernel boots. `rngTake` never waits: who needs more asks again later.
 * Thread context.
 */
import * as hw from "../../arch/hw";
import { allocPages, directMap } from "../../mem/page-allocator";
import { VirtioTransport, virtioQueue } from "./transport";
import { VIRTQ_DESC_F_WRITE } from "./virtio-regs";
import { Virtqueue } from "./virtqueue";

const QUEUE_REQUESTS: u32 = 0;
const QUEUE_SIZE_MAX: u32 = 8;
/** Bytes asked for at a time: a generator's seed and then some. */
const REQUEST_BYTES: u32 = 256;
const TOKEN: usize = 1;

let queue: Virtqueue | null = null;
let bufferPhysical: u64 = 0;
/** Bytes of the buffer that have come, and how many of them are given out. */
let filled: u32 = 0;
let given: u32 = 0;

function request(to: Virtqueue): void {
  to.push(bufferPhysical, REQUEST_BYTES, VIRTQ_DESC_F_WRITE, TOKEN);
  to.kick();
}

/** Whether there is such a device. */
export function rngAvailable(): bool {
  return queue != null;
}

/** Copies up to n random bytes to an address; returns how many, 0 when none have come yet. Does not wait. */
export function rngTake(address: u64, n: u32): u32 {
  const from = queue;
  if (!from) return 0;
  if (filled == 0) {
    if (from.poll() == 0) return 0;
    filled = min(from.takenLength, REQUEST_BYTES);
    given = 0;
  }
  const count = min(n, filled - given);
  const source = directMap(bufferPhysical) + given;
  hw.copy(address, source, count);
  // No byte is given out twice, nor left where it could be read later.
  hw.fill(source, 0, count);
  given += count;
  if (given == filled) {
    filled = 0;
    request(from);
  }
  return count;
}

/** Sets the device up; false when it can't be used, or when there is one already. */
export function virtioRngProbe(transport: VirtioTransport): bool {
  if (queue || transport.negotiate(0) != 0) return false;
  const created = virtioQueue(transport, QUEUE_REQUESTS, QUEUE_SIZE_MAX, null, 0);
  bufferPhysical = allocPages(0);
  if (!created || bufferPhysical == 0) {
    transport.fail("has no queue, or there is no memory for it");
    return false;
  }
  queue = created;
  transport.driverOk();
  request(created);
  return true;
}
