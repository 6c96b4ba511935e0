/*
 * Signals: handlers and what they are told, masks, pending and queued signals, waiting for them,
 * interrupted calls, alternate stacks. Faults are in fault.c, timers in timer.c.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

static volatile sig_atomic_t hits, last_signal, order[16], order_count;
static siginfo_t last_info;
static volatile pid_t last_tid;

static void simple_handler(int signal) {
  hits++;
  last_signal = signal;
}

static void info_handler(int signal, siginfo_t *info, void *context) {
  (void)context;
  hits++;
  last_signal = signal;
  last_info = *info;
  last_tid = syscall(SYS_gettid);
  if (order_count < 16)
    order[order_count++] = info->si_code == SI_QUEUE ? info->si_value.sival_int : signal;
}

static void reset(void) { hits = last_signal = order_count = last_tid = 0; }

static void install(int signal, int flags) {
  struct sigaction action = {.sa_sigaction = info_handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(signal, &action, NULL);
  reset();
}

static sigset_t set_of(int a, int b) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, a);
  if (b)
    sigaddset(&set, b);
  return set;
}

static void test_handler(void) {
  struct sigaction action = {.sa_handler = simple_handler}, old;
  CHECK_EQ("sigaction", sigaction(SIGUSR1, &action, &old), 0);
  CHECK("the old action is default", old.sa_handler == SIG_DFL);
  CHECK_EQ("raise", raise(SIGUSR1), 0);
  CHECK("the handler has run before raise returns", hits == 1 && last_signal == SIGUSR1);
  sigaction(SIGUSR1, NULL, &old);
  CHECK("sigaction tells the handler", old.sa_handler == simple_handler);
  install(SIGUSR1, 0);
  raise(SIGUSR1);
  CHECK("raise has code SI_TKILL", hits == 1 && last_info.si_code == SI_TKILL);
  CHECK("and our pid", last_info.si_pid == getpid() && last_info.si_signo == SIGUSR1);
  kill(getpid(), SIGUSR1);
  CHECK("kill has code SI_USER", hits == 2 && last_info.si_code == SI_USER);
  CHECK("and pid and uid", last_info.si_pid == getpid() && last_info.si_uid == getuid());
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77});
  CHECK("sigqueue has code SI_QUEUE and its value",
        hits == 3 && last_info.si_code == SI_QUEUE && last_info.si_value.sival_int == 77);
  reset();
  setpgid(0, 0); /* or the signal reaches whoever started us */
  kill(0, SIGUSR1);
  CHECK_EQ("kill of the own process group", hits, 1);
  signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  CHECK_EQ("an ignored signal does nothing", hits, 1);
  signal(SIGUSR1, SIG_DFL);
  raise(SIGCHLD);
  raise(SIGWINCH);
  raise(SIGURG);
  raise(SIGCONT);
  CHECK("signals ignored by default do nothing", true);
}

static void test_errors(void) {
  struct sigaction action = {.sa_handler = simple_handler};
  CHECK_ERR("sigaction of SIGKILL", sigaction(SIGKILL, &action, NULL), EINVAL);
  CHECK_ERR("sigaction of SIGSTOP", sigaction(SIGSTOP, &action, NULL), EINVAL);
  CHECK_ERR("sigaction of 0", sigaction(0, &action, NULL), EINVAL);
  CHECK_ERR("sigaction of 65", sigaction(65, &action, NULL), EINVAL);
  CHECK_EQ("kill with signal 0", kill(getpid(), 0), 0);
  CHECK_ERR("kill with signal 65", kill(getpid(), 65), EINVAL);
  CHECK_ERR("kill of no process", kill(0x3ffffff, 0), ESRCH);
  CHECK_ERR("tgkill of no thread", syscall(SYS_tgkill, getpid(), 0x3ffffff, 0), ESRCH);
  CHECK_EQ("tgkill with signal 0", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0), 0);
  CHECK_EQ("tkill with signal 0", syscall(SYS_tkill, syscall(SYS_gettid), 0), 0);
  sigset_t set = set_of(SIGUSR1, 0);
  CHECK_ERR("sigprocmask with a bad how", syscall(SYS_rt_sigprocmask, 77, &set, NULL, 8), EINVAL);
  CHECK_ERR("sigprocmask with a bad size", syscall(SYS_rt_sigprocmask, 0, &set, NULL, 4), EINVAL);
}

static void test_mask(void) {
  sigset_t set = set_of(SIGUSR1, SIGUSR2), old, pending;
  install(SIGUSR1, 0);
  install(SIGUSR2, 0);
  CHECK_EQ("sigprocmask BLOCK", sigprocmask(SIG_BLOCK, &set, &old), 0);
  CHECK("nothing was blocked before", !sigismember(&old, SIGUSR1));
  raise(SIGUSR1);
  raise(SIGUSR1);
  CHECK_EQ("a blocked signal waits", hits, 0);
  sigpending(&pending);
  CHECK("and is pending", sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2));
  set = set_of(SIGUSR1, 0);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  CHECK_EQ("it comes once when unblocked, before the call returns", hits, 1);
  sigprocmask(SIG_SETMASK, NULL, &old);
  CHECK("the other is still blocked", !sigismember(&old, SIGUSR1) && sigismember(&old, SIGUSR2));
  kill(getpid(), SIGUSR2);
  signal(SIGUSR2, SIG_IGN);
  sigpending(&pending);
  CHECK("ignoring discards what is pending", !sigismember(&pending, SIGUSR2));
  sigfillset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
  sigprocmask(SIG_SETMASK, NULL, &old);
  CHECK("SIGKILL cannot be blocked", !sigismember(&old, SIGKILL) && sigismember(&old, SIGTERM));
  sigemptyset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
  signal(SIGUSR1, SIG_DFL);
  signal(SIGUSR2, SIG_DFL);
}

/* Real-time signals are queued one by one, in order, lowest number first. */
static void test_queue(void) {
  sigset_t set = set_of(SIGRTMIN + 1, SIGRTMIN + 2);
  install(SIGRTMIN + 1, 0);
  install(SIGRTMIN + 2, 0);
  sigset_t both = set;
  struct sigaction action = {.sa_sigaction = info_handler, .sa_flags = SA_SIGINFO, .sa_mask = both};
  sigaction(SIGRTMIN + 1, &action, NULL);
  sigaction(SIGRTMIN + 2, &action, NULL);
  sigprocmask(SIG_BLOCK, &set, NULL);
  bool sent = true;
  for (int i = 0; i < 3; i++) {
    sent = sent && !sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 200 + i});
    sent = sent && !sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 100 + i});
  }
  CHECK("sigqueue while blocked", sent && hits == 0);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  CHECK_EQ("all of them arrive", hits, 6);
  CHECK("in order", order[0] == 100 && order[1] == 101 && order[2] == 102 && order[3] == 200 &&
                        order[4] == 201 && order[5] == 202);
  signal(SIGRTMIN + 1, SIG_DFL);
  signal(SIGRTMIN + 2, SIG_DFL);
}

static volatile sig_atomic_t depth, depth_max, masked_inside;

static void nesting_handler(int signal) {
  sigset_t mask;
  if (++depth > depth_max)
    depth_max = depth;
  hits++;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  masked_inside = sigismember(&mask, signal) + 2 * sigismember(&mask, SIGUSR2);
  if (hits < 3)
    raise(signal);
  depth--;
}

static void nest(int flags, sigset_t mask) {
  struct sigaction action = {.sa_handler = nesting_handler, .sa_flags = flags, .sa_mask = mask};
  sigaction(SIGUSR1, &action, NULL);
  reset();
  depth = depth_max = 0;
  raise(SIGUSR1);
}

static void test_nesting(void) {
  sigset_t empty, old;
  sigemptyset(&empty);
  nest(0, empty);
  CHECK("a handler's own signal waits for its end", hits == 3 && depth_max == 1);
  CHECK_EQ("it is masked inside", masked_inside, 1);
  nest(SA_NODEFER, empty);
  CHECK("with SA_NODEFER it nests", hits == 3 && depth_max == 3);
  CHECK_EQ("it is not masked inside", masked_inside, 0);
  nest(0, set_of(SIGUSR2, 0));
  CHECK_EQ("sa_mask is masked inside", masked_inside, 3);
  sigprocmask(SIG_SETMASK, NULL, &old);
  CHECK("and no longer after", !sigismember(&old, SIGUSR1) && !sigismember(&old, SIGUSR2));
  install(SIGUSR1, SA_RESETHAND);
  raise(SIGUSR1);
  struct sigaction now;
  sigaction(SIGUSR1, NULL, &now);
  CHECK("SA_RESETHAND resets", hits == 1 && now.sa_handler == SIG_DFL);
}

static void test_waiting(void) {
  sigset_t set = set_of(SIGUSR1, SIGUSR2), empty, old;
  siginfo_t info;
  sigemptyset(&empty);
  install(SIGUSR1, 0);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR1);
  CHECK_ERR("sigsuspend with a pending signal", sigsuspend(&empty), EINTR);
  sigprocmask(SIG_SETMASK, NULL, &old);
  CHECK("has run the handler and put the mask back", hits == 1 && sigismember(&old, SIGUSR1));
  sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 5});
  CHECK_EQ("sigwaitinfo", sigwaitinfo(&set, &info), SIGUSR2);
  CHECK("its siginfo", info.si_signo == SIGUSR2 && info.si_value.sival_int == 5);
  struct timespec timeout = {0, 20000000};
  int64_t start = now_ns();
  CHECK_ERR("sigtimedwait times out", sigtimedwait(&set, &info, &timeout), EAGAIN);
  CHECK("not too early", now_ns() - start >= 20000000);
  timeout.tv_nsec = 0;
  CHECK_ERR("sigtimedwait polls", sigtimedwait(&set, NULL, &timeout), EAGAIN);
  raise(SIGUSR1);
  CHECK("and takes what is there", sigtimedwait(&set, NULL, &timeout) == SIGUSR1 && hits == 1);
  int got = 0;
  raise(SIGUSR2);
  CHECK("sigwait", sigwait(&set, &got) == 0 && got == SIGUSR2);
  sigprocmask(SIG_SETMASK, &empty, NULL);
  signal(SIGUSR1, SIG_DFL);
}

static struct {
  pthread_t thread, target;
  int write_fd;
  volatile int done;
} poke;

/* Sends a signal to a thread again and again, for it may come too early on a slow machine; after
 * five of them, or when told that it is done, a byte to a pipe, so that no call waits for ever. */
static void *poker(void *argument) {
  for (int i = 0; i < 500 && !poke.done; i++) {
    sleep_ms(20);
    if (poke.done)
      break;
    pthread_kill(poke.target, SIGUSR1);
    if (poke.write_fd >= 0 && i == 4)
      break;
  }
  if (poke.write_fd >= 0 && write(poke.write_fd, "x", 1) != 1)
    say("# poker cannot write");
  return argument;
}

static void start_poker(int write_fd) {
  poke.target = pthread_self();
  poke.write_fd = write_fd;
  poke.done = 0;
  reset();
  pthread_create(&poke.thread, NULL, poker, NULL);
}

static void stop_poker(void) {
  poke.done = 1;
  pthread_join(poke.thread, NULL);
}

static void test_interruption(void) {
  int fds[2], epoll = epoll_create1(0);
  char byte;
  REQUIRE("pipe", pipe(fds) == 0);
  install(SIGUSR1, 0);
  start_poker(fds[1]);
  CHECK_ERR("read without SA_RESTART", read(fds[0], &byte, 1), EINTR);
  CHECK("the handler ran in the reading thread", hits >= 1 && last_tid == syscall(SYS_gettid));
  stop_poker();
  CHECK_EQ("the byte comes with the next read", read(fds[0], &byte, 1), 1);

  install(SIGUSR1, SA_RESTART);
  start_poker(fds[1]);
  CHECK("read with SA_RESTART goes on", read(fds[0], &byte, 1) == 1 && hits >= 1);
  stop_poker();

  struct timespec time = {50, 0}, left = {0, 0};
  start_poker(-1);
  CHECK_ERR("nanosleep", nanosleep(&time, &left), EINTR);
  CHECK("tells what is left", left.tv_sec > 10 && left.tv_sec < 50);
  stop_poker();

  struct pollfd pollfd = {fds[0], POLLIN, 0};
  start_poker(-1);
  CHECK_ERR("poll is never restarted", poll(&pollfd, 1, 5000), EINTR);
  stop_poker();

  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event);
  start_poker(-1);
  CHECK_ERR("epoll_wait is never restarted", epoll_wait(epoll, &event, 1, 5000), EINTR);
  stop_poker();

  start_poker(-1);
  CHECK_ERR("pause", pause(), EINTR);
  stop_poker();

  signal(SIGUSR1, SIG_IGN);
  start_poker(fds[1]);
  CHECK_EQ("an ignored signal interrupts nothing", read(fds[0], &byte, 1), 1);
  stop_poker();
  close(epoll);
  close(fds[0]);
  close(fds[1]);
}

/* ppoll and epoll_pwait change the mask only while they wait. */
static void test_masked_wait(void) {
  sigset_t set = set_of(SIGUSR1, 0), empty, old;
  sigemptyset(&empty);
  install(SIGUSR1, 0);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct timespec timeout = {2, 0};
  raise(SIGUSR1);
  CHECK_ERR("ppoll lets a pending signal in", ppoll(NULL, 0, &timeout, &empty), EINTR);
  CHECK_EQ("its handler has run", hits, 1);
  raise(SIGUSR1);
  int epoll = epoll_create1(0);
  struct epoll_event event;
  CHECK_ERR("epoll_pwait, too", epoll_pwait(epoll, &event, 1, 2000, &empty), EINTR);
  CHECK_EQ("its handler has run, too", hits, 2);
  sigprocmask(SIG_SETMASK, NULL, &old);
  CHECK("the mask is as before", sigismember(&old, SIGUSR1));
  sigprocmask(SIG_SETMASK, &empty, NULL);
  close(epoll);
}

static void *idle_thread(void *argument) {
  volatile int *stop = argument;
  while (!*stop)
    sleep_ms(1);
  return (void *)(long)syscall(SYS_gettid);
}

static void test_threads(void) {
  volatile int stop = 0;
  pthread_t thread;
  void *tid;
  sigset_t set = set_of(SIGUSR1, SIGUSR2), empty;
  sigemptyset(&empty);
  install(SIGUSR1, 0);
  install(SIGUSR2, 0);
  pthread_create(&thread, NULL, idle_thread, (void *)&stop);
  pthread_kill(thread, SIGUSR1);
  for (int i = 0; i < 2000 && !hits; i++)
    sleep_ms(1);
  pid_t ran = last_tid;
  CHECK("pthread_kill", hits == 1);
  /* Blocked here, a signal for the process goes to the thread that lets it in. */
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  kill(getpid(), SIGUSR2);
  for (int i = 0; i < 2000 && hits < 2; i++)
    sleep_ms(1);
  CHECK("a signal for the process finds the thread that takes it", hits == 2 && last_tid == ran);
  stop = 1;
  pthread_join(thread, &tid);
  CHECK_EQ("handlers ran in that thread", ran, (long)tid);
  pthread_create(&thread, NULL, idle_thread, (void *)&stop);
  pthread_join(thread, &tid);
  sigset_t pending;
  raise(SIGUSR1);
  sigpending(&pending);
  CHECK("a thread inherits the mask", hits == 2 && sigismember(&pending, SIGUSR1));
  pthread_sigmask(SIG_SETMASK, &empty, NULL);
}

static char *alt_stack;
#define ALT_SIZE 65536
static volatile sig_atomic_t on_alt, flags_inside, change_error;

static void alt_handler(int signal) {
  char local;
  stack_t inside, other = {.ss_sp = alt_stack, .ss_size = ALT_SIZE};
  (void)signal;
  hits++;
  on_alt = &local >= alt_stack && &local < alt_stack + ALT_SIZE;
  sigaltstack(NULL, &inside);
  flags_inside = inside.ss_flags;
  change_error = sigaltstack(&other, NULL) == -1 ? errno : 0;
}

static void test_altstack(void) {
  alt_stack = malloc(ALT_SIZE);
  stack_t stack = {.ss_sp = alt_stack, .ss_size = ALT_SIZE}, old;
  CHECK("there is none at first", sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
  CHECK_EQ("sigaltstack", sigaltstack(&stack, NULL), 0);
  struct sigaction action = {.sa_handler = alt_handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  reset();
  raise(SIGUSR1);
  CHECK("an SA_ONSTACK handler runs on it", hits == 1 && on_alt);
  CHECK_EQ("SS_ONSTACK is set inside", flags_inside, SS_ONSTACK);
  CHECK_EQ("it cannot be changed inside", change_error, EPERM);
  CHECK("SS_ONSTACK is clear outside", sigaltstack(NULL, &old) == 0 && old.ss_flags == 0 &&
                                           old.ss_sp == alt_stack && old.ss_size == ALT_SIZE);
  action.sa_flags = 0;
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  CHECK("without SA_ONSTACK the normal stack is used", hits == 2 && !on_alt);
  stack.ss_size = 100;
  CHECK_ERR("too small", sigaltstack(&stack, NULL), ENOMEM);
  stack.ss_flags = SS_DISABLE;
  CHECK("it can be disabled",
        sigaltstack(&stack, NULL) == 0 && !sigaltstack(NULL, &old) && old.ss_flags == SS_DISABLE);
  signal(SIGUSR1, SIG_DFL);
  free(alt_stack);
}

/*
 * Memory whose first touch has to wait for the disk, so that other threads run amid a copy of the
 * kernel's. Of a file that nothing has read: on Virga that of another test; elsewhere any memory.
 */
static void *slow_memory(const char *path, size_t size) {
  int fd = open(path, O_RDONLY);
  int flags = MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0);
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (fd >= 0)
    close(fd);
  return memory;
}

enum { SLOW_SIZE = 256 * 1024 };

static volatile bool can_disturb, may_disturb;
static int second_fd;

/* Makes the kernel fill the same records for this thread, as soon as the other one lets it. */
static void *disturber(void *argument) {
  struct signalfd_siginfo record;
  /* Its own code is in memory then, so that it waits for nothing. */
  read(-1, &record, sizeof record);
  pthread_kill(pthread_self(), 0);
  can_disturb = true;
  while (!may_disturb)
    sched_yield();
  if (argument)
    read(second_fd, &record, sizeof record);
  else
    pthread_kill(pthread_self(), SIGUSR2);
  return NULL;
}

static pthread_t start_disturber(void *argument) {
  pthread_t thread;
  can_disturb = may_disturb = false;
  pthread_create(&thread, NULL, disturber, argument);
  while (!can_disturb)
    sched_yield();
  return thread;
}

static void test_slow_record(void) {
  sigset_t both = set_of(SIGUSR1, SIGUSR2), one = set_of(SIGUSR1, SIGUSR1);
  sigset_t other = set_of(SIGUSR2, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &both, NULL);
  int fd = signalfd(-1, &one, 0);
  second_fd = signalfd(-1, &other, 0);
  pthread_t thread = start_disturber(&second_fd);
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1});
  sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 2});
  struct signalfd_siginfo *record = slow_memory("/test/time.static", SLOW_SIZE);
  REQUIRE("memory", record != MAP_FAILED);
  may_disturb = true;
  CHECK_EQ("signalfd into slow memory", read(fd, record, sizeof *record), sizeof *record);
  CHECK("the record is of its own signal", record->ssi_signo == SIGUSR1 && record->ssi_int == 1);
  pthread_join(thread, NULL);
  munmap(record, SLOW_SIZE);
  close(fd);
  close(second_fd);
  pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}

static volatile int slow_signal, slow_kept;

static void slow_handler(int signal, siginfo_t *info, void *context) {
  (void)context;
  slow_signal = signal == info->si_signo ? signal : -1;
}

static void test_slow_stack(void) {
  stack_t stack = {.ss_sp = slow_memory("/test/udp.static", SLOW_SIZE), .ss_size = SLOW_SIZE};
  REQUIRE("memory", stack.ss_sp != MAP_FAILED);
  install(SIGUSR2, 0);
  struct sigaction action = {.sa_sigaction = slow_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  sigaltstack(&stack, NULL);
  pthread_t thread = start_disturber(NULL);
  slow_kept = 1;
  may_disturb = true;
  pthread_kill(pthread_self(), SIGUSR1);
  CHECK_EQ("the handler on a slow stack is told its own signal", slow_signal, SIGUSR1);
  CHECK_EQ("and goes back to where it was", slow_kept, 1);
  pthread_join(thread, NULL);
  CHECK_EQ("the other thread got its own, too", last_signal, SIGUSR2);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  munmap(stack.ss_sp, SLOW_SIZE);
}

static const struct group groups[] = {
    {"handler", test_handler},           {"errors", test_errors},
    {"mask", test_mask},                 {"queue", test_queue},
    {"nesting", test_nesting},           {"waiting", test_waiting},
    {"interruption", test_interruption}, {"masked-wait", test_masked_wait},
    {"threads", test_threads},           {"altstack", test_altstack},
    {"slow_record", test_slow_record},
    {"slow_stack", test_slow_stack},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
