/*
 * System V semaphores: semget, semop, semtimedop, semctl, and what /proc tells of them.
 */
#include "sem.h"
#include <signal.h>

#ifndef SEM_STAT
#define SEM_STAT 18
#define SEM_INFO 19
#endif
#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

static struct semid_ds status(int id) {
  struct semid_ds told;
  memset(&told, 0x55, sizeof told);
  CHECK_EQ("the status is told", semctl(id, 0, IPC_STAT, (union semun){.buf = &told}), 0);
  return told;
}

static void test_get(void) {
  key_t key = 0x56000000 | (getpid() & 0xffff);
  CHECK_ERR("no such key", semget(key, 1, 0600), ENOENT);
  CHECK_ERR("an empty set", semget(key, 0, IPC_CREAT | 0600), EINVAL);
  CHECK_ERR("a set of less", semget(key, -1, IPC_CREAT | 0600), EINVAL);
  CHECK_ERR("a set of too many", semget(key, 32001, IPC_CREAT | 0600), EINVAL);
  int large = semget(IPC_PRIVATE, 32000, 0600);
  CHECK("as many as there may be", large >= 0);
  CHECK_EQ("the last of them", value(large, 31999), 0);
  remove_set(large);
  int id = semget(key, 3, IPC_CREAT | 0640);
  REQUIRE("a set is made", id >= 0);
  CHECK_EQ("its key leads to it", semget(key, 3, 0), id);
  CHECK_EQ("for less", semget(key, 1, 0600), id);
  CHECK_EQ("for none", semget(key, 0, 0600), id);
  CHECK_ERR("for more", semget(key, 4, 0600), EINVAL);
  CHECK_ERR("made, not found", semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
  struct semid_ds told = status(id);
  CHECK_EQ("count", told.sem_nsems, 3);
  CHECK_EQ("permissions", told.sem_perm.mode, 0640);
  CHECK_EQ("key", told.sem_perm.__key, key);
  CHECK_EQ("never operated", told.sem_otime, 0);
  CHECK("made now", labs(told.sem_ctime - time(NULL)) <= 2);
  CHECK("all are zero", value(id, 0) == 0 && value(id, 1) == 0 && value(id, 2) == 0);
  CHECK_EQ("by nobody", semctl(id, 0, GETPID), 0);
  CHECK_EQ("removed", semctl(id, 0, IPC_RMID), 0);
  CHECK("gone", semctl(id, 0, GETVAL) == -1 && (errno == EINVAL || errno == EIDRM));
  CHECK("removed once more", semctl(id, 0, IPC_RMID) == -1);
  int next = semget(key, 1, IPC_CREAT | IPC_EXCL | 0600);
  CHECK("the next has another identifier", next >= 0 && next != id);
  remove_set(next);
}

static void test_operate(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  REQUIRE("a set is made", id >= 0);
  CHECK_EQ("plus", operate(id, 1, 5, 0), 0);
  CHECK_EQ("is there", value(id, 1), 5);
  CHECK("the others stay", value(id, 0) == 0 && value(id, 2) == 0);
  CHECK_EQ("this process did it", semctl(id, 1, GETPID), getpid());
  CHECK_EQ("and not that", semctl(id, 0, GETPID), 0);
  CHECK("now", labs(status(id).sem_otime - time(NULL)) <= 2);
  CHECK_EQ("minus", operate(id, 1, -4, 0), 0);
  CHECK_EQ("is there", value(id, 1), 1);
  CHECK_ERR("more than there is", operate(id, 1, -2, IPC_NOWAIT), EAGAIN);
  CHECK_EQ("all there is", operate(id, 1, -1, IPC_NOWAIT), 0);
  CHECK_EQ("zero is zero", operate(id, 1, 0, IPC_NOWAIT), 0);
  CHECK_EQ("zero notes the process", (operate(id, 0, 0, 0), semctl(id, 0, GETPID)), getpid());
  set_value(id, 1, 1);
  CHECK_ERR("one is not zero", operate(id, 1, 0, IPC_NOWAIT), EAGAIN);
  set_value(id, 1, 32767);
  CHECK_ERR("beyond the highest", operate(id, 1, 1, 0), ERANGE);
  CHECK_EQ("it stays", value(id, 1), 32767);
  CHECK_ERR("no operation", semop(id, NULL, 0), EINVAL);
  CHECK_ERR("no such semaphore", operate(id, 3, 1, 0), EFBIG);
  CHECK_ERR("no such set", operate(-1, 0, 1, 0), EINVAL);
  struct sembuf many[501] = {{0}};
  CHECK_EQ("500 operations", semop(id, many, 500), 0);
  CHECK_ERR("501 operations", semop(id, many, 501), E2BIG);
  CHECK_ERR("operations nowhere", semop(id, (void *)16, 1), EFAULT);
  remove_set(id);
  CHECK("gone", operate(id, 0, 1, 0) == -1);
}

static void test_all_or_nothing(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  struct sembuf three[3] = {{0, 2, 0}, {1, 3, 0}, {2, -1, IPC_NOWAIT}};
  CHECK_ERR("the last can't be done", semop(id, three, 3), EAGAIN);
  CHECK("so nothing is", value(id, 0) == 0 && value(id, 1) == 0 && value(id, 2) == 0);
  CHECK_EQ("and nobody did it", semctl(id, 0, GETPID), 0);
  CHECK_EQ("never operated", status(id).sem_otime, 0);
  set_value(id, 2, 1);
  CHECK_EQ("all can be done", semop(id, three, 3), 0);
  CHECK("and are", value(id, 0) == 2 && value(id, 1) == 3 && value(id, 2) == 0);
  struct sembuf same[3] = {{0, -2, 0}, {0, 0, 0}, {0, 7, 0}};
  CHECK_EQ("one after the other on the same", semop(id, same, 3), 0);
  CHECK_EQ("is seven", value(id, 0), 7);
  struct sembuf over[2] = {{0, -7, 0}, {1, 32767, IPC_NOWAIT}};
  CHECK_ERR("too much at the end", semop(id, over, 2), ERANGE);
  CHECK("leaves all", value(id, 0) == 7 && value(id, 1) == 3);
  struct sembuf between[2] = {{0, 32767 - 7 + 1, 0}, {0, -1, 0}};
  CHECK_ERR("too much in between", semop(id, between, 2), ERANGE);
  CHECK_EQ("leaves it", value(id, 0), 7);
  remove_set(id);
}

static void test_wait(void) {
  int id = semget(IPC_PRIVATE, 2, 0600);
  struct waiter taker = {.id = id, .operations = {{1, -2, 0}}, .count = 1};
  begin(&taker, 1, 100);
  CHECK_EQ("it waits for more", semctl(id, 1, GETNCNT), 1);
  CHECK_EQ("not for zero", semctl(id, 1, GETZCNT), 0);
  CHECK_EQ("nobody waits for the other", waiting(id, 0), 0);
  CHECK_EQ("one is not enough", operate(id, 1, 1, 0), 0);
  CHECK_EQ("it waits still", waiting(id, 1), 100);
  CHECK_EQ("nothing of it is done", value(id, 1), 1);
  CHECK_EQ("two are", operate(id, 1, 2, 0), 0);
  end(&taker);
  CHECK_EQ("done", taker.result, 0);
  CHECK_EQ("one is left", value(id, 1), 1);
  CHECK_EQ("nobody waits", waiting(id, 1), 0);

  struct waiter zero = {.id = id, .operations = {{1, 0, 0}}, .count = 1};
  begin(&zero, 1, 1);
  CHECK_EQ("it waits for zero", semctl(id, 1, GETZCNT), 1);
  operate(id, 1, -1, 0);
  end(&zero);
  CHECK_EQ("zero has come", zero.result, 0);
  set_value(id, 1, 1);
  begin(&zero, 1, 1);
  set_value(id, 1, 0);
  end(&zero);
  CHECK_EQ("by SETVAL", zero.result, 0);
  begin(&taker, 1, 100);
  unsigned short all[2] = {4, 2};
  CHECK_EQ("SETALL", semctl(id, 0, SETALL, (union semun){.array = all}), 0);
  end(&taker);
  CHECK_EQ("wakes as well", taker.result, 0);
  CHECK("and is counted", value(id, 0) == 4 && value(id, 1) == 0);
  remove_set(id);
}

/* Only the operation that keeps a call waiting counts, and that may be another one in time. */
static void test_wait_for_several(void) {
  int id = semget(IPC_PRIVATE, 2, 0600);
  struct waiter both = {.id = id, .operations = {{0, -1, 0}, {1, -1, 0}}, .count = 2};
  begin(&both, 0, 100);
  CHECK_EQ("it waits for the first", waiting(id, 0), 100);
  CHECK_EQ("and not yet for the second", waiting(id, 1), 0);
  operate(id, 0, 1, 0);
  await(id, 1, 100);
  CHECK_EQ("then for the second", waiting(id, 1), 100);
  CHECK_EQ("and not for the first", waiting(id, 0), 0);
  CHECK_EQ("of which nothing is taken", value(id, 0), 1);
  CHECK_EQ("so another may take it", operate(id, 0, -1, IPC_NOWAIT), 0);
  operate(id, 1, 1, 0);
  await(id, 0, 100);
  CHECK_EQ("then for the first again", waiting(id, 0), 100);
  operate(id, 0, 1, 0);
  end(&both);
  CHECK("both are taken", both.result == 0 && value(id, 0) == 0 && value(id, 1) == 0);

  struct waiter later = {.id = id, .operations = {{0, -1, 0}, {1, -1, IPC_NOWAIT}}, .count = 2};
  begin(&later, 0, 100);
  operate(id, 0, 1, 0);
  end(&later);
  CHECK("an operation that does not wait ends it later",
        later.result == -1 && later.error == EAGAIN && value(id, 0) == 1);
  set_value(id, 0, 0);
  struct waiter high = {.id = id, .operations = {{0, -1, 0}, {1, 32767, 0}}, .count = 2};
  set_value(id, 1, 1);
  begin(&high, 0, 100);
  operate(id, 0, 1, 0);
  end(&high);
  CHECK("so does a value too high",
        high.result == -1 && high.error == ERANGE && value(id, 0) == 1 && value(id, 1) == 1);
  remove_set(id);
}

static void test_order(void) {
  int id = semget(IPC_PRIVATE, 2, 0600);
  struct waiter waiters[4];
  for (int i = 0; i < 4; i++) {
    waiters[i] = (struct waiter){.id = id, .operations = {{0, -1, 0}}, .count = 1};
    begin(&waiters[i], 0, 100 * (i + 1));
  }
  turns = 0;
  for (int i = 0; i < 4; i++) {
    operate(id, 0, 1, 0);
    end(&waiters[i]);
    CHECK_EQ("who came first goes first", waiters[i].turn, i + 1);
  }
  /* The first wants more than there is; the second is not kept back by that. */
  struct waiter many = {.id = id, .operations = {{0, -3, 0}}, .count = 1};
  struct waiter one = {.id = id, .operations = {{0, -1, 0}}, .count = 1};
  begin(&many, 0, 100);
  begin(&one, 0, 200);
  operate(id, 0, 1, 0);
  end(&one);
  CHECK_EQ("what can be done is", one.result, 0);
  CHECK_EQ("the other waits", waiting(id, 0), 100);
  begin(&one, 0, 200);
  operate(id, 0, 3, 0);
  end(&many);
  CHECK_EQ("enough for the first goes to it", many.result, 0);
  CHECK_EQ("and the second waits", waiting(id, 0), 100);
  operate(id, 0, 1, 0);
  end(&one);
  /* Several at once, and one that the wake of another makes possible. */
  for (int i = 0; i < 3; i++) {
    waiters[i] = (struct waiter){.id = id, .operations = {{0, -1, 0}}, .count = 1};
    begin(&waiters[i], 0, 100 * (i + 1));
  }
  operate(id, 0, 3, 0);
  for (int i = 0; i < 3; i++)
    end(&waiters[i]);
  CHECK("three for three", waiters[0].result == 0 && waiters[1].result == 0 &&
                               waiters[2].result == 0 && value(id, 0) == 0);
  struct waiter pass = {.id = id, .operations = {{0, -1, 0}, {1, 1, 0}}, .count = 2};
  struct waiter passed = {.id = id, .operations = {{1, -1, 0}}, .count = 1};
  begin(&passed, 1, 100);
  begin(&pass, 0, 100);
  operate(id, 0, 1, 0);
  end(&pass);
  end(&passed);
  CHECK("what one does lets the other go on, which came first", passed.result == 0);
  CHECK("all is taken", value(id, 0) == 0 && value(id, 1) == 0);
  /* A value that is zero for a moment only. */
  set_value(id, 0, 1);
  struct waiter zero = {.id = id, .operations = {{0, 0, 0}}, .count = 1};
  struct waiter grow = {.id = id, .operations = {{1, -1, 0}, {0, 1, 0}}, .count = 2};
  begin(&grow, 1, 100);
  begin(&zero, 0, 1);
  struct sembuf change[2] = {{0, -1, 0}, {1, 1, 0}};
  semop(id, change, 2);
  end(&grow);
  end(&zero);
  CHECK("who waits for zero sees it before it is changed", zero.result == 0 && value(id, 0) == 1);
  remove_set(id);
}

static void on_signal(int signal) {
  (void)signal;
}

static void test_interrupted(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  int id = semget(IPC_PRIVATE, 1, 0600);
  struct waiter taker = {.id = id, .operations = {{0, -1, 0}}, .count = 1};
  begin(&taker, 0, 100);
  pthread_kill(taker.thread, SIGUSR1);
  end(&taker);
  CHECK("a signal ends it, whatever the handler says", taker.result == -1 && taker.error == EINTR);
  CHECK_EQ("it waits no more", waiting(id, 0), 0);
  operate(id, 0, 1, 0);
  CHECK_EQ("and takes nothing", value(id, 0), 1);
  set_value(id, 0, 0);

  struct waiter waiters[3];
  for (int i = 0; i < 3; i++) {
    waiters[i] = (struct waiter){.id = id, .operations = {{0, i == 1 ? -2 : -1, 0}}, .count = 1};
    begin(&waiters[i], 0, 100 * (i + 1));
  }
  pthread_kill(waiters[1].thread, SIGUSR1);
  end(&waiters[1]);
  CHECK_EQ("two are left", waiting(id, 0), 200);
  CHECK_EQ("removed under them", semctl(id, 0, IPC_RMID), 0);
  end(&waiters[0]);
  end(&waiters[2]);
  CHECK("they are told", waiters[0].error == EIDRM && waiters[2].error == EIDRM);
}

static void test_timeout(void) {
  int id = semget(IPC_PRIVATE, 1, 0600);
  struct sembuf take = {0, -1, 0}, give = {0, 1, 0};
  struct timespec soon = {0, 20000000}, none = {0, 0}, wrong = {0, 1000000000}, before = {-1, 0};
  int64_t start = now_ns();
  CHECK_ERR("time runs out", semtimedop(id, &take, 1, &soon), EAGAIN);
  CHECK("not before it has", now_ns() - start >= 20000000);
  CHECK_EQ("it waits no more", waiting(id, 0), 0);
  CHECK_ERR("no time at all", semtimedop(id, &take, 1, &none), EAGAIN);
  CHECK_ERR("no fraction of a second", semtimedop(id, &give, 1, &wrong), EINVAL);
  CHECK_ERR("negative", semtimedop(id, &give, 1, &before), EINVAL);
  CHECK_ERR("nowhere", syscall(SYS_semtimedop, id, &give, 1, 16), EFAULT);
  CHECK_EQ("nothing was given", value(id, 0), 0);
  CHECK_EQ("what can be done is done", semtimedop(id, &give, 1, &none), 0);
  CHECK_EQ("and taken", semtimedop(id, &take, 1, NULL), 0);
  remove_set(id);
}

static void test_control(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  unsigned short all[3] = {1, 32767, 3}, told[4] = {9, 9, 9, 9};
  CHECK_EQ("SETALL", semctl(id, 0, SETALL, (union semun){.array = all}), 0);
  CHECK_EQ("GETALL", semctl(id, 0, GETALL, (union semun){.array = told}), 0);
  CHECK("as many as there are", told[0] == 1 && told[1] == 32767 && told[2] == 3 && told[3] == 9);
  CHECK_EQ("by this process", semctl(id, 2, GETPID), getpid());
  all[2] = 32768;
  CHECK_ERR("too high", semctl(id, 0, SETALL, (union semun){.array = all}), ERANGE);
  all[2] = 8, all[1] = 40000;
  CHECK_ERR("too high before", semctl(id, 0, SETALL, (union semun){.array = all}), ERANGE);
  CHECK_EQ("changes nothing", value(id, 2), 3);
  CHECK_ERR("from nowhere", semctl(id, 0, SETALL, (union semun){.array = (void *)16}), EFAULT);
  CHECK_ERR("to nowhere", semctl(id, 0, GETALL, (union semun){.array = (void *)16}), EFAULT);
  CHECK_EQ("SETVAL", set_value(id, 1, 7), 0);
  CHECK_EQ("GETVAL", value(id, 1), 7);
  CHECK_ERR("SETVAL too high", set_value(id, 1, 32768), ERANGE);
  CHECK_ERR("SETVAL below zero", set_value(id, 1, -1), ERANGE);
  CHECK_ERR("SETVAL of none", set_value(id, 3, 1), EINVAL);
  CHECK_ERR("GETVAL of none", value(id, 3), EINVAL);
  CHECK_ERR("GETVAL below", value(id, -1), EINVAL);
  CHECK_ERR("GETNCNT of none", semctl(id, 3, GETNCNT), EINVAL);
  CHECK_ERR("no such command", semctl(id, 0, 99), EINVAL);
  CHECK_ERR("no such set", semctl(-1, 0, GETVAL), EINVAL);
  struct semid_ds change = status(id);
  change.sem_perm.uid = 1234;
  change.sem_perm.mode = 07440;
  change.sem_nsems = 1;
  CHECK_EQ("IPC_SET", semctl(id, 0, IPC_SET, (union semun){.buf = &change}), 0);
  struct semid_ds now = status(id);
  CHECK("owner and permissions alone",
        now.sem_perm.uid == 1234 && now.sem_perm.mode == 0440 && now.sem_nsems == 3);
  CHECK_ERR("IPC_SET from nowhere", semctl(id, 0, IPC_SET, (union semun){.buf = (void *)16}), EFAULT);
  int info[10] = {0};
  int highest = semctl(0, 0, IPC_INFO, (union semun){.info = info});
  CHECK("limits: sets, semaphores", highest >= 0 && info[1] == 32000 && info[2] == 1024000000);
  CHECK("of a set, operations, highest", info[4] == 32000 && info[5] == 500 && info[8] == 32767);
  CHECK_EQ("what there is", semctl(0, 0, SEM_INFO, (union semun){.info = info}), highest);
  int used = info[7], semaphores = info[9];
  int second = semget(IPC_PRIVATE, 5, 0600);
  semctl(0, 0, SEM_INFO, (union semun){.info = info});
  CHECK("one set more, five semaphores", info[7] == used + 1 && info[9] == semaphores + 5);
  int found = -1;
  for (int place = 0; place <= 32000 && found < 0; place++)
    if (semctl(place, 0, SEM_STAT, (union semun){.buf = &now}) == second)
      found = place;
  CHECK("found by its place", found >= 0 && now.sem_nsems == 5);
  CHECK_EQ("by anybody", semctl(found, 0, SEM_STAT_ANY, (union semun){.buf = &now}), second);
  remove_set(second);
  CHECK_ERR("an empty place", semctl(found, 0, SEM_STAT, (union semun){.buf = &now}), EINVAL);
  semctl(0, 0, SEM_INFO, (union semun){.info = info});
  CHECK("and they are gone", info[7] == used && info[9] == semaphores);
  remove_set(id);
}

static void test_permissions(void) {
  int closed = semget(IPC_PRIVATE, 1, 0600), open = semget(IPC_PRIVATE, 1, 0444);
  if (setresuid(-1, 65534, -1) != 0)
    return;
  unsigned short all[1] = {0};
  struct semid_ds told;
  CHECK_ERR("not readable: value", value(closed, 0), EACCES);
  CHECK_ERR("not readable: status", semctl(closed, 0, IPC_STAT, (union semun){.buf = &told}), EACCES);
  CHECK_ERR("not readable: all", semctl(closed, 0, GETALL, (union semun){.array = all}), EACCES);
  CHECK_ERR("not readable: zero", operate(closed, 0, 0, 0), EACCES);
  CHECK_EQ("readable: zero", operate(open, 0, 0, 0), 0);
  CHECK_EQ("readable: value", value(open, 0), 0);
  CHECK_ERR("not alterable: plus", operate(open, 0, 1, 0), EACCES);
  CHECK_ERR("not alterable: set", set_value(open, 0, 1), EACCES);
  CHECK_ERR("not alterable: set all", semctl(open, 0, SETALL, (union semun){.array = all}), EACCES);
  CHECK_ERR("not the owner", semctl(open, 0, IPC_RMID), EPERM);
  CHECK_EQ("root again", setresuid(-1, 0, -1), 0);
  remove_set(closed);
  remove_set(open);
}

static void test_proc(void) {
  int id = semget(IPC_PRIVATE, 77, 0640);
  FILE *table = fopen("/proc/sysvipc/sem", "r");
  REQUIRE("there is a table", table != NULL);
  char line[256], header[256] = "";
  bool found = false;
  CHECK("it has a header", fgets(header, sizeof header, table) && strstr(header, "nsems"));
  long key, number, mode, count;
  while (!found && fgets(line, sizeof line, table))
    found = sscanf(line, "%ld %ld %lo %ld", &key, &number, &mode, &count) == 4 && number == id;
  fclose(table);
  CHECK("it has the set", found && key == 0 && mode == 0640 && count == 77);
  CHECK_EQ("lines are as long as the header", strlen(line), strlen(header));
  remove_set(id);
  int limits[4] = {0};
  FILE *sem = fopen("/proc/sys/kernel/sem", "r");
  CHECK("the limits", sem && fscanf(sem, "%d %d %d %d", limits, limits + 1, limits + 2, limits + 3) == 4 &&
                          limits[0] == 32000 && limits[1] == 1024000000 && limits[2] == 500 &&
                          limits[3] == 32000);
}

/* A lock of two threads: what each does with it held is whole. */
static int lock_id;
static volatile int counter;

static void *add_many(void *unused) {
  for (int i = 0; i < 20000; i++) {
    operate(lock_id, 0, -1, SEM_UNDO);
    int was = counter;
    if (i % 64 == 0)
      sched_yield();
    counter = was + 1;
    operate(lock_id, 0, 1, SEM_UNDO);
  }
  return unused;
}

static void test_lock(void) {
  pthread_t threads[3];
  lock_id = semget(IPC_PRIVATE, 1, 0600);
  set_value(lock_id, 0, 1);
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, add_many, NULL);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  CHECK_EQ("no addition is lost", counter, 60000);
  CHECK_EQ("the lock is free", value(lock_id, 0), 1);
  remove_set(lock_id);
}

static const struct group groups[] = {
    {"get", test_get},
    {"operate", test_operate},
    {"all-or-nothing", test_all_or_nothing},
    {"wait", test_wait},
    {"wait-for-several", test_wait_for_several},
    {"order", test_order},
    {"interrupted", test_interrupted},
    {"timeout", test_timeout},
    {"control", test_control},
    {"permissions", test_permissions},
    {"proc", test_proc},
    {"lock", test_lock},
};

int main(int argc, char **argv) {
  return check_main(argc, argv, groups, COUNT(groups));
}
