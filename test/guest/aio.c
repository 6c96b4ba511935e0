/*
 * Linux' asynchronous I/O: io_setup, io_submit, io_getevents, io_pgetevents, io_cancel, io_destroy,
 * and the ring of events in the program's own memory.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* include/uapi/linux/aio_abi.h, which musl's compiler does not find. */
enum { PREAD, PWRITE, FSYNC, FDSYNC, POLL = 5, NOOP, PREADV, PWRITEV };
enum { RESFD = 1 };
struct request {
  uint64_t data;
  uint32_t key, rw_flags;
  uint16_t opcode;
  int16_t priority;
  uint32_t fd;
  uint64_t buffer, bytes;
  int64_t offset;
  uint64_t reserved;
  uint32_t flags, result_fd;
};
struct event {
  uint64_t data, request;
  int64_t result, result2;
};
struct ring {
  uint32_t id, count;
  volatile uint32_t head, tail;
  uint32_t magic, compatible, incompatible, header_length;
  struct event events[];
};

static unsigned long context;
static struct event events[64];

static long setup(unsigned count) {
  context = 0;
  return syscall(SYS_io_setup, count, &context);
}

static long destroy(unsigned long id) {
  return syscall(SYS_io_destroy, id);
}

static long submit(struct request *request) {
  return syscall(SYS_io_submit, context, 1l, &request);
}

static long get(long least, long most, struct timespec *timeout) {
  return syscall(SYS_io_getevents, context, least, most, events, timeout);
}

static long cancel(struct request *request) {
  return syscall(SYS_io_cancel, context, request, &events[63]);
}

static struct request transfer(int opcode, int fd, void *buffer, long bytes, long offset) {
  return (struct request){.data = 0x1234, .opcode = opcode, .fd = fd,
                          .buffer = (uintptr_t)buffer, .bytes = bytes, .offset = offset};
}

static struct request watch(int fd, int mask) {
  return (struct request){.data = 0x5678, .opcode = POLL, .fd = fd, .buffer = mask};
}

/* Submits a request; what its event says. */
static long result_of(struct request request) {
  request.key = 77;
  if (submit(&request) != 1)
    return -10000 - errno;
  if (get(1, 1, NULL) != 1)
    return -20000;
  bool right = events[0].data == request.data && events[0].request == (uintptr_t)&request &&
               events[0].result2 == 0 && request.key == 0;
  return right ? events[0].result : -30000;
}

static int scratch_file(const char *text) {
  const char *path = scratch("aio");
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink(path);
  if (write(fd, text, strlen(text)) < 0)
    return -1;
  return fd;
}

static void test_setup(void) {
  CHECK_ERR("for none", setup(0), EINVAL);
  CHECK_ERR("for more than there may be", setup(0x7fffffff), EINVAL);
  CHECK_ERR("for more than there are", setup(70000), EAGAIN);
  context = 5;
  CHECK_ERR("a context that is not zero", syscall(SYS_io_setup, 1, &context), EINVAL);
  CHECK_ERR("nowhere", syscall(SYS_io_setup, 1, (void *)16), EFAULT);
  CHECK_EQ("a context", setup(10), 0);
  struct ring *ring = (struct ring *)context;
  CHECK("its ring", ring->magic == 0xa10a10a1 && ring->header_length == 32 &&
                        ring->compatible == 1 && ring->incompatible == 0);
  CHECK("has room, and is empty", ring->count > 10 && ring->head == 0 && ring->tail == 0);
  unsigned long first = context;
  CHECK_EQ("another", setup(10), 0);
  CHECK("is another", context != first);
  CHECK_EQ("destroyed", destroy(first), 0);
  CHECK_ERR("destroyed once more", destroy(first), EINVAL);
  CHECK("its ring is unmapped", msync((void *)first, 4096, MS_ASYNC) == -1 && errno == ENOMEM);
  CHECK_EQ("the other is there", destroy(context), 0);
  CHECK_ERR("no context", destroy(0), EINVAL);
  CHECK_ERR("other memory is no context", destroy((unsigned long)events & ~4095ul), EINVAL);
  CHECK_ERR("nor is it for getting", get(0, 1, NULL), EINVAL);
  CHECK_EQ("one for many", setup(1000), 0);
  ring = (struct ring *)context;
  CHECK("has a ring of several pages", ring->count >= 1000);
  ring->events[ring->count - 1].data = 1;
  CHECK_EQ("all gone", destroy(context), 0);
  /* As many requests as there may be, and what is given back. */
  bool all = true;
  for (int i = 0; i < 100 && all; i++)
    all = setup(2000) == 0 && destroy(context) == 0;
  CHECK("what is destroyed counts no more", all);
}

static void test_transfer(void) {
  int fd = scratch_file("hello, world");
  char buffer[32] = "";
  REQUIRE("a context", setup(8) == 0 && fd >= 0);
  CHECK_EQ("read", result_of(transfer(PREAD, fd, buffer, 5, 7)), 5);
  CHECK("what is there", memcmp(buffer, "world", 6) == 0);
  CHECK_EQ("read at the end", result_of(transfer(PREAD, fd, buffer, 5, 12)), 0);
  CHECK_EQ("written", result_of(transfer(PWRITE, fd, "HELLO", 5, 0)), 5);
  char left[8] = "", right[8] = "";
  struct iovec vectors[2] = {{left, 3}, {right, 4}};
  CHECK_EQ("read to several", result_of(transfer(PREADV, fd, vectors, 2, 0)), 7);
  CHECK("each its part", strcmp(left, "HEL") == 0 && strcmp(right, "LO, ") == 0);
  struct iovec sources[2] = {{"ab", 2}, {"cde", 3}};
  CHECK_EQ("written of several", result_of(transfer(PWRITEV, fd, sources, 2, 20)), 5);
  CHECK("at its place", pread(fd, buffer, 5, 20) == 5 && memcmp(buffer, "abcde", 5) == 0);
  CHECK_EQ("the position stays", lseek(fd, 0, SEEK_CUR), 12);
  struct request sync = {.data = 1, .opcode = FSYNC, .fd = fd};
  CHECK_EQ("synced", result_of(sync), 0);
  sync.opcode = FDSYNC;
  CHECK_EQ("its data synced", result_of(sync), 0);
  sync.bytes = 1;
  CHECK_ERR("sync has no bytes", submit(&sync), EINVAL);
  int pipes[2];
  REQUIRE("a pipe", pipe2(pipes, O_NONBLOCK) == 0);
  CHECK_EQ("an empty pipe", result_of(transfer(PREAD, pipes[0], buffer, 5, 0)), -EAGAIN);
  CHECK_EQ("written to a pipe", result_of(transfer(PWRITE, pipes[1], "xy", 2, 0)), 2);
  CHECK_EQ("read from it", result_of(transfer(PREAD, pipes[0], buffer, 5, 0)), 2);
  CHECK("that", memcmp(buffer, "xy", 2) == 0);
  char *unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_EQ("to no memory", result_of(transfer(PREAD, fd, unmapped, 5, 0)), -EFAULT);

  struct request wrong = transfer(PREAD, -1, buffer, 5, 0);
  CHECK_ERR("no file", submit(&wrong), EBADF);
  wrong = transfer(PREAD, pipes[1], buffer, 5, 0);
  CHECK_ERR("not for reading", submit(&wrong), EBADF);
  wrong = transfer(PWRITE, pipes[0], buffer, 5, 0);
  CHECK_ERR("not for writing", submit(&wrong), EBADF);
  wrong = transfer(99, fd, buffer, 5, 0);
  CHECK_ERR("no such operation", submit(&wrong), EINVAL);
  wrong.opcode = NOOP;
  CHECK_ERR("nor is nothing one", submit(&wrong), EINVAL);
  wrong = transfer(PREAD, fd, buffer, -1, 0);
  CHECK_ERR("less than nothing", submit(&wrong), EINVAL);
  wrong = transfer(PREAD, fd, buffer, 1, 0);
  wrong.reserved = 1;
  CHECK_ERR("reserved", submit(&wrong), EINVAL);
  wrong.reserved = 0;
  wrong.rw_flags = 0x8000;
  CHECK_ERR("unknown flags", submit(&wrong), EOPNOTSUPP);
  struct request *list[3] = {&(struct request){.opcode = FSYNC, .fd = fd}, &wrong, list[0]};
  CHECK_EQ("those before a wrong one", syscall(SYS_io_submit, context, 3l, list), 1);
  list[1] = (void *)16;
  CHECK_EQ("those before none", syscall(SYS_io_submit, context, 3l, list), 1);
  CHECK_ERR("none", syscall(SYS_io_submit, context, 1l, list + 1), EFAULT);
  CHECK_ERR("a list nowhere", syscall(SYS_io_submit, context, 1l, 16l), EFAULT);
  CHECK_EQ("an empty list", syscall(SYS_io_submit, context, 0l, 16l), 0);
  CHECK_ERR("a negative one", syscall(SYS_io_submit, context, -1l, list), EINVAL);
  CHECK_ERR("no context", syscall(SYS_io_submit, 0l, 1l, list), EINVAL);
  CHECK_EQ("what was submitted has events, what was not has none", get(2, 9, NULL), 2);
  destroy(context);
  close(pipes[0]);
  close(pipes[1]);
  close(fd);
}

static void test_events(void) {
  int fd = scratch_file("0123456789");
  char buffer[16];
  struct timespec none = {0, 0}, soon = {0, 20000000};
  REQUIRE("a context", setup(8) == 0);
  CHECK_EQ("none yet", get(0, 8, NULL), 0);
  int64_t start = now_ns();
  CHECK_EQ("none in time", get(1, 8, &soon), 0);
  CHECK("which was waited for", now_ns() - start >= 20000000);
  struct request requests[5], *list[5];
  for (int i = 0; i < 5; i++) {
    requests[i] = transfer(PREAD, fd, buffer, i + 1, 0);
    requests[i].data = i;
    list[i] = &requests[i];
  }
  CHECK_EQ("five", syscall(SYS_io_submit, context, 5l, list), 5);
  CHECK_EQ("up to two", get(0, 2, NULL), 2);
  CHECK("the first two", events[0].data == 0 && events[0].result == 1 && events[1].data == 1);
  CHECK_EQ("more than there are, in time", get(4, 8, &none), 3);
  CHECK("the other three", events[0].data == 2 && events[2].data == 4 && events[2].result == 5);
  CHECK_EQ("no more", get(0, 8, NULL), 0);
  CHECK_ERR("more at least than at most", get(2, 1, NULL), EINVAL);
  CHECK_ERR("less than none", get(-1, 1, NULL), EINVAL);
  submit(&requests[0]);
  CHECK_ERR("to nowhere", syscall(SYS_io_getevents, context, 1l, 1l, 16l, NULL), EFAULT);
  CHECK_EQ("the event is there still", get(1, 1, NULL), 1);
  CHECK_ERR("time nowhere", syscall(SYS_io_getevents, context, 0l, 1l, events, 16l), EFAULT);

  struct ring *ring = (struct ring *)context;
  uint32_t head = ring->head;
  CHECK("head and tail of an empty ring", head == ring->tail && head == 6);
  submit(&requests[3]);
  submit(&requests[4]);
  CHECK_EQ("the tail moves", ring->tail, head + 2);
  CHECK("the events are in the ring", ring->events[head].data == 3 &&
                                          ring->events[head].result == 4 &&
                                          ring->events[head + 1].request == (uintptr_t)list[4]);
  ring->head = head + 1;
  CHECK_EQ("what the program takes out is gone", get(0, 8, NULL), 1);
  CHECK_EQ("the other is not", events[0].data, 4);
  /* Round the ring several times. */
  bool right = true;
  uint32_t count = ring->count;
  for (uint32_t i = 0; i < 3 * count && right; i++) {
    requests[0].data = i;
    right = submit(&requests[0]) == 1 && get(1, 1, NULL) == 1 && events[0].data == i;
  }
  CHECK("round and round", right && ring->head < count && ring->tail < count);
  uint32_t submitted = 0;
  while (submitted < count + 5 && submit(&requests[1]) == 1)
    submitted++;
  int error = errno;
  /* Linux counts by batches of each CPU. */
  CHECK("full when one entry is left", on_virga ? submitted == count - 1 : submitted < count);
  CHECK_EQ("then there is no room", error, EAGAIN);
  CHECK_EQ("taken out, the ring wraps", get(10, 64, NULL), 64 < submitted ? 64 : submitted);
  CHECK_EQ("and there is", submit(&requests[1]), 1);
  ring->head = 0xfffffff0;
  CHECK("a head that is none does no harm", get(0, 64, NULL) >= 0);
  ring->head = ring->tail;
  destroy(context);
  close(fd);
}

static void test_eventfd(void) {
  int fd = scratch_file("0123456789"), event = eventfd(0, EFD_NONBLOCK);
  char buffer[16];
  uint64_t count = 0;
  REQUIRE("a context", setup(8) == 0);
  struct request request = transfer(PREAD, fd, buffer, 4, 0);
  request.flags = RESFD;
  request.result_fd = event;
  CHECK_EQ("submitted", submit(&request), 1);
  struct pollfd ready = {event, POLLIN, 0};
  CHECK_EQ("its eventfd is ready", poll(&ready, 1, 0), 1);
  submit(&request);
  CHECK("and has counted", read(event, &count, 8) == 8 && count == 2);
  CHECK_EQ("the events are there", get(2, 8, NULL), 2);
  request.result_fd = fd;
  CHECK_ERR("no eventfd", submit(&request), EINVAL);
  request.result_fd = -1;
  CHECK_ERR("no file", submit(&request), EBADF);
  count = -2;
  CHECK_EQ("a counter at its end", write(event, &count, 8), 8);
  request.result_fd = event;
  CHECK_EQ("does not hold a request up", submit(&request), 1);
  CHECK("and goes to the very end", read(event, &count, 8) == 8 && count == (uint64_t)-1);
  destroy(context);
  close(event);
  close(fd);
}

static void *write_later(void *argument) {
  sleep_ms(20);
  if (write(*(int *)argument, "z", 1) != 1)
    say("# nothing was written");
  return NULL;
}

static void test_poll(void) {
  struct timespec none = {0, 0};
  int pipes[2], event = eventfd(0, EFD_NONBLOCK);
  uint64_t count = 0;
  char byte;
  REQUIRE("a context", setup(4) == 0 && pipe2(pipes, O_NONBLOCK) == 0);
  CHECK_EQ("ready at once", result_of(watch(pipes[1], POLLOUT)), POLLOUT);
  struct request request = watch(pipes[0], POLLIN);
  request.flags = RESFD;
  request.result_fd = event;
  CHECK_EQ("not ready", submit(&request), 1);
  CHECK_EQ("no event", get(0, 4, &none), 0);
  pthread_t writer;
  pthread_create(&writer, NULL, write_later, &pipes[1]);
  CHECK_EQ("waited for", get(1, 4, NULL), 1);
  CHECK("what is ready", (events[0].result & POLLIN) != 0 && events[0].data == 0x5678 &&
                             events[0].request == (uintptr_t)&request);
  CHECK("counted as well", read(event, &count, 8) == 8 && count == 1);
  pthread_join(writer, NULL);
  CHECK_EQ("once", get(0, 4, &none), 0);
  CHECK_EQ("it stays what it is", read(pipes[0], &byte, 1), 1);

  CHECK_EQ("submitted", submit(&request), 1);
  CHECK_ERR("cancelled", cancel(&request), EINPROGRESS);
  CHECK("with an event", get(1, 4, NULL) == 1 && events[0].result == 0);
  CHECK_ERR("cancelled once more", cancel(&request), EINVAL);
  struct request other = watch(pipes[0], POLLIN);
  submit(&request);
  submit(&other);
  CHECK_ERR("one of two", cancel(&other), EINPROGRESS);
  CHECK("is that one", get(1, 4, NULL) == 1 && events[0].request == (uintptr_t)&other);
  CHECK_EQ("the other end's end", close(pipes[1]), 0);
  CHECK("is told without being asked for",
        get(1, 4, NULL) == 1 && (events[0].result & POLLHUP) != 0);
  request.key = 1;
  CHECK_ERR("another's key", cancel(&request), EINVAL);
  CHECK_ERR("no request", cancel((void *)16), EFAULT);
  request.bytes = 1;
  CHECK_ERR("a poll has no bytes", submit(&request), EINVAL);
  request = watch(pipes[0], 0x10000);
  CHECK_ERR("no such events", submit(&request), EINVAL);
  close(pipes[0]);

  /* A request holds its file. */
  REQUIRE("a pipe", pipe2(pipes, O_NONBLOCK) == 0);
  signal(SIGPIPE, SIG_IGN);
  request = watch(pipes[0], POLLIN);
  submit(&request);
  close(pipes[0]);
  CHECK_EQ("the file is closed", get(0, 4, &none), 0);
  CHECK_EQ("yet can be written to", write(pipes[1], "q", 1), 1);
  CHECK("and is ready", get(1, 4, NULL) == 1 && (events[0].result & POLLIN) != 0);
  for (int tries = 0; write(pipes[1], "q", 1) == 1 && tries < 1000; tries++)
    get(0, 4, &none);
  CHECK_ERR("then it is gone", write(pipes[1], "q", 1), EPIPE);
  close(pipes[1]);

  /* Requests that wait take room. */
  int never = eventfd(0, 0);
  static struct request many[200];
  int submitted = 0;
  for (; submitted < 200; submitted++) {
    many[submitted] = watch(never, POLLIN);
    if (submit(&many[submitted]) != 1)
      break;
  }
  uint32_t room = ((struct ring *)context)->count - 1;
  CHECK("as many wait as there is room for their events",
        on_virga ? (uint32_t)submitted == room : submitted > 0 && (uint32_t)submitted <= room);
  count = 1;
  CHECK_EQ("all are ready", write(never, &count, 8), 8);
  CHECK_EQ("and told", get(submitted, submitted < 64 ? submitted : 64, &none),
           submitted < 64 ? submitted : -1);
  destroy(context);
  close(never);
  close(event);
}

/* ---- Threads ---- */

static volatile int waiter_id;
static long waiter_result;
static int waiter_error;

static void *wait_for_event(void *argument) {
  struct event own[4];
  waiter_id = syscall(SYS_gettid);
  waiter_result = syscall(SYS_io_getevents, context, (long)argument, 4l, own, NULL);
  waiter_error = errno;
  return NULL;
}

static bool sleeps(int thread) {
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
  FILE *stat = fopen(path, "r");
  char *line = stat ? fgets(text, sizeof text, stat) : NULL;
  if (stat)
    fclose(stat);
  char *end = line ? strrchr(line, ')') : NULL;
  return end && end[2] == 'S';
}

static pthread_t begin_waiting(long least) {
  pthread_t thread;
  waiter_id = 0;
  pthread_create(&thread, NULL, wait_for_event, (void *)least);
  for (int tries = 0; (waiter_id == 0 || !sleeps(waiter_id)) && tries < 5000; tries++)
    sleep_ms(1);
  return thread;
}

static void on_signal(int signal) {
  (void)signal;
}

static void test_waiting(void) {
  int fd = scratch_file("0123456789");
  char buffer[16];
  struct request request = transfer(PREAD, fd, buffer, 4, 0);
  REQUIRE("a context", setup(8) == 0);
  pthread_t thread = begin_waiting(2);
  submit(&request);
  for (int tries = 0; !sleeps(waiter_id) && tries < 5000; tries++)
    sleep_ms(1);
  submit(&request);
  pthread_join(thread, NULL);
  CHECK_EQ("two have come for two", waiter_result, 2);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  thread = begin_waiting(1);
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);
  CHECK("a signal ends a wait", waiter_result == -1 && waiter_error == EINTR);
  thread = begin_waiting(1);
  CHECK_EQ("destroyed under it", destroy(context), 0);
  pthread_join(thread, NULL);
  CHECK("which it is told", waiter_result == -1 && waiter_error == EINVAL);
  close(fd);
}

static void test_mask(void) {
  struct timespec soon = {0, 20000000};
  uint64_t blocked = 1 << (SIGUSR1 - 1), all = 0, now = 0;
  struct {
    uint64_t *mask;
    size_t size;
  } set = {&all, 8};
  REQUIRE("a context", setup(8) == 0);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &blocked, NULL, 8);
  raise(SIGUSR1);
  CHECK_EQ("a signal that is blocked ends no wait",
           syscall(SYS_io_pgetevents, context, 1l, 1l, events, &soon, NULL), 0);
  CHECK_ERR("and does where it is not",
            syscall(SYS_io_pgetevents, context, 1l, 1l, events, NULL, &set), EINTR);
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8);
  CHECK("the mask is as it was", (now & blocked) != 0);
  CHECK_EQ("time runs out", syscall(SYS_io_pgetevents, context, 1l, 1l, events, &soon, &set), 0);
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8);
  CHECK("the mask is as it was", (now & blocked) != 0);
  set.size = 4;
  CHECK_ERR("no size of a mask", syscall(SYS_io_pgetevents, context, 0l, 1l, events, NULL, &set),
            EINVAL);
  set.mask = (void *)16, set.size = 8;
  CHECK_ERR("no mask", syscall(SYS_io_pgetevents, context, 0l, 1l, events, NULL, &set), EFAULT);
  syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &blocked, NULL, 8);
  destroy(context);
}

static void test_ring_moves(void) {
  int fd = scratch_file("0123456789");
  char buffer[16];
  struct timespec none = {0, 0};
  struct request request = transfer(PREAD, fd, buffer, 4, 0);
  REQUIRE("a context", setup(8) == 0);
  char *place = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned long old = context;
  char *moved = mremap((void *)context, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  CHECK("a ring can move", moved == place);
  context = (unsigned long)moved;
  CHECK_EQ("and is where it is", submit(&request), 1);
  CHECK_EQ("whole", get(1, 1, &none), 1);
  context = old;
  CHECK_ERR("not where it was", get(0, 1, &none), EINVAL);
  context = (unsigned long)moved;
  CHECK_EQ("unmapped", munmap(moved, 4096), 0);
  CHECK_ERR("it is no context any more", submit(&request), EINVAL);
  close(fd);
}

static const struct group groups[] = {
    {"setup", test_setup},     {"transfer", test_transfer}, {"events", test_events},
    {"eventfd", test_eventfd}, {"poll", test_poll},         {"waiting", test_waiting},
    {"mask", test_mask},       {"ring-moves", test_ring_moves},
};

int main(int argc, char **argv) {
  return check_main(argc, argv, groups, COUNT(groups));
}
