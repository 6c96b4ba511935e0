/**
 * The vDSO: a small shared object that the C library calls for the time, mapped into every program.
 * Its code is arch/x86_64/vdso.c.
 */
import { copy, vdsoEnd, vdsoStart } from "../arch/hw";
import { PTE_PRIVATE } from "../arch/x86_64/paging";
import { findFree, mapRegion, pageAlign, unmapRegion } from "../mem/address-space";
import { allocPages, directMap, PAGE_SIZE, pagePut } from "../mem/page-allocator";
import { entryFlags, mapPage } from "../mem/user-pages";
import { PROT_EXEC, PROT_READ } from "../mem/vma";

/**
 * Maps it and returns its address, 0 when there is no memory: then the C library makes system
 * calls.
 */
export function vdsoMap(): u64 {
  const bytes = pageAlign(vdsoEnd() - vdsoStart());
  const address = findFree(bytes);
  if (address == 0) return 0;
  if (mapRegion(address, bytes, PROT_READ | PROT_EXEC, 0, null, 0) != 0) return 0;
  for (let offset: u64 = 0; offset < bytes; offset += PAGE_SIZE) {
    const page = allocPages(0);
    if (page == 0) return undo(address, bytes);
    copy(directMap(page), vdsoStart() + offset, min(PAGE_SIZE, vdsoEnd() - vdsoStart() - offset));
    const flags = entryFlags(PROT_READ | PROT_EXEC, false) | PTE_PRIVATE;
    if (!mapPage(address + offset, page, flags)) {
      pagePut(page);
      return undo(address, bytes);
    }
  }
  return address;
}

function undo(address: u64, bytes: u64): u64 {
  unmapRegion(address, bytes);
  return 0;
}
