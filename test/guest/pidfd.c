/*
 * Descriptors that stand for the process itself, and waiting for children that are not there.
 */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define WALL_SORTS ((int)0xe0000000)

static long pidfd_open_(int pid, unsigned flags) {
  return syscall(434, pid, flags);
}

static long send_signal(int fd, int number, const void *info, unsigned flags) {
  return syscall(424, fd, number, info, flags);
}

static long get_fd(int fd, int target, unsigned flags) {
  return syscall(438, fd, target, flags);
}

static void test_open(void) {
  CHECK_ERR("no process", pidfd_open_(0, 0), EINVAL);
  CHECK_ERR("a negative id", pidfd_open_(-1, 0), EINVAL);
  CHECK_ERR("nobody", pidfd_open_(99999999, 0), ESRCH);
  CHECK_ERR("unknown flags", pidfd_open_(getpid(), 1), EINVAL);
  int fd = pidfd_open_(getpid(), O_NONBLOCK);
  REQUIRE("oneself", fd >= 0);
  CHECK_EQ("closes on exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
  CHECK_EQ("its flags", fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
  char text[512] = "", path[64];
  CHECK_ERR("nothing to read", read(fd, text, 8), EINVAL);
  CHECK_ERR("nor to write", write(fd, text, 8), EINVAL);
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  CHECK_EQ("it has not ended", poll(&ready, 1, 0), 0);
  int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  CHECK("nor for epoll", epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 &&
                             epoll_wait(set, &event, 1, 0) == 0);
  sprintf(path, "/proc/self/fdinfo/%d", fd);
  int info = open(path, O_RDONLY);
  char want[32];
  sprintf(want, "Pid:\t%d\n", getpid());
  CHECK("fdinfo", read(info, text, 511) > 0 && strstr(text, want));
  close(info), close(set), close(fd);
}

static volatile int caught, caught_value;

static void catch (int number, siginfo_t *info, void *context UNUSED) {
  caught = number;
  caught_value = info->si_value.sival_int;
}

static void test_signal(void) {
  int fd = pidfd_open_(getpid(), 0), other = open("/dev/null", O_RDONLY);
  struct sigaction action = {.sa_sigaction = catch, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  CHECK_EQ("whether it is there", send_signal(fd, 0, NULL, 0), 0);
  CHECK("a signal", send_signal(fd, SIGUSR1, NULL, 0) == 0 && caught == SIGUSR1);
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
  info.si_value.sival_int = 77;
  CHECK("with a value", send_signal(fd, SIGUSR1, &info, 0) == 0 && caught_value == 77);
  CHECK_ERR("of another signal", send_signal(fd, SIGUSR2, &info, 0), EINVAL);
  CHECK_ERR("a bad address", send_signal(fd, SIGUSR1, (void *)8, 0), EFAULT);
  CHECK_ERR("no signal", send_signal(fd, 65, NULL, 0), EINVAL);
  CHECK_ERR("unknown flags", send_signal(fd, 0, NULL, 256), EINVAL);
  CHECK_ERR("another file", send_signal(other, 0, NULL, 0), EBADF);
  CHECK_ERR("no file", send_signal(-1, 0, NULL, 0), EBADF);
  close(fd), close(other);
}

static void test_getfd(void) {
  int fd = pidfd_open_(getpid(), 0), ends[2];
  REQUIRE("a pipe", pipe(ends) == 0);
  int second = get_fd(fd, ends[1], 0);
  REQUIRE("a second descriptor", second >= 0 && second != ends[1]);
  CHECK_EQ("closes on exec", fcntl(second, F_GETFD), FD_CLOEXEC);
  char byte = 0;
  CHECK("of the same file", write(second, "x", 1) == 1 && read(ends[0], &byte, 1) == 1);
  CHECK_ERR("unknown flags", get_fd(fd, ends[1], 1), EINVAL);
  CHECK_ERR("not open", get_fd(fd, 999, 0), EBADF);
  CHECK_ERR("not of a process", get_fd(ends[0], ends[1], 0), EBADF);
  close(fd), close(second), close(ends[0]), close(ends[1]);
}

static void test_wait(void) {
  int fd = pidfd_open_(getpid(), 0);
  siginfo_t info;
  CHECK_ERR("nobody", waitid(P_ALL, 0, &info, WEXITED), ECHILD);
  CHECK_ERR("at once", waitid(P_ALL, 0, &info, WEXITED | WNOHANG), ECHILD);
  CHECK_ERR("nothing to wait for", waitid(P_ALL, 0, &info, 0), EINVAL);
  CHECK_ERR("an unknown option", waitid(P_ALL, 0, &info, WEXITED | 0x100), EINVAL);
  CHECK_ERR("an unknown type", waitid(9, 0, &info, WEXITED), EINVAL);
  CHECK_ERR("no id", waitid(P_PID, 0, &info, WEXITED), EINVAL);
  CHECK_ERR("an id", waitid(P_PID, getpid(), &info, WEXITED), ECHILD);
  CHECK_ERR("no group", waitid(P_PGID, -1, &info, WEXITED), EINVAL);
  CHECK_ERR("one's own", waitid(P_PGID, 0, &info, WEXITED), ECHILD);
  CHECK_ERR("oneself", waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
  CHECK_ERR("another file", waitid(P_PIDFD, 0, &info, WEXITED), EBADF);
  CHECK_ERR("no file", waitid(P_PIDFD, 999, &info, WEXITED), EBADF);
  CHECK_ERR("no descriptor", waitid(P_PIDFD, -1, &info, WEXITED), EINVAL);
  CHECK_ERR("wait4", wait4(-1, NULL, 0, NULL), ECHILD);
  CHECK_ERR("all options", wait4(0, NULL, WNOHANG | WUNTRACED | WCONTINUED | WALL_SORTS, NULL),
            ECHILD);
  CHECK_ERR("not this one", wait4(-1, NULL, WEXITED, NULL), EINVAL);
  CHECK_ERR("the smallest number", wait4(INT_MIN, NULL, 0, NULL), ESRCH);
  close(fd);
}

/* What /proc shows of files that are in no directory. */
static void test_names(void) {
  const struct {
    int fd;
    const char *name;
  } files[] = {
      {eventfd(0, 0), "anon_inode:[eventfd]"},
      {epoll_create1(0), "anon_inode:[eventpoll]"},
      {inotify_init1(0), "anon_inode:inotify"},
      {pidfd_open_(getpid(), 0), "anon_inode:[pidfd]"},
  };
  for (size_t i = 0; i < COUNT(files); i++) {
    char path[64], text[64] = "";
    sprintf(path, "/proc/self/fd/%d", files[i].fd);
    CHECK(files[i].name, readlink(path, text, 63) > 0 && strcmp(text, files[i].name) == 0);
    close(files[i].fd);
  }
}

int main(int argc, char **argv) {
  static const struct group groups[] = {
      {"open", test_open}, {"signal", test_signal}, {"getfd", test_getfd},
      {"wait", test_wait}, {"names", test_names},
  };
  return check_main(argc, argv, groups, COUNT(groups));
}
