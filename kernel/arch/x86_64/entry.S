/*
 * Entries into the kernel and ways out of it. The application runs in ring 0 as well, uses the red
 * zone below its stack pointer and knows nothing of us, so nothing may be pushed on its stack:
 * every gate of the IDT lands on an IST stack, and from there the frame is moved
 *
 *   - to the top of the thread's kernel stack, when the application was interrupted;
 *   - below the interrupted stack pointer, when the kernel was.
 *
 * Which of the two it was is told by the interrupted stack pointer: kernel stacks lie in the upper
 * half, so its sign says it. (The instruction pointer would not do: between an entry's first
 * instruction and its stack switch the kernel's code runs on the application's stack. Such a thread
 * counts as in the application, and its kernel stack is indeed empty.)
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

#define RFLAGS_IF 0x202
/* The table of handlers lies below the Cpu object, in the same page (sched/cpu.ts). */
#define SYSCALL_HANDLERS %gs:-0xe80
/* The last one's handler is that of unknown calls. */
#define SYSCALL_LAST 463

#define FRAME_R15 0
#define FRAME_R14 8
#define FRAME_R13 16
#define FRAME_R12 24
#define FRAME_RBP 32
#define FRAME_RBX 40
#define FRAME_R11 48
#define FRAME_R10 56
#define FRAME_R9 64
#define FRAME_R8 72
#define FRAME_RAX 80
#define FRAME_RCX 88
#define FRAME_RDX 96
#define FRAME_RSI 104
#define FRAME_RDI 112
#define FRAME_VECTOR 120
#define FRAME_ERROR 128
#define FRAME_RIP 136
#define FRAME_CS 144
#define FRAME_RFLAGS 152
#define FRAME_RSP 160
#define FRAME_SS 168
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
 * System calls. %rax, %rcx and %r11 are the caller's to lose. The arguments are where C wants them
 * but for the fourth, so the handler is called straight from its table (linux/syscall-table.ts
 * fills it).
 *
 * Saved is what the handler may change; C keeps rbx, rbp and r12 to r15. The rest of the frame is
 * filled in only on the slow way (syscall_slow), and beforehand for the few handlers that look at
 * it: those come through syscall_with_frame.
 *
 * There are two entries. `syscall_from_instruction` is where a `syscall` goes; it has the site
 * patched, but for read(2): compilers make 0 by an `xor`, too short for a jump. A patched site has
 * jumped to its stub, which sets %eax and puts the return address into %rcx, as the instruction
 * does, and continues at a copy of `stub_entry` at the start of the stubs' page
 * (linux/syscall-patch.ts): code whose every jump is relative to itself or goes through memory. So
 * a call takes one indirect jump less, and as only sites of known numbers are patched, no check.
 */
        .macro save_call
        mov %rsp, %r11
        mov GS_STACK_TOP, %rsp
        sub $FRAME_SIZE, %rsp
        mov %r11, FRAME_RSP(%rsp)
        mov %rcx, FRAME_RIP(%rsp)
        mov %rax, FRAME_ERROR(%rsp)     /* the number of the call, for restarting it */
        mov %rdi, FRAME_RDI(%rsp)
        mov %rsi, FRAME_RSI(%rsp)
        mov %rdx, FRAME_RDX(%rsp)
        mov %r10, FRAME_R10(%rsp)
        mov %r9, FRAME_R9(%rsp)
        mov %r8, FRAME_R8(%rsp)
        cld
        .endm

        .macro load_arguments
        mov FRAME_R8(%rsp), %r8
        mov FRAME_R9(%rsp), %r9
        mov FRAME_R10(%rsp), %r10
        mov FRAME_RDX(%rsp), %rdx
        mov FRAME_RSI(%rsp), %rsi
        mov FRAME_RDI(%rsp), %rdi
        .endm

        .macro fill_frame
        mov %rbx, FRAME_RBX(%rsp)
        mov %rbp, FRAME_RBP(%rsp)
        mov %r12, FRAME_R12(%rsp)
        mov %r13, FRAME_R13(%rsp)
        mov %r14, FRAME_R14(%rsp)
        mov %r15, FRAME_R15(%rsp)
        mov FRAME_RIP(%rsp), %rcx
        mov %rcx, FRAME_RCX(%rsp)
        movq $RFLAGS_IF, FRAME_R11(%rsp)
        movq $RFLAGS_IF, FRAME_RFLAGS(%rsp)
        movq $KERNEL_CS, FRAME_CS(%rsp)
        movq $KERNEL_SS, FRAME_SS(%rsp)
        movq $VECTOR_SYSCALL, FRAME_VECTOR(%rsp)
        .endm

        .macro call_handler
        mov %r10, %rcx
        call *SYSCALL_HANDLERS(,%rax,8)
        .endm

        /*
         * Back to the caller; with work to do, `slow`. Between `start` and `end` the look at the
         * work is past, see syscall_slow.
         */
        .macro leave_call start, end, slow
        cmpq $0, GS_WORK
\start:
        jne \slow
        load_arguments
        mov FRAME_RIP(%rsp), %rcx
        mov FRAME_RSP(%rsp), %rsp
\end:
        jmp *%rcx
        .endm

        .globl stub_entry, stub_exit_start, stub_exit_end, stub_entry_end
        .balign 16
stub_entry:
        save_call
        call_handler
        leave_call stub_exit_start, stub_exit_end, 1f
1:      jmp *2f(%rip)
        .balign 8
2:      .quad syscall_slow
stub_entry_end:

        .globl syscall_from_instruction, syscall_with_frame
        .balign 64
syscall_from_instruction:
        save_call
        test %rax, %rax
        jz 1f
        mov %rsp, %rdi
        call syscall_instruction
        load_arguments
        mov FRAME_ERROR(%rsp), %rax
1:      mov $SYSCALL_LAST, %ecx
        cmp %rcx, %rax
        cmova %rcx, %rax
        call_handler
        leave_call syscall_exit_start, syscall_exit_end, syscall_slow

/*
 * In the table, for calls that look at the frame (clone, rt_sigreturn): they leave by loading it
 * whole.
 */
syscall_with_frame:
        add $8, %rsp                    /* the return address of the call above */
        fill_frame
        mov %r10, %rcx
        call *syscall_frame_handlers(,%rax,8)
        mov %rax, FRAME_RAX(%rsp)
        jmp 3f

/*
 * Work may arrive by an interrupt behind the look at it. No `cli` guards against that, it would
 * cost every call: the interrupt's handler sees that it came between the start and the end of
 * leave_call, where the frame and the registers that C keeps are still whole, and sends the thread
 * here (arch/x86_64/traps.ts).
 *
 * Signals, a switch: the whole frame is filled in, and loaded. The work itself is TypeScript's.
 */
        .globl syscall_slow, syscall_exit_start, syscall_exit_end
syscall_slow:
        mov %rax, FRAME_RAX(%rsp)
        fill_frame
3:      mov %rsp, %rdi
        call syscall_work
        jmp trap_return

/*
 * switch_stacks(save, load): stores this thread's stack pointer at *save and continues on `load`,
 * which switch_stacks (or the first start of a thread, see sched/thread.ts) left there.
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
 * user_copy(dst, src, n): copies to or from the application's memory; returns how many bytes were
 * not copied. A fault in here that can't be resolved continues at user_access_fixup, which copies
 * the bytes before the fault one by one, and a fault there at user_access_end (traps.ts). What is
 * left to copy is in %rdx all the time.
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
6:      mov %rdx, %rax
        ret
user_access_fixup:
        test %rdx, %rdx
        jz user_access_end
        mov (%rsi), %al
        mov %al, (%rdi)
        inc %rsi
        inc %rdi
        dec %rdx
        jmp user_access_fixup
user_access_end:
        mov %rdx, %rax
        ret
