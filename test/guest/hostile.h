/*
 * Addresses that no system call may follow, for the programs that hand them to the kernel. On
 * Virga the kernel's memory can be looked at from the program: `alias` finds one of our own pages
 * in the kernel's direct map, so that a call that reads or writes there shows by its data.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "check.h"
#include <sys/mman.h>

#define PAGE 4096ul
/* The end of the application's half, and of what Linux lets a program map. */
#define HALF_END 0x800000000000ul

/*
 * Two pages with holes around them. A hole is a mapping without rights, so that nothing else comes
 * to lie there.
 */
static UNUSED char *island(int protection) {
  char *at = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    _exit(98);
  memset(at, 'i', 4 * PAGE);
  if (mprotect(at, 4 * PAGE, PROT_NONE) != 0 || mprotect(at + PAGE, 2 * PAGE, protection) != 0)
    _exit(98);
  return at + PAGE;
}

/* Where the direct map of physical memory begins (docs/architecture.md, "Memory map"). */
#define DIRECT_MAP 0xffff800000000000ul
#define SEARCH_START (2ul << 20)
#define SEARCH_END (1ul << 30)

/*
 * The address of `page`, which has been written to, in the kernel's direct map. On Linux just some
 * address of the kernel: nobody can look there.
 */
static UNUSED char *alias(char *page) {
  if (!on_virga)
    return (char *)0xffff888000100000ul;
  uint64_t mark[2] = {0x5ca1ab1e0ddba11ul, (uintptr_t)page};
  memcpy(page, mark, sizeof mark);
  for (uintptr_t at = SEARCH_START; at < SEARCH_END; at += PAGE) {
    char *found = (char *)(DIRECT_MAP + at);
    if (memcmp(found, mark, sizeof mark) != 0)
      continue;
    page[0] ^= 1;
    bool same = found[0] == page[0];
    page[0] ^= 1;
    if (same)
      return found;
  }
  _exit(97);
}

/* Where a pointer of `size` bytes may not lie, whether the call reads or writes there. */
struct place {
  const char *name;
  uintptr_t address;
};

static UNUSED const struct place *hostile_places(void) {
  static struct place places[] = {
      {"linear memory of the kernel", 0xffffffff80010000ul},
      {"code of the kernel", 0xffffffffc0100000ul},
      {"direct map", 0},
      {"unmapped upper half", 0xffff8f0000000000ul},
      {"last page", -4096ul},
      {"last bytes", -4ul},
      {"not canonical, highest bit", 0x8000000000000000ul},
      {"not canonical, low end", 0x0000800000000000ul},
      {"not canonical, high end", 0xffff7ffffffffff8ul},
      {"end of the half", 0x00007ffffffff000ul},
      {"across the end of the half", 0x00007ffffffffffcul},
      {"no access", 0},
      {"unmapped", 0x1000},
      {"null", 0},
      {0, 0},
  };
  if (places[2].address == 0) {
    char *page = island(PROT_READ | PROT_WRITE);
    places[2].address = (uintptr_t)alias(page) + 64;
    places[11].address = (uintptr_t)island(PROT_READ) + 2 * PAGE;
  }
  return places;
}

#endif
