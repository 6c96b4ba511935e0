/*
 * System V messages: msgget, msgsnd, msgrcv, msgctl, and what /proc tells of them.
 */
#include "check.h"
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>

#ifndef MSG_STAT
#define MSG_STAT 11
#define MSG_INFO 12
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_EXCEPT
#define MSG_EXCEPT 020000
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

#define MESSAGE_MAX 8192
#define QUEUE_MAX 16384

struct message {
  long type;
  char text[MESSAGE_MAX + 1];
};

static struct message out, in;

/* Sends a message whose text is a letter, so many times. */
static int put(int id, long type, char letter, int size, int flags) {
  out.type = type;
  memset(out.text, letter, size);
  return msgsnd(id, &out, size, flags);
}

/* Receives up to `size` bytes: the first of them, or -errno. */
static int take(int id, int size, long type, int flags) {
  memset(&in, 0, 64);
  ssize_t n = msgrcv(id, &in, size, type, flags | IPC_NOWAIT);
  return n < 0 ? -errno : n == 0 ? 0 : in.text[0];
}

static struct msqid_ds status(int id) {
  struct msqid_ds told;
  memset(&told, 0x55, sizeof told);
  CHECK_EQ("the status is told", msgctl(id, IPC_STAT, &told), 0);
  return told;
}

static void remove_queue(int id) {
  msgctl(id, IPC_RMID, NULL);
}

/* ---- Threads that wait: the kernel says when a thread sleeps ---- */

struct waiter {
  pthread_t thread;
  int id, flags, size;
  long type;
  char letter;
  struct message got;
  /* 0 until the thread says which it is. */
  volatile int number;
  ssize_t result;
  int error;
};

static void *receive(void *argument) {
  struct waiter *waiter = argument;
  waiter->number = (int)syscall(SYS_gettid);
  waiter->result = msgrcv(waiter->id, &waiter->got, waiter->size, waiter->type, waiter->flags);
  waiter->error = errno;
  return NULL;
}

static void *send_one(void *argument) {
  struct waiter *waiter = argument;
  struct message message = {.type = waiter->type};
  memset(message.text, waiter->letter, waiter->size);
  waiter->number = (int)syscall(SYS_gettid);
  waiter->result = msgsnd(waiter->id, &message, waiter->size, waiter->flags);
  waiter->error = errno;
  return NULL;
}

static bool sleeps(int thread) {
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
  FILE *stat = fopen(path, "r");
  if (!stat)
    return false;
  char *line = fgets(text, sizeof text, stat);
  fclose(stat);
  char *end = line ? strrchr(line, ')') : NULL;
  return end && end[2] == 'S';
}

static void begin(struct waiter *waiter, void *(*body)(void *)) {
  waiter->number = 0;
  pthread_create(&waiter->thread, NULL, body, waiter);
  for (int tries = 0; (waiter->number == 0 || !sleeps(waiter->number)) && tries < 5000; tries++)
    sleep_ms(1);
}

static void end(struct waiter *waiter) {
  pthread_join(waiter->thread, NULL);
}

static void test_get(void) {
  key_t key = 0x56000000 | (getpid() & 0xffff);
  CHECK_ERR("no such key", msgget(key, 0600), ENOENT);
  int id = msgget(key, IPC_CREAT | 0640);
  REQUIRE("a queue is made", id >= 0);
  CHECK_EQ("its key leads to it", msgget(key, 0), id);
  CHECK_ERR("made, not found", msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
  struct msqid_ds told = status(id);
  CHECK("key, permissions", told.msg_perm.__key == key && told.msg_perm.mode == 0640);
  CHECK("empty", told.msg_qnum == 0 && told.__msg_cbytes == 0);
  CHECK_EQ("so much it takes", told.msg_qbytes, QUEUE_MAX);
  CHECK("never used", told.msg_stime == 0 && told.msg_rtime == 0 && told.msg_lspid == 0 &&
                          told.msg_lrpid == 0);
  CHECK("made now", labs(told.msg_ctime - time(NULL)) <= 2);
  CHECK_EQ("removed", msgctl(id, IPC_RMID, NULL), 0);
  CHECK("gone", msgctl(id, IPC_RMID, NULL) == -1 && (errno == EINVAL || errno == EIDRM));
  CHECK("nothing is sent to it", put(id, 1, 'a', 1, 0) == -1 && (errno == EINVAL || errno == EIDRM));
  CHECK("or received", take(id, 1, 0, 0) == -EINVAL || errno == EIDRM);
  int next = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
  CHECK("the next has another identifier", next >= 0 && next != id);
  remove_queue(next);
}

static void test_order(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  put(id, 5, 'a', 3, 0);
  put(id, 2, 'b', 4, 0);
  put(id, 5, 'c', 5, 0);
  put(id, 3, 'd', 0, 0);
  put(id, 2, 'e', 1, 0);
  struct msqid_ds told = status(id);
  CHECK("five messages, their bytes", told.msg_qnum == 5 && told.__msg_cbytes == 13);
  CHECK_EQ("sent by this process", told.msg_lspid, getpid());
  CHECK("now", labs(told.msg_stime - time(NULL)) <= 2 && told.msg_rtime == 0);
  CHECK_EQ("no such type", take(id, 9, 7, 0), -ENOMSG);
  CHECK_EQ("the first of a type", take(id, 9, 2, 0), 'b');
  CHECK_EQ("its type", in.type, 2);
  CHECK_EQ("of another than", take(id, 9, 5, MSG_EXCEPT), 0);
  CHECK_EQ("an empty one", in.type, 3);
  CHECK_EQ("the lowest, though not first", take(id, 9, -5, 0), 'e');
  CHECK_EQ("none that low", take(id, 9, -4, 0), -ENOMSG);
  CHECK_EQ("the first of the lowest", take(id, 9, -5, 0), 'a');
  put(id, 4, 'f', 1, 0);
  CHECK_EQ("whatever is first", take(id, 9, 0, 0), 'c');
  CHECK_EQ("any at all", take(id, 9, LONG_MIN, 0), 'f');
  CHECK_EQ("none is left", take(id, 9, 0, 0), -ENOMSG);
  told = status(id);
  CHECK("nothing", told.msg_qnum == 0 && told.__msg_cbytes == 0);
  CHECK("received now, by this process",
        labs(told.msg_rtime - time(NULL)) <= 2 && told.msg_lrpid == getpid());
  put(id, LONG_MAX, 'm', 1, 0);
  CHECK_EQ("the highest type", take(id, 9, LONG_MIN, 0), 'm');
  CHECK_ERR("type 0", put(id, 0, 'x', 1, 0), EINVAL);
  CHECK_ERR("a negative type", put(id, -1, 'x', 1, 0), EINVAL);
  /* The ends of the list, by taking out of its middle. */
  for (char letter = 'a'; letter < 'f'; letter++)
    put(id, letter, letter, 1, 0);
  CHECK("the last, the middle, the first",
        take(id, 1, 'e', 0) == 'e' && take(id, 1, 'c', 0) == 'c' && take(id, 1, 'a', 0) == 'a');
  put(id, 'z', 'z', 1, 0);
  CHECK("the rest in order",
        take(id, 1, 0, 0) == 'b' && take(id, 1, 0, 0) == 'd' && take(id, 1, 0, 0) == 'z');
  remove_queue(id);
}

static void test_size(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  CHECK_EQ("the largest", put(id, 1, 'a', MESSAGE_MAX, 0), 0);
  CHECK_ERR("larger", put(id, 1, 'a', MESSAGE_MAX + 1, 0), EINVAL);
  CHECK_ERR("less than none", msgsnd(id, &out, -1, 0), EINVAL);
  CHECK_ERR("less than no room", msgrcv(id, &in, -1, 0, IPC_NOWAIT), EINVAL);
  CHECK_EQ("no room for it", take(id, MESSAGE_MAX - 1, 0, 0), -E2BIG);
  CHECK_EQ("it stays", status(id).msg_qnum, 1);
  in.text[10] = '-';
  CHECK_EQ("as much as there is room", msgrcv(id, &in, 10, 0, MSG_NOERROR), 10);
  CHECK("and no more", in.text[9] == 'a' && in.text[10] == '-');
  CHECK_EQ("the rest is gone", status(id).msg_qnum, 0);
  put(id, 1, 'b', 100, 0);
  CHECK_EQ("a message as it is", msgrcv(id, &in, MESSAGE_MAX, 0, 0), 100);
  CHECK("whole", in.text[0] == 'b' && in.text[99] == 'b');
  CHECK_ERR("from nowhere", msgsnd(id, (void *)16, 1, 0), EFAULT);
  put(id, 1, 'c', 1, 0);
  CHECK_ERR("to nowhere", msgrcv(id, (void *)16, 1, 0, 0), EFAULT);
  CHECK_EQ("it is lost", status(id).msg_qnum, 0);
  put(id, 1, 'd', MESSAGE_MAX, 0);
  put(id, 2, 'e', MESSAGE_MAX, 0);
  CHECK_EQ("full", status(id).__msg_cbytes, QUEUE_MAX);
  CHECK_ERR("a byte more", put(id, 3, 'f', 1, IPC_NOWAIT), EAGAIN);
  CHECK_EQ("no byte more", put(id, 3, 'f', 0, IPC_NOWAIT), 0);
  CHECK_EQ("room for one", take(id, MESSAGE_MAX, 2, 0), 'e');
  CHECK_EQ("is there", put(id, 2, 'e', MESSAGE_MAX, IPC_NOWAIT), 0);
  remove_queue(id);
  id = msgget(IPC_PRIVATE, 0600);
  int count = 0;
  while (count <= QUEUE_MAX && put(id, 1, 0, 0, IPC_NOWAIT) == 0)
    count++;
  int error = errno;
  CHECK_EQ("empty ones, as many as bytes", count, QUEUE_MAX);
  CHECK_EQ("one more", error, EAGAIN);
  remove_queue(id);
}

static void test_copy(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  put(id, 7, 'a', 3, 0);
  put(id, 8, 'b', 4, 0);
  CHECK_EQ("the second", take(id, 9, 1, MSG_COPY), 'b');
  CHECK_EQ("its type", in.type, 8);
  CHECK_EQ("the first", take(id, 9, 0, MSG_COPY), 'a');
  CHECK_EQ("there is no third", take(id, 9, 2, MSG_COPY), -ENOMSG);
  CHECK_EQ("both are there", status(id).msg_qnum, 2);
  CHECK_EQ("and were not received", status(id).msg_lrpid, 0);
  CHECK_EQ("no room", take(id, 3, 1, MSG_COPY), -E2BIG);
  CHECK_ERR("waiting for it", msgrcv(id, &in, 9, 0, MSG_COPY), EINVAL);
  CHECK_EQ("all but it", take(id, 9, 0, MSG_COPY | MSG_EXCEPT), -EINVAL);
  remove_queue(id);
}

static void test_receivers(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  struct waiter any = {.id = id, .size = 10};
  begin(&any, receive);
  put(id, 4, 'a', 10, 0);
  end(&any);
  CHECK("a message for who waits", any.result == 10 && any.got.type == 4 && any.got.text[9] == 'a');
  struct msqid_ds told = status(id);
  CHECK("it was never in the queue", told.msg_qnum == 0 && told.__msg_cbytes == 0);
  CHECK("it was received", told.msg_lrpid != 0 && told.msg_rtime != 0);

  struct waiter two = {.id = id, .size = 10, .type = 2};
  struct waiter low = {.id = id, .size = 10, .type = -3};
  struct waiter not_five = {.id = id, .size = 10, .type = 5, .flags = MSG_EXCEPT};
  begin(&two, receive);
  begin(&low, receive);
  begin(&not_five, receive);
  put(id, 5, 'n', 1, 0);
  CHECK_EQ("for none of them", status(id).msg_qnum, 1);
  put(id, 2, 't', 1, 0);
  end(&two);
  CHECK("for the first of two that may have it", two.result == 1 && two.got.text[0] == 't');
  put(id, 2, 'l', 1, 0);
  end(&low);
  CHECK("for the next", low.result == 1 && low.got.text[0] == 'l');
  put(id, 6, 'f', 1, 0);
  end(&not_five);
  CHECK("for another type", not_five.result == 1 && not_five.got.text[0] == 'f');
  CHECK_EQ("what nobody wanted", take(id, 1, 0, 0), 'n');

  struct waiter small = {.id = id, .size = 3}, large = {.id = id, .size = 30};
  begin(&small, receive);
  begin(&large, receive);
  put(id, 1, 'b', 20, 0);
  end(&small);
  end(&large);
  CHECK("too large for the first, who is told", small.result == -1 && small.error == E2BIG);
  CHECK("and the second's", large.result == 20 && large.got.text[0] == 'b');
  struct waiter cut = {.id = id, .size = 3, .flags = MSG_NOERROR};
  begin(&cut, receive);
  put(id, 1, 'c', 20, 0);
  end(&cut);
  CHECK("as much as there is room", cut.result == 3 && cut.got.text[2] == 'c');
  struct waiter first = {.id = id, .size = 10}, second = first;
  begin(&first, receive);
  begin(&second, receive);
  put(id, 1, '1', 1, 0);
  end(&first);
  put(id, 1, '2', 1, 0);
  end(&second);
  CHECK("who came first is served first", first.got.text[0] == '1' && second.got.text[0] == '2');
  remove_queue(id);
}

static void test_senders(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  put(id, 1, 'a', MESSAGE_MAX, 0);
  put(id, 1, 'b', MESSAGE_MAX, 0);
  struct waiter large = {.id = id, .size = MESSAGE_MAX, .type = 2, .letter = 'c'};
  struct waiter small = {.id = id, .size = 10, .type = 3, .letter = 'd'};
  begin(&large, send_one);
  CHECK_EQ("it is not in", status(id).msg_qnum, 2);
  CHECK_EQ("one is taken", take(id, MESSAGE_MAX, 0, 0), 'a');
  end(&large);
  CHECK("which is room", large.result == 0 && status(id).msg_qnum == 2);
  begin(&small, send_one);
  CHECK_EQ("another is taken", take(id, MESSAGE_MAX, 0, 0), 'b');
  end(&small);
  CHECK_EQ("more than enough room", small.result, 0);
  if (on_virga) {
    /* Linux wakes both, and the fastest gets in. */
    put(id, 1, 'e', MESSAGE_MAX - 10, 0);
    begin(&large, send_one);
    begin(&small, send_one);
    CHECK_EQ("two wait, and there is room", take(id, MESSAGE_MAX, 2, 0), 'c');
    end(&large);
    CHECK_EQ("for the first alone", status(id).__msg_cbytes, QUEUE_MAX);
    CHECK_EQ("and then", take(id, MESSAGE_MAX, 1, 0), 'e');
    end(&small);
    CHECK_EQ("for the second", take(id, 10, 3, 0), 'd');
  }
  CHECK("both are in, whole", take(id, MESSAGE_MAX, 2, 0) == 'c' && take(id, 10, 3, 0) == 'd');

  put(id, 1, 'a', MESSAGE_MAX, 0);
  put(id, 1, 'b', MESSAGE_MAX - 10, 0);
  large.type = 2;
  begin(&large, send_one);
  CHECK_EQ("a small one goes in before it", put(id, 3, 'e', 10, IPC_NOWAIT), 0);
  struct waiter third = {.id = id, .size = 10, .type = 4, .letter = 'f'};
  begin(&third, send_one);
  CHECK_EQ("room for the small that waits behind it", take(id, 10, 3, 0), 'e');
  end(&third);
  CHECK_EQ("is used", third.result, 0);
  struct waiter taker = {.id = id, .size = MESSAGE_MAX, .type = 2};
  begin(&taker, receive);
  CHECK_EQ("room for the large one", take(id, MESSAGE_MAX, 0, 0), 'a');
  end(&large);
  end(&taker);
  CHECK("which goes right to who waits for it", taker.result == MESSAGE_MAX && taker.got.type == 2);
  struct msqid_ds change = status(id);
  change.msg_qbytes = change.__msg_cbytes;
  CHECK_EQ("the queue is full by being smaller", msgctl(id, IPC_SET, &change), 0);
  begin(&third, send_one);
  change.msg_qbytes += 10;
  CHECK_EQ("the queue is given more", msgctl(id, IPC_SET, &change), 0);
  end(&third);
  CHECK("which is room", third.result == 0 && status(id).__msg_cbytes == change.msg_qbytes);
  change.msg_qbytes = 5;
  CHECK_EQ("or less than it has", msgctl(id, IPC_SET, &change), 0);
  CHECK("it keeps what it has", status(id).__msg_cbytes > MESSAGE_MAX);
  CHECK_ERR("and takes no more", put(id, 1, 0, 0, IPC_NOWAIT), EAGAIN);
  remove_queue(id);
}

static void on_signal(int signal) {
  (void)signal;
}

static void test_interrupted(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  int id = msgget(IPC_PRIVATE, 0600);
  struct waiter taker = {.id = id, .size = 10}, other = taker, giver;
  begin(&taker, receive);
  begin(&other, receive);
  pthread_kill(taker.thread, SIGUSR1);
  end(&taker);
  CHECK("a signal ends a wait to receive", taker.result == -1 && taker.error == EINTR);
  put(id, 1, 'a', 1, 0);
  end(&other);
  CHECK("the message is another's", other.result == 1);
  begin(&taker, receive);
  begin(&other, receive);
  pthread_kill(other.thread, SIGUSR1);
  end(&other);
  put(id, 1, 'b', 1, 0);
  end(&taker);
  CHECK("the last that waits is not left behind", taker.result == 1 && other.error == EINTR);
  put(id, 1, 'a', MESSAGE_MAX, 0);
  put(id, 1, 'b', MESSAGE_MAX, 0);
  giver = (struct waiter){.id = id, .size = 10, .type = 1, .letter = 'c'};
  begin(&giver, send_one);
  pthread_kill(giver.thread, SIGUSR1);
  end(&giver);
  CHECK("a signal ends a wait to send", giver.result == -1 && giver.error == EINTR);
  take(id, MESSAGE_MAX, 0, 0);
  CHECK_EQ("nothing was sent", status(id).msg_qnum, 1);
  put(id, 1, 'd', MESSAGE_MAX, 0);
  begin(&giver, send_one);
  taker.type = 9;
  begin(&taker, receive);
  begin(&other, receive);
  CHECK("the other has the first", (end(&other), other.error == E2BIG));
  other.type = 9;
  begin(&other, receive);
  CHECK_EQ("removed under them", msgctl(id, IPC_RMID, NULL), 0);
  end(&giver);
  end(&taker);
  end(&other);
  CHECK("the sender is told", giver.result == -1 && giver.error == EIDRM);
  CHECK("the receivers are told", taker.error == EIDRM && other.error == EIDRM);
}

static void test_control(void) {
  int id = msgget(IPC_PRIVATE, 0600);
  struct msqid_ds change = status(id), told;
  change.msg_perm.uid = 1234;
  change.msg_perm.mode = 07604;
  change.msg_qbytes = 1000;
  change.msg_qnum = 99;
  CHECK_EQ("changed", msgctl(id, IPC_SET, &change), 0);
  told = status(id);
  CHECK("owner, permissions, limit alone", told.msg_perm.uid == 1234 && told.msg_perm.mode == 0604 &&
                                               told.msg_qbytes == 1000 && told.msg_qnum == 0);
  CHECK_ERR("beyond the limit", put(id, 1, 'a', 1001, IPC_NOWAIT), EAGAIN);
  CHECK_EQ("up to the limit", put(id, 1, 'a', 1000, IPC_NOWAIT), 0);
  CHECK_ERR("no such command", msgctl(id, 99, NULL), EINVAL);
  CHECK_ERR("nowhere to tell", msgctl(id, IPC_STAT, (void *)16), EFAULT);
  CHECK_ERR("nothing to change to", msgctl(id, IPC_SET, (void *)16), EFAULT);
  CHECK_ERR("no such queue", msgctl(-1, IPC_STAT, &told), EINVAL);
  int info[8] = {0};
  int highest = msgctl(0, IPC_INFO, (void *)info);
  CHECK("limits", highest >= 0 && info[2] == MESSAGE_MAX && info[3] == QUEUE_MAX && info[4] == 32000);
  CHECK_EQ("in use", msgctl(0, MSG_INFO, (void *)info), highest);
  int used = info[0], messages = info[1], bytes = info[6];
  int second = msgget(IPC_PRIVATE, 0600);
  put(second, 1, 'a', 7, 0);
  put(second, 1, 'a', 6, 0);
  msgctl(0, MSG_INFO, (void *)info);
  CHECK("one more, two messages, their bytes",
        info[0] == used + 1 && info[1] == messages + 2 && info[6] == bytes + 13);
  int found = -1;
  for (int place = 0; place < 32000 && found < 0; place++)
    if (msgctl(place, MSG_STAT, &told) == second)
      found = place;
  CHECK("found by its place", found >= 0 && told.msg_qnum == 2);
  CHECK_EQ("by anybody", msgctl(found, MSG_STAT_ANY, &told), second);
  remove_queue(second);
  CHECK_ERR("an empty place", msgctl(found, MSG_STAT, &told), EINVAL);
  msgctl(0, MSG_INFO, (void *)info);
  CHECK("with what was in it", info[0] == used && info[1] == messages && info[6] == bytes);
  remove_queue(id);
}

static void test_permissions(void) {
  int closed = msgget(IPC_PRIVATE, 0600), readable = msgget(IPC_PRIVATE, 0444);
  int writable = msgget(IPC_PRIVATE, 0222), own = msgget(IPC_PRIVATE, 0600);
  struct waiter waiter = {.id = own, .size = 10};
  struct msqid_ds change = status(own), told;
  change.msg_perm.uid = 65534;
  msgctl(own, IPC_SET, &change);
  if (setresuid(-1, 65534, -1) != 0)
    return;
  CHECK_ERR("not readable: status", msgctl(closed, IPC_STAT, &told), EACCES);
  CHECK_EQ("not readable: received", take(writable, 1, 0, 0), -EACCES);
  CHECK_EQ("not readable: copied", take(writable, 1, 0, MSG_COPY), -EACCES);
  CHECK_EQ("readable", take(readable, 1, 0, 0), -ENOMSG);
  CHECK_ERR("not writable", put(readable, 1, 'a', 1, 0), EACCES);
  CHECK_EQ("writable", put(writable, 1, 'a', 1, 0), 0);
  CHECK_ERR("not the owner", msgctl(writable, IPC_RMID, NULL), EPERM);
  CHECK_ERR("not the owner: change", msgctl(writable, IPC_SET, &told), EPERM);
  change.msg_qbytes = QUEUE_MAX + 1;
  CHECK_ERR("the owner, more than there may be", msgctl(own, IPC_SET, &change), EPERM);
  change.msg_qbytes = QUEUE_MAX;
  CHECK_EQ("the owner", msgctl(own, IPC_SET, &change), 0);
  if (on_virga) {
    /* Users are the process' here, and each thread's on Linux. */
    change.msg_perm.uid = 0;
    begin(&waiter, receive);
    msgctl(own, IPC_SET, &change);
    change.msg_perm.mode = 0200;
    msgctl(own, IPC_SET, &change);
    end(&waiter);
    CHECK("who may not any more waits no more", waiter.result == -1 && waiter.error == EACCES);
  }
  CHECK_EQ("root again", setresuid(-1, 0, -1), 0);
  remove_queue(closed);
  remove_queue(readable);
  remove_queue(writable);
  remove_queue(own);
}

static void test_proc(void) {
  int id = msgget(IPC_PRIVATE, 0640);
  put(id, 1, 'a', 77, 0);
  FILE *table = fopen("/proc/sysvipc/msg", "r");
  REQUIRE("there is a table", table != NULL);
  char line[256], header[256] = "";
  bool found = false;
  CHECK("it has a header", fgets(header, sizeof header, table) && strstr(header, "cbytes"));
  long key, number, mode, bytes, count, sender;
  while (!found && fgets(line, sizeof line, table))
    found = sscanf(line, "%ld %ld %lo %ld %ld %ld", &key, &number, &mode, &bytes, &count, &sender) ==
                6 && number == id;
  fclose(table);
  CHECK("it has the queue", found && mode == 0640 && bytes == 77 && count == 1 && sender == getpid());
  CHECK_EQ("lines are as long as the header", strlen(line), strlen(header));
  remove_queue(id);
  int value = 0;
  FILE *limit = fopen("/proc/sys/kernel/msgmax", "r");
  CHECK("the largest", limit && fscanf(limit, "%d", &value) == 1 && value == MESSAGE_MAX);
}

static const struct group groups[] = {
    {"get", test_get},
    {"order", test_order},
    {"size", test_size},
    {"copy", test_copy},
    {"receivers", test_receivers},
    {"senders", test_senders},
    {"interrupted", test_interrupted},
    {"control", test_control},
    {"permissions", test_permissions},
    {"proc", test_proc},
};

int main(int argc, char **argv) {
  return check_main(argc, argv, groups, COUNT(groups));
}
