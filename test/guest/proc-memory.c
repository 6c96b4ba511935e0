/*
 * What /proc and /sys tell of memory: that their numbers fit each other, and what of them changes
 * when the program maps, touches, writes and locks. On a machine of one program the numbers are
 * exact; on Linux others use memory, too.
 */
#include "proc.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096
#define KIB_PER_PAGE 4

static void *map(size_t pages, int protection, int flags, int fd, off_t offset) {
  void *at = mmap(NULL, pages * PAGE, protection, flags, fd, offset);
  if (at != MAP_FAILED && (flags & MAP_ANONYMOUS))
    madvise(at, pages * PAGE, MADV_NOHUGEPAGE);
  return at;
}

/* ---- /proc/self/smaps ----------------------------------------------------------------------- */

struct area {
  unsigned long start, end, offset, inode;
  unsigned major, minor;
  char rights[8], name[256], flags[128];
  long size, rss, pss, pss_dirty, shared_clean, shared_dirty, private_clean, private_dirty;
  long referenced, anonymous, large, swap, locked;
};

static struct area areas[256], sums;

static void add(const struct area *one) {
  sums.rss += one->rss;
  sums.pss += one->pss;
  sums.pss_dirty += one->pss_dirty;
  sums.shared_clean += one->shared_clean;
  sums.shared_dirty += one->shared_dirty;
  sums.private_clean += one->private_clean;
  sums.private_dirty += one->private_dirty;
  sums.referenced += one->referenced;
  sums.anonymous += one->anonymous;
  sums.locked += one->locked;
}

/* The numbers behind a line of maps, up to the next one. */
static const char *read_numbers(const char *at, struct area *area) {
  const struct {
    const char *label;
    long *value;
  } rows[] = {{"Size:", &area->size},
              {"Rss:", &area->rss},
              {"Pss:", &area->pss},
              {"Pss_Dirty:", &area->pss_dirty},
              {"Shared_Clean:", &area->shared_clean},
              {"Shared_Dirty:", &area->shared_dirty},
              {"Private_Clean:", &area->private_clean},
              {"Private_Dirty:", &area->private_dirty},
              {"Referenced:", &area->referenced},
              {"Anonymous:", &area->anonymous},
              {"AnonHugePages:", &area->large},
              {"Swap:", &area->swap},
              {"Locked:", &area->locked}};
  while (*at >= 'A' && *at <= 'Z') {
    for (size_t i = 0; i < COUNT(rows); i++)
      if (!strncmp(at, rows[i].label, strlen(rows[i].label)))
        sscanf(at + strlen(rows[i].label), "%ld kB", rows[i].value);
    sscanf(at, "VmFlags: %127[^\n]", area->flags);
    at = strchr(at, '\n');
    if (!at)
      return NULL;
    at++;
  }
  return at;
}

/* Reads all areas; how many. */
static int read_areas(const char *path) {
  int count = 0;
  memset(areas, 0, sizeof areas);
  memset(&sums, 0, sizeof sums);
  if (slurp(path) <= 0)
    return -1;
  for (const char *at = text; at && *at && count < (int)COUNT(areas); count++) {
    struct area *area = &areas[count];
    if (sscanf(at, "%lx-%lx %7s %lx %x:%x %lu", &area->start, &area->end, area->rights,
               &area->offset, &area->major, &area->minor, &area->inode) != 7)
      return -1;
    const char *end = strchr(at, '\n');
    if (end - at > 73)
      snprintf(area->name, sizeof area->name, "%.*s", (int)(end - at - 73), at + 73);
    at = read_numbers(end + 1, area);
    add(area);
  }
  return count;
}

static const struct area *area_at(const void *address) {
  static const struct area none;
  for (size_t i = 0; i < COUNT(areas) && areas[i].end; i++)
    if ((uintptr_t)address >= areas[i].start && (uintptr_t)address < areas[i].end)
      return &areas[i];
  return &none;
}

static bool has_flag(const struct area *area, const char *flag) {
  return strstr(area->flags, flag) != NULL;
}

/* What holds in each area. */
static int inconsistent(int count) {
  int wrong = 0;
  for (int i = 0; i < count; i++) {
    const struct area *area = &areas[i];
    bool is_vsyscall = !strcmp(area->name, "[vsyscall]");
    bool right = area->size == (long)(area->end - area->start) / 1024 &&
                 area->rss <= area->size && area->pss <= area->rss &&
                 area->rss == area->shared_clean + area->shared_dirty + area->private_clean +
                                  area->private_dirty &&
                 area->anonymous <= area->rss && area->referenced <= area->rss &&
                 area->large <= area->anonymous && area->locked <= area->rss &&
                 area->pss_dirty <= area->pss && area->private_clean >= 0 && area->swap == 0;
    right = right && (is_vsyscall || (has_flag(area, "rd ") == (area->rights[0] == 'r') &&
                                      has_flag(area, "wr ") == (area->rights[1] == 'w'))) &&
            has_flag(area, "ex ") == (area->rights[2] == 'x') &&
            (area->rights[3] == 's' || area->rights[3] == 'p') &&
            (i == 0 || area->start >= areas[i - 1].end);
    if (!right)
      say("# %lx-%lx %s %s: rss %ld, flags %s", area->start, area->end, area->rights, area->name,
          area->rss, area->flags);
    wrong += !right;
  }
  return wrong;
}

static void test_areas(void) {
  char *own = map(4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 3; i++)
    own[i * PAGE] = 1;
  char *shared = map(5, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared[0] = shared[PAGE] = 1;
  char *locked = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("mlock", mlock(locked, 2 * PAGE) == 0);
  char *code = map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  code[0] = 1;
  mprotect(code, PAGE, PROT_READ | PROT_EXEC);
  char *closed = map(2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *down = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
  char *large = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(large, PAGE, MADV_HUGEPAGE);
  int count = read_areas("/proc/self/smaps");
  REQUIRE("smaps", count > 5);
  CHECK_EQ("each area's numbers fit each other", inconsistent(count), 0);
  const struct area *area = area_at(own);
  /* Virga maps a page more when pages are touched in order; the area has no other. */
  CHECK("three pages were touched", area->rss == 12 || (on_virga && area->rss == 16));
  CHECK("they are the program's own", area->anonymous == area->rss &&
                                          area->private_dirty == area->rss);
  CHECK("nothing else is", area->private_clean == 0 && area->shared_dirty == 0);
  CHECK("not to be large", has_flag(area, "nh ") && !has_flag(area, "hg "));
  CHECK("may be written", has_flag(area, "mw ") && has_flag(area, "mr "));
  area = area_at(shared);
  CHECK("memory that is shared", area->rss >= 8 && area->private_dirty + area->shared_dirty >= 8);
  CHECK("with whoever has it", has_flag(area, "sh ") && has_flag(area, "ms "));
  CHECK("and is named", area->rights[3] == 's');
  area = area_at(locked);
  CHECK("what is locked is there", area->rss == 8 && area->locked == 8);
  CHECK("and says so", has_flag(area, "lo ") && !has_flag(area_at(own), "lo "));
  CHECK("what is not locked is not", area_at(locked + 2 * PAGE)->locked == 0);
  area = area_at(code);
  CHECK("code", !strcmp(area->rights, "r-xp") && has_flag(area, "ex ") && area->rss == 4);
  area = area_at(closed);
  CHECK("no rights", !strcmp(area->rights, "---p") && area->rss == 0 && has_flag(area, "mw "));
  CHECK("grows down", has_flag(area_at(down), "gd ") && !has_flag(area_at(own), "gd "));
  CHECK("wants large pages", has_flag(area_at(large), "hg ") || !on_virga);
  area = area_at(&count);
  /* It has its whole size on Virga, and does not grow. */
  CHECK("the stack", !strcmp(area->name, "[stack]") && (on_virga || has_flag(area, "gd ")));
  CHECK_EQ("VmLck", field_of("/proc/self/status", "\nVmLck:"), 8);
  munlock(locked, 2 * PAGE);
  CHECK_EQ("until it is let go", field_of("/proc/self/status", "\nVmLck:"), 0);
}

static void test_file_areas(void) {
  const char *path = scratch("mapped");
  static char bytes[8 * PAGE];
  struct stat st;
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  memset(bytes, 7, sizeof bytes);
  REQUIRE("a file", fd >= 0 && write(fd, bytes, sizeof bytes) == sizeof bytes && !fstat(fd, &st));
  char *own = map(6, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 2 * PAGE);
  char *shared = map(4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
  int only = open(path, O_RDONLY);
  char *seen = map(2, PROT_READ, MAP_SHARED, only, 0);
  madvise(own, 6 * PAGE, MADV_RANDOM);
  REQUIRE("mapped", own != MAP_FAILED && shared != MAP_FAILED && seen != MAP_FAILED);
  volatile char sum = own[PAGE] + own[2 * PAGE] + seen[0];
  (void)sum;
  own[0] = 1;
  shared[0] = 1;
  int count = read_areas("/proc/self/smaps");
  CHECK_EQ("each area's numbers fit each other", inconsistent(count), 0);
  const struct area *area = area_at(own);
  CHECK("names the file", !strcmp(area->name, path) && area->inode == st.st_ino);
  CHECK("its device", (area->major << 8 | area->minor) == (st.st_dev & 0xfffff) || !on_virga);
  CHECK_EQ("the place in it", area->offset, 2 * PAGE);
  /* Neighbours may have been mapped along. */
  CHECK("three pages or more", area->rss >= 12);
  CHECK_EQ("one copied", area->anonymous, 4);
  CHECK("which nothing else has", area->private_dirty + area->shared_dirty >= 4);
  CHECK_EQ("the others as they are in the file", area->private_clean,
           on_virga ? area->rss - 4 : area->private_clean);
  area = area_at(shared);
  CHECK("one that is written to the file", area->anonymous == 0 && area->rss >= 4 &&
                                               area->offset == PAGE && !strcmp(area->rights, "rw-s"));
  CHECK_EQ("is dirty", area->private_dirty, on_virga ? 4 : area->private_dirty);
  CHECK("could be written", has_flag(area, "mw "));
  CHECK("not by who opened it to read", !has_flag(area_at(seen), "mw "));
  REQUIRE("status", slurp("/proc/self/status") > 0);
  CHECK("pages of files", field(text, "\nRssFile:") + field(text, "\nRssShmem:") >= 12);
  unlink(path);
  read_areas("/proc/self/smaps");
  area = area_at(own);
  const char *end = strrchr(area->name, '(');
  CHECK("a file that is gone", end && !strcmp(end, "(deleted)"));
  munmap(own, 6 * PAGE);
  munmap(shared, 4 * PAGE);
  munmap(seen, 2 * PAGE);
  close(fd);
  close(only);
}

/* Reads both: how many of the sums are not those of the areas. */
static int differing_sums(long slack) {
  int wrong = 0;
  read_areas("/proc/self/smaps");
  if (slurp("/proc/self/smaps_rollup") <= 0)
    return -1;
  const struct {
    const char *label;
    long sum;
  } rows[] = {{"\nRss:", sums.rss},
              {"\nPss:", sums.pss},
              {"\nPss_Dirty:", sums.pss_dirty},
              {"\nShared_Clean:", sums.shared_clean},
              {"\nShared_Dirty:", sums.shared_dirty},
              {"\nPrivate_Clean:", sums.private_clean},
              {"\nPrivate_Dirty:", sums.private_dirty},
              {"\nReferenced:", sums.referenced},
              {"\nAnonymous:", sums.anonymous},
              {"\nLocked:", sums.locked}};
  for (size_t i = 0; i < COUNT(rows); i++)
    wrong += labs(field(text, rows[i].label) - rows[i].sum) > slack;
  return wrong;
}

static void test_rollup(void) {
  long slack = on_virga ? 0 : 512;
  char *locked = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mlock(locked, 3 * PAGE);
  /* Once for what reading itself touches. */
  differing_sums(slack);
  CHECK_EQ("sums of the areas", differing_sums(slack), 0);
  unsigned long first = areas[0].start, last = first, start = 0, end = 0;
  for (size_t i = 0; i < COUNT(areas) && areas[i].end; i++)
    last = strcmp(areas[i].name, "[vsyscall]") ? areas[i].end : last;
  CHECK("its range", sscanf(text, "%lx-%lx ---p 00000000 00:00 0", &start, &end) == 2 &&
                         start == first && end == last);
  CHECK("its name in its column", !strncmp(text + 73, "[rollup]\n", 9));
  CHECK("what is locked", field(text, "\nLocked:") >= 12 || !on_virga);
  long pss = field(text, "\nPss:"), of_shared = field(text, "\nPss_Shmem:");
  long parts = field(text, "\nPss_Anon:") + field(text, "\nPss_File:") + of_shared;
  CHECK("Pss in its parts", labs(parts - pss) <= 4);
  REQUIRE("status", slurp("/proc/self/status") > 0);
  CHECK("VmRSS", labs(field(text, "\nVmRSS:") - sums.rss) <= slack);
  CHECK("RssAnon", labs(field(text, "\nRssAnon:") - sums.anonymous) <= slack);
  CHECK("its parts", field(text, "\nRssAnon:") + field(text, "\nRssFile:") +
                             field(text, "\nRssShmem:") ==
                         field(text, "\nVmRSS:"));
  munlock(locked, 3 * PAGE);
  munmap(locked, 3 * PAGE);
}

/* ---- statm and status ----------------------------------------------------------------------- */

static void test_sizes(void) {
  long page[7] = {0}, slack = on_virga ? 0 : 512;
  slurp("/proc/self/statm");
  sscanf(text, "%ld", &page[0]);
  slurp("/proc/self/status");
  slurp("/proc/self/statm");
  REQUIRE("statm", sscanf(text, "%ld %ld %ld %ld %ld %ld %ld\n", &page[0], &page[1], &page[2],
                          &page[3], &page[4], &page[5], &page[6]) == 7);
  REQUIRE("status", slurp("/proc/self/status") > 0);
  CHECK_EQ("size", page[0] * KIB_PER_PAGE, field(text, "\nVmSize:"));
  CHECK("resident", labs(page[1] * KIB_PER_PAGE - field(text, "\nVmRSS:")) <= slack);
  CHECK("of files", labs(page[2] * KIB_PER_PAGE - field(text, "\nRssFile:") -
                         field(text, "\nRssShmem:")) <= slack);
  CHECK("code", labs(page[3] * KIB_PER_PAGE - field(text, "\nVmExe:")) <= slack);
  CHECK("data and stack",
        page[5] * KIB_PER_PAGE == field(text, "\nVmData:") + field(text, "\nVmStk:"));
  CHECK("no libraries, nothing dirty", page[4] == 0 && page[6] == 0);
  CHECK("VmSwap, VmPin", field(text, "\nVmSwap:") == 0 && field(text, "\nVmPin:") == 0);
  CHECK("VmLib", field(text, "\nVmLib:") >= 0);
  char exe[256] = "";
  if (on_virga && readlink("/proc/self/exe", exe, sizeof exe - 1) > 0) {
    long program = 0, others = 0;
    int count = read_areas("/proc/self/smaps");
    for (int i = 0; i < count; i++) {
      bool is_code = areas[i].rights[2] == 'x' && areas[i].rights[1] != 'w';
      *(strcmp(areas[i].name, exe) ? &others : &program) += is_code ? areas[i].size : 0;
    }
    slurp("/proc/self/status");
    CHECK_EQ("code of the program", field(text, "\nVmExe:"), program);
    CHECK_EQ("and of others", field(text, "\nVmLib:"), others);
  }
  long size = field(text, "\nVmSize:"), data = field(text, "\nVmData:");
  long code = field(text, "\nVmExe:") + field(text, "\nVmLib:"), peak = field(text, "\nVmPeak:");
  char *p = map(1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  slurp("/proc/self/status");
  CHECK_EQ("VmSize grows by what is mapped", field(text, "\nVmSize:") - size, 4096);
  CHECK_EQ("VmData, too", field(text, "\nVmData:") - data, 4096);
  mprotect(p, 512 * PAGE, PROT_READ | PROT_EXEC);
  slurp("/proc/self/status");
  CHECK_EQ("by what can be written alone", field(text, "\nVmData:") - data, 2048);
  CHECK("code that is no file's", field(text, "\nVmExe:") + field(text, "\nVmLib:") - code == 2048);
  munmap(p, 1024 * PAGE);
  slurp("/proc/self/status");
  CHECK_EQ("and shrinks again", field(text, "\nVmSize:"), size);
  CHECK("but not the peak", field(text, "\nVmPeak:") >= size + 4096 && field(text, "\nVmPeak:") >= peak);
  p = map(4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK_EQ("what is shared is no data", field_of("/proc/self/status", "\nVmData:"), data);
  munmap(p, 4 * PAGE);
  long most = field_of("/proc/self/status", "\nVmHWM:");
  p = map(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 4096; i++)
    p[i * PAGE] = 1;
  munmap(p, 4096 * PAGE);
  slurp("/proc/self/status");
  CHECK("VmHWM keeps what was", field(text, "\nVmHWM:") >= most + 8192 &&
                                    field(text, "\nVmHWM:") > field(text, "\nVmRSS:") + 8192);
}

/* ---- The machine ---------------------------------------------------------------------------- */

static const char *const NODE = "/sys/devices/system/node/node0/meminfo";

struct machine {
  long total, free, available, cached, inactive, anonymous, mapped, shared, slab, committed;
  long node_total, node_free, node_used, node_files, node_mapped, node_anonymous, node_shared, node_idle;
  long free_pages, anonymous_pages, mapped_pages, file_pages, shared_pages, faults, disk;
};

static struct machine read_machine(void) {
  struct machine m;
  slurp("/proc/meminfo");
  m.total = field(text, "MemTotal:");
  m.free = field(text, "\nMemFree:");
  m.available = field(text, "\nMemAvailable:");
  m.cached = field(text, "\nCached:");
  m.inactive = field(text, "\nInactive:");
  m.anonymous = field(text, "\nAnonPages:");
  m.mapped = field(text, "\nMapped:");
  m.shared = field(text, "\nShmem:");
  m.slab = field(text, "\nSlab:");
  m.committed = field(text, "\nCommitted_AS:");
  slurp(NODE);
  m.node_total = field(text, " MemTotal:");
  m.node_free = field(text, " MemFree:");
  m.node_used = field(text, " MemUsed:");
  m.node_files = field(text, " FilePages:");
  m.node_mapped = field(text, " Mapped:");
  m.node_anonymous = field(text, " AnonPages:");
  m.node_shared = field(text, " Shmem:");
  m.node_idle = field(text, " Dirty:") | field(text, " Writeback:");
  slurp("/proc/vmstat");
  m.free_pages = field(text, "nr_free_pages ");
  m.anonymous_pages = field(text, "nr_anon_pages ");
  m.mapped_pages = field(text, "nr_mapped ");
  m.file_pages = field(text, "nr_file_pages ");
  m.shared_pages = field(text, "nr_shmem ");
  m.faults = field(text, "pgfault ");
  m.disk = field(text, "pgpgin ");
  return m;
}

static void test_machine(void) {
  /* Once for what reading itself touches. */
  read_machine();
  slurp("/proc/self/status");
  struct machine m = read_machine();
  CHECK("total, free, available", m.total > 16384 && m.free > 0 && m.free < m.total &&
                                      m.available > 0 && m.available <= m.total);
  CHECK("cached and others", m.cached >= m.shared && m.anonymous > 0 && m.mapped > 0 &&
                                 m.slab > 0 && m.committed > 0 && m.inactive >= 0);
  CHECK("a part of all", m.cached + m.anonymous + m.free <= m.total);
  CHECK("vmstat", m.free_pages > 0 && m.anonymous_pages > 0 && m.mapped_pages > 0 &&
                      m.file_pages > 0 && m.shared_pages >= 0 && m.faults > 0 && m.disk >= 0);
  static const char *const names[] = {"nr_dirty ", "nr_writeback ", "pgpgout ", "pswpin ",
                                      "pswpout ", "pgmajfault ", "oom_kill "};
  for (size_t i = 0; i < COUNT(names); i++)
    CHECK(names[i], field_of("/proc/vmstat", names[i]) >= 0);
  static const char *const others[] = {"Buffers:",   "SwapCached:", "Active:",    "SwapTotal:",
                                       "SwapFree:",  "Dirty:",      "Writeback:", "CommitLimit:",
                                       "HugePages_Total:", "HugePages_Free:", "Hugepagesize:"};
  for (size_t i = 0; i < COUNT(others); i++)
    CHECK(others[i], field_of("/proc/meminfo", others[i]) >= 0);
  if (!on_virga)
    return;
  CHECK("numbers end in one column",
        slurp("/proc/meminfo") > 0 && strstr(text, " kB\nMemFree:") == text + 24);
  CHECK_EQ("what is free can be had, and what is cached", m.available, m.free + m.inactive);
  CHECK_EQ("files on disk and in memory", m.cached, m.inactive + m.shared);
  CHECK_EQ("all that may be promised", field(text, "CommitLimit:"), m.total);
  CHECK_EQ("the node has all", m.node_total, m.total);
  CHECK_EQ("used is not free", m.node_used, m.node_total - m.node_free);
  CHECK_EQ("its files", m.node_files, m.cached);
  CHECK_EQ("what is mapped", m.node_mapped, m.mapped);
  CHECK_EQ("the program's own", m.node_anonymous, m.anonymous);
  CHECK_EQ("in memory", m.node_shared, m.shared);
  CHECK_EQ("nothing waits for a disk", m.node_idle, 0);
  CHECK_EQ("in pages", m.anonymous_pages * KIB_PER_PAGE, m.anonymous);
  CHECK_EQ("mapped ones", m.mapped_pages * KIB_PER_PAGE, m.mapped);
  CHECK_EQ("of files", m.file_pages * KIB_PER_PAGE, m.cached);
  CHECK_EQ("of files in memory", m.shared_pages * KIB_PER_PAGE, m.shared);
  CHECK("free ones", labs(m.free_pages * KIB_PER_PAGE - m.free) <= 64);
  slurp("/proc/self/status");
  CHECK_EQ("the one program's", field(text, "\nRssAnon:"), m.anonymous);
  CHECK_EQ("and its files", field(text, "\nRssFile:"), m.mapped);
  CHECK_EQ("its size", field(text, "\nVmSize:"), m.committed);
  CHECK("zoneinfo", labs(field_of("/proc/zoneinfo", "pages free") - m.free_pages) <= 16);
  CHECK_EQ("spans all", field(text, "spanned") * KIB_PER_PAGE, m.total);
  static const char *const none[] = {"SwapTotal:", "SwapFree:", "Dirty:", "Buffers:", "SwapCached:"};
  for (size_t i = 0; i < COUNT(none); i++)
    CHECK_EQ(none[i], field_of("/proc/meminfo", none[i]), 0);
}

/* What becomes of the machine's numbers when memory is used: others' on Linux, too. */
static void test_growing(void) {
  enum { PAGES = 2048, KIB = PAGES * KIB_PER_PAGE };
  static char bytes[PAGE];
  if (!on_virga)
    return;
  struct machine before = read_machine();
  char *own = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < PAGES; i++)
    own[i * PAGE] = 1;
  struct machine after = read_machine();
  CHECK_EQ("what is touched is the program's", after.anonymous - before.anonymous, KIB);
  CHECK_EQ("and not mapped from files", after.mapped, before.mapped);
  CHECK("no longer free", before.free - after.free >= KIB && before.free - after.free < KIB + 256);
  CHECK("by faults", after.faults > before.faults);
  CHECK("free blocks, too", after.free_pages < before.free_pages);
  munmap(own, (size_t)PAGES * PAGE);
  before = read_machine();
  int fd = open(scratch("large"), O_RDWR | O_CREAT | O_EXCL, 0600);
  memset(bytes, 1, sizeof bytes);
  for (int i = 0; i < PAGES; i++)
    if (write(fd, bytes, PAGE) != PAGE)
      break;
  after = read_machine();
  CHECK_EQ("a file in memory", after.shared - before.shared, KIB);
  CHECK_EQ("counts as cached", after.cached - before.cached, KIB);
  CHECK_EQ("on the node, too", after.node_files - before.node_files, KIB);
  CHECK_EQ("but not as what can be given back", after.inactive, before.inactive);
  own = map(PAGES, PROT_READ, MAP_SHARED, fd, 0);
  volatile char sum = 0;
  for (int i = 0; i < PAGES; i++)
    sum += own[i * PAGE];
  before = after;
  after = read_machine();
  CHECK_EQ("mapped", after.mapped - before.mapped, KIB);
  CHECK_EQ("it is nobody's own", after.anonymous, before.anonymous);
  munmap(own, (size_t)PAGES * PAGE);
  unlink(scratch("large"));
  close(fd);
  CHECK_EQ("gone, it is free again", read_machine().shared, before.shared - KIB);
}

/* ---- pagemap -------------------------------------------------------------------------------- */

#define PRESENT (1ull << 63)
#define OF_FILE (1ull << 61)
#define FRAME ((1ull << 55) - 1)

static void test_pagemap(void) {
  enum { PAGES = 150 };
  static uint64_t many[PAGES + 1], one;
  char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < PAGES; i += 3)
    p[i * PAGE] = 1;
  int fd = open("/proc/self/pagemap", O_RDONLY), wrong = 0, same = 0;
  REQUIRE("pagemap", fd >= 0);
  off_t at = (uintptr_t)p / PAGE * 8;
  CHECK_EQ("many at once", pread(fd, many, PAGES * 8, at), PAGES * 8);
  for (int i = 0; i < PAGES; i++) {
    wrong += ((many[i] & PRESENT) != 0) != (i % 3 == 0) || (many[i] & OF_FILE) != 0;
    if (pread(fd, &one, 8, at + i * 8) != 8 || one != many[i])
      wrong++;
    for (int j = 0; j < i; j++)
      same += (many[i] & FRAME) != 0 && (many[i] & FRAME) == (many[j] & FRAME);
  }
  CHECK_EQ("each as one by one", wrong, 0);
  CHECK_EQ("no frame twice", same, 0);
  CHECK("frames are told to who may know", (many[0] & FRAME) != 0 || geteuid() != 0);
  CHECK_EQ("lseek", lseek(fd, at + 24, SEEK_SET), at + 24);
  CHECK("reads go on from there", read(fd, &one, 8) == 8 && one == many[3] &&
                                      read(fd, &one, 8) == 8 && one == many[4]);
  CHECK_EQ("as far as they went", lseek(fd, 0, SEEK_CUR), at + 40);
  CHECK_EQ("and back", lseek(fd, -8, SEEK_CUR), at + 32);
  CHECK("to the same", read(fd, &one, 8) == 8 && one == many[4]);
  CHECK_EQ("nothing is nothing", pread(fd, &one, 0, at), 0);
  char *closed = map(1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_ERR("nowhere to put it", pread(fd, closed, 8, at), EFAULT);
  CHECK_ERR("not before the beginning", pread(fd, &one, 8, -8), EINVAL);
  CHECK_EQ("nor behind the end", pread(fd, &one, 8, 1ll << 40), 0);
  off_t last = (1ll << 47) / PAGE * 8 - 16;
  ssize_t n = pread(fd, many, sizeof many, last);
  CHECK("up to the end", n == 16 || n == 8);
  close(fd);
  int memory = memfd_create("twice", 0);
  REQUIRE("a file of memory", memory >= 0 && ftruncate(memory, PAGE) == 0);
  char *first = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  char *second = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  first[0] = second[0] = 1;
  fd = open("/proc/self/pagemap", O_RDONLY);
  pread(fd, &many[0], 8, (uintptr_t)first / PAGE * 8);
  pread(fd, &many[1], 8, (uintptr_t)second / PAGE * 8);
  CHECK("a page that is mapped twice", (many[0] & PRESENT) && (many[0] & OF_FILE) &&
                                           (many[0] & FRAME) == (many[1] & FRAME));
  close(fd);
  close(memory);
  munmap(p, PAGES * PAGE);
}

static const struct group groups[] = {
    {"areas", test_areas},     {"files", test_file_areas}, {"rollup", test_rollup},
    {"sizes", test_sizes},     {"machine", test_machine},  {"growing", test_growing},
    {"pagemap", test_pagemap},
};

int main(int argc, char **argv) {
  warm_up();
  return check_main(argc, argv, groups, COUNT(groups));
}
