/**
 * No page is left although all caches have shrunk: the application is ended, with a report of who
 * holds the memory. A page of a file that is mapped counts twice: for the application and its file.
 */
import { powerOff } from "../arch/x86_64/power";
import { cachedPageCount } from "../fs/page-cache";
import { tmpfsPageCount } from "../fs/tmpfs-inode";
import { eventSignal } from "../lib/events";
import { put, putDecimal } from "../lib/log";
import { freePageCount, totalPageCount } from "../mem/page-allocator";
import { residentPages } from "../mem/user-pages";
import { PACKET_BUFFER_SIZE, packetCount } from "../net/packet";
import { heapBytesHeld } from "../runtime/heap";
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
  line("used by the application:     ", residentPages() << 2);
  line("files read from disk:        ", cachedPageCount() << 2);
  line("files written, in memory:    ", tmpfsPageCount() << 2);
  line("kernel objects:              ", <u64>heapBytesHeld() >> 10);
  line("network packets:             ", (<u64>packetCount() * PACKET_BUFFER_SIZE) >> 10);
  put("Give the machine more memory: --memory SIZE.\n");
  eventSignal(SIGKILL, signalName(SIGKILL));
  powerOff();
}
