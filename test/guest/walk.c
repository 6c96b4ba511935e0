/*
 * Every system call with every pointer to where it may not point: an error each time, the kernel's
 * memory as it was, no descriptor lost, and the machine alive after. The calls are in walk.h.
 */
#include "walk.h"
#include "allocated.h"
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

enum { TRIES_MAX = 4 };

static const char *last_call = "";
/* A page of ours that the kernel's direct map shows: `direct` is where. */
static char *watched, *direct;
static char *writable_island, *readonly_island;

/* ---- What the calls work on ---- */

static int client = -1;

static void make_sockets(void) {
  socklen_t length = sizeof address;
  int fds[2];
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  udp = socket(AF_INET, SOCK_DGRAM, 0);
  udp_client = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(udp, (struct sockaddr *)&address, length) != 0)
    _exit(95);
  getsockname(udp, (struct sockaddr *)&address, &length);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
    _exit(95);
  pair_near = fds[0];
  pair_far = fds[1];
  struct sockaddr_un name = {AF_UNIX, "/tmp/walk-socket"};
  unlink(name.sun_path);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 4) != 0)
    _exit(95);
}

static void make_files(void) {
  int fds[2];
  file = open(file_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  output = open("/tmp/walk-output", O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink(link_path);
  unlink(other_path);
  if (symlink(file_path, link_path) != 0 || pipe2(fds, O_NONBLOCK) != 0)
    _exit(95);
  pipe_out = fds[0];
  pipe_in = fds[1];
  directory = open("/tmp", O_RDONLY | O_DIRECTORY);
  event = eventfd(1, EFD_NONBLOCK);
  inotify = inotify_init1(IN_NONBLOCK);
  epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, event, &epoll_wish);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  int id = 0;
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, no_event, &id) != 0)
    _exit(95);
  posix_timer = id;
}

static void make_all(void) {
  if (chdir("/tmp") != 0)
    _exit(95);
  make_files();
  make_sockets();
  segment = shmget(IPC_PRIVATE, PAGE, 0600);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  queue = msgget(IPC_PRIVATE, 0600);
  syscall(SYS_mq_unlink, mqueue_name);
  mqueue = syscall(SYS_mq_open, mqueue_name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, mqueue_like);
  if (mqueue < 0)
    _exit(95);
  if (syscall(SYS_io_setup, 8, &context) != 0)
    _exit(95);
  request[2] = (uint64_t)file << 32;
  process = getpid();
  pidfd = syscall(434, getpid(), 0);
  thread = syscall(SYS_gettid);
  poll_fd.fd = event;
  getrlimit(RLIMIT_CORE, (struct rlimit *)limit);
  watched = island(PROT_READ | PROT_WRITE);
  direct = alias(watched);
  writable_island = island(PROT_READ | PROT_WRITE);
  readonly_island = island(PROT_READ);
  good_page = (long)writable_island;
}

/* Before each call: whatever one may have taken is there again. */
static void prepare(void) {
  char bytes[8] = "walkwal";
  while (read(pipe_out, data, sizeof data) > 0)
    ;
  if (write(pipe_in, bytes, sizeof bytes) < 0 || pwrite(file, bytes, sizeof bytes, 0) < 0)
    _exit(94);
  if (ftruncate(output, 0) != 0)
    _exit(94);
  lseek(output, 0, SEEK_SET);
  lseek(directory, 0, SEEK_SET);
  while (recv(udp, data, sizeof data, MSG_DONTWAIT) >= 0)
    ;
  sendto(udp, bytes, sizeof bytes, 0, (struct sockaddr *)&address, sizeof address);
  struct pollfd waiting = {listener, POLLIN, 0};
  if (poll(&waiting, 1, 0) == 0) {
    struct sockaddr_un name = {AF_UNIX, "/tmp/walk-socket"};
    if (client >= 0)
      close(client);
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(client, (struct sockaddr *)&name, sizeof name);
  }
  msgrcv(queue, data, 8, 0, IPC_NOWAIT);
  msgsnd(queue, &ipc_message, 8, IPC_NOWAIT);
  syscall(SYS_mq_timedreceive, mqueue, data, 8, NULL, NULL);
  syscall(SYS_mq_timedsend, mqueue, "message", 8, 0, NULL);
  const void *requests[1] = {request};
  struct timespec none = {0, 0};
  char events[8 * 32];
  syscall(SYS_io_getevents, context, 0l, 8l, events, &none);
  syscall(SYS_io_submit, context, 1l, requests);
  uint64_t one = 1;
  if (read(event, data, sizeof one) == 0 || write(event, &one, sizeof one) < 0)
    _exit(94);
  raise(SIGUSR2);
  gettimeofday(&now, 0);
  clock_gettime(CLOCK_REALTIME, &now_exactly);
}

/* ---- One call ---- */

static bool is_pointer(const struct argument *a) { return a->kind >= READ; }

static void put_content(const struct argument *a, char *at, size_t n) {
  if (a->content)
    memcpy(at, a->content, n);
  else
    memset(at, 0, n);
}

/* The arguments as they should be; each pointer has a buffer of its own. */
static void good_arguments(const struct call *call, long *out) {
  static char buffers[6][1024] __attribute__((aligned(64)));
  for (int i = 0; i < 6; i++) {
    const struct argument *a = &call->arguments[i];
    out[i] = a->value;
    if (a->kind == VARIABLE)
      out[i] = *(const long *)a->content;
    if (!is_pointer(a))
      continue;
    put_content(a, buffers[i], a->value);
    out[i] = a->kind >= UNFOLLOWED ? 0 : (long)buffers[i];
  }
}

static bool may_return(const struct call *call, int which, long result, bool midway) {
  const struct argument *a = &call->arguments[which];
  if (a->kind == ANYTHING || (midway && (a->flags & MAY_BE_PARTIAL)))
    return true;
  if (result != -1)
    return false;
  if (a->kind == UNFOLLOWED)
    return true;
  return errno == EFAULT || (call->other != 0 && errno == call->other);
}

static int wrong;

static void try_pointer(const struct call *call, int which, const char *what, uintptr_t pointer) {
  const struct argument *a = &call->arguments[which];
  long arguments[6];
  char object[1024];
  prepare();
  good_arguments(call, arguments);
  if (a->kind == INSIDE) {
    put_content(a, object, a->value);
    memcpy(object + a->inner, &pointer, sizeof pointer);
    arguments[which] = (long)object;
  } else {
    arguments[which] = pointer;
  }
  int before = dup(0);
  close(before);
  errno = 0;
  long result = syscall(call->number, arguments[0], arguments[1], arguments[2], arguments[3],
                        arguments[4], arguments[5]);
  bool right = may_return(call, which, result, strcmp(what, "a hole in the middle") == 0);
  int error = errno, after = dup(0);
  close(after);
  if (!right) {
    say("# %s, argument %d, %s: returned %ld, errno %d (%s)", call->name, which, what, result,
        error, strerror(error));
    wrong++;
  }
  if (before != after && call->arguments[which].kind != ANYTHING) {
    say("# %s, argument %d, %s: a descriptor is lost", call->name, which, what);
    wrong++;
  }
  for (size_t i = 64; i < PAGE; i++) {
    if (watched[i] != 'i') {
      say("# %s, argument %d, %s: wrote to the kernel's memory", call->name, which, what);
      wrong++;
      memset(watched + 64, 'i', PAGE - 64);
    }
  }
}

static void try_places(const struct call *call, int which) {
  const struct argument *a = &call->arguments[which];
  for (const struct place *place = hostile_places(); place->name; place++) {
    bool is_null = place->address == 0;
    if (is_null && ((a->flags & MAY_BE_NULL) || a->kind == INSIDE))
      continue;
    /* That one is mapped, and a call on the mapping would change it. */
    if (a->kind >= UNFOLLOWED && strcmp(place->name, "no access") == 0)
      continue;
    if (strcmp(place->name, "direct map") == 0)
      try_pointer(call, which, place->name, (uintptr_t)direct + 64);
    else
      try_pointer(call, which, place->name, place->address);
  }
  if (a->kind != READ && a->kind != WRITTEN && a->kind != BOTH)
    return;
  if (a->value > 1) {
    char *at = writable_island + 2 * PAGE - a->value / 2;
    put_content(a, at, a->value / 2);
    /* A text must not end before the hole. */
    if (a->content == file_path || a->content == link_path || a->content == other_path)
      memset(at, '/', a->value / 2);
    try_pointer(call, which, "a hole in the middle", (uintptr_t)at);
  }
  if (a->kind == READ)
    return;
  mprotect(readonly_island, PAGE, PROT_READ | PROT_WRITE);
  put_content(a, readonly_island, a->value);
  mprotect(readonly_island, PAGE, PROT_READ);
  try_pointer(call, which, "read-only", (uintptr_t)readonly_island);
}

static void try_pointers(const struct call *call) {
  for (int which = 0; which < 6; which++) {
    if (is_pointer(&call->arguments[which]))
      try_places(call, which);
  }
}

/* A call that has taken one of its pointers may have made what it is there to make. */
static bool may_succeed(const struct call *call) {
  bool may = false;
  for (int which = 0; which < 6; which++)
    may = may || call->arguments[which].kind == ANYTHING;
  return may;
}

/* The next times allocate nothing that stays: what is kept for them is kept once. */
static void check_kept(const struct call *call) {
  struct amount before, after;
  int tries = 0;
  if (!can_count_memory() || may_succeed(call))
    return;
  do {
    before = allocated();
    try_pointers(call);
    after = allocated();
  } while (!is_same(before, after) && ++tries < TRIES_MAX);
  if (tries < TRIES_MAX)
    return;
  say("# %s: lost %ld bytes in %ld objects, %ld bytes of pages", call->name,
      after.heap_bytes - before.heap_bytes, after.heap_objects - before.heap_objects,
      after.page_bytes - before.page_bytes);
  wrong++;
}

static void test_walk(void) {
  make_all();
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, 0);
  for (size_t i = 0; i < COUNT(calls); i++) {
    last_call = calls[i].name;
    wrong = 0;
    try_pointers(&calls[i]);
    check_kept(&calls[i]);
    char name[64];
    snprintf(name, sizeof name, "%s: what it may not follow it does not", last_call);
    CHECK_EQ(name, wrong, 0);
  }
  /* On Linux these outlive the process. */
  shmctl(segment, IPC_RMID, NULL);
  semctl(semaphores, 0, IPC_RMID);
  msgctl(queue, IPC_RMID, NULL);
  syscall(SYS_mq_unlink, mqueue_name);
  /* What two of them have left for the thread's end. */
  syscall(SYS_set_tid_address, &thread);
  syscall(SYS_set_robust_list, 0, 24);
}

static void test_alive(void) {
  int fds[2];
  char byte = 0;
  CHECK("a pipe works", pipe(fds) == 0 && write(fds[1], "x", 1) == 1 && read(fds[0], &byte, 1) == 1 &&
                            byte == 'x');
  char *memory = mmap(0, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("memory can be had", memory != MAP_FAILED);
  memset(memory, 1, 64 * PAGE);
  CHECK("and used", memory[64 * PAGE - 1] == 1);
  char text[64] = "";
  int version = open("/proc/version", O_RDONLY);
  CHECK("a file can be read", read(version, text, sizeof text - 1) > 0);
  close(version);
}

static const struct group groups[] = {{"walk", test_walk}, {"alive", test_alive}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
