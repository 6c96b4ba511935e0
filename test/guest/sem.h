/*
 * What the programs about System V semaphores share: single operations, and threads that wait.
 */
#ifndef SEM_H
#define SEM_H

#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/sem.h>
#include <sys/syscall.h>

union semun {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
  void *info;
};

static UNUSED int value(int id, int index) {
  return semctl(id, index, GETVAL);
}

static UNUSED int set_value(int id, int index, int value) {
  return semctl(id, index, SETVAL, (union semun){.val = value});
}

static int operate(int id, int index, int change, int flags) {
  struct sembuf one = {index, change, flags};
  return semop(id, &one, 1);
}

static void remove_set(int id) {
  semctl(id, 0, IPC_RMID);
}

/* ---- Threads that wait in semop ---- */

struct waiter {
  pthread_t thread;
  int id;
  struct sembuf operations[3];
  int count;
  /* In what order the threads went on, from 1. */
  int turn;
  int result, error;
};

static int turns;

static void *wait_in_semop(void *argument) {
  struct waiter *waiter = argument;
  waiter->result = semop(waiter->id, waiter->operations, waiter->count);
  waiter->error = errno;
  waiter->turn = __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

/* How many threads wait for a semaphore to grow, and to be zero. */
static int waiting(int id, int index) {
  return semctl(id, index, GETNCNT) * 100 + semctl(id, index, GETZCNT);
}

static void await(int id, int index, int wanted) {
  for (int tries = 0; waiting(id, index) != wanted && tries < 5000; tries++)
    sleep_ms(1);
}

/* Starts a thread, and waits until it waits for `index`; `wanted` as `waiting` says it. */
static UNUSED void begin(struct waiter *waiter, int index, int wanted) {
  waiter->turn = 0;
  pthread_create(&waiter->thread, NULL, wait_in_semop, waiter);
  await(waiter->id, index, wanted);
}

static void end(struct waiter *waiter) {
  pthread_join(waiter->thread, NULL);
}

#endif
