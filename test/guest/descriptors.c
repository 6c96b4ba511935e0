/*
 * The table of descriptors under random calls, against a model of it: which file each number stands
 * for, its close-on-exec flag, the file's own position and flags, which all its descriptors share;
 * always the lowest number that is free.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST = 20, COUNT_FDS = 60, FILES = 64, ROUNDS = 6000, NONE = -1, LIMIT = FIRST + COUNT_FDS };

/* An open file: several descriptors may stand for it. */
struct file {
  int users, position, flags;
};

static struct file files[FILES];
static int table[LIMIT];
static bool closes[LIMIT];
static unsigned seed = 17;
static char path[96];

static unsigned below(unsigned limit) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % limit;
}

static int some(void) { return FIRST + below(COUNT_FDS); }

static int lowest(int from) {
  while (from < LIMIT && table[from] != NONE)
    from++;
  return from < LIMIT ? from : NONE;
}

static int new_file(int flags) {
  int i = 0;
  while (files[i].users)
    i++;
  files[i] = (struct file){0, 0, flags};
  return i;
}

static void put(int fd, int file, bool close_on_exec) {
  table[fd] = file;
  closes[fd] = close_on_exec;
  files[file].users++;
}

static void drop(int fd) {
  if (table[fd] != NONE)
    files[table[fd]].users--;
  table[fd] = NONE;
}

static bool do_open(void) {
  bool close_on_exec = below(2);
  int flags = below(2) ? O_RDWR : O_RDWR | O_APPEND, want = lowest(0);
  int got = open(path, flags | (close_on_exec ? O_CLOEXEC : 0));
  if (want == NONE)
    return got == -1 && errno == EMFILE;
  put(want, new_file(flags), close_on_exec);
  return got == want;
}

static bool do_close(void) {
  int fd = some(), got = close(fd);
  if (table[fd] == NONE)
    return got == -1 && errno == EBADF;
  drop(fd);
  return got == 0;
}

static bool do_dup(void) {
  int fd = some(), from = below(LIMIT + 3), kind = below(3), got, want;
  if (kind == 0)
    from = 0, got = dup(fd);
  else
    got = fcntl(fd, kind == 1 ? F_DUPFD : F_DUPFD_CLOEXEC, from);
  if (table[fd] == NONE)
    return got == -1 && errno == EBADF;
  if (from >= LIMIT)
    return got == -1 && errno == EINVAL;
  want = lowest(from);
  if (want == NONE)
    return got == -1 && errno == EMFILE;
  put(want, table[fd], kind == 2);
  return got == want;
}

static bool do_dup2(void) {
  int fd = some(), to = below(12) ? some() : LIMIT + (int)below(2), got;
  bool three = below(2), close_on_exec = three && below(2);
  got = three ? syscall(SYS_dup3, fd, to, close_on_exec ? O_CLOEXEC : 0) : dup2(fd, to);
  if (three && fd == to)
    return got == -1 && errno == EINVAL;
  if (to >= LIMIT || table[fd] == NONE)
    return got == -1 && errno == EBADF;
  if (fd != to) {
    int file = table[fd];
    files[file].users++;
    drop(to);
    put(to, file, close_on_exec);
    files[file].users--;
  }
  return got == to;
}

static bool do_range(void) {
  int first = some(), last = first + below(6);
  bool marks = below(2);
  for (int fd = first; fd <= last && fd < LIMIT; fd++) {
    if (marks)
      closes[fd] = true;
    else
      drop(fd);
  }
  return syscall(436 /* close_range */, first, last, marks ? 4 : 0) == 0;
}

static bool do_flag(void) {
  int fd = some();
  bool wanted = below(2);
  int got = fcntl(fd, F_SETFD, wanted ? FD_CLOEXEC : 0);
  if (table[fd] == NONE)
    return got == -1 && errno == EBADF;
  closes[fd] = wanted;
  return got == 0;
}

/* The file's, not the descriptor's. */
static bool do_shared(void) {
  int fd = some(), to = below(1000), flags = below(2) ? O_APPEND : O_NONBLOCK;
  bool seeks = below(2);
  int got = seeks ? (int)lseek(fd, to, SEEK_SET) : fcntl(fd, F_SETFL, flags);
  if (table[fd] == NONE)
    return got == -1 && errno == EBADF;
  struct file *file = &files[table[fd]];
  if (seeks)
    file->position = to;
  else
    file->flags = O_RDWR | flags;
  return got == (seeks ? to : 0);
}

static bool same(int fd) {
  int flag = fcntl(fd, F_GETFD);
  if (table[fd] == NONE)
    return flag == -1 && errno == EBADF;
  struct file *file = &files[table[fd]];
  int flags = fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK);
  return flag == (closes[fd] ? FD_CLOEXEC : 0) && flags == file->flags &&
         lseek(fd, 0, SEEK_CUR) == file->position;
}

static void test_table(void) {
  static const struct {
    const char *name;
    bool (*run)(void);
  } ways[] = {
      {"open", do_open},         {"open, again", do_open},      {"close", do_close},
      {"dup and F_DUPFD", do_dup}, {"dup2 and dup3", do_dup2},  {"close_range", do_range},
      {"F_SETFD", do_flag},      {"lseek and F_SETFL", do_shared},
  };
  int wrong[COUNT(ways)] = {0}, differ = 0;
  struct rlimit limit, less;
  strcpy(path, scratch("descriptors"));
  close(open(path, O_RDWR | O_CREAT, 0600));
  /* All numbers below the first are taken, and stay so. */
  for (int fd; (fd = open(path, O_RDONLY)) < FIRST - 1;)
    REQUIRE("the low numbers", fd >= 0);
  getrlimit(RLIMIT_NOFILE, &limit);
  less = (struct rlimit){LIMIT, limit.rlim_max};
  REQUIRE("a limit", setrlimit(RLIMIT_NOFILE, &less) == 0);
  for (int fd = 0; fd < LIMIT; fd++)
    table[fd] = fd < FIRST ? 0 : NONE;
  files[0].users = FIRST;
  for (int round = 0; round < ROUNDS; round++) {
    int way = round % 40 == 39 ? 5 : (int)below(COUNT(ways) - 1);
    way = way == 5 && round % 40 != 39 ? 7 : way;
    wrong[way] += !ways[way].run();
    for (int fd = FIRST; round % 4 == 0 && fd < LIMIT; fd++)
      differ += !same(fd);
  }
  for (unsigned way = 0; way < COUNT(ways); way++)
    CHECK_EQ(ways[way].name, wrong[way], 0);
  CHECK_EQ("descriptors that are not the model's", differ, 0);
  setrlimit(RLIMIT_NOFILE, &limit);
  syscall(436, 3, ~0u, 0);
  unlink(path);
}

static const struct group groups[] = {{"table", test_table}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
