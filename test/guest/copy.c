/*
 * Bytes on every way between files, pipes and memory, at random places and lengths, against a model
 * of both files in memory: positions, offsets in memory, short and long copies, vectors.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { SIZE = 40000, ROUNDS = 600, VECTORS = 5 };

static unsigned char model[2][SIZE], buffer[SIZE], other[SIZE];
static int length[2], file[2], position[2], ends[2];
static unsigned seed = 1;

static unsigned below(unsigned limit) {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % limit;
}

/* A length: short mostly, sometimes more than a pipe's page or the file. */
static int some(int limit) {
  int n = below(4) ? below(700) : below(9000);
  return n < limit ? n : limit;
}

static void random_bytes(unsigned char *to, int n) {
  for (int i = 0; i < n; i++)
    to[i] = below(256);
}

/* What has been written into the model at `at`. */
static void grow(int f, int at, int n) {
  if (n > 0 && at + n > length[f])
    length[f] = at + n;
}

static int left(int f, int at, int n) {
  int there = length[f] - at;
  return there < 0 ? 0 : there < n ? there : n;
}

/* Cuts `n` into vectors over `memory`, empty ones among them; how many. */
static int cut(struct iovec *vectors, unsigned char *memory, int n) {
  int count = 0;
  for (int done = 0; count < VECTORS; count++) {
    int piece = count == VECTORS - 1 ? n - done : (int)below(n - done + 1);
    vectors[count] = (struct iovec){memory + done, piece};
    done += piece;
  }
  return count;
}

static bool do_write(void) {
  int f = below(2), at = below(30000), n = some(SIZE - at);
  struct iovec vectors[VECTORS];
  random_bytes(buffer, n);
  memcpy(model[f] + at, buffer, n);
  grow(f, at, n);
  switch (below(4)) {
  case 0:
    return pwrite(file[f], buffer, n, at) == n;
  case 1:
    return pwritev(file[f], vectors, cut(vectors, buffer, n), at) == n;
  case 2:
    position[f] = at + n;
    return lseek(file[f], at, SEEK_SET) == at && write(file[f], buffer, n) == n;
  default:
    position[f] = at + n;
    return lseek(file[f], at, SEEK_SET) == at &&
           writev(file[f], vectors, cut(vectors, buffer, n)) == n;
  }
}

static bool do_read(void) {
  int f = below(2), at = below(36000), n = some(SIZE - at), there = left(f, at, n);
  struct iovec vectors[VECTORS];
  ssize_t got;
  switch (below(3)) {
  case 0:
    got = pread(file[f], buffer, n, at);
    break;
  case 1:
    got = preadv(file[f], vectors, cut(vectors, buffer, n), at);
    break;
  default:
    at = position[f], there = left(f, at, n);
    got = readv(file[f], vectors, cut(vectors, buffer, n));
    position[f] += there;
  }
  return got == there && !memcmp(buffer, model[f] + at, there);
}

/* Between two files, or within one where the ranges do not meet. */
static bool do_copy(void) {
  int from = below(2), to = 1 - from, n = some(9000);
  off_t in = below(30000), out = below(30000);
  bool by_position = below(3) == 0;
  if (by_position)
    in = position[from];
  int there = left(from, in, n);
  off_t in_before = in, out_before = out;
  memcpy(model[to] + out, model[from] + in, there);
  grow(to, out, there);
  ssize_t got;
  if (below(2)) {
    got = copy_file_range(file[from], by_position ? NULL : &in, file[to], &out, n, 0);
    if (out != out_before + there)
      return false;
  } else {
    position[to] = out + there;
    if (lseek(file[to], out, SEEK_SET) != out)
      return false;
    got = sendfile(file[to], file[from], by_position ? NULL : &in, n);
  }
  if (by_position)
    position[from] += there;
  return got == there && in == (by_position ? in_before : in_before + there);
}

/* Through the pipe: file to pipe to file, or from memory to file, or to memory. */
static bool do_splice(void) {
  int from = below(2), to = 1 - from, n = some(9000) + 1;
  loff_t in = below(30000), out = below(30000);
  int there;
  ssize_t got;
  if (below(2)) {
    there = left(from, in, n);
    got = splice(file[from], &in, ends[1], NULL, n, 0);
    if (got < 0 || got > there || (there > 0 && got == 0))
      return false;
    memcpy(buffer, model[from] + in - got, got);
  } else {
    struct iovec vectors[VECTORS];
    random_bytes(other, n);
    got = vmsplice(ends[1], vectors, cut(vectors, other, n), 0);
    if (got != n)
      return false;
    memcpy(buffer, other, n);
  }
  there = got;
  if (there == 0)
    return true;
  if (below(2)) {
    memcpy(model[to] + out, buffer, there);
    grow(to, out, there);
    for (loff_t start = out; out < start + there;)
      if (splice(ends[0], NULL, file[to], &out, start + there - out, 0) <= 0)
        return false;
    return true;
  }
  for (int done = 0; done < there; done += got)
    if ((got = read(ends[0], other + done, there - done)) <= 0)
      return false;
  return !memcmp(other, buffer, there);
}

static bool do_size(void) {
  int f = below(2), n = below(SIZE);
  if (n < length[f])
    memset(model[f] + n, 0, SIZE - n);
  length[f] = n;
  return ftruncate(file[f], n) == 0;
}

/* Everything, once by reading and once through a mapping. */
static bool same(int f) {
  struct stat st;
  bool equal = fstat(file[f], &st) == 0 && st.st_size == length[f] &&
               lseek(file[f], 0, SEEK_CUR) == position[f] &&
               pread(file[f], buffer, SIZE, 0) == length[f] &&
               !memcmp(buffer, model[f], length[f]);
  if (length[f] == 0)
    return equal;
  unsigned char *map = mmap(NULL, length[f], PROT_READ, MAP_SHARED, file[f], 0);
  equal = equal && map != MAP_FAILED && !memcmp(map, model[f], length[f]);
  munmap(map, length[f]);
  return equal;
}

static void test_copies(void) {
  static const struct {
    const char *name;
    bool (*run)(void);
  } ways[] = {
      {"writes", do_write}, {"reads", do_read},       {"copies", do_copy},
      {"splices", do_splice}, {"changes of size", do_size},
  };
  int wrong[COUNT(ways)] = {0}, differ = 0;
  for (int f = 0; f < 2; f++) {
    const char *path = scratch(f ? "copy-1" : "copy-0");
    file[f] = open(path, O_RDWR | O_CREAT, 0600);
    unlink(path);
  }
  REQUIRE("files and a pipe", file[0] >= 0 && file[1] >= 0 && pipe(ends) == 0);
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 17);
  for (int round = 0; round < ROUNDS; round++) {
    int way = round % 23 == 22 ? 4 : below(4);
    wrong[way] += !ways[way].run();
    differ += !same(0) || !same(1);
  }
  for (unsigned way = 0; way < COUNT(ways); way++)
    CHECK_EQ(ways[way].name, wrong[way], 0);
  CHECK_EQ("after each, files, sizes and positions are the model's", differ, 0);
}

static const struct group groups[] = {{"copies", test_copies}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
