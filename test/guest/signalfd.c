/*
 * The records that a signalfd gives: of each kind of signal the fields that signalfd(2) lists, the
 * others zero; several at once; masks that change.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

static int fd;
static struct signalfd_siginfo record;

static sigset_t set_of(int a, int b) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, a);
  if (b)
    sigaddset(&set, b);
  return set;
}

static void test_setup(void) {
  sigset_t all, wanted = set_of(SIGUSR1, SIGRTMIN);
  sigaddset(&wanted, SIGSEGV);
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
  REQUIRE("a signalfd", fd >= 0);
  CHECK_EQ("close-on-exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_ERR("nothing at first", read(fd, &record, sizeof record), EAGAIN);
}

static bool take(void) {
  memset(&record, 0x55, sizeof record);
  return read(fd, &record, sizeof record) == sizeof record;
}

static void test_sent(void) {
  kill(getpid(), SIGUSR1);
  CHECK("kill", take() && record.ssi_signo == SIGUSR1 && record.ssi_code == SI_USER &&
                    record.ssi_errno == 0);
  CHECK("who", record.ssi_pid == (unsigned)getpid() && record.ssi_uid == getuid());
  CHECK("and no more", record.ssi_int == 0 && record.ssi_ptr == 0 && record.ssi_addr == 0 &&
                           record.ssi_tid == 0 && record.ssi_band == 0);
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
  CHECK("tgkill", take() && record.ssi_code == SI_TKILL && record.ssi_pid == (unsigned)getpid());
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_ptr = (void *)0x123456789abcul});
  CHECK("sigqueue", take() && record.ssi_signo == (unsigned)SIGRTMIN &&
                        record.ssi_code == SI_QUEUE && record.ssi_pid == (unsigned)getpid() &&
                        record.ssi_uid == getuid());
  CHECK("with its value", record.ssi_ptr == 0x123456789abcul && record.ssi_int == 0x56789abc);
  CHECK_ERR("each is taken once", read(fd, &record, sizeof record), EAGAIN);
}

static void test_timer(void) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  struct itimerspec soon = {.it_value = {0, 1}};
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  timer_t timer[2];
  event.sigev_value.sival_ptr = (void *)0xabcdef0123ul;
  REQUIRE("timers", timer_create(CLOCK_MONOTONIC, &event, &timer[0]) == 0 &&
                        timer_create(CLOCK_MONOTONIC, &event, &timer[1]) == 0);
  timer_settime(timer[1], 0, &soon, NULL);
  CHECK_EQ("a timer's signal comes", poll(&ready, 1, 10000), 1);
  CHECK("of a timer", take() && record.ssi_code == SI_TIMER && record.ssi_overrun == 0 &&
                          record.ssi_ptr == 0xabcdef0123ul);
  unsigned second = record.ssi_tid;
  timer_settime(timer[0], 0, &soon, NULL);
  poll(&ready, 1, 10000);
  CHECK("which one", take() && record.ssi_tid != second);
  timer_delete(timer[0]);
  timer_delete(timer[1]);
}

/* A record as the kernel makes it of a fault, sent by the program itself. */
static void test_fault(void) {
  siginfo_t info = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR, .si_errno = 7};
  info.si_addr = (void *)0x7654321000ul;
  syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGSEGV, &info);
  CHECK("a fault", take() && record.ssi_signo == SIGSEGV && record.ssi_code == SEGV_MAPERR &&
                       record.ssi_errno == 7);
  CHECK("where", record.ssi_addr == 0x7654321000ul && record.ssi_pid == 0 &&
                     record.ssi_uid == 0);
}

static void test_several(void) {
  struct signalfd_siginfo records[4];
  for (int i = 0; i < 3; i++)
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
  CHECK_EQ("as many as there is room for", read(fd, records, 2 * sizeof record + 100),
           2 * sizeof record);
  CHECK("in their order", records[0].ssi_int == 0 && records[1].ssi_int == 1);
  CHECK_EQ("as many as there are", read(fd, records, sizeof records), sizeof record);
  CHECK_EQ("the last", records[0].ssi_int, 2);
  CHECK_ERR("room for none", read(fd, records, sizeof record - 1), EINVAL);
}

static void test_mask(void) {
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  sigset_t other = set_of(SIGUSR2, 0);
  kill(getpid(), SIGUSR1);
  CHECK_EQ("a signal of the mask", poll(&ready, 1, 0), 1);
  CHECK_EQ("another mask", signalfd(fd, &other, 0), fd);
  CHECK_EQ("it is none of it now", poll(&ready, 1, 0), 0);
  CHECK_ERR("nor read", read(fd, &record, sizeof record), EAGAIN);
  kill(getpid(), SIGUSR2);
  CHECK("but this is", take() && record.ssi_signo == SIGUSR2);
  sigset_t both = set_of(SIGUSR1, SIGUSR2);
  signalfd(fd, &both, 0);
  CHECK("the first waits still", take() && record.ssi_signo == SIGUSR1);
}

static int second;

static void *read_one(void *argument) {
  *(ssize_t *)argument = read(second, &record, sizeof record);
  return NULL;
}

static void test_waiting(void) {
  sigset_t wanted = set_of(SIGUSR1, 0);
  pthread_t thread;
  ssize_t got = 0;
  second = signalfd(-1, &wanted, 0);
  pthread_create(&thread, NULL, read_one, &got);
  sleep_ms(10);
  kill(getpid(), SIGUSR1);
  pthread_join(thread, NULL);
  CHECK("a thread that waits for it gets it", got == sizeof record && record.ssi_signo == SIGUSR1);
  close(second);
}

static const struct group groups[] = {
    {"setup", test_setup},     {"sent", test_sent}, {"timer", test_timer},
    {"fault", test_fault},     {"several", test_several},
    {"mask", test_mask},       {"waiting", test_waiting},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
