/*
 * Ways for a program to end, one per argument. Each is checked from outside: by the exit code or
 * signal event, and by what is on the console.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Recursion that no compiler turns into a loop: the result is used after the call. */
__attribute__((noinline)) static int overflow(int depth) {
  volatile char frame[4096];
  frame[0] = (char)depth;
  return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

/* Not a constant, or compilers would see through it. */
static volatile long zero;

static void *null_write_thread(void *argument) {
  *(volatile int *)(zero + 8) = 1;
  return argument;
}

static void *exit_thread(void *argument) {
  (void)argument;
  exit(7);
}

/* Output of a known shape: numbered lines of 64 bytes, to see that none is lost or reordered. */
static void big_output(void) {
  for (int i = 0; i < 4096; i++)
    printf("%08d %.*s\n", i, 54, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh");
}

/* Functions with names that a backtrace is to show. */
__attribute__((noinline)) static int read_field(volatile int *record) { return record[2] + 1; }

__attribute__((noinline)) static int read_record(long at) {
  volatile int local = read_field((volatile int *)at);
  return local + 1;
}

__attribute__((noinline)) static long measure(const char *text) {
  volatile long length = (long)strlen(text);
  return length + 1;
}

static void crash_in_handler(int signal) { zero = read_record(zero) + signal; }

/* A signal whose handler has a stack that it can't be put on. */
static void bad_stack(int protection) {
  void *memory = mmap(NULL, 65536, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = {.ss_sp = memory, .ss_size = 65536};
  struct sigaction action = {.sa_handler = crash_in_handler, .sa_flags = SA_ONSTACK};
  sigaltstack(&stack, NULL);
  sigaction(SIGHUP, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  raise(SIGHUP);
}

static void at_exit_handler(void) { puts("atexit handler"); }

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  pthread_t thread;
  if (!strcmp(how, "null-read"))
    return *(volatile int *)zero;
  if (!strcmp(how, "null-write"))
    *(volatile int *)zero = 1;
  else if (!strcmp(how, "null-call"))
    ((void (*)(void))zero)();
  else if (!strcmp(how, "abort"))
    abort();
  else if (!strcmp(how, "two-functions"))
    return read_record(zero) + 1;
  else if (!strcmp(how, "in-libc"))
    return measure((const char *)zero) > 1;
  else if (!strcmp(how, "in-handler")) {
    signal(SIGUSR1, crash_in_handler);
    raise(SIGUSR1);
  }
  else if (!strcmp(how, "read-only-altstack"))
    bad_stack(PROT_READ);
  else if (!strcmp(how, "unmapped-altstack"))
    bad_stack(PROT_NONE);
  else if (!strcmp(how, "stack-overflow"))
    return overflow(zero);
  else if (!strcmp(how, "divide"))
    return 100 / zero;
  else if (!strcmp(how, "illegal"))
    __builtin_trap();
  else if (!strcmp(how, "blocked-segv")) {
    /* A synchronous fault kills even when its signal is blocked. */
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    *(volatile int *)zero = 1;
  } else if (!strcmp(how, "write-text"))
    *(volatile char *)main = 0;
  else if (!strcmp(how, "thread-null")) {
    pthread_create(&thread, NULL, null_write_thread, NULL);
    pthread_join(thread, NULL);
  } else if (!strcmp(how, "thread-exit")) {
    pthread_create(&thread, NULL, exit_thread, NULL);
    pthread_join(thread, NULL);
  } else if (!strcmp(how, "main-thread-exit")) {
    /* The process lives until its last thread ends, and then exits with 0. */
    pthread_exit(NULL);
  } else if (!strcmp(how, "last-thread-exit")) {
    /* exit(2), which ends a thread, by the only one there is: its status is the process'. */
    syscall(SYS_exit, 9);
  } else if (!strcmp(how, "raise-term"))
    raise(SIGTERM);
  else if (!strcmp(how, "raise-kill"))
    kill(getpid(), SIGKILL);
  else if (!strcmp(how, "exit-3")) {
    atexit(at_exit_handler);
    printf("buffered, without newline");
    exit(3);
  } else if (!strcmp(how, "_exit-42")) {
    atexit(at_exit_handler);
    _exit(42);
  } else if (!strcmp(how, "exit-256"))
    exit(256 + 5);
  else if (!strcmp(how, "big-stdout"))
    big_output();
  else if (!strcmp(how, "stderr"))
    fprintf(stderr, "to standard error\n");
  else if (!strcmp(how, "empty"))
    return 0;
  else {
    fprintf(stderr, "crash: no such way: %s\n", how);
    return 2;
  }
  return 0;
}
