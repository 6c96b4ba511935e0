/*
 * A stretch of memory under random mmap, munmap, mprotect, mremap and madvise, against a model of
 * each page: whether it is mapped, what may be done to it, which byte it begins with. Looked at by
 * write(2) and read(2), which say EFAULT where a load or store would fault.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGES = 48, ROUNDS = 3000, PAGE = 4096, FILE_PAGES = 16 };
enum kind { HOLE, PRIVATE, FILE_PRIVATE, FILE_SHARED };

struct page {
  enum kind kind;
  int rights;
  unsigned char byte;
  /* Of a file: which page of it, and whether the page is the program's own by now. */
  int index;
  bool is_own;
};

static struct page pages[PAGES];
static unsigned char file_bytes[FILE_PAGES];
static char *start;
static int file, ends[2];
static unsigned seed = 5;

static unsigned below(unsigned limit) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % limit;
}

static int some_rights(void) {
  static const int rights[] = {PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE};
  return rights[below(COUNT(rights))];
}

static void some_range(int *first, int *count) {
  *first = below(PAGES);
  *count = 1 + below(PAGES - *first > 12 ? 12 : PAGES - *first);
}

static unsigned char *shown(struct page *page) {
  return page->kind == HOLE || page->kind == PRIVATE || page->is_own ? &page->byte
                                                                     : &file_bytes[page->index];
}

static bool do_map(void) {
  int first, count, rights = some_rights(), offset = 0;
  some_range(&first, &count);
  enum kind kind = PRIVATE + below(3);
  int flags = MAP_FIXED | (kind == FILE_SHARED ? MAP_SHARED : MAP_PRIVATE);
  if (kind == PRIVATE) {
    flags |= MAP_ANONYMOUS;
  } else {
    count = count > FILE_PAGES ? FILE_PAGES : count;
    offset = below(FILE_PAGES - count + 1);
  }
  for (int i = 0; i < count; i++)
    pages[first + i] = (struct page){kind, rights, 0, offset + i, false};
  char *got = mmap(start + first * PAGE, count * PAGE, rights, flags, kind == PRIVATE ? -1 : file,
                   (off_t)offset * PAGE);
  return got == start + first * PAGE;
}

static bool do_unmap(void) {
  int first, count;
  some_range(&first, &count);
  for (int i = 0; i < count; i++)
    pages[first + i].kind = HOLE;
  return munmap(start + first * PAGE, count * PAGE - below(PAGE)) == 0;
}

/* Up to the first hole the rights change even when there is one. */
static bool do_protect(void) {
  int first, count, rights = some_rights();
  bool has_hole = false;
  some_range(&first, &count);
  for (int i = 0; i < count && !has_hole; i++) {
    has_hole = pages[first + i].kind == HOLE;
    if (!has_hole)
      pages[first + i].rights = rights;
  }
  int got = mprotect(start + first * PAGE, count * PAGE, rights);
  return has_hole ? got == -1 && errno == ENOMEM : got == 0;
}

static bool do_discard(void) {
  int first, count;
  bool has_hole = false;
  some_range(&first, &count);
  for (int i = 0; i < count; i++) {
    struct page *page = &pages[first + i];
    has_hole = has_hole || page->kind == HOLE;
    page->byte = 0;
    page->is_own = false;
  }
  int got = madvise(start + first * PAGE, count * PAGE, MADV_DONTNEED);
  return has_hole ? got == -1 && errno == ENOMEM : got == 0;
}

/* Moves what is one mapping to another place of the stretch. */
static bool do_move(void) {
  int first, count, to = below(PAGES);
  some_range(&first, &count);
  if (to + count > PAGES)
    to = PAGES - count;
  for (int i = 1; i < count; i++) {
    struct page *one = &pages[first], *page = &pages[first + i];
    bool follows = page->kind == one->kind && page->rights == one->rights &&
                   (page->kind == PRIVATE || page->index == one->index + i);
    if (!follows)
      count = i;
  }
  if (pages[first].kind == HOLE || (to < first + count && first < to + count))
    return true;
  char *got = mremap(start + first * PAGE, count * PAGE, count * PAGE,
                     MREMAP_MAYMOVE | MREMAP_FIXED, start + to * PAGE);
  /* Two mappings of one kind may be two all the same: Linux joins them or not. */
  if (got == MAP_FAILED)
    return errno == EFAULT;
  for (int i = 0; i < count; i++) {
    pages[to + i] = pages[first + i];
    pages[first + i].kind = HOLE;
  }
  return got == start + to * PAGE;
}

/* A byte into a page, through the pipe: where it may not be, nothing is lost but the byte. */
static bool do_store(void) {
  struct page *page = &pages[below(PAGES)];
  unsigned char byte = 1 + below(255);
  bool may = page->kind != HOLE && (page->rights & PROT_WRITE);
  if (write(ends[1], &byte, 1) != 1)
    return false;
  ssize_t got = read(ends[0], start + (page - pages) * PAGE, 1);
  if (!may) {
    bool refused = got == -1 && errno == EFAULT;
    return read(ends[0], &byte, 1) == 1 && refused;
  }
  if (page->kind != FILE_SHARED)
    page->is_own = true;
  *shown(page) = byte;
  return got == 1;
}

static bool do_write_file(void) {
  int index = below(FILE_PAGES);
  file_bytes[index] = 1 + below(255);
  return pwrite(file, &file_bytes[index], 1, (off_t)index * PAGE) == 1;
}

/* A private page that nobody has written may show what the file says now: both are right. */
static bool same(int at) {
  struct page *page = &pages[at];
  unsigned char byte;
  bool may = page->kind != HOLE && (page->rights & PROT_READ);
  ssize_t got = write(ends[1], start + at * PAGE, 1);
  if (!may)
    return got == -1 && errno == EFAULT;
  return got == 1 && read(ends[0], &byte, 1) == 1 && byte == *shown(page);
}

static void test_pages(void) {
  static const struct {
    const char *name;
    bool (*run)(void);
  } ways[] = {
      {"mmap", do_map},         {"munmap", do_unmap}, {"mprotect", do_protect},
      {"madvise", do_discard},  {"mremap", do_move},  {"stores", do_store},
      {"more stores", do_store}, {"writes of the file", do_write_file},
  };
  int wrong[COUNT(ways)] = {0}, differ = 0;
  const char *path = scratch("map");
  file = open(path, O_RDWR | O_CREAT, 0600);
  unlink(path);
  /* Pages on both sides stay, so that nothing else comes here. */
  start = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("memory, a file, a pipe", file >= 0 && start != MAP_FAILED && pipe(ends) == 0 &&
                                        ftruncate(file, FILE_PAGES * PAGE) == 0);
  start += PAGE;
  for (int i = 0; i < PAGES; i++)
    pages[i] = (struct page){.kind = PRIVATE, .rights = PROT_NONE};
  for (int round = 0; round < ROUNDS; round++) {
    int way = below(COUNT(ways));
    wrong[way] += !ways[way].run();
    if (round % 4 == 0)
      for (int i = 0; i < PAGES; i++)
        differ += !same(i);
  }
  for (unsigned way = 0; way < COUNT(ways); way++)
    CHECK_EQ(ways[way].name, wrong[way], 0);
  CHECK_EQ("pages that are not the model's", differ, 0);
}

static const struct group groups[] = {{"pages", test_pages}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
