/*
 * Loaded into QEMU with LD_PRELOAD: what its user-mode network (libslirp) does not do for the
 * programs behind forwarded ports. No library is needed; without libslirp's functions, as in a QEMU
 * that has it built in, nothing changes.
 *
 * listen: libslirp listens with a backlog of 1, so that of twenty clients that connect at once most
 * lose their SYN and wait seconds to try again. Every listening socket gets the longest queue the
 * system allows instead.
 *
 * slirp_cleanup: libslirp acknowledges what it has only taken into its buffers, and drops that when
 * QEMU ends, with a clean end of the stream for the client. Here it forwards it first, to clients
 * that take it.
 */
struct pollfd {
  int fd;
  short events, revents;
};
struct timespec {
  long seconds, nanoseconds;
};
typedef struct Slirp Slirp;

extern int *__errno_location(void);
extern int poll(struct pollfd *set, unsigned long count, int timeout);
extern int clock_gettime(int clock, struct timespec *now);
extern void *dlsym(void *library, const char *name);
extern void slirp_pollfds_fill(Slirp *slirp, unsigned *timeout,
                               int (*add)(int fd, int events, void *context), void *context)
    __attribute__((weak));
extern void slirp_pollfds_poll(Slirp *slirp, int failed, int (*ready)(int index, void *context),
                               void *context) __attribute__((weak));

static long systemCall(long number, long first, long second) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second)
                   : "rcx", "r11", "memory");
  return result;
}

int listen(int socket, int backlog) {
  const long SYS_listen = 50;
  const int longest = 4096; /* the kernel lowers it to net.core.somaxconn */
  long result = systemCall(SYS_listen, socket, backlog < longest ? longest : backlog);
  if (result >= 0) return 0;
  *__errno_location() = (int)-result;
  return -1;
}

/* poll(2)'s bits, and libslirp's names for them (libslirp.h). */
enum { POLLOUT = 4, POLLERR = 8, POLLHUP = 16 };
enum { SLIRP_POLL_OUT = 2, SLIRP_POLL_ERR = 8, SLIRP_POLL_HUP = 16 };

enum { SOCKETS_MAX = 1024, TIME_MAX_MS = 2000 };
static struct pollfd waiting[SOCKETS_MAX];
static int waitingCount;

/* Only sockets that libslirp has something to write to: -1 leaves one out. */
static int addWriter(int fd, int events, void *context) {
  (void)context;
  if ((events & SLIRP_POLL_OUT) == 0 || waitingCount == SOCKETS_MAX) return -1;
  waiting[waitingCount] = (struct pollfd){fd, POLLOUT, 0};
  return waitingCount++;
}

static int readyEvents(int index, void *context) {
  (void)context;
  int events = waiting[index].revents;
  return (events & POLLOUT ? SLIRP_POLL_OUT : 0) | (events & POLLERR ? SLIRP_POLL_ERR : 0) |
         (events & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static long nowMs(void) {
  const int CLOCK_MONOTONIC = 1;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.seconds * 1000 + now.nanoseconds / 1000000;
}

static void forward(Slirp *slirp) {
  const long deadline = nowMs() + TIME_MAX_MS;
  for (long left = TIME_MAX_MS; left > 0; left = deadline - nowMs()) {
    unsigned timeout = 0;
    waitingCount = 0;
    slirp_pollfds_fill(slirp, &timeout, addWriter, 0);
    if (waitingCount == 0) return;
    int ready = poll(waiting, waitingCount, (int)left);
    if (ready <= 0) return;
    slirp_pollfds_poll(slirp, 0, readyEvents, 0);
  }
}

void slirp_cleanup(Slirp *slirp) {
  void *const RTLD_NEXT = (void *)-1l;
  void (*cleanup)(Slirp *) = (void (*)(Slirp *))dlsym(RTLD_NEXT, "slirp_cleanup");
  if (slirp_pollfds_fill && slirp_pollfds_poll) forward(slirp);
  if (cleanup) cleanup(slirp);
}
