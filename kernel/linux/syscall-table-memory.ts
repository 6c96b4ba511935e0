/**
 * The rows of the system call table that are about memory (syscall-table.ts).
 */
import { sys_madvise, sys_mincore, sys_msync } from "./memory-advice";
import { sys_brk, sys_mmap, sys_mprotect, sys_munmap } from "./memory-calls";
import { sys_mlock, sys_mlock2, sys_mlockall, sys_munlock, sys_munlockall } from "./memory-lock";
import {
  sys_get_mempolicy,
  sys_mbind,
  sys_pkey_alloc,
  sys_pkey_free,
  sys_pkey_mprotect,
  sys_set_mempolicy,
} from "./memory-policy";
import { sys_mremap, sys_remap_file_pages } from "./mremap";
import { sys_process_madvise } from "./process-madvise";
import { row } from "./syscall-row";

export function memoryRows(): void {
  row(9, "mmap", sys_mmap);
  row(10, "mprotect", sys_mprotect);
  row(11, "munmap", sys_munmap);
  row(12, "brk", sys_brk);
  row(25, "mremap", sys_mremap);
  row(26, "msync", sys_msync);
  row(27, "mincore", sys_mincore);
  row(28, "madvise", sys_madvise);
  row(149, "mlock", sys_mlock);
  row(150, "munlock", sys_munlock);
  row(151, "mlockall", sys_mlockall);
  row(152, "munlockall", sys_munlockall);
  row(216, "remap_file_pages", sys_remap_file_pages);
  row(237, "mbind", sys_mbind);
  row(238, "set_mempolicy", sys_set_mempolicy);
  row(239, "get_mempolicy", sys_get_mempolicy);
  row(325, "mlock2", sys_mlock2);
  row(329, "pkey_mprotect", sys_pkey_mprotect);
  row(330, "pkey_alloc", sys_pkey_alloc);
  row(331, "pkey_free", sys_pkey_free);
  row(440, "process_madvise", sys_process_madvise);
}
