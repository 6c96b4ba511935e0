/*
 * Data from descriptor to descriptor: sendfile, copy_file_range, splice, tee, vmsplice. What may be
 * combined, what the flags mean, and that nothing is lost when the taker takes less.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char buffer[70000];

static int scratch_file(const char *content) {
  const char *path = scratch("splice");
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink(path);
  if (fd >= 0 && write(fd, content, strlen(content)) != (ssize_t)strlen(content))
    return -1;
  lseek(fd, 0, SEEK_SET);
  return fd;
}

static void test_sendfile(void) {
  int to = scratch_file(""), from = scratch_file("0123456789"), fds[2], pair[2];
  REQUIRE("files and pipe", to >= 0 && from >= 0 && pipe(fds) == 0);
  REQUIRE("sockets", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK_EQ("to a pipe", sendfile(fds[1], from, NULL, 4), 4);
  CHECK_EQ("moves the position", lseek(from, 0, SEEK_CUR), 4);
  CHECK_ERR("from a pipe", sendfile(to, fds[0], NULL, 4), EINVAL);
  off_t offset = 0;
  CHECK_ERR("from a pipe with an offset", sendfile(to, fds[0], &offset, 4), ESPIPE);
  CHECK_ERR("from a socket", sendfile(to, pair[0], NULL, 4), EINVAL);
  int event = eventfd(1, 0), directory = open("/", O_RDONLY | O_DIRECTORY);
  CHECK_ERR("from an eventfd", sendfile(to, event, NULL, 8), EINVAL);
  CHECK_ERR("from a directory", sendfile(to, directory, NULL, 8), EINVAL);
  CHECK_EQ("nothing was taken", read(fds[0], buffer, 100), 4);
  int append = open("/proc/self/fd/0", O_RDONLY), path = open("/", O_PATH);
  CHECK_ERR("from an O_PATH descriptor", sendfile(to, path, NULL, 4), EBADF);
  CHECK_ERR("to a descriptor for reading", sendfile(fds[0], from, NULL, 4), EBADF);
  fcntl(to, F_SETFL, O_APPEND);
  CHECK_ERR("to one that appends", sendfile(to, from, NULL, 4), EINVAL);
  offset = -1;
  CHECK_ERR("a negative offset", sendfile(pair[0], from, &offset, 4), EINVAL);
  offset = 8;
  CHECK("to a socket", sendfile(pair[0], from, &offset, 100) == 2 && offset == 10);
  CHECK("arrives", read(pair[1], buffer, 100) == 2 && !memcmp(buffer, "89", 2));
  int zero = open("/dev/zero", O_RDONLY);
  CHECK_EQ("from /dev/zero", sendfile(pair[0], zero, NULL, 10), 10);
  CHECK_EQ("zeros", read(pair[1], buffer, 100), 10);
  int fd[] = {to, from, fds[0], fds[1], pair[0], pair[1], event, directory, append, path, zero};
  for (unsigned i = 0; i < COUNT(fd); i++)
    close(fd[i]);
}

static void test_copy_range(void) {
  int to = scratch_file(""), from = scratch_file("0123456789"), fds[2];
  REQUIRE("files and pipe", to >= 0 && from >= 0 && pipe(fds) == 0);
  CHECK_EQ("the whole of it", copy_file_range(from, NULL, to, NULL, 100, 0), 10);
  CHECK("both positions move", lseek(from, 0, SEEK_CUR) == 10 && lseek(to, 0, SEEK_CUR) == 10);
  off_t in = 0, out = 5;
  CHECK("within one file", copy_file_range(from, &in, from, &out, 5, 0) == 5 && in == 5 &&
                               out == 10 && pread(from, buffer, 20, 0) == 10 &&
                               !memcmp(buffer, "0123401234", 10));
  in = 0, out = 4;
  CHECK_ERR("overlapping there", copy_file_range(from, &in, from, &out, 5, 0), EINVAL);
  in = 8, out = 4;
  CHECK_EQ("what is behind the end does not overlap", copy_file_range(from, &in, from, &out, 9, 0),
           2);
  CHECK_ERR("flags", copy_file_range(from, NULL, to, NULL, 1, 1), EINVAL);
  CHECK_ERR("from a pipe", copy_file_range(fds[0], NULL, to, NULL, 1, 0), EINVAL);
  int directory = open("/", O_RDONLY | O_DIRECTORY);
  CHECK_ERR("from a directory", copy_file_range(directory, NULL, to, NULL, 1, 0), EISDIR);
  int reading = open("/proc/self/exe", O_RDONLY);
  CHECK_ERR("to a descriptor for reading", copy_file_range(from, NULL, reading, NULL, 1, 0), EBADF);
  fcntl(to, F_SETFL, O_APPEND);
  CHECK_ERR("to one that appends", copy_file_range(from, NULL, to, NULL, 1, 0), EBADF);
  CHECK_EQ("at the end", (lseek(from, 0, SEEK_END), fcntl(to, F_SETFL, 0),
                          copy_file_range(from, NULL, to, NULL, 1, 0)),
           0);
  close(directory), close(reading), close(to), close(from), close(fds[0]), close(fds[1]);
}

static void test_refused(void) {
  int fds[2], other[2], file = scratch_file("0123456789"), to = scratch_file("");
  REQUIRE("pipes", pipe(fds) == 0 && pipe(other) == 0 && file >= 0 && to >= 0);
  loff_t offset = 0;
  CHECK_EQ("no bytes", splice(-1, NULL, -1, NULL, 0, 0), 0);
  CHECK_ERR("unknown flags", splice(fds[0], NULL, to, NULL, 1, 0x10), EINVAL);
  CHECK_ERR("no pipe", splice(file, NULL, to, NULL, 1, 0), EINVAL);
  CHECK_ERR("the same pipe", splice(fds[0], NULL, fds[1], NULL, 1, 0), EINVAL);
  CHECK_ERR("an offset of a pipe", splice(fds[0], &offset, to, NULL, 1, 0), ESPIPE);
  CHECK_ERR("and at the other end", splice(file, NULL, fds[1], &offset, 1, 0), ESPIPE);
  CHECK_ERR("from the writing end", splice(fds[1], NULL, to, NULL, 1, 0), EBADF);
  CHECK_ERR("to the reading end", splice(file, NULL, fds[0], NULL, 1, 0), EBADF);
  offset = -1;
  CHECK_ERR("a negative offset", splice(file, &offset, fds[1], NULL, 1, 0), EINVAL);
  fcntl(to, F_SETFL, O_APPEND);
  CHECK_EQ("a byte", write(fds[1], "x", 1), 1);
  CHECK_ERR("to one that appends", splice(fds[0], NULL, to, NULL, 1, 0), EINVAL);
  CHECK_ERR("tee to the same pipe", tee(fds[0], fds[1], 1, 0), EINVAL);
  CHECK_ERR("tee to a file", tee(fds[0], file, 1, 0), EINVAL);
  struct iovec vector = {buffer, 1};
  CHECK_ERR("vmsplice to a file", vmsplice(file, &vector, 1, 0), EBADF);
  close(fds[0]), close(fds[1]), close(other[0]), close(other[1]), close(file), close(to);
}

static void test_empty(void) {
  int fds[2], other[2], to = scratch_file("");
  REQUIRE("pipes", pipe(fds) == 0 && pipe(other) == 0 && to >= 0);
  CHECK_ERR("SPLICE_F_NONBLOCK", splice(fds[0], NULL, to, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
  CHECK_ERR("between pipes", splice(fds[0], NULL, other[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
  CHECK_ERR("tee", tee(fds[0], other[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  CHECK_ERR("O_NONBLOCK", splice(fds[0], NULL, to, NULL, 1, 0), EAGAIN);
  fcntl(fds[0], F_SETFL, 0);
  close(fds[1]);
  CHECK_EQ("no writer: the end", splice(fds[0], NULL, to, NULL, 1, 0), 0);
  CHECK_EQ("between pipes, too", splice(fds[0], NULL, other[1], NULL, 1, 0), 0);
  CHECK_EQ("tee, too", tee(fds[0], other[1], 1, 0), 0);
  close(other[0]);
  signal(SIGPIPE, SIG_IGN);
  int from = scratch_file("abc");
  CHECK_ERR("no reader", splice(from, NULL, other[1], NULL, 3, 0), EPIPE);
  CHECK_EQ("the file was not read", lseek(from, 0, SEEK_CUR), 0);
  signal(SIGPIPE, SIG_DFL);
  close(fds[0]), close(other[1]), close(to), close(from);
}

static void test_files(void) {
  int fds[2], from = scratch_file("0123456789"), to = scratch_file("......");
  loff_t offset = 2, target = 3;
  REQUIRE("pipe", pipe(fds) == 0 && from >= 0 && to >= 0);
  CHECK("file to pipe", splice(from, &offset, fds[1], NULL, 4, 0) == 4 && offset == 6);
  CHECK_EQ("the position stays", lseek(from, 0, SEEK_CUR), 0);
  CHECK_EQ("with the position", splice(from, NULL, fds[1], NULL, 3, 0), 3);
  CHECK_EQ("it moves", lseek(from, 0, SEEK_CUR), 3);
  CHECK("pipe to file", splice(fds[0], NULL, to, &target, 4, 0) == 4 && target == 7);
  CHECK_EQ("all that is there", splice(fds[0], NULL, to, NULL, 100, 0), 3);
  CHECK("the result", pread(to, buffer, 20, 0) == 7 && !memcmp(buffer, "0122345", 7));
  lseek(from, 0, SEEK_END);
  CHECK_EQ("at the end of a file", splice(from, NULL, fds[1], NULL, 3, 0), 0);
  close(fds[0]), close(fds[1]), close(from), close(to);
}

static unsigned char pattern(unsigned at) { return at * 7 + (at >> 8); }

/* A socket that takes less than the pipe has: the rest stays in the pipe. */
static void test_short(void) {
  int fds[2], pair[2];
  REQUIRE("pipe and sockets", pipe(fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  fcntl(pair[0], F_SETFL, O_NONBLOCK);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  unsigned written = 0, seen = 0, bad = 0;
  bool stopped = false;
  for (int round = 0; round < 1000 && !stopped; round++) {
    char chunk[5000];
    for (unsigned i = 0; i < sizeof chunk; i++)
      chunk[i] = pattern(written + i);
    if (write(fds[1], chunk, sizeof chunk) != sizeof chunk)
      break;
    written += sizeof chunk;
    while (splice(fds[0], NULL, pair[0], NULL, 100000, 0) > 0)
      ;
    int left = 0;
    stopped = errno == EAGAIN && read(fds[0], buffer, 1) == 1;
    if (stopped) { /* The socket is full: what was taken here comes back in order below. */
      left = 1;
      ssize_t n = read(fds[0], buffer + 1, sizeof buffer - 1);
      left += n > 0 ? n : 0;
      unsigned start = written - left;
      for (int i = 0; i < left; i++)
        bad += (unsigned char)buffer[i] != pattern(start + i);
      written = start;
    }
  }
  CHECK("the socket fills", stopped);
  CHECK_EQ("what it did not take is still in the pipe", bad, 0);
  ssize_t n;
  while (seen < written && (n = read(pair[1], buffer, sizeof buffer)) > 0)
    for (ssize_t i = 0; i < n; i++)
      bad += (unsigned char)buffer[i] != pattern(seen++);
  CHECK("what it took arrives once", seen == written && bad == 0);
  CHECK_ERR("and no more", recv(pair[1], buffer, 1, MSG_DONTWAIT), EAGAIN);
  close(fds[0]), close(fds[1]), close(pair[0]), close(pair[1]);
}

static void test_pipes(void) {
  int a[2], b[2];
  REQUIRE("pipes", pipe(a) == 0 && pipe(b) == 0);
  for (unsigned i = 0; i < 60000; i++)
    buffer[i] = pattern(i);
  CHECK_EQ("a lot of bytes", write(a[1], buffer, 60000), 60000);
  CHECK_EQ("tee", tee(a[0], b[1], 20000, 0), 20000);
  CHECK_EQ("and the rest by splice", splice(a[0], NULL, b[1], NULL, 30000, 0), 30000);
  unsigned bad = 0;
  CHECK_EQ("both", read(b[0], buffer, sizeof buffer), 50000);
  for (unsigned i = 0; i < 50000; i++)
    bad += (unsigned char)buffer[i] != pattern(i < 20000 ? i : i - 20000);
  CHECK_EQ("in order", bad, 0);
  CHECK_EQ("what was left", read(a[0], buffer, sizeof buffer), 30000);
  CHECK_EQ("goes on", (unsigned char)buffer[0], pattern(30000));
  fcntl(b[1], F_SETPIPE_SZ, 4096);
  CHECK_EQ("fill one", write(b[1], buffer, 4096), 4096);
  CHECK_EQ("and another", write(a[1], "x", 1), 1);
  CHECK_ERR("a full pipe", splice(a[0], NULL, b[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
  CHECK_ERR("a full pipe, tee", tee(a[0], b[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
  CHECK_EQ("nothing was taken", read(a[0], buffer, 10), 1);
  close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

static void test_vmsplice(void) {
  int fds[2];
  char one[] = "one", two[] = "second";
  struct iovec vectors[2] = {{one, 3}, {two, 6}};
  REQUIRE("pipe", pipe(fds) == 0);
  CHECK_EQ("into a pipe", vmsplice(fds[1], vectors, 2, 0), 9);
  char first[3], second[2];
  struct iovec targets[2] = {{first, 3}, {second, 2}};
  CHECK("out of it", vmsplice(fds[0], targets, 2, 0) == 5 && !memcmp(first, "one", 3) &&
                         !memcmp(second, "se", 2));
  CHECK_EQ("the rest", read(fds[0], buffer, 100), 4);
  CHECK_EQ("no vectors", vmsplice(fds[1], vectors, 0, 0), 0);
  CHECK_ERR("flags", vmsplice(fds[1], vectors, 1, 0x20), EINVAL);
  fcntl(fds[1], F_SETPIPE_SZ, 4096);
  CHECK_EQ("fill it", write(fds[1], buffer, 4096), 4096);
  CHECK_ERR("full", vmsplice(fds[1], vectors, 1, SPLICE_F_NONBLOCK), EAGAIN);
  close(fds[0]), close(fds[1]);
}

static int chain[2][2];

static void *pump(void *arg UNUSED) {
  long total = 0;
  ssize_t n;
  while ((n = splice(chain[0][0], NULL, chain[1][1], NULL, 3000, 0)) > 0)
    total += n;
  close(chain[1][1]);
  return (void *)(n == 0 ? total : -1);
}

static void *feed(void *arg UNUSED) {
  static char piece[1234];
  for (unsigned at = 0; at < 500 * sizeof piece; at += sizeof piece) {
    for (unsigned i = 0; i < sizeof piece; i++)
      piece[i] = pattern(at + i);
    if (write(chain[0][1], piece, sizeof piece) != sizeof piece)
      break;
  }
  close(chain[0][1]);
  return NULL;
}

/* Waiting on both sides: a writer, a splice between two pipes, a reader. */
static void test_chain(void) {
  pthread_t threads[2];
  REQUIRE("pipes", pipe(chain[0]) == 0 && pipe(chain[1]) == 0);
  pthread_create(&threads[0], NULL, pump, NULL);
  pthread_create(&threads[1], NULL, feed, NULL);
  unsigned seen = 0, bad = 0;
  ssize_t n;
  while ((n = read(chain[1][0], buffer, 5000)) > 0)
    for (ssize_t i = 0; i < n; i++)
      bad += (unsigned char)buffer[i] != pattern(seen++);
  void *moved;
  pthread_join(threads[0], &moved);
  pthread_join(threads[1], NULL);
  CHECK("all went through, in order", seen == 500 * 1234 && bad == 0);
  CHECK_EQ("and splice counted it", (long)moved, 500 * 1234);
  close(chain[0][0]), close(chain[1][0]);
}

static const struct group groups[] = {
    {"sendfile", test_sendfile}, {"copy_file_range", test_copy_range}, {"refused", test_refused},
    {"empty", test_empty},       {"files", test_files},                {"short", test_short},
    {"pipes", test_pipes},       {"vmsplice", test_vmsplice},          {"chain", test_chain},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
