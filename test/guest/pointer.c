/*
 * Pointers that lead out of the program's memory, in the calls that move data: EFAULT, and never
 * the kernel's memory. What lies before a hole is moved where Linux moves it.
 */
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int pipe_fds[2], pair[2], file_fd;

/* Something to be read from everywhere. */
static void fill(void) {
  char data[64];
  memset(data, 'd', sizeof data);
  fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
  if (write(pipe_fds[1], data, sizeof data) < 0 && errno != EAGAIN)
    _exit(96);
  if (send(pair[1], data, sizeof data, MSG_DONTWAIT) < 0 && errno != EAGAIN)
    _exit(96);
  pwrite(file_fd, data, sizeof data, 0);
}

static bool open_files(void) {
  const char *path = scratch("pointer");
  file_fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink(path);
  return file_fd >= 0 && pipe(pipe_fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
}

/* The calls with one buffer. */
static long with_buffer(int call, void *at, size_t n) {
  switch (call) {
  case 0:
    return write(pipe_fds[1], at, n);
  case 1:
    return read(pipe_fds[0], at, n);
  case 2:
    return pwrite(file_fd, at, n, 0);
  case 3:
    return pread(file_fd, at, n, 0);
  case 4:
    return send(pair[0], at, n, MSG_DONTWAIT);
  default:
    return recv(pair[0], at, n, MSG_DONTWAIT);
  }
}

static const char *buffer_names[] = {"write", "read", "pwrite", "pread", "send", "recv"};

static void test_buffers(void) {
  REQUIRE("files", open_files());
  for (const struct place *place = hostile_places(); place->name; place++) {
    for (int call = 0; call < 6; call++) {
      char name[96];
      snprintf(name, sizeof name, "%s: %s", buffer_names[call], place->name);
      fill();
      CHECK_ERR(name, with_buffer(call, (void *)place->address, 16), EFAULT);
    }
  }
}

/* The calls with vectors. */
static long with_vectors(int call, struct iovec *vectors, int count) {
  struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
  struct mmsghdr messages = {.msg_hdr = message};
  switch (call) {
  case 0:
    return writev(pipe_fds[1], vectors, count);
  case 1:
    return readv(pipe_fds[0], vectors, count);
  case 2:
    return pwritev(file_fd, vectors, count, 0);
  case 3:
    return preadv(file_fd, vectors, count, 0);
  case 4:
    return sendmsg(pair[0], &message, MSG_DONTWAIT);
  case 5:
    return recvmsg(pair[0], &message, MSG_DONTWAIT);
  case 6:
    return sendmmsg(pair[0], &messages, 1, MSG_DONTWAIT);
  default:
    return recvmmsg(pair[0], &messages, 1, MSG_DONTWAIT, 0);
  }
}

static const char *vector_names[] = {"writev",  "readv",   "pwritev",  "preadv",
                                     "sendmsg", "recvmsg", "sendmmsg", "recvmmsg"};

static void test_vectors(void) {
  REQUIRE("files", open_files());
  char good[16] = "good";
  for (const struct place *place = hostile_places(); place->name; place++) {
    for (int call = 0; call < 8; call++) {
      char name[96];
      struct iovec only = {(void *)place->address, 16};
      struct iovec second[] = {{good, 4}, {(void *)place->address, 16}, {good, 4}};
      fill();
      snprintf(name, sizeof name, "%s: %s", vector_names[call], place->name);
      CHECK_ERR(name, with_vectors(call, &only, 1), EFAULT);
      if (place->address < HALF_END - PAGE)
        continue;
      /* An address that can't be the program's is found out before anything is moved. */
      snprintf(name, sizeof name, "%s, second: %s", vector_names[call], place->name);
      CHECK_ERR(name, with_vectors(call, second, 3), EFAULT);
    }
  }
}

static void test_array(void) {
  REQUIRE("files", open_files());
  char good[16] = "good";
  char *page = island(PROT_READ | PROT_WRITE);
  for (int call = 0; call < 4; call++) {
    char name[96];
    for (const struct place *place = hostile_places(); place->name; place++) {
      snprintf(name, sizeof name, "%s, array: %s", vector_names[call], place->name);
      fill();
      CHECK_ERR(name, with_vectors(call, (struct iovec *)place->address, 2), EFAULT);
    }
    struct iovec *half = (struct iovec *)(page + 2 * PAGE) - 1;
    *half = (struct iovec){good, 4};
    snprintf(name, sizeof name, "%s, half of the array", vector_names[call]);
    CHECK_ERR(name, with_vectors(call, half, 2), EFAULT);
    struct iovec negative[] = {{good, 4}, {good, (size_t)-1}};
    snprintf(name, sizeof name, "%s, negative length", vector_names[call]);
    CHECK_ERR(name, with_vectors(call, negative, 2), EINVAL);
    snprintf(name, sizeof name, "%s, too many", vector_names[call]);
    CHECK_ERR(name, with_vectors(call, negative, 1025), EINVAL);
    snprintf(name, sizeof name, "%s, none", vector_names[call]);
    CHECK_EQ(name, with_vectors(call, 0, 0), 0);
  }
  struct msghdr many = {.msg_iov = (struct iovec *)page, .msg_iovlen = 1025};
  CHECK_ERR("sendmsg, too many", sendmsg(pair[0], &many, 0), EMSGSIZE);
  CHECK_ERR("recvmsg, too many", recvmsg(pair[0], &many, 0), EMSGSIZE);
}

/* What lies before the hole counts, in a file; a vector may begin in it or run into it. */
static void test_midway(void) {
  REQUIRE("files", open_files());
  char *page = island(PROT_READ | PROT_WRITE), *end = page + 2 * PAGE;
  fill();
  CHECK_EQ("pwrite that runs into a hole", pwrite(file_fd, end - 5, 10, 0), 5);
  CHECK_EQ("pread that runs into a hole", pread(file_fd, end - 5, 10, 0), 5);
  struct iovec into[] = {{page, 3}, {end - 5, 10}, {page, 3}};
  CHECK_EQ("pwritev that runs into a hole", pwritev(file_fd, into, 3, 0), 8);
  CHECK_EQ("preadv that runs into a hole", preadv(file_fd, into, 3, 0), 8);
  struct iovec at[] = {{page, 3}, {0, 0}, {end, 10}};
  CHECK_EQ("preadv that comes to a hole", preadv(file_fd, at, 3, 0), 3);
  char *readonly = island(PROT_READ);
  struct iovec protected[] = {{page, 3}, {readonly, 10}};
  CHECK_EQ("preadv that comes to a read-only page", preadv(file_fd, protected, 2, 0), 3);
  CHECK_EQ("pwritev reads from it", pwritev(file_fd, protected, 2, 0), 13);
  CHECK_EQ("the file goes on where it was", lseek(file_fd, 0, SEEK_CUR), 0);
  CHECK_EQ("readv that runs into a hole", readv(file_fd, into, 3), 8);
  CHECK_EQ("has moved the position by as much", lseek(file_fd, 0, SEEK_CUR), 8);
}

static void test_long(void) {
  REQUIRE("files", open_files());
  enum { COUNT_MAX = 1024 };
  static char from[COUNT_MAX], to[COUNT_MAX];
  static struct iovec vectors[COUNT_MAX];
  for (int i = 0; i < COUNT_MAX; i++)
    from[i] = i * 7;
  for (int i = 0; i < COUNT_MAX; i++)
    vectors[i] = (struct iovec){from + i, 1};
  CHECK_EQ("pwritev of 1024 vectors", pwritev(file_fd, vectors, COUNT_MAX, 0), COUNT_MAX);
  for (int i = 0; i < COUNT_MAX; i++)
    vectors[i] = (struct iovec){to + COUNT_MAX - 1 - i, i % 3 == 0 ? 1 : 0};
  CHECK_EQ("preadv into every third", preadv(file_fd, vectors, COUNT_MAX, 0), 342);
  bool right = true;
  for (int i = 0; i < 342; i++)
    right = right && to[COUNT_MAX - 1 - 3 * i] == from[i];
  CHECK("each byte is in its place", right);
}

static struct iovec changing[2];
static volatile bool stop_changing;

static void *change(void *kernel) {
  static char good[8];
  while (!stop_changing) {
    changing[1] = (struct iovec){kernel, 8};
    changing[1] = (struct iovec){good, 1 << 20};
    changing[1] = (struct iovec){good, 0};
    changing[1] = (struct iovec){good, 8};
  }
  return 0;
}

/* While the array is looked at, another thread writes to it: what was checked is what is used. */
static void test_changing(void) {
  REQUIRE("files", open_files());
  char *page = island(PROT_READ | PROT_WRITE), *kernel = alias(page) + 64;
  static char first[8];
  changing[0] = (struct iovec){first, 8};
  pthread_t thread;
  REQUIRE("thread", pthread_create(&thread, 0, change, kernel) == 0);
  bool sane = true;
  for (int i = 0; i < 20000 && sane; i++) {
    long n = preadv(file_fd, changing, 2, 0);
    sane = n >= 0 || errno == EFAULT;
    n = pwritev(file_fd, changing, 1 + i % 2, 0);
    sane = sane && (n >= 0 || errno == EFAULT);
    if (i % 256 == 0)
      usleep(1);
  }
  stop_changing = true;
  pthread_join(thread, 0);
  CHECK("bytes or EFAULT", sane);
  CHECK("the kernel's memory is as it was", page[64] == 'i' && page[71] == 'i');
}

static const struct group groups[] = {
    {"buffers", test_buffers}, {"vectors", test_vectors}, {"array", test_array},
    {"midway", test_midway},   {"long", test_long},       {"changing", test_changing},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
