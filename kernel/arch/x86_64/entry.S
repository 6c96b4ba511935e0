/*
 * Entries into the kernel and ways out of it. The application runs in ring 0 as well, uses the red zone below
 * its stack pointer and knows nothing of us, so nothing may be pushed on its stack: every gate of the IDT
 * lands on an IST stack, and from there the frame is moved
 *
 *   - to the top of the thread's kernel stack, when the application was interrupted;
 *   - below the interrupted stack pointer, when the kernel was.
 *
 * Which of the two it was is told by the interrupted stack pointer: kernel stacks lie in the upper half, so its
 * sign says it. (The instruction pointer would not do: between an entry's first instruction and its stack
 * switch the kernel's code runs on the application's stack. Such a thread counts as in the application, and
 * its kernel stack is indeed empty.)
 *
 * The frame (struct TrapFrame, arch/x86_64/trap-frame.ts), from low to high addresses:
 *   r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi  vector error  rip cs rflags rsp ss
 *
 * %gs: 0 = Cpu object, 8 = top of the current thread's kernel stack, 16 = current thread,
 *      24 = work to do before returning to the application, 64 bits (sched/cpu.ts)
 */
#define GS_STACK_TOP %gs:8
#define GS_WORK %gs:24

#define KERNEL_CS 0x08
#define KERNEL_SS 0x10
#define VECTOR_SYSCALL 0x100

#define FRAME_VECTOR 120
#define FRAME_RIP 136
#define FRAME_RSP 160
#define FRAME_SIZE 176

        .text

/* 256 stubs of 16 bytes each; vectors 8, 10-14, 17, 21, 29, 30 come with an error code. */
        .globl trap_stubs
        .balign 16
trap_stubs:
        .set vector, 0
        .rept 256
        .balign 16
        .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
        .else
        pushq $0
        .endif
        pushq $vector
        jmp trap_common
        .set vector, vector + 1
        .endr

/* On an IST stack: vector, error, rip, cs, rflags, rsp, ss. Interrupts are off. */
trap_common:
        push %rdi
        push %rsi
        mov 56(%rsp), %rdi              /* interrupted rsp */
        test %rdi, %rdi
        cmovns GS_STACK_TOP, %rdi       /* from the application: its kernel stack is empty */
        and $-16, %rdi
        sub $FRAME_SIZE, %rdi
        mov 64(%rsp), %rsi
        mov %rsi, 168(%rdi)
        mov 56(%rsp), %rsi
        mov %rsi, 160(%rdi)
        mov 48(%rsp), %rsi
        mov %rsi, 152(%rdi)
        mov 40(%rsp), %rsi
        mov %rsi, 144(%rdi)
        mov 32(%rsp), %rsi
        mov %rsi, 136(%rdi)
        mov 24(%rsp), %rsi
        mov %rsi, 128(%rdi)
        mov 16(%rsp), %rsi
        mov %rsi, 120(%rdi)
        mov 8(%rsp), %rsi
        mov %rsi, 112(%rdi)             /* rdi */
        pop %rsi
        lea 112(%rdi), %rsp
        push %rsi
        push %rdx
        push %rcx
        push %rax
        push %r8
        push %r9
        push %r10
        push %r11
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        cld
        mov %rsp, %rdi
        mov FRAME_RIP(%rsp), %rax       /* a frame record, so that backtraces cross the trap */
        push %rax
        push %rbp
        mov %rsp, %rbp
        call trap_entry
        add $16, %rsp
trap_return:
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rax
        pop %rcx
        pop %rdx
        pop %rsi
        pop %rdi
        add $16, %rsp
        iretq

/* void enter_frame(frame): continues with the state in a frame on the current kernel stack. */
        .globl enter_frame
enter_frame:
        mov %rdi, %rsp
        jmp trap_return

/*
 * System calls. A patched site has jumped to its stub, which set %eax and put the return address into %rcx, as
 * the `syscall` instruction does; so both entries are one. %rcx and %r11 are the caller's to lose.
 */
        .macro syscall_path entry
        mov %rsp, %r11
        mov GS_STACK_TOP, %rsp
        push $KERNEL_SS
        push %r11
        pushfq
        push $KERNEL_CS
        push %rcx
        push %rax                       /* error: the number of the call, for restarting it */
        push $VECTOR_SYSCALL
        push %rdi
        push %rsi
        push %rdx
        push %rcx
        push %rax
        push %r8
        push %r9
        push %r10
        push %r11
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        cld
        mov %rsp, %rdi
        xor %ebp, %ebp
        call \entry
        .endm

        .globl syscall_from_stub, syscall_from_instruction
        .balign 64
syscall_from_instruction:
        syscall_path syscall_instruction
        jmp 1f
        .balign 64
syscall_from_stub:
        syscall_path syscall_entry
1:      cmpq $0, GS_WORK
        jne syscall_slow
syscall_exit_start:
        mov 32(%rsp), %rbp
        mov 56(%rsp), %r10
        mov 64(%rsp), %r9
        mov 72(%rsp), %r8
        mov 80(%rsp), %rax
        mov FRAME_RIP(%rsp), %rcx
        mov 96(%rsp), %rdx
        mov 104(%rsp), %rsi
        mov 112(%rsp), %rdi
        mov FRAME_RSP(%rsp), %rsp
syscall_exit_end:
        jmp *%rcx

/*
 * Work may arrive by an interrupt behind the check above. No `cli` guards against that, it would cost every
 * call: the interrupt's handler sees that it came between syscall_exit_start and syscall_exit_end, where the
 * frame is still whole, and sends the thread to syscall_slow (arch/x86_64/traps.ts).
 *
 * Signals, a switch, a restored signal context: the whole frame is loaded. The work itself is TypeScript's.
 */
        .globl syscall_slow, syscall_exit_start, syscall_exit_end
syscall_slow:
        mov %rsp, %rdi
        call syscall_work
        jmp trap_return

/*
 * switch_stacks(save, load): stores this thread's stack pointer at *save and continues on `load`, which
 * switch_stacks (or the first start of a thread, see sched/thread.ts) left there.
 */
        .globl switch_stacks
switch_stacks:
        push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, (%rdi)
        mov %rsi, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbx
        pop %rbp
        ret

/*
 * user_copy(dst, src, n): copies to or from the application's memory; returns how many bytes were not copied.
 * A fault in here that can't be resolved continues at user_access_fixup (mem/fault.ts), n left in %rdx.
 */
        .globl user_copy, user_access_start, user_access_end, user_access_fixup
        .balign 16
user_copy:
user_access_start:
        cmp $32, %rdx
        jb 2f
1:      mov (%rsi), %rax
        mov 8(%rsi), %rcx
        mov 16(%rsi), %r8
        mov 24(%rsi), %r9
        mov %rax, (%rdi)
        mov %rcx, 8(%rdi)
        mov %r8, 16(%rdi)
        mov %r9, 24(%rdi)
        add $32, %rsi
        add $32, %rdi
        sub $32, %rdx
        cmp $32, %rdx
        jae 1b
2:      cmp $8, %rdx
        jb 3f
        mov (%rsi), %rax
        mov %rax, (%rdi)
        add $8, %rsi
        add $8, %rdi
        sub $8, %rdx
        jmp 2b
3:      test $4, %dl
        jz 4f
        mov (%rsi), %eax
        mov %eax, (%rdi)
        add $4, %rsi
        add $4, %rdi
        sub $4, %rdx
4:      test $2, %dl
        jz 5f
        mov (%rsi), %ax
        mov %ax, (%rdi)
        add $2, %rsi
        add $2, %rdi
        sub $2, %rdx
5:      test $1, %dl
        jz 6f
        mov (%rsi), %al
        mov %al, (%rdi)
        dec %rdx
6:
user_access_end:
user_access_fixup:
        mov %rdx, %rax
        ret
