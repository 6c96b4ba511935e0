/**
 * The virtio entropy device (virtio 1.2, section 5.4): one queue, whose buffers it fills with
 * random bytes.
 *
 *     virtioRngProbe(transport)      asks for bytes, and waits for nothing
 *     virtioRngRequest()             asks for more
 *
 * The device answers while the rest of the kernel boots; its interrupt handler mixes the bytes into
 * the kernel's random generator (lib/random.ts), which is all they are for. Thread context.
 */
import { addressOf, copy, fill } from "../../arch/hw";
import { randomMix } from "../../lib/random";
import { allocPages, directMap } from "../../mem/page-allocator";
import { VirtioTransport, virtioQueue } from "./transport";
import { VIRTQ_DESC_F_WRITE } from "./virtio-regs";
import { Virtqueue } from "./virtqueue";

const QUEUE_REQUESTS: u32 = 0;
const QUEUE_SIZE_MAX: u32 = 8;
/** Twice the generator's key. */
const REQUEST_BYTES: u32 = 64;
const TOKEN: usize = 1;

let queue: Virtqueue | null = null;
let bufferPhysical: u64 = 0;
const entropy: usize = memory.data(64, 8);

/** Asks for more entropy, unless some is on its way. */
export function virtioRngRequest(): void {
  const to = queue;
  if (!to || to.inFlight() != 0) return;
  to.push(bufferPhysical, REQUEST_BYTES, VIRTQ_DESC_F_WRITE, TOKEN);
  to.interruptsOn();
  to.kick();
}

/** In interrupt context. */
function entropyCame(context: usize): void {
  const from = queue;
  if (!from || from.poll() == 0) return;
  const n = min(from.takenLength, REQUEST_BYTES);
  const buffer = directMap(bufferPhysical);
  copy(addressOf(entropy), buffer, n);
  randomMix(entropy, <usize>n);
  // No copy stays from which the generator's key could be told.
  fill(buffer, 0, REQUEST_BYTES);
  memory.fill(entropy, 0, <usize>REQUEST_BYTES);
}

/** Sets the device up; false when it can't be used, or when there is one already. */
export function virtioRngProbe(transport: VirtioTransport): bool {
  if (queue || transport.negotiate(0) != 0) return false;
  const created = virtioQueue(transport, QUEUE_REQUESTS, QUEUE_SIZE_MAX, entropyCame, 0);
  bufferPhysical = allocPages(0);
  if (!created || bufferPhysical == 0) {
    transport.fail("has no queue, or there is no memory for it");
    return false;
  }
  queue = created;
  transport.driverOk();
  virtioRngRequest();
  return true;
}
