/*
 * Boot through PVH: QEMU -kernel, Firecracker and Xen jump here in 32-bit protected mode without
 * paging, %ebx = physical address of the start info (Xen's docs/misc/pvh.pandoc). We build the
 * first page tables, enter long mode and continue in TypeScript, which replaces the tables by final
 * ones (arch/x86_64/paging.ts).
 *
 *   identity         first GiB, for the switch itself
 *   direct map       first GiB at 0xffff800000000000
 *   linear memory    0xffffffff80000000: pages 0-3 absent (null, stack guard), then the boot stack, data, heap
 *   kernel image     0xffffffffc0000000 + physical address
 */
#define IMAGE_BASE 0xffffffffc0000000
#define PHYSICAL(symbol) ((symbol) - IMAGE_BASE)

#define PTE_PRESENT_WRITE 0x003
#define PTE_LARGE 0x080
#define CR0_PE_MP_ET_NE_WP_PG 0x80010033
#define CR4_PAE_PGE_FXSR_XMM 0x6a0
#define MSR_EFER 0xc0000080
#define EFER_SCE_LME_NXE 0x901
#define CPUID_NX_FEATURES 0x80000001

#define LINEAR_GUARD 0x4000
#define BOOT_STACK_TOP 0xffffffff80008000

        .section .note.pvh, "a", @note
        .balign 4
        .long 4, 8, 18                  /* name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz "Xen"
        .quad PHYSICAL(pvh_entry)

        .section .boot, "ax"
        .code32
        .globl pvh_entry
pvh_entry:
        cli
        cld
        mov %ebx, %ebp                  /* start info */

        mov $PHYSICAL(boot_directory_low), %edi
        mov $(PTE_PRESENT_WRITE | PTE_LARGE), %eax
        mov $512, %ecx
1:      mov %eax, (%edi)
        add $0x200000, %eax
        add $8, %edi
        loop 1b

        mov $(PHYSICAL(linear_initial_start) + PTE_PRESENT_WRITE), %eax
        mov $PHYSICAL(boot_table_linear), %edi
        mov $PHYSICAL(linear_initial_end), %ecx
        sub $PHYSICAL(linear_initial_start), %ecx
        shr $12, %ecx
        add $(LINEAR_GUARD / 4096 * 8), %edi
        sub $(LINEAR_GUARD / 4096), %ecx
        add $LINEAR_GUARD, %eax
1:      mov %eax, (%edi)
        add $0x1000, %eax
        add $8, %edi
        loop 1b

        mov $(PHYSICAL(boot_directory_low) + PTE_PRESENT_WRITE), %eax
        mov %eax, PHYSICAL(boot_pointers_low)
        mov %eax, PHYSICAL(boot_pointers_high) + 511 * 8
        mov $(PHYSICAL(boot_directory_linear) + PTE_PRESENT_WRITE), %eax
        mov %eax, PHYSICAL(boot_pointers_high) + 510 * 8
        mov $(PHYSICAL(boot_table_linear) + PTE_PRESENT_WRITE), %eax
        mov %eax, PHYSICAL(boot_directory_linear)
        mov $(PHYSICAL(boot_pointers_low) + PTE_PRESENT_WRITE), %eax
        mov %eax, PHYSICAL(boot_root)
        mov %eax, PHYSICAL(boot_root) + 256 * 8
        mov $(PHYSICAL(boot_pointers_high) + PTE_PRESENT_WRITE), %eax
        mov %eax, PHYSICAL(boot_root) + 511 * 8

        mov $CR4_PAE_PGE_FXSR_XMM, %eax
        mov %eax, %cr4
        mov $PHYSICAL(boot_root), %eax
        mov %eax, %cr3
        mov $MSR_EFER, %ecx
        mov $EFER_SCE_LME_NXE, %eax
        xor %edx, %edx
        wrmsr
        mov $CR0_PE_MP_ET_NE_WP_PG, %eax
        mov %eax, %cr0
        lgdt PHYSICAL(boot_gdt_pointer)
        ljmp $0x08, $PHYSICAL(long_mode)

        .code64
long_mode:
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        xor %eax, %eax
        mov %eax, %fs
        mov %eax, %gs
        movabs $1f, %rax
        jmp *%rax
1:      mov $BOOT_STACK_TOP, %rsp
        mov %ebp, %edi
        xor %ebp, %ebp
        call kernel_entry
        ud2

        .balign 8
boot_gdt:
        .quad 0
        .quad 0x00af9b000000ffff        /* 64-bit code, ring 0 */
        .quad 0x00cf93000000ffff        /* data, ring 0 */
boot_gdt_pointer:
        .word 23
        .long PHYSICAL(boot_gdt)

        .section .bss
        .balign 4096
boot_root:              .skip 4096
boot_pointers_low:      .skip 4096
boot_pointers_high:     .skip 4096
boot_directory_low:     .skip 4096
boot_directory_linear:  .skip 4096
boot_table_linear:      .skip 4096
