/*
 * Ranges at their bounds: of locks, from each place they count from; and policies of memory, with
 * masks of nodes of each length. Each line is a call.
 */
#include "errors.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096ul
enum { OFD_GETLK = 36, OFD_SETLK = 37, SIZE = 100, POSITION = 10 };
enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY };
enum { F_NODE = 1, F_ADDR = 2, F_MEMS_ALLOWED = 4 };

static int file, other;

static void test_setup(void) {
  const char *name = scratch("ranges");
  file = open(name, O_RDWR | O_CREAT, 0600);
  other = open(name, O_RDWR);
  unlink(name);
  REQUIRE("a file", file >= 0 && other >= 0 && ftruncate(file, SIZE) == 0 &&
                        lseek(file, POSITION, SEEK_SET) == POSITION);
}

static int lock(int type, int whence, off_t start, off_t length) {
  struct flock range = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
  return fcntl(file, OFD_SETLK, &range);
}

static const struct {
  int whence;
  off_t start, length;
  int error;
  off_t told_start, told_length;
} ranges[] = {
    {SEEK_SET, 5, 10, 0, 5, 10},
    {SEEK_SET, 5, 0, 0, 5, 0},
    {SEEK_SET, 0, 1, 0, 0, 1},
    {SEEK_SET, 5, -5, 0, 0, 5},
    {SEEK_SET, 5, -1, 0, 4, 1},
    {SEEK_SET, 5, -6, EINVAL, 0, 0},
    {SEEK_SET, 0, -1, EINVAL, 0, 0},
    {SEEK_SET, -1, 1, EINVAL, 0, 0},
    {SEEK_CUR, 5, 1, 0, POSITION + 5, 1},
    {SEEK_CUR, 0, 0, 0, POSITION, 0},
    {SEEK_CUR, -POSITION, 1, 0, 0, 1},
    {SEEK_CUR, -POSITION - 1, 1, EINVAL, 0, 0},
    {SEEK_CUR, 0, -POSITION, 0, 0, POSITION},
    {SEEK_CUR, 0, -POSITION - 1, EINVAL, 0, 0},
    {SEEK_END, 0, 0, 0, SIZE, 0},
    {SEEK_END, -1, -1, 0, SIZE - 2, 1},
    {SEEK_END, -SIZE, 1, 0, 0, 1},
    {SEEK_END, -SIZE - 1, 1, EINVAL, 0, 0},
    {SEEK_SET, LLONG_MAX, 1, 0, LLONG_MAX, 0},
    {SEEK_SET, LLONG_MAX, 0, 0, LLONG_MAX, 0},
    {SEEK_SET, LLONG_MAX, 2, EOVERFLOW, 0, 0},
    {SEEK_SET, LLONG_MAX - 1, 1, 0, LLONG_MAX - 1, 1},
    {SEEK_SET, 1, LLONG_MAX, 0, 1, 0},
    {SEEK_SET, 2, LLONG_MAX, EOVERFLOW, 0, 0},
    {SEEK_END, LLONG_MAX - SIZE, 1, 0, LLONG_MAX, 0},
    {SEEK_END, LLONG_MAX - SIZE + 1, 1, EOVERFLOW, 0, 0},
    {SEEK_CUR, LLONG_MAX - POSITION, 1, 0, LLONG_MAX, 0},
    {SEEK_CUR, LLONG_MAX - POSITION + 1, 1, EOVERFLOW, 0, 0},
    {3, 0, 1, EINVAL, 0, 0},
    {-1, 0, 1, EINVAL, 0, 0},
};

static void test_locks(void) {
  for (unsigned i = 0; i < COUNT(ranges); i++) {
    char name[96];
    struct flock told = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    snprintf(name, sizeof name, "from %d: %lld, %lld", ranges[i].whence,
             (long long)ranges[i].start, (long long)ranges[i].length);
    if (ranges[i].error != 0) {
      FAILS(ranges[i].error, lock(F_WRLCK, ranges[i].whence, ranges[i].start, ranges[i].length));
      CHECK("nothing is locked", fcntl(other, OFD_GETLK, &told) == 0 && told.l_type == F_UNLCK);
      continue;
    }
    CHECK_EQ(name, lock(F_WRLCK, ranges[i].whence, ranges[i].start, ranges[i].length), 0);
    CHECK("is told", fcntl(other, OFD_GETLK, &told) == 0 && told.l_type == F_WRLCK &&
                         told.l_whence == SEEK_SET && told.l_pid == -1);
    CHECK_EQ("from", told.l_start, ranges[i].told_start);
    CHECK_EQ("so many", told.l_len, ranges[i].told_length);
    lock(F_UNLCK, SEEK_SET, 0, 0);
  }
}

static void test_lock_kinds(void) {
  struct flock range = {.l_type = F_UNLCK};
  FAILS(EINVAL, fcntl(other, F_GETLK, &range));
  FAILS(EINVAL, lock(3, SEEK_SET, 0, 1));
  FAILS(EINVAL, lock(-1, SEEK_SET, 0, 1));
  range = (struct flock){.l_type = F_RDLCK, .l_pid = 1};
  FAILS(EINVAL, fcntl(other, OFD_GETLK, &range));
  FAILS(EINVAL, fcntl(other, OFD_SETLK, &range));
  range = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 5, .l_len = 7};
  CHECK("in nobody's way", fcntl(file, OFD_GETLK, &range) == 0 && range.l_type == F_UNLCK);
  CHECK("all else is as it was",
        range.l_whence == SEEK_CUR && range.l_start == 5 && range.l_len == 7 && range.l_pid == 0);
  GIVES(0, lock(F_RDLCK, SEEK_SET, 0, 10));
  range = (struct flock){.l_type = F_RDLCK, .l_len = 10};
  CHECK("readers share", fcntl(other, OFD_GETLK, &range) == 0 && range.l_type == F_UNLCK);
  range = (struct flock){.l_type = F_WRLCK, .l_start = 9, .l_len = 5};
  CHECK("a writer does not", fcntl(other, OFD_GETLK, &range) == 0 && range.l_type == F_RDLCK &&
                                 range.l_start == 0 && range.l_len == 10);
  FAILS(EAGAIN, fcntl(other, OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 9}));
  GIVES(0, fcntl(other, OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 10}));
  GIVES(0, fcntl(file, F_SETLK, &(struct flock){.l_type = F_RDLCK, .l_len = 5}));
  range = (struct flock){.l_type = F_WRLCK, .l_len = 1};
  CHECK("a process's lock has its number", fcntl(other, OFD_GETLK, &range) == 0 &&
                                               (range.l_pid == getpid() || range.l_pid == -1));
}

static unsigned long nodes[1024];

static long set_policy(int mode, unsigned long mask, unsigned long bits) {
  nodes[0] = mask;
  return syscall(SYS_set_mempolicy, mode, nodes, bits);
}

static long get_policy(int *mode, unsigned long bits, void *address, int flags) {
  return syscall(SYS_get_mempolicy, mode, bits ? nodes : NULL, bits, address, flags);
}

static long bind_memory(void *at, size_t length, int mode, unsigned long mask, unsigned flags) {
  nodes[0] = mask;
  return syscall(SYS_mbind, at, length, mode, nodes, 64, flags);
}

static void test_policies(void) {
  int mode = 77;
  if (get_policy(&mode, 0, NULL, 0) != 0 && errno == ENOSYS && !on_virga)
    return; /* a kernel without NUMA */
  char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory[0] = 1;
  GIVES(0, set_policy(BIND, 1, 64));
  GIVES(0, get_policy(&mode, 1024, NULL, 0));
  CHECK("is told", mode == BIND && nodes[0] == 1 && nodes[1] == 0);
  GIVES(0, set_policy(INTERLEAVE, 1, 2));
  GIVES(0, get_policy(&mode, 0, NULL, F_NODE));
  CHECK_EQ("the next node", mode, 0);
  GIVES(0, set_policy(PREFERRED_MANY, 1, 64));
  FAILS(EINVAL, get_policy(&mode, 0, NULL, F_NODE));
  GIVES(0, set_policy(PREFERRED, 0, 64));
  GIVES(0, get_policy(&mode, 0, NULL, 0));
  CHECK_EQ("preferred, and none: local", mode, LOCAL);
  GIVES(0, set_policy(PREFERRED, 1, 64));
  GIVES(0, get_policy(&mode, 0, NULL, 0));
  CHECK_EQ("preferred", mode, PREFERRED);
  GIVES(0, set_policy(LOCAL, 0, 1));
  FAILS(EINVAL, set_policy(LOCAL, 0, 0));
  GIVES(0, set_policy(DEFAULT, 0, 64));
  GIVES(0, get_policy(&mode, 1024, NULL, 0));
  CHECK("none again", mode == DEFAULT && nodes[0] == 0);
  FAILS(EINVAL, set_policy(PREFERRED_MANY + 2, 1, 64));
  FAILS(EINVAL, set_policy(-1, 1, 64));
  FAILS(EINVAL, set_policy(DEFAULT, 1, 64));
  FAILS(EINVAL, set_policy(LOCAL, 1, 64));
  FAILS(EINVAL, set_policy(BIND, 0, 64));
  FAILS(EINVAL, set_policy(BIND, 1, 1));
  FAILS(EINVAL, set_policy(INTERLEAVE, 0, 64));
  FAILS(EINVAL, set_policy(PREFERRED_MANY, 0, 64));
  FAILS(EINVAL, set_policy(BIND, 2, 64));
  FAILS(EINVAL, set_policy(BIND, 1, 32770));
  FAILS(EFAULT, syscall(SYS_set_mempolicy, BIND, NOWHERE, 64));
  FAILS(EINVAL, syscall(SYS_get_mempolicy, &mode, nodes, 0, NULL, 0));
  nodes[0] = 7;
  GIVES(0, get_policy(&mode, 1, NULL, 0));
  CHECK_EQ("a mask of no bits is not written", nodes[0], 7);
  FAILS(EINVAL, get_policy(&mode, 0, NULL, 8));
  FAILS(EINVAL, get_policy(&mode, 0, memory, 0));
  FAILS(EINVAL, get_policy(&mode, 0, NULL, F_MEMS_ALLOWED | F_NODE));
  FAILS(EINVAL, get_policy(&mode, 0, NULL, F_MEMS_ALLOWED | F_ADDR));
  FAILS(EFAULT, get_policy(&mode, 0, NULL, F_ADDR));
  FAILS(EFAULT, get_policy(NOWHERE, 0, NULL, 0));
  FAILS(EFAULT, syscall(SYS_get_mempolicy, NULL, NOWHERE, 1024, NULL, 0));
  GIVES(0, get_policy(&mode, 1024, memory, F_ADDR));
  CHECK_EQ("of an address", mode, DEFAULT);
  GIVES(0, get_policy(&mode, 0, memory, F_ADDR | F_NODE));
  CHECK_EQ("the node it is on", mode, 0);
  GIVES(0, get_policy(&mode, 1024, NULL, F_MEMS_ALLOWED));
  CHECK("the first is allowed", nodes[0] & 1);
  GIVES(0, bind_memory(memory, PAGE, BIND, 1, 0));
  GIVES(0, bind_memory(memory, 2 * PAGE, DEFAULT, 0, 2));
  GIVES(0, bind_memory(memory, 0, DEFAULT, 0, 0));
  FAILS(EINVAL, bind_memory(memory + 1, PAGE, BIND, 1, 0));
  FAILS(EINVAL, bind_memory(memory, PAGE, BIND, 0, 0));
  FAILS(EINVAL, bind_memory(memory, PAGE, BIND, 1, 0x100));
  FAILS(EINVAL, bind_memory(memory, PAGE, 77, 1, 0));
  munmap(memory + PAGE, PAGE);
  FAILS(EFAULT, bind_memory(memory, 2 * PAGE, BIND, 1, 0));
  FAILS(EFAULT, bind_memory(memory + PAGE, PAGE, BIND, 1, 0));
  munmap(memory, PAGE);
}

static const struct group groups[] = {
    {"setup", test_setup},           {"locks", test_locks},
    {"lock-kinds", test_lock_kinds}, {"policies", test_policies},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
