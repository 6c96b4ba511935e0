/**
 * Which system calls go on after a handler with SA_RESTART: signal(7), "Interruption of system
 * calls and library functions by signal handlers". Those that wait for a time or for several things
 * never do.
 */
const SYS_POLL: u64 = 7;
const SYS_RT_SIGRETURN: u64 = 15;
const SYS_SELECT: u64 = 23;
const SYS_PAUSE: u64 = 34;
const SYS_NANOSLEEP: u64 = 35;
const SYS_CONNECT: u64 = 42;
const SYS_SEMOP: u64 = 65;
const SYS_MSGSND: u64 = 69;
const SYS_MSGRCV: u64 = 70;
const SYS_RT_SIGTIMEDWAIT: u64 = 128;
const SYS_RT_SIGSUSPEND: u64 = 130;
const SYS_FUTEX: u64 = 202;
const SYS_IO_GETEVENTS: u64 = 208;
const SYS_SEMTIMEDOP: u64 = 220;
const SYS_CLOCK_NANOSLEEP: u64 = 230;
const SYS_EPOLL_WAIT: u64 = 232;
const SYS_PSELECT6: u64 = 270;
const SYS_PPOLL: u64 = 271;
const SYS_EPOLL_PWAIT: u64 = 281;
const SYS_IO_PGETEVENTS: u64 = 333;
const SYS_EPOLL_PWAIT2: u64 = 441;

/**
 * Inside of the kernel alone: a signal has ended the wait, and the call goes on after its handler
 * whether the handler wants that or not.
 */
export const ERESTARTNOINTR: i64 = 513;

/** `timeout`: the call's fourth argument, which futex(2) may wait for. */
export function isRestartable(number: u64, timeout: u64): bool {
  if (number == SYS_FUTEX) return timeout == 0;
  return !(
    number == SYS_POLL ||
    number == SYS_RT_SIGRETURN ||
    number == SYS_SELECT ||
    number == SYS_PAUSE ||
    number == SYS_NANOSLEEP ||
    number == SYS_CONNECT ||
    number == SYS_RT_SIGTIMEDWAIT ||
    number == SYS_RT_SIGSUSPEND ||
    number == SYS_CLOCK_NANOSLEEP ||
    number == SYS_EPOLL_WAIT ||
    number == SYS_PSELECT6 ||
    number == SYS_PPOLL ||
    number == SYS_EPOLL_PWAIT ||
    number == SYS_EPOLL_PWAIT2 ||
    number == SYS_SEMOP ||
    number == SYS_SEMTIMEDOP ||
    number == SYS_MSGSND ||
    number == SYS_MSGRCV ||
    number == SYS_IO_GETEVENTS ||
    number == SYS_IO_PGETEVENTS
  );
}
