/*
 * Memory calls beyond mapping: locking, residence, advice, all of mremap, placement in the low two
 * gigabytes, limits, policies, protection keys.
 */
#include "fault.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PAGE 4096ul
#define MIB (1ul << 20)
#define RW (PROT_READ | PROT_WRITE)
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MAP_32BIT
#define MAP_32BIT 0x40
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
enum { POPULATE_READ = 22, POPULATE_WRITE = 23, WIPEONFORK = 18, FREE = 8 };

static char *map(size_t size, int protection, int flags) {
  char *p = mmap(NULL, size, protection, flags | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

static int resident(char *p, int pages) {
  unsigned char vector[64] = {0};
  if (mincore(p, pages * PAGE, vector))
    return -1;
  int count = 0;
  for (int i = 0; i < pages; i++)
    count += vector[i] & 1;
  return count;
}

static long status(const char *format) {
  char line[256];
  long value = -1;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    sscanf(line, format, &value);
  if (file)
    fclose(file);
  return value;
}

static void test_lock(void) {
  long before = status("VmLck: %ld");
  char *p = map(16 * PAGE, RW, MAP_PRIVATE);
  REQUIRE("memory", p != NULL);
  CHECK_EQ("nothing is there at first", resident(p, 16), 0);
  CHECK_EQ("mlock", mlock(p + 4 * PAGE + 1, 2 * PAGE), 0);
  CHECK_EQ("brings in the pages it touches, whole", resident(p, 16), 3);
  CHECK_EQ("VmLck counts them", status("VmLck: %ld"), before + 12);
  CHECK_ERR("what is locked is not dropped", madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED), EINVAL);
  CHECK_EQ("munlock", munlock(p, 16 * PAGE), 0);
  CHECK_EQ("VmLck falls", status("VmLck: %ld"), before);
  CHECK_EQ("mlock2 with MLOCK_ONFAULT", syscall(SYS_mlock2, p + 8 * PAGE, PAGE, MLOCK_ONFAULT), 0);
  CHECK_EQ("brings in nothing", resident(p + 8 * PAGE, 1), 0);
  CHECK_EQ("but counts", status("VmLck: %ld"), before + 4);
  CHECK_ERR("mlock2 with unknown flags", syscall(SYS_mlock2, p, PAGE, 8), EINVAL);
  munmap(p + 2 * PAGE, PAGE);
  CHECK_ERR("mlock over a hole", mlock(p, 4 * PAGE), ENOMEM);
  CHECK_ERR("munlock over a hole", munlock(p, 4 * PAGE), ENOMEM);
  CHECK_EQ("mlock of nothing", mlock(p, 0), 0);
  CHECK_ERR("mlock of everything", mlock(p, ~0ul - PAGE), EINVAL);
  munmap(p, 16 * PAGE);
  CHECK_EQ("VmLck falls with the mapping", status("VmLck: %ld"), before);
  p = map(PAGE, PROT_NONE, MAP_PRIVATE);
  CHECK_ERR("mlock without rights", mlock(p, PAGE), ENOMEM);
  munmap(p, PAGE);
  p = map(4 * PAGE, RW, MAP_PRIVATE | MAP_LOCKED);
  CHECK_EQ("MAP_LOCKED", resident(p, 4), 4);
  munmap(p, 4 * PAGE);
}

static void test_lock_all(void) {
  CHECK_ERR("mlockall(0)", mlockall(0), EINVAL);
  CHECK_ERR("mlockall of unknown flags", mlockall(64), EINVAL);
  CHECK_EQ("mlockall(MCL_FUTURE)", mlockall(MCL_FUTURE), 0);
  char *p = map(4 * PAGE, RW, MAP_PRIVATE);
  CHECK_EQ("new memory is there at once", resident(p, 4), 4);
  CHECK_EQ("munlockall", munlockall(), 0);
  char *q = map(4 * PAGE, RW, MAP_PRIVATE);
  CHECK_EQ("then no more", resident(q, 4), 0);
  CHECK_EQ("nothing is locked", status("VmLck: %ld"), 0);
  munmap(p, 4 * PAGE);
  munmap(q, 4 * PAGE);
}

static void test_core(void) {
  char *p = map(64 * PAGE, RW, MAP_PRIVATE);
  unsigned char vector[64], guard[64];
  REQUIRE("memory", p != NULL);
  p[3 * PAGE] = p[5 * PAGE] = 1;
  CHECK("mincore", mincore(p, 8 * PAGE, vector) == 0 && vector[3] == 1 && vector[4] == 0);
  CHECK_EQ("counts a page begun", mincore(p, 7 * PAGE + 1, vector), 0);
  memset(guard, 0x55, sizeof guard);
  CHECK_ERR("a huge length", mincore(p, ~0ul, guard), ENOMEM);
  CHECK_ERR("one that wraps", mincore(p, (size_t)-(intptr_t)p + PAGE, guard), ENOMEM);
  CHECK_EQ("write nothing", guard[0], 0x55);
  CHECK_ERR("one beyond what is mapped", mincore(p, 1ul << 40, guard), ENOMEM);
  CHECK_ERR("an unaligned address", mincore(p + 1, PAGE, vector), EINVAL);
  CHECK_ERR("a bad vector", mincore(p, PAGE, (void *)0xffffffff80010000), EFAULT);
  munmap(p + 8 * PAGE, PAGE);
  CHECK_ERR("a hole", mincore(p, 16 * PAGE, vector), ENOMEM);
  munmap(p, 64 * PAGE);
}

static void test_sync(void) {
  char *p = map(4 * PAGE, RW, MAP_SHARED);
  REQUIRE("memory", p != NULL);
  CHECK_EQ("msync", msync(p, 4 * PAGE, MS_SYNC), 0);
  CHECK_ERR("MS_SYNC and MS_ASYNC", msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
  CHECK_ERR("unknown flags", msync(p, PAGE, 64), EINVAL);
  CHECK_ERR("unaligned", msync(p + 1, PAGE, MS_SYNC), EINVAL);
  CHECK_EQ("nothing", msync(p, 0, MS_SYNC), 0);
  CHECK_ERR("more than there is", msync(p, ~0ul - PAGE, MS_SYNC), ENOMEM);
  munmap(p + PAGE, PAGE);
  CHECK_ERR("a hole", msync(p, 4 * PAGE, MS_ASYNC), ENOMEM);
  munmap(p, 4 * PAGE);
  CHECK_ERR("nothing mapped", msync(p, PAGE, MS_SYNC), ENOMEM);
}

static void test_advice(void) {
  char *p = map(8 * PAGE, RW, MAP_PRIVATE), *shared = map(PAGE, RW, MAP_SHARED);
  REQUIRE("memory", p && shared);
  CHECK_EQ("MADV_POPULATE_READ", madvise(p, 4 * PAGE, POPULATE_READ), 0);
  CHECK_EQ("brings in pages", resident(p, 4), 4);
  CHECK_EQ("MADV_POPULATE_WRITE", madvise(p, 8 * PAGE, POPULATE_WRITE), 0);
  mprotect(p, PAGE, PROT_READ);
  CHECK_ERR("without the right", madvise(p, PAGE, POPULATE_WRITE), EINVAL);
  CHECK_EQ("MADV_FREE", madvise(p + PAGE, PAGE, FREE), 0);
  CHECK_ERR("MADV_FREE of shared memory", madvise(shared, PAGE, FREE), EINVAL);
  CHECK_EQ("MADV_WIPEONFORK", madvise(p, PAGE, WIPEONFORK), 0);
  CHECK_ERR("of shared memory", madvise(shared, PAGE, WIPEONFORK), EINVAL);
  CHECK_EQ("MADV_COLD", madvise(p, PAGE, 20), 0);
  CHECK_EQ("MADV_PAGEOUT", madvise(p, PAGE, 21), 0);
  CHECK_ERR("unknown advice", madvise(p, PAGE, 77), EINVAL);
  CHECK_ERR("unknown advice for nothing", madvise(p, 0, 5), EINVAL);
  CHECK_ERR("unaligned", madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
  CHECK_ERR("a length that wraps", madvise(p, ~0ul, MADV_NORMAL), EINVAL);
  munmap(p + 4 * PAGE, PAGE);
  p[5 * PAGE] = 1;
  CHECK_ERR("MADV_DONTNEED over a hole", madvise(p, 8 * PAGE, MADV_DONTNEED), ENOMEM);
  CHECK_EQ("has dropped what is there", p[5 * PAGE], 0);
  CHECK_ERR("populating over a hole", madvise(p, 8 * PAGE, POPULATE_READ), ENOMEM);
  munmap(p, 8 * PAGE);
  munmap(shared, PAGE);
}

static void test_remap(void) {
  char *p = map(8 * PAGE, RW, MAP_PRIVATE), *q, *place = map(16 * PAGE, PROT_NONE, MAP_PRIVATE);
  REQUIRE("memory", p && place);
  for (int i = 0; i < 8; i++)
    p[i * PAGE] = i + 1;
  CHECK_ERR("MREMAP_FIXED alone", mremap(p, PAGE, PAGE, MREMAP_FIXED, place), EINVAL);
  CHECK_ERR("MREMAP_DONTUNMAP alone", mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP, place), EINVAL);
  CHECK_ERR("MREMAP_DONTUNMAP of another size",
            mremap(p, PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE), EINVAL);
  CHECK_ERR("unknown flags", mremap(p, PAGE, PAGE, 64), EINVAL);
  CHECK_ERR("to size 0", mremap(p, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
  CHECK_ERR("an unaligned place",
            mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 1), EINVAL);
  CHECK_ERR("over itself",
            mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
  CHECK_ERR("nothing mapped", mremap((void *)(1ul << 40), PAGE, PAGE, MREMAP_MAYMOVE), EFAULT);
  CHECK_ERR("private memory of old size 0", mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
  q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  REQUIRE("MREMAP_DONTUNMAP", q != MAP_FAILED && q != p);
  CHECK("moves the pages", q[0] == 1 && q[PAGE] == 2);
  CHECK("and leaves zeros", p[0] == 0 && p[PAGE] == 0 && p[2 * PAGE] == 3);
  munmap(q, 2 * PAGE);
  q = mremap(p + 2 * PAGE, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4 * PAGE);
  CHECK("MREMAP_FIXED, smaller", q == place + 4 * PAGE && q[0] == 3 && q[PAGE] == 4);
  CHECK("all of the old range is gone", !readable(p + 2 * PAGE) && !readable(p + 5 * PAGE));
  CHECK("its neighbour is there", p[6 * PAGE] == 7);
  munmap(place, 16 * PAGE);
  munmap(p, 8 * PAGE);
}

static void test_remap_shared(void) {
  int fd = syscall(SYS_memfd_create, "pages", 0);
  REQUIRE("memfd", fd >= 0 && ftruncate(fd, 8 * PAGE) == 0);
  char *p = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0);
  REQUIRE("mapping", p != MAP_FAILED);
  for (int i = 0; i < 8; i++)
    p[i * PAGE] = i + 1;
  CHECK_ERR("old size 0 has to move", mremap(p, 0, PAGE, 0), ENOMEM);
  char *q = mremap(p + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
  REQUIRE("old size 0 maps again", q != MAP_FAILED && q != p + PAGE);
  CHECK("the same pages", q[0] == 2 && q[PAGE] == 3);
  q[0] = 77;
  CHECK_EQ("seen from both sides", p[PAGE], 77);
  munmap(q, 2 * PAGE);
  CHECK_EQ("remap_file_pages", syscall(SYS_remap_file_pages, p + PAGE, 2 * PAGE, 0, 5, 0), 0);
  CHECK("shows other pages", p[0] == 1 && p[PAGE] == 6 && p[2 * PAGE] == 7 && p[3 * PAGE] == 4);
  CHECK_ERR("only without rights", syscall(SYS_remap_file_pages, p, PAGE, RW, 0, 0), EINVAL);
  munmap(p, 8 * PAGE);
  p = map(PAGE, RW, MAP_PRIVATE);
  CHECK_ERR("only of shared memory", syscall(SYS_remap_file_pages, p, PAGE, 0, 0, 0), EINVAL);
  munmap(p, PAGE);
  close(fd);
}

static void test_place(void) {
  char *p = map(MIB, RW, MAP_PRIVATE | MAP_32BIT), *q;
  CHECK("MAP_32BIT", p && (uintptr_t)p + MIB <= 0x80000000ul && (p[0] = 1));
  q = map(MIB, RW, MAP_PRIVATE | MAP_32BIT);
  CHECK("twice", q && q != p && (uintptr_t)q + MIB <= 0x80000000ul);
  munmap(p, MIB);
  munmap(q, MIB);
  CHECK("more than fits", !map(3ul << 30, PROT_NONE, MAP_PRIVATE | MAP_32BIT) && errno == ENOMEM);
  CHECK_ERR("MAP_SHARED_VALIDATE of unknown flags",
            mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x800000,
                 open("/proc/self/exe", O_RDONLY), 0),
            EOPNOTSUPP);
}

static void test_limits(void) {
  struct rlimit before, limit;
  getrlimit(RLIMIT_AS, &before);
  limit = before;
  limit.rlim_cur = (status("VmSize: %ld") << 10) + 8 * MIB;
  setrlimit(RLIMIT_AS, &limit);
  CHECK("RLIMIT_AS", !map(64 * MIB, PROT_NONE, MAP_PRIVATE) && errno == ENOMEM);
  char *p = map(MIB, PROT_NONE, MAP_PRIVATE);
  CHECK("leaves what is below", p != NULL);
  CHECK_ERR("mremap, too", mremap(p, MIB, 64 * MIB, MREMAP_MAYMOVE), ENOMEM);
  setrlimit(RLIMIT_AS, &before);
  munmap(p, MIB);
  getrlimit(RLIMIT_DATA, &before);
  limit = before;
  limit.rlim_cur = (status("VmData: %ld") << 10) + 8 * MIB;
  setrlimit(RLIMIT_DATA, &limit);
  CHECK("RLIMIT_DATA", !map(64 * MIB, RW, MAP_PRIVATE) && errno == ENOMEM);
  p = map(64 * MIB, RW, MAP_SHARED);
  CHECK("is about private memory", p != NULL);
  setrlimit(RLIMIT_DATA, &before);
  munmap(p, 64 * MIB);
}

static void test_policy(void) {
  unsigned long nodes = 1, none = 0;
  int mode = 7;
  char *p = map(PAGE, RW, MAP_PRIVATE);
  long error = syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0);
  if (error && errno == ENOSYS && !on_virga)
    return; /* a kernel without NUMA */
  CHECK("get_mempolicy", error == 0 && mode == 0);
  nodes = 0;
  CHECK("of the nodes there are",
        syscall(SYS_get_mempolicy, NULL, &nodes, 65, NULL, 4) == 0 && (nodes & 1));
  nodes = 1;
  CHECK_EQ("set_mempolicy BIND", syscall(SYS_set_mempolicy, 2, &nodes, 65), 0);
  CHECK("is told", syscall(SYS_get_mempolicy, &mode, &none, 65, NULL, 0) == 0 && mode == 2 &&
                       none == 1);
  CHECK_EQ("set_mempolicy DEFAULT", syscall(SYS_set_mempolicy, 0, NULL, 0), 0);
  nodes = 0;
  CHECK_ERR("BIND to none", syscall(SYS_set_mempolicy, 2, &nodes, 65), EINVAL);
  CHECK_ERR("an unknown mode", syscall(SYS_set_mempolicy, 77, NULL, 0), EINVAL);
  nodes = 1;
  CHECK_EQ("mbind", syscall(SYS_mbind, p, PAGE, 2, &nodes, 65, 0), 0);
  munmap(p, PAGE);
  CHECK_ERR("mbind of nothing", syscall(SYS_mbind, p, PAGE, 2, &nodes, 65, 0), EFAULT);
}

static void test_keys(void) {
  char *p = map(PAGE, RW, MAP_PRIVATE);
  long key = syscall(SYS_pkey_alloc, 0, 0);
  int error = key < 0 ? errno : 0;
  if (error == ENOSYS && !on_virga)
    return;
  CHECK("pkey_alloc", key > 0 || error == ENOSPC || !on_virga);
  CHECK_ERR("pkey_alloc with flags", syscall(SYS_pkey_alloc, 1, 0), EINVAL);
  CHECK_ERR("pkey_free of none", syscall(SYS_pkey_free, 15), EINVAL);
  CHECK_EQ("pkey_mprotect without a key", syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1), 0);
  CHECK_ERR("pkey_mprotect with a bad one", syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 15),
            EINVAL);
  munmap(p, PAGE);
}

static const struct group groups[] = {
    {"lock", test_lock},     {"lock-all", test_lock_all}, {"core", test_core},
    {"sync", test_sync},     {"advice", test_advice},     {"remap", test_remap},
    {"shared", test_remap_shared}, {"place", test_place}, {"limits", test_limits},
    {"policy", test_policy}, {"keys", test_keys},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
