/*
 * System V semaphores: SEM_UNDO, at the end of a thread with a list of its own, and its bounds.
 */
#include "sem.h"

/*
 * A thread with an undo list of its own: made without CLONE_SYSVSEM. It performs one call, waits
 * until it can take 1 of the set's last semaphore, and ends.
 */
#define OWN_LIST_FLAGS 0x10f00 /* CLONE_VM, FS, FILES, SIGHAND, THREAD */
#define END_IS_TOLD 0x200000   /* CLONE_CHILD_CLEARTID */

static struct {
  int id;
  struct sembuf operations[3], last;
  int count;
  volatile long result;
  volatile int runs;
} own;
static char own_stack[16384] __attribute__((aligned(16)));

/* No C library: the thread has no memory of its own for one. */
static long raw_semop(int id, struct sembuf *operations, long count) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(SYS_semop), "D"(id), "S"(operations), "d"(count)
                   : "rcx", "r11", "memory");
  return result;
}

static void own_body(void) {
  own.result = raw_semop(own.id, own.operations, own.count);
  raw_semop(own.id, &own.last, 1);
}

/* Returns when the thread waits for semaphore `last`. */
static void begin_own(int id, int last) {
  own.id = id;
  own.last = (struct sembuf){last, -1, 0};
  own.runs = 1;
  register long child_tid __asm__("r10") = (long)&own.runs;
  register long tls __asm__("r8") = 0;
  long result;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "call *%[body]\n\t"
                   "xor %%edi, %%edi\n\t"
                   "mov $60, %%eax\n\t"
                   "syscall\n"
                   "1:"
                   : "=a"(result)
                   : "a"(SYS_clone), "D"(OWN_LIST_FLAGS | END_IS_TOLD),
                     "S"(own_stack + sizeof own_stack), "d"(0), "r"(child_tid), "r"(tls),
                     [body] "r"((void (*)(void))own_body)
                   : "rcx", "r11", "memory");
  await(id, last, 100);
}

/* Lets the thread end, and waits until what it did is undone: until `index` has a value. */
static void end_own(int index, int wanted) {
  operate(own.id, own.last.sem_num, 1, 0);
  for (int tries = 0; (own.runs != 0 || value(own.id, index) != wanted) && tries < 5000; tries++)
    sleep_ms(1);
}

static void test_undo(void) {
  int id = semget(IPC_PRIVATE, 3, 0600);
  CHECK_EQ("plus, to be undone", operate(id, 0, 3, SEM_UNDO), 0);
  struct waiter thread = {.id = id, .operations = {{0, 2, SEM_UNDO}}, .count = 1};
  pthread_create(&thread.thread, NULL, wait_in_semop, &thread);
  end(&thread);
  CHECK_EQ("when a thread of the process ends, nothing is", value(id, 0), 5);

  set_value(id, 0, 10);
  own.operations[0] = (struct sembuf){0, -4, SEM_UNDO};
  own.operations[1] = (struct sembuf){0, -1, 0};
  own.operations[2] = (struct sembuf){1, 6, SEM_UNDO};
  own.count = 3;
  begin_own(id, 2);
  CHECK("a thread with a list of its own", own.result == 0 && value(id, 0) == 5 && value(id, 1) == 6);
  operate(id, 1, -5, 0);
  struct waiter taker = {.id = id, .operations = {{0, -9, 0}}, .count = 1};
  begin(&taker, 0, 100);
  end_own(1, 0);
  end(&taker);
  CHECK_EQ("what it took comes back, and wakes", taker.result, 0);
  CHECK_EQ("what it took without SEM_UNDO does not", value(id, 0), 0);
  CHECK_EQ("what it gave goes, down to zero", value(id, 1), 0);

  own.operations[0] = (struct sembuf){0, -1, SEM_UNDO};
  own.operations[1] = (struct sembuf){1, 1, SEM_UNDO};
  own.count = 2;
  set_value(id, 0, 1);
  begin_own(id, 2);
  set_value(id, 0, 32767);
  operate(id, 1, 1, 0);
  end_own(1, 1);
  CHECK_EQ("SETVAL forgets what was to be undone", value(id, 0), 32767);
  CHECK_EQ("of that semaphore alone", value(id, 1), 1);
  set_value(id, 0, 1);
  begin_own(id, 2);
  operate(id, 0, 32767, 0);
  end_own(0, 32767);
  CHECK_EQ("a value stays within its bounds", value(id, 0), 32767);

  int gone = semget(IPC_PRIVATE, 1, 0600);
  own.operations[0] = (struct sembuf){0, 1, SEM_UNDO};
  own.count = 1;
  CHECK_EQ("of a set that goes", operate(gone, 0, 5, SEM_UNDO), 0);
  remove_set(gone);
  CHECK_EQ("nothing is left, another is undone", operate(id, 1, 1, SEM_UNDO), 0);
  remove_set(id);
}

static void test_undo_bounds(void) {
  int id = semget(IPC_PRIVATE, 1, 0600);
  CHECK_EQ("32767 less", operate(id, 0, 32767, SEM_UNDO), 0);
  CHECK_EQ("taken, without", operate(id, 0, -32767, 0), 0);
  CHECK_EQ("32768 less", operate(id, 0, 1, SEM_UNDO), 0);
  CHECK_ERR("no more", operate(id, 0, 1, SEM_UNDO), ERANGE);
  CHECK_EQ("and so it stays", value(id, 0), 1);
  CHECK_EQ("without it there may be", operate(id, 0, 1, 0), 0);
  struct sembuf refused[2] = {{0, -1, SEM_UNDO}, {0, -9, IPC_NOWAIT}};
  CHECK_ERR("what is taken back", semop(id, refused, 2), EAGAIN);
  CHECK_ERR("is taken back of the adjustment", operate(id, 0, 1, SEM_UNDO), ERANGE);
  unsigned short none[1] = {0};
  CHECK_EQ("SETALL forgets it", semctl(id, 0, SETALL, (union semun){.array = none}), 0);
  CHECK_EQ("and there is room", operate(id, 0, 1, SEM_UNDO), 0);
  remove_set(id);
}

static const struct group groups[] = {
    {"undo", test_undo},
    {"undo-bounds", test_undo_bounds},
};

int main(int argc, char **argv) {
  return check_main(argc, argv, groups, COUNT(groups));
}
