/*
 * inotify: which events a file and its directory tell, in which order, and what the descriptor
 * does. The expected events are written as text, one line each, in the form that `drain` gives:
 *
 *     watch:FLAG,FLAG[=cookie][ name]
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <utime.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

static const struct {
  uint32_t bit;
  const char *name;
} flags[] = {
    {IN_ACCESS, "ACCESS"},           {IN_MODIFY, "MODIFY"},
    {IN_ATTRIB, "ATTRIB"},           {IN_CLOSE_WRITE, "CLOSE_WRITE"},
    {IN_OPEN, "OPEN"},               {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"},
    {IN_MOVED_FROM, "MOVED_FROM"},   {IN_MOVED_TO, "MOVED_TO"},
    {IN_CREATE, "CREATE"},           {IN_DELETE, "DELETE"},
    {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
    {IN_Q_OVERFLOW, "Q_OVERFLOW"},   {IN_IGNORED, "IGNORED"},
    {IN_ISDIR, "ISDIR"},
};

static char folder[96], told[2048];
/* The cookie of the last event that had one. */
static uint32_t last_cookie;

/* What is in the queue, as text. */
static const char *drain(int fd) {
  char buffer[8192] __attribute__((aligned(8)));
  char *out = told;
  *out = 0;
  ssize_t n = read(fd, buffer, sizeof buffer);
  for (char *at = buffer; n > 0 && at < buffer + n;) {
    const struct inotify_event *event = (const struct inotify_event *)at;
    out += sprintf(out, "%s%d:", out == told ? "" : "\n", event->wd);
    const char *comma = "";
    for (size_t i = 0; i < COUNT(flags); i++) {
      if (!(event->mask & flags[i].bit)) continue;
      out += sprintf(out, "%s%s", comma, flags[i].name);
      comma = ",";
    }
    if (event->cookie) {
      out += sprintf(out, event->cookie == last_cookie ? "=same" : "=new");
      last_cookie = event->cookie;
    }
    if (event->len) out += sprintf(out, " %s", event->name);
    at += sizeof *event + event->len;
  }
  return told;
}

static void expect(const char *name, int fd, const char *want, const char *place) {
  drain(fd);
  char detail[sizeof told + 256];
  snprintf(detail, sizeof detail, "got '%s', wanted '%s'", told, want);
  for (char *at = detail; *at; at++)
    if (*at == '\n') *at = '|';
  check_report(name, strcmp(told, want) == 0, place, detail);
}

#define EXPECT(name, fd, want) expect(name, fd, want, HERE)

/* An empty folder to watch. */
static void fresh(const char *name) {
  strcpy(folder, scratch(name));
  mkdir(folder, 0700);
}

static const char *in(const char *name) {
  static char paths[4][160];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, 160, "%s/%s", folder, name);
  return path;
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (write(fd, text, strlen(text)) < 0) say("# cannot write %s", path);
  close(fd);
}

static void test_arguments(void) {
  fresh("inotify-arguments");
  int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), other = open("/dev/null", O_RDONLY);
  REQUIRE("an instance", fd >= 0);
  CHECK("its flags", (fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == O_NONBLOCK &&
                         fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK_ERR("unknown flags", inotify_init1(1), EINVAL);
  CHECK_ERR("nothing wanted", inotify_add_watch(fd, folder, 0), EINVAL);
  CHECK_ERR("an unknown bit alone", inotify_add_watch(fd, folder, 0x00010000), EINVAL);
  CHECK_ERR("no descriptor", inotify_add_watch(-1, folder, IN_OPEN), EBADF);
  CHECK_ERR("another file", inotify_add_watch(other, folder, IN_OPEN), EINVAL);
  CHECK_ERR("not there", inotify_add_watch(fd, in("none"), IN_OPEN), ENOENT);
  put(in("file"), "");
  CHECK_ERR("IN_ONLYDIR", inotify_add_watch(fd, in("file"), IN_OPEN | IN_ONLYDIR), ENOTDIR);
  CHECK_ERR("two kinds of addition",
            inotify_add_watch(fd, folder, IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
  CHECK_EQ("the first watch", inotify_add_watch(fd, folder, IN_OPEN), 1);
  CHECK_EQ("once more", inotify_add_watch(fd, folder, IN_OPEN), 1);
  CHECK_EQ("the next", inotify_add_watch(fd, in("file"), IN_OPEN), 2);
  CHECK_ERR("IN_MASK_CREATE", inotify_add_watch(fd, folder, IN_OPEN | IN_MASK_CREATE), EEXIST);
  CHECK_ERR("no such watch", inotify_rm_watch(fd, 3), EINVAL);
  CHECK_ERR("not of this", inotify_rm_watch(other, 1), EINVAL);
  CHECK_ERR("nor this", inotify_rm_watch(-1, 1), EBADF);
  CHECK_EQ("removed", inotify_rm_watch(fd, 2), 0);
  EXPECT("says so", fd, "2:IGNORED");
  CHECK_EQ("a number is not used again", inotify_add_watch(fd, in("file"), IN_OPEN), 3);
  char byte;
  CHECK_ERR("nothing to read", read(fd, &byte, 1), EAGAIN);
  CHECK_ERR("nothing to write", write(fd, "x", 1), EBADF);
  char path[64], text[512] = "";
  sprintf(path, "/proc/self/fdinfo/%d", fd);
  int info = open(path, O_RDONLY);
  CHECK("fdinfo", read(info, text, 511) > 0 && strstr(text, "inotify wd:3 ino:") &&
                      strstr(text, " mask:20 "));
  close(info), close(other), close(fd);
}

static void test_files(void) {
  fresh("inotify-files");
  int fd = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(fd, folder, IN_ALL_EVENTS);
  put(in("a"), "text");
  EXPECT("made and written", fd, "1:CREATE a\n1:OPEN a\n1:MODIFY a\n1:CLOSE_WRITE a");
  CHECK_EQ("the file too", inotify_add_watch(fd, in("a"), IN_ALL_EVENTS), 2);
  int file = open(in("a"), O_RDWR);
  char bytes[8];
  CHECK("read", read(file, bytes, 4) == 4 && pread(file, bytes, 1, 0) == 1);
  EXPECT("opened and read", fd, "1:OPEN a\n2:OPEN\n1:ACCESS a\n2:ACCESS\n1:ACCESS a\n2:ACCESS");
  CHECK("the end is nothing to tell of", read(file, bytes, 4) == 0);
  EXPECT("nothing", fd, "");
  CHECK("pwrite, writev", pwrite(file, "x", 1, 0) == 1);
  CHECK_EQ("shorter", ftruncate(file, 1), 0);
  EXPECT("changed twice", fd, "1:MODIFY a\n2:MODIFY\n1:MODIFY a\n2:MODIFY");
  CHECK("attributes", fchmod(file, 0640) == 0 && chown(in("a"), -1, getgid()) == 0);
  EXPECT("told of", fd, "1:ATTRIB a\n2:ATTRIB\n1:ATTRIB a\n2:ATTRIB");
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 5}};
  CHECK("one time", futimens(file, times) == 0 && utime(in("a"), NULL) == 0);
  EXPECT("and both", fd, "1:MODIFY a\n2:MODIFY\n1:ATTRIB a\n2:ATTRIB");
  close(file);
  EXPECT("closed", fd, "1:CLOSE_WRITE a\n2:CLOSE_WRITE");
  close(open(in("a"), O_WRONLY | O_TRUNC));
  EXPECT("emptied", fd,
         "1:OPEN a\n2:OPEN\n1:MODIFY a\n2:MODIFY\n1:CLOSE_WRITE a\n2:CLOSE_WRITE");
  close(open(in("a"), O_RDONLY | O_PATH));
  EXPECT("a mere place", fd, "");
  CHECK_EQ("a link", link(in("a"), in("b")), 0);
  EXPECT("a second name", fd, "2:ATTRIB\n1:CREATE b");
  CHECK_EQ("truncate", truncate(in("b"), 3), 0);
  EXPECT("by the other name", fd, "1:MODIFY b\n2:MODIFY");
  unlink(in("b")), drain(fd);
  file = open(in("a"), O_RDONLY), drain(fd);
  unlink(in("a"));
  EXPECT("removed, but open", fd, "2:ATTRIB\n1:DELETE a");
  close(file);
  EXPECT("gone", fd, "1:CLOSE_NOWRITE a\n2:CLOSE_NOWRITE\n2:DELETE_SELF\n2:IGNORED");
  CHECK_ERR("no watch is left", inotify_rm_watch(fd, 2), EINVAL);
  close(fd);
}

static void test_copies(void) {
  fresh("inotify-copies");
  put(in("from"), "12345678"), put(in("to"), "");
  int fd = inotify_init1(IN_NONBLOCK);
  int from = open(in("from"), O_RDONLY), to = open(in("to"), O_WRONLY), pair[2];
  REQUIRE("files", from >= 0 && to >= 0 && pipe(pair) == 0);
  inotify_add_watch(fd, in("from"), IN_ALL_EVENTS);
  inotify_add_watch(fd, in("to"), IN_ALL_EVENTS);
  CHECK_EQ("sendfile", sendfile(to, from, NULL, 4), 4);
  drain(fd);
  CHECK("from and to", strstr(told, "1:ACCESS") && strstr(told, "2:MODIFY"));
  CHECK_EQ("fallocate", posix_fallocate(to, 0, 4096), 0);
  EXPECT("allocated", fd, "2:MODIFY");
  close(from), close(to), close(pair[0]), close(pair[1]), close(fd);
}

static void test_directories(void) {
  fresh("inotify-directories");
  int fd = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(fd, folder, IN_ALL_EVENTS);
  CHECK("made", mkdir(in("d"), 0700) == 0 && symlink("x", in("l")) == 0 &&
                    mkfifo(in("p"), 0600) == 0);
  EXPECT("what was made", fd, "1:CREATE,ISDIR d\n1:CREATE l\n1:CREATE p");
  inotify_add_watch(fd, in("d"), IN_ALL_EVENTS);
  int d = open(in("d"), O_RDONLY | O_DIRECTORY);
  char entries[1024];
  CHECK("listed", syscall(SYS_getdents64, d, entries, sizeof entries) > 0);
  close(d);
  EXPECT("a directory is told of as such", fd,
         "1:OPEN,ISDIR d\n2:OPEN,ISDIR\n1:ACCESS,ISDIR d\n2:ACCESS,ISDIR\n"
         "1:CLOSE_NOWRITE,ISDIR d\n2:CLOSE_NOWRITE,ISDIR");
  CHECK_EQ("its attributes", chmod(in("d"), 0755), 0);
  EXPECT("too", fd, "1:ATTRIB,ISDIR d\n2:ATTRIB,ISDIR");
  CHECK_ERR("a name that was looked for in it", access(in("d/none"), F_OK), ENOENT);
  CHECK_EQ("removed", rmdir(in("d")), 0);
  drain(fd);
  /* Which of the watches hears first differs between Linux' versions. */
  CHECK("its end", strstr(told, "1:DELETE,ISDIR d") && strstr(told, "2:DELETE_SELF\n2:IGNORED"));
  unlink(in("l")), unlink(in("p"));
  close(fd);
}

static void test_moves(void) {
  fresh("inotify-moves");
  int fd = inotify_init1(IN_NONBLOCK);
  mkdir(in("d"), 0700), put(in("a"), "a"), put(in("old"), "old");
  inotify_add_watch(fd, folder, IN_ALL_EVENTS);
  inotify_add_watch(fd, in("d"), IN_ALL_EVENTS);
  inotify_add_watch(fd, in("a"), IN_ALL_EVENTS);
  inotify_add_watch(fd, in("old"), IN_ALL_EVENTS);
  CHECK_EQ("in one directory", rename(in("a"), in("b")), 0);
  EXPECT("from and to", fd, "1:MOVED_FROM=new a\n1:MOVED_TO=same b\n3:MOVE_SELF");
  CHECK_EQ("to another", rename(in("b"), in("d/c")), 0);
  EXPECT("by another cookie", fd, "1:MOVED_FROM=new b\n2:MOVED_TO=same c\n3:MOVE_SELF");
  CHECK_EQ("over a file", rename(in("d/c"), in("old")), 0);
  EXPECT("which is gone", fd,
         "2:MOVED_FROM=new c\n1:MOVED_TO=same old\n4:ATTRIB\n3:MOVE_SELF\n4:DELETE_SELF\n"
         "4:IGNORED");
  CHECK_EQ("a directory", rename(in("d"), in("e")), 0);
  EXPECT("as such", fd, "1:MOVED_FROM,ISDIR=new d\n1:MOVED_TO,ISDIR=same e\n2:MOVE_SELF");
  put(in("e/new"), "");
  EXPECT("its watch came along", fd, "2:CREATE new\n2:OPEN new\n2:CLOSE_WRITE new");
  CHECK_EQ("two that swap",
           syscall(SYS_renameat2, AT_FDCWD, in("old"), AT_FDCWD, in("e/new"), 2), 0);
  EXPECT("are two moves", fd,
         "1:MOVED_FROM=new old\n2:MOVED_TO=same new\n3:MOVE_SELF\n"
         "2:MOVED_FROM=new new\n1:MOVED_TO=same old");
  unlink(in("e/new")), unlink(in("old")), rmdir(in("e"));
  close(fd);
}

static void test_masks(void) {
  fresh("inotify-masks");
  put(in("f"), "f");
  int fd = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(fd, in("f"), IN_OPEN | IN_ONESHOT);
  close(open(in("f"), O_RDONLY));
  EXPECT("one shot", fd, "1:OPEN\n1:IGNORED");
  inotify_add_watch(fd, in("f"), IN_OPEN);
  inotify_add_watch(fd, in("f"), IN_CLOSE | IN_MASK_ADD);
  close(open(in("f"), O_RDONLY));
  EXPECT("added to", fd, "2:OPEN\n2:CLOSE_NOWRITE");
  inotify_add_watch(fd, in("f"), IN_ATTRIB);
  close(open(in("f"), O_RDONLY));
  EXPECT("replaced", fd, "");
  symlink("f", in("l"));
  CHECK_EQ("a link is another file", inotify_add_watch(fd, in("l"), IN_DONT_FOLLOW | IN_ATTRIB), 3);
  CHECK_EQ("unless followed", inotify_add_watch(fd, in("l"), IN_ATTRIB), 2);
  inotify_add_watch(fd, folder, IN_CLOSE | IN_EXCL_UNLINK);
  int second = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(second, folder, IN_CLOSE);
  int file = open(in("f"), O_RDONLY);
  unlink(in("f"));
  drain(fd);
  close(file);
  EXPECT("IN_EXCL_UNLINK", fd, "2:IGNORED");
  EXPECT("and without", second, "1:CLOSE_NOWRITE f");
  unlink(in("l"));
  close(fd), close(second);
}

static void test_queue(void) {
  fresh("inotify-queue");
  put(in("abc"), "x"), put(in("a-name-of-16-chr"), "x");
  int fd = inotify_init1(IN_NONBLOCK), bytes = -1;
  inotify_add_watch(fd, folder, IN_OPEN | IN_ATTRIB);
  for (int i = 0; i < 3; i++) chmod(in("abc"), 0600);
  close(open(in("abc"), O_RDONLY));
  chmod(in("abc"), 0600);
  CHECK("bytes", ioctl(fd, FIONREAD, &bytes) == 0 && bytes == 3 * 32);
  char buffer[64];
  CHECK_ERR("too small for one", read(fd, buffer, 31), EINVAL);
  CHECK_EQ("one and a half", read(fd, buffer, 48), 32);
  CHECK_ERR("a bad address", syscall(SYS_read, fd, 8, 64), EFAULT);
  EXPECT("equal ones that follow are one; what could not be copied is lost", fd, "1:ATTRIB abc");
  close(open(in("a-name-of-16-chr"), O_RDONLY));
  CHECK("a name ends with a zero", ioctl(fd, FIONREAD, &bytes) == 0 && bytes == 16 + 32);
  drain(fd);
  for (int i = 0; i < 20000; i++) chmod(in(i & 1 ? "abc" : "a-name-of-16-chr"), 0600);
  CHECK("full", ioctl(fd, FIONREAD, &bytes) == 0);
  int events = 0, overflows = 0;
  bool last = false;
  char many[4096] __attribute__((aligned(8)));
  for (ssize_t n; (n = read(fd, many, sizeof many)) > 0;) {
    for (char *at = many; at < many + n;) {
      const struct inotify_event *event = (const struct inotify_event *)at;
      events++;
      last = event->mask == IN_Q_OVERFLOW && event->wd == -1 && event->len == 0;
      overflows += last;
      at += sizeof *event + event->len;
    }
  }
  CHECK_EQ("as many as there may be", events, 16384 + 1);
  CHECK("the last of them tells of the rest", last && overflows == 1);
  chmod(in("abc"), 0600);
  EXPECT("and it goes on", fd, "1:ATTRIB abc");
  close(fd);
}

static void *opens_later(void *path) {
  struct timespec pause = {.tv_nsec = 20000000};
  nanosleep(&pause, NULL);
  close(open(path, O_RDONLY));
  return NULL;
}

static void test_waiting(void) {
  fresh("inotify-waiting");
  put(in("f"), "f");
  char path[160];
  strcpy(path, in("f"));
  int fd = inotify_init(), set = epoll_create1(0);
  inotify_add_watch(fd, path, IN_OPEN);
  pthread_t thread;
  pthread_create(&thread, NULL, opens_later, path);
  EXPECT("a reader waits", fd, "1:OPEN");
  pthread_join(thread, NULL);
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  CHECK_EQ("nothing yet", poll(&ready, 1, 0), 0);
  pthread_create(&thread, NULL, opens_later, path);
  CHECK_EQ("poll", poll(&ready, 1, 10000), 1);
  pthread_join(thread, NULL);
  CHECK_EQ("epoll", epoll_wait(set, &event, 1, 0), 1);
  EXPECT("read", fd, "1:OPEN");
  CHECK_EQ("nothing is left", poll(&ready, 1, 0), 0);
  close(set), close(fd);
}

/* A file of the image that is written becomes another inode: its watch follows. */
static void test_image(void) {
  const char *path = "/etc/passwd";
  int fd = inotify_init1(IN_NONBLOCK);
  if (!on_virga || access(path, F_OK) != 0) return;
  inotify_add_watch(fd, path, IN_ALL_EVENTS);
  close(open(path, O_RDONLY));
  EXPECT("read-only", fd, "1:OPEN\n1:CLOSE_NOWRITE");
  int file = open(path, O_WRONLY | O_APPEND);
  CHECK_EQ("written", write(file, "#\n", 2), 2);
  close(file);
  EXPECT("copied up", fd, "1:OPEN\n1:MODIFY\n1:CLOSE_WRITE");
  close(fd);
}

static void put_limit(const char *path, const char *value) {
  int fd = open(path, O_WRONLY);
  CHECK_EQ("a limit is set", write(fd, value, strlen(value)), strlen(value));
  close(fd);
}

static void test_limits(void) {
  int fds[200], n = 0;
  while (n < 200 && (fds[n] = inotify_init()) >= 0) n++;
  int error = errno;
  CHECK("instances are limited", n < 200 && error == EMFILE);
  while (n > 0) close(fds[--n]);
  char text[32] = "";
  int fd = open("/proc/sys/fs/inotify/max_queued_events", O_RDONLY);
  CHECK("the limit of events", read(fd, text, 31) > 0 && atoi(text) == 16384);
  close(fd);
  /* On Linux it would be everybody's. */
  if (!on_virga) return;
  put_limit("/proc/sys/fs/inotify/max_user_watches", "1\n");
  fresh("inotify-limits");
  fd = inotify_init();
  CHECK_EQ("one watch", inotify_add_watch(fd, folder, IN_OPEN), 1);
  CHECK_ERR("is all", inotify_add_watch(fd, "/tmp", IN_OPEN), ENOSPC);
  CHECK_EQ("the same again", inotify_add_watch(fd, folder, IN_CLOSE), 1);
  close(fd);
  put_limit("/proc/sys/fs/inotify/max_user_watches", "8192\n");
}

int main(int argc, char **argv) {
  static const struct group groups[] = {
      {"arguments", test_arguments}, {"files", test_files},     {"copies", test_copies},
      {"directories", test_directories}, {"moves", test_moves}, {"masks", test_masks},
      {"queue", test_queue},         {"waiting", test_waiting}, {"image", test_image},
      {"limits", test_limits},
  };
  return check_main(argc, argv, groups, COUNT(groups));
}
