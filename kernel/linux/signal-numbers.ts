/**
 * Signal numbers and structures of x86-64 Linux: signal(7), sigaction(2),
 * include/uapi/asm-generic/siginfo.h.
 */
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGABRT = 6;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGSEGV = 11;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGSTKFLT = 16;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTIN = 21;
export const SIGTTOU = 22;
export const SIGURG = 23;
export const SIGXCPU = 24;
export const SIGXFSZ = 25;
export const SIGVTALRM = 26;
export const SIGPROF = 27;
export const SIGWINCH = 28;
export const SIGIO = 29;
export const SIGPWR = 30;
export const SIGSYS = 31;
/** The first real-time signal, as the kernel counts; the C libraries keep some for themselves. */
export const FIRST_REALTIME = 32;
export const SIGNAL_MAX = 64;

export const SA_SIGINFO: u64 = 0x4;
export const SA_ONSTACK: u64 = 0x08000000;
export const SA_RESTART: u64 = 0x10000000;
export const SA_NODEFER: u64 = 0x40000000;
export const SA_RESETHAND: u64 = 0x80000000;
export const SA_RESTORER: u64 = 0x04000000;
export const SIG_DFL: u64 = 0;
export const SIG_IGN: u64 = 1;

// sigaltstack(2)
export const SS_ONSTACK: u32 = 1;
export const SS_DISABLE: u32 = 2;
export const SS_AUTODISARM: u32 = 0x80000000;

export const SI_USER: i32 = 0;
export const SI_KERNEL: i32 = 0x80;
export const SI_QUEUE: i32 = -1;
export const SI_TIMER: i32 = -2;
export const SI_TKILL: i32 = -6;
export const SEGV_MAPERR: i32 = 1;
export const SEGV_ACCERR: i32 = 2;
export const BUS_ADRERR: i32 = 2;
export const BUS_ADRALN: i32 = 1;
export const FPE_INTDIV: i32 = 1;
export const FPE_FLTDIV: i32 = 3;
export const FPE_FLTOVF: i32 = 4;
export const FPE_FLTUND: i32 = 5;
export const FPE_FLTRES: i32 = 6;
export const FPE_FLTINV: i32 = 7;
export const ILL_ILLOPN: i32 = 2;
export const TRAP_TRACE: i32 = 2;

/** siginfo_t, the part that is used: 128 bytes in all for the application. */
@unmanaged
export class SignalInfo {
  signo: i32;
  errno: i32;
  code: i32;
  padding: i32;
  /** si_addr; or si_pid (low half) and si_uid; or si_timerid and si_overrun. */
  address: u64;
  /** si_value. */
  value: u64;

  set(signo: i32, code: i32, address: u64): void {
    this.signo = signo;
    this.errno = 0;
    this.code = code;
    this.padding = 0;
    this.address = address;
    this.value = 0;
  }
}
export const SIGINFO_SIZE: u64 = 128;

/** struct sigaction as rt_sigaction(2) takes it. */
@unmanaged
export class SignalAction {
  handler: u64;
  flags: u64;
  restorer: u64;
  mask: u64;
}

const NAMES: StaticArray<string> = [
  "SIG0",
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGILL",
  "SIGTRAP",
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGKILL",
  "SIGUSR1",
  "SIGSEGV",
  "SIGUSR2",
  "SIGPIPE",
  "SIGALRM",
  "SIGTERM",
  "SIGSTKFLT",
  "SIGCHLD",
  "SIGCONT",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGPWR",
  "SIGSYS",
];

export function signalName(signal: i32): string {
  return signal < NAMES.length ? NAMES[signal] : "SIGRT";
}

/** The bit of a signal in a mask. */
export function signalBit(signal: i32): u64 {
  return (<u64>1) << (signal - 1);
}
