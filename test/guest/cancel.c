/*
 * Cancellation of threads in calls that block: a table of cancellation points, each tried with the
 * thread blocked in the call, and with the request made before.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int empty_pipe[2], full_pipe[2], pair[2], listener = -1, epoll = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static pthread_t sleeper;
static char buffer[65536];

static void in_pause(void) { pause(); }
static void in_sleep(void) { sleep(1000); }
static void in_nanosleep(void) { nanosleep(&(struct timespec){1000, 0}, NULL); }
static void in_clock_nanosleep(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += 1000;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}
static void in_read(void) { (void)!read(empty_pipe[0], buffer, 1); }
static void in_readv(void) {
  struct iovec vector = {buffer, 1};
  (void)!readv(empty_pipe[0], &vector, 1);
}
static void in_write(void) {
  for (;;)
    (void)!write(full_pipe[1], buffer, sizeof buffer);
}
static void in_recv(void) { recv(pair[0], buffer, 1, 0); }
static void in_recvmsg(void) {
  struct iovec vector = {buffer, 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  recvmsg(pair[0], &message, 0);
}
static void in_accept(void) { accept(listener, NULL, NULL); }
static void in_poll(void) { poll(&(struct pollfd){empty_pipe[0], POLLIN, 0}, 1, -1); }
static void in_select(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(empty_pipe[0], &set);
  select(empty_pipe[0] + 1, &set, NULL, NULL, NULL);
}
static void in_epoll_wait(void) {
  struct epoll_event event;
  epoll_wait(epoll, &event, 1, -1);
}
static void in_sigwait(void) {
  sigset_t set;
  int signal;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigwait(&set, &signal);
}
static void in_sigsuspend(void) {
  sigset_t set;
  sigemptyset(&set);
  sigsuspend(&set);
}
static void in_join(void) { pthread_join(sleeper, NULL); }
static void unlock(void *argument) { pthread_mutex_unlock(argument); }
static void in_cond_wait(void) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(unlock, &mutex);
  pthread_cond_wait(&cond, &mutex);
  pthread_cleanup_pop(1);
}
static void in_sem_wait(void) { sem_wait(&semaphore); }
static void in_sem_timedwait(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += 1000;
  sem_timedwait(&semaphore, &time);
}
static void in_testcancel(void) {
  for (;;)
    pthread_testcancel();
}

static const struct point {
  const char *name;
  void (*call)(void);
} points[] = {
    {"pause", in_pause},
    {"sleep", in_sleep},
    {"nanosleep", in_nanosleep},
    {"clock_nanosleep", in_clock_nanosleep},
    {"read", in_read},
    {"readv", in_readv},
    {"write", in_write},
    {"recv", in_recv},
    {"recvmsg", in_recvmsg},
    {"accept", in_accept},
    {"poll", in_poll},
    {"select", in_select},
    {"epoll_wait", in_epoll_wait},
    {"sigwait", in_sigwait},
    {"sigsuspend", in_sigsuspend},
    {"pthread_join", in_join},
    {"pthread_cond_wait", in_cond_wait},
    {"sem_wait", in_sem_wait},
    {"sem_timedwait", in_sem_timedwait},
    {"pthread_testcancel", in_testcancel},
};

static volatile int started, go, cleanups, returned;

static void count_cleanup(void *argument) {
  (void)argument;
  cleanups++;
}

static void *caller(void *argument) {
  const struct point *point = argument;
  pthread_cleanup_push(count_cleanup, NULL);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  started = 1;
  while (!go)
    sched_yield();
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  point->call();
  returned = 1;
  pthread_cleanup_pop(0);
  return NULL;
}

static void cancel_at(const struct point *point, bool before, const char *name) {
  pthread_t thread;
  void *result = NULL;
  started = go = cleanups = returned = 0;
  pthread_create(&thread, NULL, caller, (void *)point);
  while (!started)
    sched_yield();
  if (before) {
    pthread_cancel(thread);
    go = 1;
  } else {
    go = 1;
    sleep_ms(10);
    pthread_cancel(thread);
  }
  pthread_join(thread, &result);
  CHECK(name, result == PTHREAD_CANCELED && cleanups == 1 && !returned);
}

static void test_points(void) {
  struct sockaddr_storage address = {.ss_family = AF_UNIX};
  struct epoll_event event = {.events = EPOLLIN};
  REQUIRE("pipes", !pipe(empty_pipe) && !pipe(full_pipe));
  REQUIRE("sockets", !socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t));
  listen(listener, 1);
  epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, empty_pipe[0], &event);
  sem_init(&semaphore, 0, 0);
  struct point sleeping = points[0];
  started = 0;
  go = 1;
  pthread_create(&sleeper, NULL, caller, &sleeping);
  while (!started)
    sched_yield();
  sleep_ms(5);
  for (unsigned i = 0; i < COUNT(points); i++) {
    char name[64];
    snprintf(name, sizeof name, "%s, blocked", points[i].name);
    cancel_at(&points[i], false, name);
    snprintf(name, sizeof name, "%s, with the request made before", points[i].name);
    cancel_at(&points[i], true, name);
  }
  pthread_cancel(sleeper);
  pthread_join(sleeper, NULL);
}

static const struct group groups[] = {{"points", test_points}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
