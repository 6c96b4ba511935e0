/**
 * No page is left although all caches have shrunk: the application is ended, with a report of who
 * holds the memory.
 */
import { powerOff } from "../arch/x86_64/power";
import { eventSignal } from "../lib/events";
import { put, putDecimal } from "../lib/log";
import { addressSpacePages } from "../mem/address-space";
import { freePageCount, totalPageCount } from "../mem/page-allocator";
import { heapBytesInUse } from "../runtime/heap";
import { SIGKILL, signalName } from "./signal-numbers";

function line(what: string, kib: u64): void {
  put("  ");
  put(what);
  putDecimal(kib);
  put(" KiB\n");
}

export function endByMemory(): void {
  put("\nvirga: out of memory, the application is ended\n");
  line("memory of the machine:       ", totalPageCount() << 2);
  line("free:                        ", freePageCount() << 2);
  line("kernel objects:              ", <u64>heapBytesInUse() >> 10);
  line("mapped by the application:   ", addressSpacePages() << 2);
  put("Give the machine more memory: --memory SIZE.\n");
  eventSignal(SIGKILL, signalName(SIGKILL));
  powerOff();
}
