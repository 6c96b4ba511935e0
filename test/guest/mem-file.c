/*
 * Mappings of files and shared memory: private copy-on-write, shared, past the end of the file,
 * coherence with read and write, memfd, and what /proc/self/maps says about it all.
 */
#include "fault.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096ul

/* A scratch file of `pages` pages, page i filled with the byte 'a' + i. */
static int pattern_file(const char *name, int pages) {
  const char *path = scratch(name);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink(path);
  char page[PAGE];
  for (int i = 0; i < pages && fd >= 0; i++) {
    memset(page, 'a' + i, PAGE);
    if (write(fd, page, PAGE) != (ssize_t)PAGE)
      return -1;
  }
  return fd;
}

static void test_private(void) {
  int fd = pattern_file("private", 4);
  REQUIRE("scratch file", fd >= 0);
  char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), byte = 0;
  REQUIRE("mmap private", p != MAP_FAILED);
  CHECK("content is the file's", p[0] == 'a' && p[PAGE] == 'b' && p[4 * PAGE - 1] == 'd');
  p[PAGE] = 'X';
  CHECK("a write is seen in the mapping", p[PAGE] == 'X' && p[PAGE + 1] == 'b');
  CHECK("but not in the file", pread(fd, &byte, 1, PAGE) == 1 && byte == 'b');
  /* The rest of the mapping still is the page cache. */
  CHECK_EQ("write to the file", pwrite(fd, "Y", 1, 2 * PAGE), 1);
  CHECK_EQ("shows in an untouched private page", p[2 * PAGE], 'Y');
  CHECK_EQ("madvise DONTNEED", madvise(p + PAGE, PAGE, MADV_DONTNEED), 0);
  CHECK_EQ("brings the file's content back", p[PAGE], 'b');
  CHECK_EQ("the mapping outlives its descriptor", (close(fd), p[3 * PAGE]), 'd');
  munmap(p, 4 * PAGE);
}

static void test_shared(void) {
  int fd = pattern_file("shared", 4);
  REQUIRE("scratch file", fd >= 0);
  char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), byte = 0;
  char *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
  REQUIRE("mmap shared, twice", p != MAP_FAILED && q != MAP_FAILED);
  CHECK("an offset is honoured", q[0] == 'b');
  p[PAGE] = 'X';
  CHECK("a write is seen by read", pread(fd, &byte, 1, PAGE) == 1 && byte == 'X');
  CHECK_EQ("and in the other mapping", q[0], 'X');
  CHECK_EQ("a write by descriptor", pwrite(fd, "Z", 1, PAGE), 1);
  CHECK("is seen in both mappings", p[PAGE] == 'Z' && q[0] == 'Z');
  CHECK_EQ("msync", msync(p, 4 * PAGE, MS_SYNC), 0);
  CHECK_EQ("msync async", msync(p, PAGE, MS_ASYNC), 0);
  CHECK_ERR("msync of an unaligned address", msync(p + 1, PAGE, MS_SYNC), EINVAL);
  munmap(p, 4 * PAGE);
  CHECK_EQ("unmapping one keeps the other", q[0], 'Z');
  munmap(q, PAGE);
  int ro = open("/proc/self/exe", O_RDONLY);
  CHECK_ERR("shared and writable of a read-only descriptor",
            mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), EACCES);
  close(ro);
  CHECK_ERR("mmap at an unaligned offset", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100),
            EINVAL);
  close(fd);
}

static void test_end_of_file(void) {
  int fd = pattern_file("end", 2);
  siginfo_t info;
  REQUIRE("scratch file", fd >= 0 && ftruncate(fd, PAGE + 100) == 0);
  char *p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  REQUIRE("mmap past the end", p != MAP_FAILED);
  CHECK("the rest of the last page is zero", p[PAGE + 99] == 'b' && p[PAGE + 100] == 0);
  CHECK_EQ("beyond it is SIGBUS", fault_of(fault_read, p + 2 * PAGE, &info), SIGBUS);
  CHECK_EQ("its code is BUS_ADRERR", info.si_code, BUS_ADRERR);
  CHECK("its address is right", info.si_addr == p + 2 * PAGE);
  CHECK_EQ("the file grows", ftruncate(fd, 3 * PAGE), 0);
  CHECK_EQ("then the page can be read", p[2 * PAGE], 0);
  CHECK_EQ("the file shrinks", ftruncate(fd, 10), 0);
  CHECK_EQ("then it is SIGBUS again", fault_of(fault_read, p + 2 * PAGE, NULL), SIGBUS);
  CHECK("and what was cut off is zero", p[9] == 'a' && p[10] == 0);
  munmap(p, 4 * PAGE);
  close(fd);
}

static void test_shared_anonymous(void) {
  char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE("mmap shared anonymous", p != MAP_FAILED);
  CHECK_EQ("it is zero", p[PAGE], 0);
  p[PAGE] = 4;
  CHECK_EQ("DONTNEED of shared memory", madvise(p, 4 * PAGE, MADV_DONTNEED), 0);
  CHECK_EQ("keeps its content", p[PAGE], 4);
  munmap(p, 4 * PAGE);
}

static void test_memfd(void) {
  int fd = memfd_create("virga", MFD_CLOEXEC);
  REQUIRE("memfd_create", fd >= 0);
  CHECK_EQ("ftruncate", ftruncate(fd, 4 * PAGE), 0);
  char *w = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *x = mmap(NULL, 4 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  REQUIRE("mapped writable and executable", w != MAP_FAILED && x != MAP_FAILED);
  w[PAGE] = (char)0xc3;
  CHECK("they are the same memory",
        x[PAGE] == (char)0xc3 && fault_of(fault_call, x + PAGE, 0) == 0);
  munmap(w, 4 * PAGE);
  munmap(x, 4 * PAGE);
  close(fd);
}

/* The program's own file: what read and mmap give must be the same bytes. */
static void test_executable(void) {
  int fd = open("/proc/self/exe", O_RDONLY);
  struct stat st;
  REQUIRE("open /proc/self/exe", fd >= 0 && fstat(fd, &st) == 0);
  CHECK("it has a size", st.st_size > 4096 && S_ISREG(st.st_mode));
  char *p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0), buffer[5000];
  REQUIRE("mmap", p != MAP_FAILED);
  CHECK("it is an ELF file", memcmp(p, "\177ELF", 4) == 0);
  bool same = true;
  for (off_t at = 0; at < st.st_size;) {
    ssize_t n = pread(fd, buffer, sizeof buffer, at);
    if (n <= 0 || memcmp(buffer, p + at, n) != 0) {
      same = false;
      break;
    }
    at += n;
  }
  CHECK("read and mmap agree", same);
  munmap(p, st.st_size);
  close(fd);
}

/* The line of /proc/self/maps that holds an address, or an empty string. */
static char *maps_line(const void *address) {
  static char line[512];
  FILE *maps = fopen("/proc/self/maps", "r");
  unsigned long start, end;
  while (maps && fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx", &start, &end) == 2 && (uintptr_t)address >= start &&
        (uintptr_t)address < end) {
      fclose(maps);
      return line;
    }
  if (maps)
    fclose(maps);
  line[0] = 0;
  return line;
}

static void test_maps(void) {
  int local = 0, fd = pattern_file("maps", 3);
  char perms[8];
  unsigned long start, end, offset, inode;
  unsigned major, minor;
  REQUIRE("the stack is listed", maps_line(&local)[0] != 0);
  CHECK("as [stack]", strstr(maps_line(&local), "[stack]") != NULL);
  CHECK("main is executable and not writable",
        sscanf(maps_line(test_maps), "%*x-%*x %7s", perms) == 1 && strcmp(perms, "r-xp") == 0);
  CHECK("main is in a named file", strchr(maps_line(test_maps), '/') != NULL);
  char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
  CHECK_EQ("a line has all its fields",
           sscanf(maps_line(p), "%lx-%lx %7s %lx %x:%x %lu", &start, &end, perms, &offset, &major,
                  &minor, &inode), 7);
  CHECK("they are right", start == (uintptr_t)p && end == start + 2 * PAGE &&
                              strcmp(perms, "r--s") == 0 && offset == PAGE && inode != 0);
  mprotect(p, PAGE, PROT_NONE);
  CHECK("mprotect shows", sscanf(maps_line(p), "%lx-%lx %7s", &start, &end, perms) == 3 &&
                              end == start + PAGE && strcmp(perms, "---s") == 0);
  munmap(p, 2 * PAGE);
  CHECK_EQ("an unmapped place is not listed", maps_line(p)[0], 0);
  close(fd);
}

static const struct group groups[] = {
    {"private", test_private},
    {"shared", test_shared},
    {"end-of-file", test_end_of_file},
    {"shared-anonymous", test_shared_anonymous},
    {"memfd", test_memfd},
    {"executable", test_executable},
    {"maps", test_maps},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
