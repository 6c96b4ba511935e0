/**
 * What an entry into the kernel saves, in the order of entry.S: the frame of a trap or of a system
 * call, on the kernel stack of the thread.
 */
@unmanaged
export class TrapFrame {
  r15: u64;
  r14: u64;
  r13: u64;
  r12: u64;
  rbp: u64;
  rbx: u64;
  r11: u64;
  r10: u64;
  r9: u64;
  r8: u64;
  rax: u64;
  rcx: u64;
  rdx: u64;
  rsi: u64;
  rdi: u64;
  vector: u64;
  /** The exception's error code; in a system call its number, for restarting it. */
  error: u64;
  rip: u64;
  cs: u64;
  rflags: u64;
  rsp: u64;
  ss: u64;

  /** Whether the application was interrupted: kernel stacks lie in the upper half. */
  fromApplication(): bool {
    return <i64>this.rsp >= 0;
  }
}
if (offsetof<TrapFrame>("vector") != 120 || offsetof<TrapFrame>("rip") != 136) {
  ERROR("entry.S knows these offsets");
}
if (offsetof<TrapFrame>("rsp") != 160 || offsetof<TrapFrame>() != 176) {
  ERROR("entry.S knows these offsets");
}

/** The pseudo vector of a system call's frame. */
export const VECTOR_SYSCALL: u64 = 0x100;

// Intel SDM volume 3, 6.15
export const VECTOR_DIVIDE_ERROR: u64 = 0;
export const VECTOR_DEBUG: u64 = 1;
export const VECTOR_NMI: u64 = 2;
export const VECTOR_BREAKPOINT: u64 = 3;
export const VECTOR_OVERFLOW: u64 = 4;
export const VECTOR_BOUND: u64 = 5;
export const VECTOR_INVALID_OPCODE: u64 = 6;
export const VECTOR_DEVICE_NOT_AVAILABLE: u64 = 7;
export const VECTOR_DOUBLE_FAULT: u64 = 8;
export const VECTOR_SEGMENT_NOT_PRESENT: u64 = 11;
export const VECTOR_STACK_FAULT: u64 = 12;
export const VECTOR_GENERAL_PROTECTION: u64 = 13;
export const VECTOR_PAGE_FAULT: u64 = 14;
export const VECTOR_FLOATING_POINT: u64 = 16;
export const VECTOR_ALIGNMENT_CHECK: u64 = 17;
export const VECTOR_MACHINE_CHECK: u64 = 18;
export const VECTOR_SIMD: u64 = 19;
/** First vector that is no exception. */
export const VECTOR_EXTERNAL: u64 = 32;

export const RFLAGS_IF: u64 = 0x200;
export const RFLAGS_DF: u64 = 0x400;
export const RFLAGS_TF: u64 = 0x100;
export const RFLAGS_NT: u64 = 0x4000;
/** Page fault error code. */
export const FAULT_PRESENT: u64 = 1;
export const FAULT_WRITE: u64 = 2;
export const FAULT_FETCH: u64 = 16;
