/*
 * What programs read about themselves and the machine: /proc/self, /proc/meminfo and others,
 * /sys/devices/system/cpu, and the devices in /dev. Memory maps are checked in mem-file.c.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char text[65536];

/* Reads a whole file into `text` by small pieces; the length, or -1. */
static int slurp(const char *path) {
  int fd = open(path, O_RDONLY), length = 0;
  ssize_t n = -1;
  if (fd < 0)
    return -1;
  while (length < (int)sizeof text - 101 && (n = read(fd, text + length, 100)) > 0)
    length += n;
  close(fd);
  text[length] = 0;
  return n < 0 ? -1 : length;
}

/* The number after a label such as "VmRSS:", or -1. */
static long field(const char *label) {
  const char *at = strstr(text, label);
  long value = -1;
  return at && sscanf(at + strlen(label), " %ld", &value) == 1 ? value : -1;
}

static void test_self(void) {
  char link[PATH_MAX], exe[PATH_MAX];
  struct stat a, b;
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  REQUIRE("/proc/self/exe is a link", n > 0 && exe[0] == '/');
  exe[n] = 0;
  CHECK("to this program", stat("/proc/self/exe", &a) == 0 && !stat(exe, &b) &&
                               a.st_ino == b.st_ino && S_ISREG(a.st_mode));
  n = readlink("/proc/self", link, sizeof link - 1);
  link[n < 0 ? 0 : n] = 0;
  CHECK_EQ("/proc/self is the pid", atoi(link), getpid());
  CHECK("cmdline holds the arguments", slurp("/proc/self/cmdline") > 0 && strstr(text, "proc"));
  CHECK("comm", slurp("/proc/self/comm") > 1 && strchr(text, '\n') == text + strlen(text) - 1);
  CHECK("environ can be read", slurp("/proc/self/environ") >= 0);
  char cwd[PATH_MAX];
  n = readlink("/proc/self/cwd", link, sizeof link - 1);
  link[n < 0 ? 0 : n] = 0;
  CHECK("cwd", getcwd(cwd, sizeof cwd) && !strcmp(cwd, link));
  CHECK("status has the pid", slurp("/proc/self/status") > 0 && field("\nPid:") == getpid());
  CHECK("threads", field("\nThreads:") == 1);
  CHECK("and memory", field("\nVmRSS:") > 0 && field("\nVmSize:") >= field("\nVmRSS:"));
  long pages = 0, resident = 0;
  CHECK("statm", slurp("/proc/self/statm") > 0 &&
                     sscanf(text, "%ld %ld", &pages, &resident) == 2 && pages >= resident &&
                     resident > 0);
  CHECK("auxv is what getauxval tells", slurp("/proc/self/auxv") >= 32);
  bool found = false;
  for (unsigned long *aux = (unsigned long *)text; aux[0]; aux += 2)
    found = found || (aux[0] == AT_PHDR && aux[1] == getauxval(AT_PHDR));
  CHECK("with AT_PHDR", found);
  CHECK("limits", slurp("/proc/self/limits") > 0 && strstr(text, "Max open files"));
  CHECK("mounts", slurp("/proc/self/mounts") > 0 && strstr(text, " / "));
  CHECK("mountinfo", slurp("/proc/self/mountinfo") > 0 && strstr(text, " / "));
  CHECK("cgroup", slurp("/proc/self/cgroup") >= 0);
}

static void *idle(void *argument) {
  sleep_ms(50);
  return argument;
}

static void test_stat(void) {
  int pid = 0, threads = 0;
  char state = 0;
  unsigned long stack = 0;
  pthread_t thread;
  pthread_create(&thread, NULL, idle, NULL);
  REQUIRE("stat", slurp("/proc/self/stat") > 0 && sscanf(text, "%d", &pid) == 1 &&
                      pid == getpid());
  char *after = strrchr(text, ')');
  REQUIRE("has the name in brackets", after != NULL && strchr(text, '('));
  CHECK("its fields", sscanf(after, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
                                    "%*d %*d %d %*d %*u %*u %*d %*u %*u %*u %lu",
                             &state, &threads, &stack) == 3);
  CHECK("running", state == 'R');
  CHECK_EQ("two threads", threads, 2);
  CHECK("start of the stack", stack > (uintptr_t)&stack && stack - (uintptr_t)&stack < 1 << 20);
  int entries = 0;
  DIR *dir = opendir("/proc/self/task");
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    entries += entry->d_name[0] != '.';
  CHECK_EQ("/proc/self/task lists them", entries, 2);
  if (dir)
    closedir(dir);
  pthread_join(thread, NULL);
}

static void test_descriptors(void) {
  char path[64], link[PATH_MAX];
  const char *file = scratch("proc-fd");
  int fd = open(file, O_RDWR | O_CREAT, 0600), found = 0;
  REQUIRE("open", fd >= 0 && write(fd, "abc", 3) == 3);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, link, sizeof link - 1);
  link[n < 0 ? 0 : n] = 0;
  CHECK("/proc/self/fd/N names the file", strcmp(link, file) == 0);
  int again = open(path, O_RDONLY);
  char byte;
  CHECK("and opens it anew", again >= 0 && read(again, &byte, 1) == 1 && byte == 'a');
  close(again);
  DIR *dir = opendir("/proc/self/fd");
  REQUIRE("opendir", dir != NULL);
  for (struct dirent *entry; (entry = readdir(dir));)
    found += atoi(entry->d_name) == fd && entry->d_name[0] != '.';
  CHECK_EQ("the directory lists it", found, 1);
  closedir(dir);
  int fds[2];
  if (pipe(fds) == 0) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", fds[0]);
    n = readlink(path, link, sizeof link - 1);
    CHECK("a pipe has its own kind of name", n > 6 && !memcmp(link, "pipe:[", 6));
    close(fds[0]);
    close(fds[1]);
  }
  CHECK("/dev/fd", access("/dev/fd/1", F_OK) == 0 || readlink("/dev/fd/1", link, 10) > 0);
  close(fd);
  unlink(file);
}

static void test_machine(void) {
  REQUIRE("meminfo", slurp("/proc/meminfo") > 0);
  long total = field("MemTotal:"), available = field("MemAvailable:");
  CHECK("MemTotal, MemFree, MemAvailable", total > 1024 && field("MemFree:") > 0 &&
                                               available > 0 && available <= total);
  CHECK("Buffers, Cached, SwapTotal", field("Buffers:") >= 0 && field("Cached:") >= 0 &&
                                          field("SwapTotal:") >= 0);
  CHECK("sysconf agrees", labs(sysconf(_SC_PHYS_PAGES) * 4 - total) < total / 8);
  CHECK("cpuinfo", slurp("/proc/cpuinfo") > 0 && strstr(text, "processor\t: 0") &&
                       strstr(text, "flags\t\t:") && strstr(text, "model name"));
  CHECK("stat", slurp("/proc/stat") > 0 && !memcmp(text, "cpu ", 4) && strstr(text, "cpu0 "));
  double up = 0;
  CHECK("uptime", slurp("/proc/uptime") > 0 && sscanf(text, "%lf", &up) == 1 && up > 0);
  CHECK("loadavg", slurp("/proc/loadavg") > 0 && sscanf(text, "%lf", &up) == 1);
  CHECK("version", slurp("/proc/version") > 0 && !memcmp(text, "Linux version ", 14));
  CHECK("filesystems", slurp("/proc/filesystems") > 0 && strstr(text, "tmpfs"));
  long value = -1;
  CHECK("sys/vm/overcommit_memory", slurp("/proc/sys/vm/overcommit_memory") > 0 &&
                                        sscanf(text, "%ld", &value) == 1 && value >= 0);
  CHECK("sys/net/core/somaxconn", slurp("/proc/sys/net/core/somaxconn") > 0 && atoi(text) >= 128);
  CHECK("sys/kernel/pid_max", slurp("/proc/sys/kernel/pid_max") > 0 && atoi(text) > 0);
  CHECK("sys/kernel/osrelease", slurp("/proc/sys/kernel/osrelease") > 0 && atoi(text) >= 4);
  CHECK("sys/kernel/random/uuid", slurp("/proc/sys/kernel/random/uuid") == 37);
  CHECK("cpu/online", slurp("/sys/devices/system/cpu/online") > 0 && text[0] == '0');
  CHECK("cpu/possible", slurp("/sys/devices/system/cpu/possible") > 0 && text[0] == '0');
  CHECK("sysconf NPROCESSORS", sysconf(_SC_NPROCESSORS_ONLN) >= 1 &&
                                   sysconf(_SC_NPROCESSORS_CONF) >= 1);
  CHECK("transparent_hugepage",
        slurp("/sys/kernel/mm/transparent_hugepage/enabled") > 0 && strchr(text, '['));
  CHECK_ERR("a file that is not there", open("/proc/none-such", O_RDONLY), ENOENT);
}

static void test_null_zero(void) {
  char buffer[64];
  struct stat st;
  memset(buffer, 1, sizeof buffer);
  int fd = open("/dev/null", O_RDWR);
  REQUIRE("/dev/null", fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
  CHECK_EQ("reads nothing", read(fd, buffer, 64), 0);
  CHECK_EQ("takes everything", write(fd, buffer, 64), 64);
  CHECK_EQ("its number is 1:3", st.st_rdev, 0x103);
  close(fd);
  fd = open("/dev/zero", O_RDWR);
  bool zero = read(fd, buffer, 64) == 64;
  for (int i = 0; i < 64; i++)
    zero = zero && buffer[i] == 0;
  CHECK("/dev/zero", zero && write(fd, buffer, 64) == 64);
  char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  CHECK("can be mapped", p != MAP_FAILED && p[5000] == 0 && (p[5000] = 1));
  munmap(p, 8192);
  close(fd);
  fd = open("/dev/full", O_RDWR);
  CHECK_ERR("/dev/full", write(fd, buffer, 1), ENOSPC);
  CHECK("reads zeros", read(fd, buffer, 64) == 64 && buffer[63] == 0);
  close(fd);
}

static bool looks_random(const unsigned char *bytes, int n) {
  int ones = 0;
  for (int i = 0; i < n; i++)
    ones += __builtin_popcount(bytes[i]);
  return abs(ones - n * 4) < n; /* more than ten standard deviations for n = 4096 */
}

static void test_random(void) {
  static unsigned char a[4096], b[4096];
  static const char *const names[] = {"/dev/random", "/dev/urandom"};
  for (int i = 0; i < 2; i++) {
    int fd = open(names[i], O_RDONLY);
    bool right = fd >= 0 && read(fd, a, sizeof a) == sizeof a && read(fd, b, sizeof b) == sizeof b;
    CHECK(names[i], right && looks_random(a, sizeof a) && memcmp(a, b, sizeof a) != 0);
    close(fd);
  }
  memset(a, 0, sizeof a);
  CHECK("getrandom", syscall(SYS_getrandom, a, sizeof a, 0) == sizeof a &&
                         looks_random(a, sizeof a));
  CHECK_EQ("getrandom GRND_NONBLOCK", syscall(SYS_getrandom, a, 16, 1), 16);
  CHECK_ERR("a bad flag", syscall(SYS_getrandom, a, 16, 0x100), EINVAL);
  CHECK_EQ("getentropy", getentropy(a, 32), 0);
}

static void test_terminal(void) {
  struct stat st;
  CHECK("standard descriptors are open", !fstat(0, &st) && !fstat(1, &st) && !fstat(2, &st));
  CHECK("/dev/stdout, /dev/stderr", access("/dev/stdout", F_OK) == 0 &&
                                        access("/dev/stderr", F_OK) == 0);
  struct winsize size;
  CHECK("TIOCGWINSZ answers or is ENOTTY", ioctl(1, TIOCGWINSZ, &size) == 0 || errno == ENOTTY);
  const char *shared = "/dev/shm/virga-test";
  CHECK("/dev/shm can be written",
        close(open(shared, O_CREAT | O_RDWR, 0600)) == 0 && unlink(shared) == 0);
}

static const struct group groups[] = {
    {"self", test_self},       {"stat", test_stat},           {"descriptors", test_descriptors},
    {"machine", test_machine}, {"null-zero", test_null_zero}, {"random", test_random},
    {"terminal", test_terminal},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
