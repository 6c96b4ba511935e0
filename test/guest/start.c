/*
 * What a program finds when it starts: arguments, environment and auxiliary vector on its stack,
 * registers, segments mapped as the file says, the vDSO.
 */
#include "check.h"
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char **arguments;
static int argument_count;
extern char **environ;

static ElfW(auxv_t) *vector(void) {
  char **p = arguments + argument_count + 1;
  while (*p)
    p++;
  return (ElfW(auxv_t) *)(p + 1);
}

static unsigned long entry(unsigned long type) {
  for (ElfW(auxv_t) *a = vector(); a->a_type != AT_NULL; a++)
    if (a->a_type == type)
      return a->a_un.a_val;
  return -1ul;
}

static void test_stack(void) {
  unsigned long at = (unsigned long)(arguments - 1);
  CHECK_EQ("the count of arguments is below them", *(long *)at, argument_count);
  CHECK_EQ("the stack pointer was a multiple of 16", at % 16, 0);
  CHECK("arguments end with a null", arguments[argument_count] == NULL);
  CHECK("the environment is behind them", environ == arguments + argument_count + 1);
  char *end = arguments[0];
  bool follows = true;
  for (int i = 0; i < argument_count; i++) {
    follows = follows && arguments[i] == end;
    end = arguments[i] + strlen(arguments[i]) + 1;
  }
  for (char **e = environ; *e; e++) {
    follows = follows && *e == end;
    end = *e + strlen(*e) + 1;
  }
  CHECK("strings follow one another, arguments then environment", follows);
  CHECK("the program's name follows", !strcmp(end, (char *)entry(AT_EXECFN)) &&
                                          end == (char *)entry(AT_EXECFN));
  char *top = end + strlen(end) + 1;
  CHECK("and ends the stack with eight zeros", !memcmp(top, "\0\0\0\0\0\0\0\0", 8) &&
                                                   (unsigned long)(top + 8) % 4096 == 0);
}

static void test_vector(void) {
  CHECK_EQ("AT_PAGESZ", entry(AT_PAGESZ), 4096);
  CHECK_EQ("AT_CLKTCK", entry(AT_CLKTCK), 100);
  CHECK_EQ("AT_SECURE", entry(AT_SECURE), 0);
  CHECK_EQ("AT_FLAGS", entry(AT_FLAGS), 0);
  CHECK("ids", entry(AT_UID) == getuid() && entry(AT_EUID) == geteuid() &&
                   entry(AT_GID) == getgid() && entry(AT_EGID) == getegid());
  CHECK("AT_PLATFORM", !strcmp((char *)entry(AT_PLATFORM), "x86_64"));
  CHECK("AT_EXECFN can be opened", access((char *)entry(AT_EXECFN), X_OK) == 0);
  unsigned char *random = (void *)entry(AT_RANDOM);
  int different = 0;
  for (int i = 1; i < 16; i++)
    different += random[i] != random[0];
  CHECK("AT_RANDOM is random", different > 5);
  unsigned edx, a, b, c;
  __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(edx) : "a"(1));
  CHECK_EQ("AT_HWCAP is what cpuid says", entry(AT_HWCAP), edx);
  CHECK("AT_MINSIGSTKSZ", entry(51) >= 2048 / 2 && entry(51) < 65536);
  ElfW(Ehdr) *vdso = (void *)entry(AT_SYSINFO_EHDR);
  CHECK("AT_SYSINFO_EHDR is an ELF file", !memcmp(vdso, ELFMAG, SELFMAG) &&
                                              vdso->e_type == ET_DYN);
  char file[1024];
  int fd = open("/proc/self/auxv", O_RDONLY);
  ssize_t n = read(fd, file, sizeof file);
  ElfW(auxv_t) *last = vector();
  while (last->a_type != AT_NULL)
    last++;
  CHECK("/proc/self/auxv is the same", n == (char *)(last + 1) - (char *)vector() &&
                                           !memcmp(file, vector(), n));
  close(fd);
}

/* The program's headers in memory are those of the file, and its segments are where they say. */
static void test_segments(void) {
  static ElfW(Ehdr) header;
  static ElfW(Phdr) headers[32];
  int fd = open("/proc/self/exe", O_RDONLY);
  REQUIRE("the program's file", pread(fd, &header, sizeof header, 0) == sizeof header &&
                                    header.e_phnum <= 32);
  ssize_t size = header.e_phnum * sizeof headers[0];
  REQUIRE("its headers", pread(fd, headers, size, header.e_phoff) == size);
  CHECK_EQ("AT_PHNUM", entry(AT_PHNUM), header.e_phnum);
  CHECK_EQ("AT_PHENT", entry(AT_PHENT), sizeof headers[0]);
  CHECK("AT_PHDR", !memcmp((void *)entry(AT_PHDR), headers, size));
  unsigned long bias = entry(AT_ENTRY) - header.e_entry;
  CHECK_EQ("moved by whole pages", bias % 4096, 0);
  CHECK("a program that is not to be moved is not", header.e_type != ET_EXEC || bias == 0);
  bool has_interpreter = false, same = true, zero = true;
  static char page[4096];
  for (int i = 0; i < header.e_phnum; i++) {
    ElfW(Phdr) *h = &headers[i];
    has_interpreter = has_interpreter || h->p_type == PT_INTERP;
    if (h->p_type != PT_LOAD)
      continue;
    char *at = (char *)(bias + h->p_vaddr);
    /* Code is left out: its system calls may have been patched. */
    if (!(h->p_flags & (PF_W | PF_X))) {
      for (unsigned long done = 0; done < h->p_filesz; done += sizeof page) {
        ssize_t n = pread(fd, page, sizeof page, h->p_offset + done);
        if (n > (ssize_t)(h->p_filesz - done))
          n = h->p_filesz - done;
        same = same && n > 0 && !memcmp(page, at + done, n);
      }
    } else if (h->p_memsz > h->p_filesz) {
      /* The end of the last page, which is nobody's; musl's malloc takes it. */
      char *end = at + h->p_memsz;
#ifdef __GLIBC__
      for (char *p = end; (unsigned long)p % 4096; p++)
        zero = zero && *p == 0;
#endif
      *(volatile char *)(end - 1) = end[-1];
    }
  }
  CHECK("what is not written to is as in the file", same);
  CHECK("behind what is, there are zeros", zero);
  CHECK("AT_BASE is the interpreter's", has_interpreter == (entry(AT_BASE) != 0));
  if (has_interpreter)
    CHECK("which is an ELF file", !memcmp((void *)entry(AT_BASE), ELFMAG, SELFMAG));
  close(fd);
}

static int rights_of(void *address) {
  unsigned long from, to;
  char rights[5], line[512];
  int result = -1;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && (unsigned long)address >= from &&
        (unsigned long)address < to)
      result = (rights[0] == 'r') * PROT_READ | (rights[1] == 'w') * PROT_WRITE |
               (rights[2] == 'x') * PROT_EXEC;
  if (maps)
    fclose(maps);
  return result;
}

static const char constant[] = "constant";
static char variable[] = "variable", zeros[10000];

static void test_rights(void) {
  int local = 0;
  CHECK_EQ("code", rights_of((void *)(uintptr_t)rights_of), PROT_READ | PROT_EXEC);
  CHECK_EQ("constants", rights_of((void *)constant) & ~PROT_EXEC, PROT_READ);
  CHECK_EQ("variables", rights_of(variable), PROT_READ | PROT_WRITE);
  CHECK_EQ("zeros", rights_of(zeros), PROT_READ | PROT_WRITE);
  CHECK_EQ("the stack", rights_of(&local), PROT_READ | PROT_WRITE);
  CHECK_EQ("the vDSO", rights_of((void *)entry(AT_SYSINFO_EHDR)), PROT_READ | PROT_EXEC);
  CHECK_EQ("nothing at 0", rights_of(NULL), -1);
}

/* Descriptors, the heap, the name. */
static void test_rest(void) {
  struct stat st;
  char name[64] = "";
  CHECK("standard descriptors are open", fstat(0, &st) == 0 && fstat(1, &st) == 0 &&
                                             fstat(2, &st) == 0);
  int fd = open("/proc/self/comm", O_RDONLY);
  ssize_t n = read(fd, name, sizeof name - 1);
  close(fd);
  const char *base = strrchr((char *)entry(AT_EXECFN), '/');
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%.15s\n", base ? base + 1 : (char *)entry(AT_EXECFN));
  CHECK("the thread has the program's name, 15 bytes of it", n > 0 && !strcmp(name, wanted));
  char *heap = (char *)syscall(SYS_brk, 0), *larger = (char *)syscall(SYS_brk, heap + 8192);
  REQUIRE("the heap grows", larger == heap + 8192);
  memset(heap, 1, 8192);
  CHECK_EQ("not over what is there", syscall(SYS_brk, entry(AT_EXECFN)), (long)larger);
  CHECK_EQ("and not backwards", syscall(SYS_brk, 8), (long)larger);
  CHECK_EQ("it shrinks", syscall(SYS_brk, heap), (long)heap);
  CHECK_EQ("what it gave back is gone", syscall(SYS_mincore, (unsigned long)(heap + 4095) & ~4095ul,
                                                4096, name), -1);
}

static const struct group groups[] = {
    {"stack", test_stack},   {"vector", test_vector}, {"segments", test_segments},
    {"rights", test_rights}, {"rest", test_rest},
};

int main(int argc, char **argv) {
  arguments = argv;
  argument_count = argc;
  return check_main(argc, argv, groups, COUNT(groups));
}
