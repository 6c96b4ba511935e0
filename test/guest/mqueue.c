/*
 * POSIX message queues: mq_open, mq_unlink, mq_send, mq_receive and their timed kin, mq_notify,
 * mq_getattr, mq_setattr.
 */
#include "check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char name[64], buffer[8192];
static const struct timespec none = {0, 0};

/* A new queue for so many messages of so many bytes. */
static mqd_t make(int flags, long count, long size) {
  struct mq_attr wanted = {.mq_maxmsg = count, .mq_msgsize = size};
  mq_unlink(name);
  return mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &wanted);
}

static struct mq_attr attributes(mqd_t queue) {
  struct mq_attr told;
  memset(&told, 0x55, sizeof told);
  CHECK_EQ("attributes are told", mq_getattr(queue, &told), 0);
  return told;
}

static int put(mqd_t queue, const char *text, int priority) {
  return mq_send(queue, text, strlen(text), priority);
}

/* Receives without waiting: whether that text comes, with that priority. */
static bool gets(mqd_t queue, const char *text, unsigned priority) {
  unsigned told = 99;
  memset(buffer, 0, 64);
  ssize_t n = mq_timedreceive(queue, buffer, sizeof buffer, &told, &none);
  return n == (ssize_t)strlen(text) && strcmp(buffer, text) == 0 && told == priority;
}

static void test_open(void) {
  CHECK_ERR("no such queue", mq_open(name, O_RDWR), ENOENT);
  mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0640, NULL);
  REQUIRE("made", queue >= 0);
  CHECK_EQ("it closes on exec", fcntl(queue, F_GETFD), FD_CLOEXEC);
  struct mq_attr told = attributes(queue);
  CHECK("as it is by default", told.mq_maxmsg == 10 && told.mq_msgsize == 8192 &&
                                   told.mq_flags == 0 && told.mq_curmsgs == 0);
  struct stat status;
  CHECK("it has permissions", fstat(queue, &status) == 0 && status.st_mode == (S_IFREG | 0640) &&
                                  status.st_size == 80 && status.st_uid == geteuid());
  CHECK_ERR("made, not found", mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
  mqd_t again = mq_open(name, O_CREAT | O_RDONLY | O_NONBLOCK, 0600, NULL);
  REQUIRE("found", again >= 0 && again != queue);
  CHECK_EQ("the same queue", (put(queue, "x", 0), attributes(again).mq_curmsgs), 1);
  CHECK_EQ("its own flags", attributes(again).mq_flags, O_NONBLOCK);
  CHECK_ERR("not for writing", put(again, "y", 0), EBADF);
  mqd_t writer = mq_open(name, O_WRONLY);
  CHECK_ERR("not for reading", mq_receive(writer, buffer, sizeof buffer, NULL), EBADF);
  CHECK_EQ("closed", mq_close(writer), 0);
  CHECK_ERR("closed is closed", put(writer, "y", 0), EBADF);
  CHECK_ERR("no way to open", mq_open(name, 3), EINVAL);
  CHECK_EQ("its name goes", mq_unlink(name), 0);
  CHECK_ERR("and is gone", mq_unlink(name), ENOENT);
  CHECK_ERR("and leads nowhere", mq_open(name, O_RDWR), ENOENT);
  CHECK("what is open stays", gets(again, "x", 0));
  mqd_t next = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
  CHECK("the name is another queue's", next >= 0 && put(next, "n", 1) == 0 &&
                                           attributes(queue).mq_curmsgs == 0);
  mq_close(again);
  mq_close(queue);
  mq_close(next);
  queue = mq_open(name, O_RDWR);
  CHECK("without a file it is still there", gets(queue, "n", 1));
  mq_close(queue);
  mq_unlink(name);
  char text[300] = "/";
  memset(text + 1, 'q', 255);
  queue = mq_open(text, O_CREAT | O_RDWR, 0600, NULL);
  CHECK("a long name", queue >= 0 && mq_unlink(text) == 0);
  mq_close(queue);
  text[256] = 'q';
  CHECK_ERR("too long", mq_open(text, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
  CHECK_ERR("no name", syscall(SYS_mq_open, "", O_CREAT | O_RDWR, 0600, NULL), ENOENT);
  CHECK_ERR("a slash", syscall(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, NULL), EACCES);
  CHECK_ERR("the directory", syscall(SYS_mq_open, ".", O_CREAT | O_RDWR, 0600, NULL), EACCES);
  CHECK_ERR("another directory", syscall(SYS_mq_open, "..", O_CREAT | O_RDWR, 0600, NULL), EACCES);
  CHECK_ERR("nowhere", syscall(SYS_mq_open, 16, O_CREAT | O_RDWR, 0600, NULL), EFAULT);
  mode_t mask = umask(0027);
  queue = mq_open(name, O_CREAT | O_RDWR, 0666, NULL);
  umask(mask);
  CHECK("the mask of permissions", fstat(queue, &status) == 0 && (status.st_mode & 0777) == 0640);
  mq_close(queue);
  mq_unlink(name);
}

static void test_limits(void) {
  struct mq_attr wanted = {.mq_maxmsg = 0, .mq_msgsize = 10};
  CHECK_ERR("no messages", make(0, 0, 10), EINVAL);
  CHECK_ERR("less than none", make(0, -1, 10), EINVAL);
  CHECK_ERR("no bytes", make(0, 10, 0), EINVAL);
  CHECK_ERR("more than there may be", make(0, 65537, 10), EINVAL);
  CHECK_ERR("larger than there may be", make(0, 1, (16 << 20) + 1), EINVAL);
  CHECK_ERR("of another size altogether", make(0, 1l << 32 | 1, 10), EINVAL);
  CHECK_ERR("from nowhere", syscall(SYS_mq_open, name + 1, O_CREAT | O_RDWR, 0600, 16), EFAULT);
  mqd_t queue = make(0, 3, 10);
  REQUIRE("three of ten bytes", queue >= 0);
  struct mq_attr told = attributes(queue);
  CHECK("as asked for", told.mq_maxmsg == 3 && told.mq_msgsize == 10);
  CHECK_EQ("ten bytes", put(queue, "0123456789", 0), 0);
  CHECK_ERR("eleven", put(queue, "0123456789a", 0), EMSGSIZE);
  CHECK_EQ("none", mq_send(queue, "", 0, 0), 0);
  CHECK_ERR("no room for ten", mq_receive(queue, buffer, 9, NULL), EMSGSIZE);
  CHECK_EQ("the highest priority", put(queue, "p", 32767), 0);
  CHECK_ERR("higher", put(queue, "p", 32768), EINVAL);
  CHECK_ERR("from nowhere", mq_timedsend(queue, (void *)16, 1, 0, &none), EFAULT);
  CHECK_ERR("a fourth", mq_timedsend(queue, "q", 1, 0, &none), ETIMEDOUT);
  CHECK_ERR("to nowhere", mq_receive(queue, (void *)16, 10, NULL), EFAULT);
  CHECK_EQ("which is lost", attributes(queue).mq_curmsgs, 2);
  CHECK_ERR("priority nowhere", mq_receive(queue, buffer, 10, (void *)16), EFAULT);
  CHECK_EQ("also lost", attributes(queue).mq_curmsgs, 1);
  mq_close(queue);
  /* What RLIMIT_MSGQUEUE is about: all that the queues could hold. */
  wanted = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 8192};
  static mqd_t many[12];
  static char names[12][80];
  int made = 0, error = 0;
  mq_unlink(name);
  for (; made < 12; made++) {
    snprintf(names[made], sizeof names[0], "%s-%d", name, made);
    many[made] = mq_open(names[made], O_CREAT | O_RDWR, 0600, &wanted);
    error = errno;
    if (many[made] < 0)
      break;
  }
  CHECK_EQ("nine of 80 KiB are all there may be", made, 9);
  CHECK_EQ("one more", error, EMFILE);
  mq_unlink(names[0]);
  CHECK_ERR("unlinked is not gone", mq_open(name, O_CREAT | O_RDWR, 0600, &wanted), EMFILE);
  mq_close(many[0]);
  many[0] = mq_open(name, O_CREAT | O_RDWR, 0600, &wanted);
  CHECK("closed it is", many[0] >= 0);
  for (int i = 0; i < made; i++) {
    mq_close(many[i]);
    mq_unlink(names[i]);
  }
  struct rlimit limit;
  CHECK("so much it is", getrlimit(RLIMIT_MSGQUEUE, &limit) == 0 && limit.rlim_cur == 819200);
}

static void test_order(void) {
  mqd_t queue = make(O_NONBLOCK, 10, 8192);
  REQUIRE("a queue", queue >= 0);
  CHECK_ERR("nothing is in it", mq_receive(queue, buffer, sizeof buffer, NULL), EAGAIN);
  put(queue, "low", 1);
  put(queue, "middle", 5);
  put(queue, "high", 9);
  put(queue, "middle two", 5);
  put(queue, "low two", 1);
  put(queue, "high two", 9);
  put(queue, "zero", 0);
  CHECK_EQ("seven", attributes(queue).mq_curmsgs, 7);
  CHECK("by priority", gets(queue, "high", 9));
  CHECK("then as they came", gets(queue, "high two", 9) && gets(queue, "middle", 5));
  put(queue, "middle three", 5);
  put(queue, "top", 10);
  CHECK("a new one in its place", gets(queue, "top", 10) && gets(queue, "middle two", 5) &&
                                      gets(queue, "middle three", 5));
  CHECK("to the end", gets(queue, "low", 1) && gets(queue, "low two", 1) && gets(queue, "zero", 0));
  put(queue, "after", 3);
  put(queue, "behind", 2);
  CHECK("an emptied queue begins anew", gets(queue, "after", 3) && gets(queue, "behind", 2));
  bool all = true;
  for (int i = 0; i < 10; i++)
    all = all && put(queue, "full", i) == 0;
  CHECK("as many as there may be", all);
  CHECK_ERR("full", put(queue, "eleven", 0), EAGAIN);
  CHECK_EQ("receiving needs no priority", mq_receive(queue, buffer, sizeof buffer, NULL), 4);
  CHECK_EQ("makes room", put(queue, "eleven", 0), 0);
  mq_close(queue);
}

static void test_attributes(void) {
  mqd_t queue = make(0, 4, 100);
  struct mq_attr set = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 1, .mq_msgsize = 1}, old;
  put(queue, "x", 0);
  CHECK_EQ("O_NONBLOCK", mq_setattr(queue, &set, &old), 0);
  CHECK("what was is told", old.mq_flags == 0 && old.mq_curmsgs == 1 && old.mq_maxmsg == 4);
  struct mq_attr told = attributes(queue);
  CHECK("that alone is set", told.mq_flags == O_NONBLOCK && told.mq_maxmsg == 4 &&
                                 told.mq_msgsize == 100);
  CHECK("and shows", (fcntl(queue, F_GETFL) & O_NONBLOCK) != 0);
  set.mq_flags = O_APPEND;
  CHECK_ERR("nothing else", mq_setattr(queue, &set, NULL), EINVAL);
  set.mq_flags = 0;
  CHECK_EQ("off", mq_setattr(queue, &set, NULL), 0);
  CHECK_EQ("it is", attributes(queue).mq_flags, 0);
  CHECK_ERR("no queue", mq_getattr(0, &told), EBADF);
  CHECK_ERR("no file", mq_getattr(-1, &told), EBADF);
  CHECK_ERR("nowhere", syscall(SYS_mq_getsetattr, queue, 16, NULL), EFAULT);
  CHECK_ERR("to nowhere", syscall(SYS_mq_getsetattr, queue, NULL, 16), EFAULT);
  mq_close(queue);
  CHECK_ERR("not sent to a file", put(0, "x", 0), EBADF);
}

/* ---- Waiting ---- */

struct waiter {
  pthread_t thread;
  mqd_t queue;
  const struct timespec *until;
  /* What is sent; NULL: receives. */
  const char *text;
  char got[8192];
  volatile int number;
  ssize_t result;
  int error;
};

static void *wait_in_queue(void *argument) {
  struct waiter *waiter = argument;
  waiter->number = syscall(SYS_gettid);
  if (waiter->text)
    waiter->result = mq_timedsend(waiter->queue, waiter->text, strlen(waiter->text), 3, waiter->until);
  else
    waiter->result = mq_timedreceive(waiter->queue, waiter->got, 8192, NULL, waiter->until);
  waiter->error = errno;
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

static void begin(struct waiter *waiter) {
  waiter->number = 0;
  pthread_create(&waiter->thread, NULL, wait_in_queue, waiter);
  for (int tries = 0; (waiter->number == 0 || !sleeps(waiter->number)) && tries < 5000; tries++)
    sleep_ms(1);
}

static void end(struct waiter *waiter) {
  pthread_join(waiter->thread, NULL);
}

static void on_signal(int signal) {
  (void)signal;
}

static void test_waiting(void) {
  mqd_t queue = make(0, 2, 8192);
  struct waiter first = {.queue = queue}, second = {.queue = queue};
  begin(&first);
  begin(&second);
  put(queue, "one", 1);
  end(&first);
  CHECK("who came first has the first", first.result == 3 && memcmp(first.got, "one", 3) == 0);
  CHECK_EQ("it was in no queue", attributes(queue).mq_curmsgs, 0);
  put(queue, "two!", 9);
  end(&second);
  CHECK("and then the second", second.result == 4 && memcmp(second.got, "two!", 4) == 0);
  put(queue, "a", 1);
  put(queue, "b", 1);
  struct waiter sender = {.queue = queue, .text = "sent"}, later = {.queue = queue, .text = "late"};
  begin(&sender);
  begin(&later);
  CHECK_EQ("no room", attributes(queue).mq_curmsgs, 2);
  CHECK("one goes", gets(queue, "a", 1));
  end(&sender);
  CHECK_EQ("one comes", sender.result, 0);
  CHECK_EQ("full again", attributes(queue).mq_curmsgs, 2);
  CHECK("by its priority", gets(queue, "sent", 3));
  end(&later);
  CHECK("then the other", later.result == 0 && gets(queue, "late", 3) && gets(queue, "b", 1));

  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  begin(&first);
  begin(&second);
  pthread_kill(second.thread, SIGUSR1);
  end(&second);
  CHECK("a signal ends a wait", second.result == -1 && second.error == EINTR);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, NULL);
  pthread_kill(first.thread, SIGUSR1);
  put(queue, "c", 1);
  end(&first);
  CHECK("or does not, if it is to go on", first.result == 1);

  struct timespec until, wrong = {0, 1000000000};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000)
    until.tv_sec++, until.tv_nsec -= 1000000000;
  CHECK_ERR("until then nothing comes",
            mq_timedreceive(queue, buffer, sizeof buffer, NULL, &until), ETIMEDOUT);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  CHECK("and then is now", now.tv_sec > until.tv_sec ||
                               (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
  CHECK_ERR("no time", mq_timedsend(queue, "x", 1, 0, &wrong), EINVAL);
  wrong = (struct timespec){-1, 0};
  CHECK_ERR("before all time", mq_timedreceive(queue, buffer, sizeof buffer, NULL, &wrong), EINVAL);
  CHECK_ERR("time nowhere", syscall(SYS_mq_timedsend, queue, "x", 1, 0, 16), EFAULT);
  put(queue, "a", 1);
  put(queue, "b", 1);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 1000;
  sender.until = &until;
  begin(&sender);
  pthread_kill(sender.thread, SIGUSR1);
  CHECK("there is time", gets(queue, "a", 1));
  end(&sender);
  CHECK_EQ("and so it was sent", sender.result, 0);
  CHECK_ERR("after the last none is waited for",
            (gets(queue, "sent", 3), gets(queue, "b", 1),
             mq_timedreceive(queue, buffer, sizeof buffer, NULL, &none)), ETIMEDOUT);
  /* The queue's name and this descriptor go while a thread waits. */
  begin(&first);
  mqd_t other = mq_open(name, O_WRONLY);
  mq_unlink(name);
  mq_close(queue);
  CHECK_EQ("its file is closed", put(other, "late", 0), 0);
  end(&first);
  CHECK("and it has its message", first.result == 4);
  mq_close(other);
}

static void test_ready(void) {
  mqd_t queue = make(O_NONBLOCK, 2, 100), reader = mq_open(name, O_RDONLY | O_NONBLOCK);
  struct pollfd look = {queue, POLLIN | POLLOUT, 0};
  CHECK("empty: room", poll(&look, 1, 0) == 1 && look.revents == POLLOUT);
  int epoll = epoll_create1(0);
  struct epoll_event wish = {.events = EPOLLIN | EPOLLET}, told;
  CHECK_EQ("watched by another file", epoll_ctl(epoll, EPOLL_CTL_ADD, reader, &wish), 0);
  CHECK_EQ("nothing", epoll_wait(epoll, &told, 1, 0), 0);
  put(queue, "a", 0);
  CHECK_EQ("something has come", epoll_wait(epoll, &told, 1, 0), 1);
  CHECK("one of two: both", poll(&look, 1, 0) == 1 && look.revents == (POLLIN | POLLOUT));
  put(queue, "b", 0);
  CHECK("full: a message", poll(&look, 1, 0) == 1 && look.revents == POLLIN);
  wish.events = EPOLLOUT | EPOLLET;
  epoll_ctl(epoll, EPOLL_CTL_DEL, reader, NULL);
  epoll_ctl(epoll, EPOLL_CTL_ADD, queue, &wish);
  CHECK_EQ("no room", epoll_wait(epoll, &told, 1, 0), 0);
  gets(reader, "a", 0);
  CHECK_EQ("room", epoll_wait(epoll, &told, 1, 0), 1);
  char text[128] = "";
  CHECK("it can be read as a file", read(reader, text, sizeof text) > 0 &&
                                        strncmp(text, "QSIZE:1 ", 8) == 0);
  CHECK_EQ("to its end", read(reader, text, sizeof text), 0);
  CHECK_ERR("but not written", write(queue, "x", 1), EINVAL);
  close(epoll);
  mq_close(reader);
  mq_close(queue);
}

/* ---- Notification ---- */

static volatile int notified;
static siginfo_t notice;

static void on_notice(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  notice = *info;
  notified++;
}

static int ask(mqd_t queue, int kind, int signal) {
  struct sigevent event = {.sigev_notify = kind, .sigev_signo = signal};
  event.sigev_value.sival_int = 4711;
  return mq_notify(queue, &event);
}

static void test_notify(void) {
  struct sigaction action = {.sa_sigaction = on_notice, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR2, &action, NULL);
  mqd_t queue = make(O_NONBLOCK, 4, 100), other = mq_open(name, O_RDWR | O_NONBLOCK);
  CHECK_EQ("by a signal", ask(queue, SIGEV_SIGNAL, SIGUSR2), 0);
  CHECK_ERR("one at a time", ask(other, SIGEV_SIGNAL, SIGUSR2), EBUSY);
  CHECK_ERR("in whatever way", ask(queue, SIGEV_NONE, 0), EBUSY);
  put(queue, "a", 0);
  CHECK_EQ("told", notified, 1);
  CHECK("of what", notice.si_code == SI_MESGQ && notice.si_value.sival_int == 4711 &&
                       notice.si_pid == getpid() && notice.si_uid == getuid());
  put(queue, "b", 0);
  CHECK_EQ("once", notified, 1);
  CHECK_EQ("anew, with messages in it", ask(queue, SIGEV_SIGNAL, SIGUSR2), 0);
  put(queue, "c", 0);
  CHECK_EQ("only an empty one is worth telling", notified, 1);
  gets(queue, "a", 0), gets(queue, "b", 0), gets(queue, "c", 0);
  struct waiter waiter = {.queue = mq_open(name, O_RDONLY)};
  begin(&waiter);
  put(queue, "w", 0);
  end(&waiter);
  CHECK("and not what somebody waits for", notified == 1 && waiter.result == 1);
  put(queue, "d", 0);
  CHECK_EQ("told", notified, 2);
  gets(queue, "d", 0);
  CHECK_EQ("asked, and not", (ask(queue, SIGEV_SIGNAL, SIGUSR2), mq_notify(queue, NULL)), 0);
  put(queue, "e", 0);
  CHECK_EQ("untold", notified, 2);
  gets(queue, "e", 0);
  CHECK_EQ("to nobody", ask(queue, SIGEV_NONE, 0), 0);
  char text[128] = "";
  CHECK("the file shows it", pread(queue, text, sizeof text, 0) > 0 && strstr(text, " NOTIFY:1 "));
  put(queue, "f", 0);
  CHECK("then no more", pread(queue, text, sizeof text, 0) > 0 && strstr(text, " NOTIFY:0 "));
  gets(queue, "f", 0);
  ask(queue, SIGEV_SIGNAL, SIGUSR2);
  mq_close(queue);
  CHECK_EQ("closed, it is asked no more", ask(other, SIGEV_NONE, 0), 0);
  put(other, "g", 0);
  CHECK_EQ("nor told", notified, 2);
  CHECK_ERR("no signal", ask(other, SIGEV_SIGNAL, 65), EINVAL);
  CHECK_ERR("no way", ask(other, 77, 0), EINVAL);
  CHECK_ERR("no queue", ask(0, SIGEV_SIGNAL, SIGUSR2), EBADF);
  CHECK_ERR("nothing to ask for", syscall(SYS_mq_notify, other, 16), EFAULT);
  mq_close(waiter.queue);
  mq_close(other);
}

static volatile int thread_value;

static void in_thread(union sigval value) {
  thread_value = value.sival_int;
}

static void test_notify_thread(void) {
  mqd_t queue = make(O_NONBLOCK, 4, 100);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread};
  for (int round = 1; round <= 3; round++) {
    event.sigev_value.sival_int = round;
    CHECK_EQ("by a thread", mq_notify(queue, &event), 0);
    put(queue, "a", 0);
    for (int tries = 0; thread_value != round && tries < 5000; tries++)
      sleep_ms(1);
    CHECK_EQ("which has run", thread_value, round);
    gets(queue, "a", 0);
  }
  mq_notify(queue, &event);
  CHECK_EQ("taken away", mq_notify(queue, NULL), 0);
  put(queue, "b", 0);
  CHECK_EQ("and again", mq_notify(queue, &event), 0);
  mq_close(queue);
}

static void test_permissions(void) {
  mq_unlink(name);
  mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0644, NULL);
  if (setresuid(-1, 65534, -1) != 0)
    return;
  CHECK_ERR("not for writing", mq_open(name, O_WRONLY), EACCES);
  CHECK_ERR("nor for both", mq_open(name, O_RDWR), EACCES);
  mqd_t reader = mq_open(name, O_RDONLY);
  CHECK("for reading", reader >= 0);
  CHECK_ERR("another's name", mq_unlink(name), EACCES);
  struct mq_attr wanted = {.mq_maxmsg = 11, .mq_msgsize = 10};
  CHECK_ERR("more than others may have", mq_open("/virga-own", O_CREAT | O_RDWR, 0600, &wanted),
            EINVAL);
  CHECK_EQ("root again", setresuid(-1, 0, -1), 0);
  mq_close(reader);
  mq_close(queue);
}

static const struct group groups[] = {
    {"open", test_open},
    {"limits", test_limits},
    {"order", test_order},
    {"attributes", test_attributes},
    {"waiting", test_waiting},
    {"ready", test_ready},
    {"notify", test_notify},
    {"notify-thread", test_notify_thread},
    {"permissions", test_permissions},
};

int main(int argc, char **argv) {
  snprintf(name, sizeof name, "/virga-%d", (int)getpid());
  int result = check_main(argc, argv, groups, COUNT(groups));
  mq_unlink(name);
  return result;
}
