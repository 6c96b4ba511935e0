/* The finished vDSO, as data of the kernel. */
        .section .rodata.vdso, "a"
        .globl vdso_start, vdso_end
        .balign 4096
vdso_start:
        .incbin "vdso.so"
vdso_end:
