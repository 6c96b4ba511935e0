/*
 * Catching faults: runs a function and tells which signal, if any, ended it.
 *
 *   siginfo_t info;
 *   if (fault_of(poke, address, &info) == SIGSEGV) ... info.si_addr, info.si_code
 *
 * The handler leaves by siglongjmp, so this itself needs handlers and sigprocmask to work. It is
 * for one thread at a time.
 */
#ifndef FAULT_H
#define FAULT_H

#include "check.h"
#include <setjmp.h>
#include <signal.h>

static sigjmp_buf fault_return;
static siginfo_t fault_info;

static UNUSED void fault_handler(int signal, siginfo_t *info, void *context) {
  (void)context;
  fault_info = *info;
  siglongjmp(fault_return, signal);
}

static UNUSED int fault_of(void (*run)(void *), void *argument, siginfo_t *info) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  struct sigaction old[COUNT(signals)], action = {.sa_sigaction = fault_handler};
  action.sa_flags = SA_SIGINFO;
  for (unsigned i = 0; i < COUNT(signals); i++)
    sigaction(signals[i], &action, &old[i]);
  int signal = sigsetjmp(fault_return, 1);
  if (signal == 0)
    run(argument);
  else if (info)
    *info = fault_info;
  for (unsigned i = 0; i < COUNT(signals); i++)
    sigaction(signals[i], &old[i], NULL);
  return signal;
}

static UNUSED void fault_read(void *address) { *(volatile char *)address; }
static UNUSED void fault_write(void *address) { *(volatile char *)address = 1; }
static UNUSED void fault_call(void *address) { ((void (*)(void))address)(); }

static UNUSED bool readable(void *address) { return fault_of(fault_read, address, NULL) == 0; }
static UNUSED bool writable(void *address) { return fault_of(fault_write, address, NULL) == 0; }

#endif
