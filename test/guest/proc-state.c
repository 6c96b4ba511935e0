/*
 * What /proc tells of the process and its threads, against what the calls say that set it: state,
 * times, signals, limits, open files and their locks, accounting, and what can be written there.
 */
#include "proc.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int thread_id(void) { return syscall(SYS_gettid); }

/* ---- stat ----------------------------------------------------------------------------------- */

enum { PID = 1, STATE = 3, UTIME = 14, PRIORITY = 18, NICE = 19, THREADS = 20, VSIZE = 23, RSS = 24,
       SIGNALS = 31, BLOCKED = 32, IGNORED = 33, CAUGHT = 34, EXIT_SIGNAL = 38, REALTIME = 40,
       POLICY = 41, FIELDS = 52 };
static long long fields[FIELDS + 1];
static char state;

/* Reads the numbers of a line of stat, which count from 1: how many fields there are. */
static int read_stat(const char *path) {
  memset(fields, 0, sizeof fields);
  if (slurp(path) <= 0 || !strrchr(text, ')'))
    return -1;
  fields[PID] = atoi(text);
  char *at = strrchr(text, ')') + 2;
  state = *at++;
  int count = STATE;
  for (; *at == ' '; count++) {
    char *end;
    unsigned long long value = strtoull(at + 1, &end, 10);
    if (count < FIELDS)
      fields[count + 1] = value;
    at = end;
  }
  return *at == '\n' && at[1] == 0 ? count : -1;
}

static void test_stat(void) {
  CHECK_EQ("so many fields", read_stat("/proc/self/stat"), FIELDS);
  CHECK_EQ("the process", fields[PID], getpid());
  CHECK_EQ("who asks runs", state, 'R');
  CHECK_EQ("one thread", fields[THREADS], 1);
  CHECK_EQ("its niceness", fields[NICE], getpriority(PRIO_PROCESS, 0));
  CHECK_EQ("and priority", fields[PRIORITY], 20 + fields[NICE]);
  CHECK("policy", fields[POLICY] == SCHED_OTHER && fields[REALTIME] == 0);
  CHECK("ends with SIGCHLD", fields[EXIT_SIGNAL] == SIGCHLD);
  /* Once more, now that its code is there. */
  read_stat("/proc/self/stat");
  long size = fields[VSIZE] / 1024, pages = fields[RSS];
  slurp("/proc/self/status");
  CHECK_EQ("its size", size, field(text, "\nVmSize:"));
  CHECK("what is resident", labs(pages * 4 - field(text, "\nVmRSS:")) <= (on_virga ? 0 : 512));
  struct timespec now;
  do
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  while (now.tv_sec == 0 && now.tv_nsec < 120000000);
  read_stat("/proc/self/stat");
  long ticks = fields[UTIME] + fields[UTIME + 1];
  CHECK("time that was used, in ticks", ticks >= 9 && ticks <= 100);
}

static void test_nice(void) {
  struct sched_param none = {.sched_priority = 0}, real = {.sched_priority = 7};
  setpriority(PRIO_PROCESS, 0, 5);
  read_stat("/proc/self/stat");
  CHECK("a nicer one", fields[NICE] == 5 && fields[PRIORITY] == 25);
  CHECK("is told by sched, too", field_of("/proc/self/sched", "\nprio") == -1 &&
                                    strstr(text, ":                  125\n"));
  CHECK_EQ("SCHED_BATCH", syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none), 0);
  read_stat("/proc/self/stat");
  CHECK_EQ("is its policy", fields[POLICY], SCHED_BATCH);
  syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
  if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &real) == 0) {
    read_stat("/proc/self/stat");
    CHECK("realtime", fields[REALTIME] == 7 && fields[PRIORITY] == -8 &&
                          fields[POLICY] == SCHED_FIFO);
    slurp("/proc/self/sched");
    CHECK("has its place before the others", strstr(text, ":                   92\n"));
    syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
  }
  setpriority(PRIO_PROCESS, 0, 0);
}

/* ---- Signals -------------------------------------------------------------------------------- */

static void nothing(int number) { (void)number; }

/* The set of a line of status. */
static unsigned long long set_of(const char *label) {
  const char *at = strstr(text, label);
  return at ? strtoull(at + strlen(label), NULL, 16) : ~0ull;
}

#define BIT(signal) (1ull << ((signal)-1))

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static volatile int other_id;

/* Blocks SIGWINCH for itself alone, with one of it to come. */
static void *other_thread(void *argument) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_kill(pthread_self(), SIGWINCH);
  __atomic_store_n(&other_id, thread_id(), __ATOMIC_SEQ_CST);
  pthread_mutex_lock(&gate);
  pthread_mutex_unlock(&gate);
  return argument;
}

static void test_signals(void) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGRTMIN + 3);
  sigprocmask(SIG_BLOCK, &set, &old);
  signal(SIGUSR2, SIG_IGN);
  signal(SIGUSR1, nothing);
  signal(SIGHUP, nothing);
  REQUIRE("status", slurp("/proc/self/status") > 0);
  CHECK("none comes", set_of("\nSigPnd:\t") == 0 && set_of("\nShdPnd:\t") == 0);
  kill(getpid(), SIGUSR1);
  pthread_kill(pthread_self(), SIGHUP);
  slurp("/proc/self/status");
  CHECK_EQ("one for the thread", set_of("\nSigPnd:\t"), BIT(SIGHUP));
  CHECK_EQ("one for the process", set_of("\nShdPnd:\t"), BIT(SIGUSR1));
  unsigned long long blocked = BIT(SIGUSR1) | BIT(SIGHUP) | BIT(SIGRTMIN + 3);
  CHECK_EQ("blocked", set_of("\nSigBlk:\t"), blocked);
  CHECK("ignored", set_of("\nSigIgn:\t") & BIT(SIGUSR2) &&
                       !(set_of("\nSigIgn:\t") & (BIT(SIGUSR1) | BIT(SIGTERM))));
  CHECK("caught", (set_of("\nSigCgt:\t") & (BIT(SIGUSR1) | BIT(SIGUSR2) | BIT(SIGHUP))) ==
                      (BIT(SIGUSR1) | BIT(SIGHUP)));
  read_stat("/proc/self/stat");
  CHECK_EQ("stat, of the old ones", fields[SIGNALS], BIT(SIGHUP));
  CHECK_EQ("which are blocked", fields[BLOCKED], BIT(SIGUSR1) | BIT(SIGHUP));
  CHECK("ignored and caught", (fields[IGNORED] & BIT(SIGUSR2)) && (fields[CAUGHT] & BIT(SIGHUP)));
  pthread_t thread;
  char path[64];
  pthread_mutex_lock(&gate);
  pthread_create(&thread, NULL, other_thread, NULL);
  while (__atomic_load_n(&other_id, __ATOMIC_SEQ_CST) == 0)
    sched_yield();
  snprintf(path, sizeof path, "/proc/self/task/%d/status", other_id);
  REQUIRE("of another thread", slurp(path) > 0);
  CHECK_EQ("what is for it", set_of("\nSigPnd:\t"), BIT(SIGWINCH));
  CHECK_EQ("and for all", set_of("\nShdPnd:\t"), BIT(SIGUSR1));
  CHECK_EQ("what it blocks", set_of("\nSigBlk:\t"), blocked | BIT(SIGWINCH));
  CHECK_EQ("its number", field(text, "\nPid:"), other_id);
  CHECK_EQ("its group's", field(text, "\nTgid:"), getpid());
  CHECK_EQ("two of them", field(text, "\nThreads:"), 2);
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", other_id);
  read_stat(path);
  CHECK("stat, too", fields[PID] == other_id && fields[BLOCKED] & BIT(SIGWINCH));
  slurp("/proc/self/status");
  CHECK_EQ("which is not the first thread's", set_of("\nSigBlk:\t"), blocked);
  pthread_mutex_unlock(&gate);
  pthread_join(thread, NULL);
  /* On Linux it is joined a little before it is gone. */
  while (access(path, F_OK) == 0)
    sched_yield();
  CHECK_ERR("gone with it", open(path, O_RDONLY), ENOENT);
  sigprocmask(SIG_SETMASK, &old, NULL);
  slurp("/proc/self/status");
  CHECK("they have come", set_of("\nSigPnd:\t") == 0 && set_of("\nShdPnd:\t") == 0);
}

/* ---- Limits --------------------------------------------------------------------------------- */

static void put_limit(char *to, rlim_t value) {
  if (value == RLIM_INFINITY)
    strcpy(to, "unlimited");
  else
    sprintf(to, "%llu", (unsigned long long)value);
}

static void test_limits(void) {
  static const struct {
    const char *name, *unit;
  } rows[] = {{"Max cpu time", "seconds"},      {"Max file size", "bytes"},
              {"Max data size", "bytes"},       {"Max stack size", "bytes"},
              {"Max core file size", "bytes"},  {"Max resident set", "bytes"},
              {"Max processes", "processes"},   {"Max open files", "files"},
              {"Max locked memory", "bytes"},   {"Max address space", "bytes"},
              {"Max file locks", "locks"},      {"Max pending signals", "signals"},
              {"Max msgqueue size", "bytes"},   {"Max nice priority", ""},
              {"Max realtime priority", ""},    {"Max realtime timeout", "us"}};
  struct rlimit old, files;
  getrlimit(RLIMIT_NOFILE, &old);
  files = (struct rlimit){123, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &files);
  REQUIRE("limits", slurp("/proc/self/limits") > 0);
  CHECK("a line above", has_line("Limit                     Soft Limit           Hard Limit   "
                                 "        Units     "));
  CHECK("as it was set", strstr(text, "\nMax open files            123                  ") != NULL);
  for (size_t i = 0; i < COUNT(rows); i++) {
    char soft[24], hard[24], line[128];
    struct rlimit limit;
    CHECK_EQ("getrlimit", getrlimit(i, &limit), 0);
    put_limit(soft, limit.rlim_cur);
    put_limit(hard, limit.rlim_max);
    snprintf(line, sizeof line, "%-25s %-20s %-20s %-10s", rows[i].name, soft, hard, rows[i].unit);
    bool has = has_line(line);
    /* Without a unit, Linux ends the line a field earlier. */
    if (!has && !rows[i].unit[0]) {
      snprintf(line, sizeof line, "%-25s %-20s %-20s ", rows[i].name, soft, hard);
      has = strstr(text, line) != NULL;
    }
    CHECK(rows[i].name, has);
  }
  setrlimit(RLIMIT_NOFILE, &old);
  struct rlimit queued;
  char line[64];
  getrlimit(RLIMIT_SIGPENDING, &queued);
  slurp("/proc/self/status");
  put_limit(line, queued.rlim_cur);
  const char *at = strstr(text, "\nSigQ:\t");
  at = at ? strchr(at, '/') : NULL;
  CHECK("queued signals", at && (!strncmp(at + 1, line, strlen(line)) || !strcmp(line, "unlimited")));
}

/* ---- Open files ----------------------------------------------------------------------------- */

/* Reads /proc/self/fdinfo/FD. */
static int read_info(int fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  return slurp(path);
}

static long octal(const char *label) {
  const char *at = strstr(text, label);
  return at ? strtol(at + strlen(label), NULL, 8) : -1;
}

static void test_fdinfo(void) {
  const char *path = scratch("fdinfo");
  struct stat st;
  char bytes[16], link[64];
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600), other = open(path, O_RDONLY);
  REQUIRE("a file", fd >= 0 && other >= 0 && write(fd, "0123456789", 10) == 10 && !fstat(fd, &st));
  REQUIRE("fdinfo", read_info(fd) > 0);
  CHECK_EQ("its position", field(text, "pos:\t"), 10);
  CHECK_EQ("its flags", octal("\nflags:\t"), fcntl(fd, F_GETFL) | O_CLOEXEC);
  snprintf(link, sizeof link, "flags:\t0%o", (unsigned)(fcntl(fd, F_GETFL) | O_CLOEXEC));
  CHECK("in octal", has_line(link));
  CHECK("its mount", field(text, "\nmnt_id:\t") >= 0);
  CHECK_EQ("its number", field(text, "\nino:\t"), st.st_ino);
  CHECK("no lock", strstr(text, "lock:") == NULL);
  CHECK("read from another descriptor", read(other, bytes, 4) == 4 && read_info(other) > 0);
  CHECK_EQ("is where that is", field(text, "pos:\t"), 4);
  CHECK_EQ("has other flags", octal("\nflags:\t"), fcntl(other, F_GETFL));
  lseek(other, 1ll << 33, SEEK_SET);
  read_info(other);
  CHECK_EQ("far away", field(text, "pos:\t"), 1ll << 33);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 4};
  CHECK_EQ("a lock", fcntl(fd, F_SETLK, &lock), 0);
  read_info(fd);
  CHECK("is told", strstr(text, "lock:\t1: POSIX  ADVISORY  WRITE ") && strstr(text, " 3 6\n"));
  int ends[2];
  CHECK_EQ("pipe", pipe2(ends, O_NONBLOCK), 0);
  REQUIRE("a pipe's", read_info(ends[1]) > 0 && fstat(ends[1], &st) == 0);
  CHECK("position", field(text, "pos:\t") == 0 && octal("\nflags:\t") == (O_WRONLY | O_NONBLOCK));
  CHECK_EQ("number", field(text, "\nino:\t"), st.st_ino);
  snprintf(link, sizeof link, "/proc/self/fdinfo/%d", ends[0]);
  int info = open(link, O_RDONLY);
  CHECK("open", info >= 0 && lstat(link, &st) == 0 && S_ISREG(st.st_mode));
  CHECK_EQ("read only by its owner", st.st_mode & 0400, 0400);
  close(ends[0]);
  close(ends[1]);
  CHECK_ERR("none without a descriptor", open(link, O_RDONLY), ENOENT);
  CHECK("nor of one that was", read(info, bytes, 8) <= 0);
  close(info);
  int nine = fcntl(0, F_DUPFD, 90);
  snprintf(link, sizeof link, "/proc/self/fd/%d", nine);
  CHECK("digits up to nine", nine >= 90 && lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
  close(nine);
  for (int i = 0; i <= 2; i++) {
    char target[256];
    struct stat at_place;
    snprintf(link, sizeof link, "/proc/self/fd/%d", i);
    ssize_t n = readlink(link, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = 0;
    CHECK("a standard descriptor's place", n > 0 && fstat(i, &st) == 0 &&
                                               (target[0] != '/' || (!stat(target, &at_place) &&
                                                                     at_place.st_ino == st.st_ino)));
  }
  static const char *const names[] = {"x", "01", "-1", "1x", "9999999999", "4294967296", "+1", "1 "};
  for (size_t i = 0; i < COUNT(names); i++) {
    snprintf(link, sizeof link, "/proc/self/fdinfo/%s", names[i]);
    CHECK_ERR(link, open(link, O_RDONLY), ENOENT);
    snprintf(link, sizeof link, "/proc/self/fd/%s", names[i]);
    CHECK_ERR(link, open(link, O_RDONLY), ENOENT);
  }
  close(fd);
  close(other);
  unlink(path);
}

/* A descriptor that is closed and opened while the directory is read: nobody else's is left out. */
static void test_listed_descriptors(void) {
  static const char *const folders[] = {"/proc/self/fd", "/proc/self/fdinfo"};
  int first = fcntl(0, F_DUPFD, 100), last = fcntl(0, F_DUPFD, 300);
  for (size_t i = 0; i < COUNT(folders); i++) {
    int seen = 0, before = -1, sorted = 1;
    DIR *dir = opendir(folders[i]);
    REQUIRE(folders[i], dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir));) {
      if (entry->d_name[0] == '.')
        continue;
      int fd = atoi(entry->d_name);
      seen += fd == first || fd == last || fd == 1;
      sorted = sorted && fd > before && fcntl(fd, F_GETFD) >= 0;
      before = fd;
    }
    CHECK("has each that is open", seen == 3 && before >= last);
    CHECK("and no other, in order", sorted);
    rewinddir(dir);
    closedir(dir);
  }
  close(first);
  close(last);
}

/* ---- Accounting ----------------------------------------------------------------------------- */

/* A number of /proc/self/sched, behind the colon. */
static double scheduled(const char *name) {
  const char *at = strstr(text, name);
  at = at ? strchr(at, ':') : NULL;
  return at ? atof(at + 1) : -1;
}

static void test_accounting(void) {
  for (int i = 0; i < 3; i++)
    sleep_ms(1);
  long waits = field_of("/proc/self/status", "\nvoluntary_ctxt_switches:");
  long preempted = field(text, "\nnonvoluntary_ctxt_switches:");
  CHECK("waits", waits >= 3 && preempted >= 0);
  unsigned long long run = 0, waited = 0, slices = 0, later = 0;
  slurp("/proc/self/schedstat");
  CHECK_EQ("schedstat", sscanf(text, "%llu %llu %llu\n", &run, &waited, &slices), 3);
  CHECK("a slice for each", (long)slices >= waits && run > 0 && run < 100000000000ull);
  slurp("/proc/self/sched");
  CHECK("sched begins with name and number", strchr(text, '(') != NULL);
  CHECK_EQ("the number", atoi(strchr(text, '(') + 1), getpid());
  CHECK_EQ("threads", field(text, "#threads:"), 1);
  const char *first = strstr(text, "\nnr_switches");
  CHECK("values in a column", strchr(first, ':') - first - 1 == strchr(strstr(text, "\nse.sum") + 1, ':') -
                                                                  strstr(text, "\nse.sum") - 1);
  double switches = scheduled("\nnr_switches");
  CHECK("switches are of two kinds", switches == scheduled("\nnr_voluntary_switches") +
                                                    scheduled("\nnr_involuntary_switches"));
  CHECK("as in status", switches >= waits && switches <= waits + preempted + 100);
  CHECK_EQ("policy", (long)scheduled("\npolicy"), SCHED_OTHER);
  CHECK_EQ("prio", (long)scheduled("\nprio"), 120);
  const char *sum = strstr(text, "\nse.sum_exec_runtime");
  REQUIRE("time that it ran", sum != NULL);
  const char *point = strchr(strchr(sum, ':'), '.');
  CHECK("in ms, with six decimals", point && strspn(point + 1, "0123456789") == 6);
  double ms = scheduled("\nse.sum_exec_runtime");
  slurp("/proc/self/schedstat");
  sscanf(text, "%llu", &later);
  CHECK("is that of schedstat", ms * 1e6 >= run - 1e3 && ms * 1e6 <= later + 1e3);
  CHECK("goes on", later >= run);
  static const char *const counts[] = {"rchar:",       "wchar:",       "syscr:", "syscw:",
                                       "read_bytes:", "write_bytes:", "cancelled_write_bytes:"};
  for (size_t i = 0; i < COUNT(counts); i++)
    CHECK(counts[i], field_of("/proc/self/io", counts[i]) >= 0);
  CHECK("read from a disk", field(text, "\nread_bytes:") > 0 || !on_virga);
}

/* ---- What is written ------------------------------------------------------------------------ */

static void test_comm(void) {
  char path[64], name[16];
  prctl(PR_SET_NAME, "before");
  CHECK("comm", holds("/proc/self/comm", "before\n"));
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", thread_id());
  CHECK_EQ("written", put(path, "x"), 0);
  CHECK("one letter", !prctl(PR_GET_NAME, name) && !strcmp(name, "x") && holds(path, "x\n"));
  int fd = open(path, O_WRONLY);
  CHECK_EQ("up to a zero byte", write(fd, "ab\0cd", 5), 5);
  close(fd);
  CHECK("alone", holds(path, "ab\n"));
  CHECK("status", slurp("/proc/self/status") > 0 && !strncmp(text, "Name:\tab\n", 9));
  CHECK("stat", slurp("/proc/self/stat") > 0 && strstr(text, " (ab) "));
  CHECK_EQ("fifteen", put(path, "123456789012345"), 0);
  CHECK("fit", holds(path, "123456789012345\n"));
}

static void test_umask(void) {
  mode_t old = umask(0137);
  CHECK("umask", slurp("/proc/self/status") > 0 && has_line("Umask:\t0137"));
  umask(0);
  CHECK("none", slurp("/proc/self/status") > 0 && has_line("Umask:\t0000"));
  umask(old);
}

static void test_numbers(void) {
  static const char *const filter = "/proc/self/coredump_filter";
  static const char *const slack = "/proc/self/timerslack_ns";
  static const char *const wrong[] = {"x", "-1", "1x", "0x", " "};
  for (size_t i = 0; i < COUNT(wrong); i++)
    CHECK_EQ(wrong[i], put(filter, wrong[i]), EINVAL);
  CHECK("too large", put(filter, "4294967296") != 0);
  CHECK("changes nothing", holds(filter, "00000033\n"));
  CHECK("zero", put(filter, "0") == 0 && holds(filter, "00000000\n"));
  CHECK("all", put(filter, "4294967295\n") == 0 && holds(filter, "000001ff\n"));
  CHECK("hexadecimal", put(filter, "0x33") == 0 && holds(filter, "00000033\n"));
  CHECK("white space around", put("/proc/self/oom_score_adj", "\t\r 3 \r\n") == 0 &&
                                  holds("/proc/self/oom_score_adj", "3\n"));
  CHECK("slack", put(slack, "777\n") == 0 && prctl(PR_GET_TIMERSLACK) == 777 && holds(slack, "777\n"));
  CHECK_EQ("no number", put(slack, "much"), EINVAL);
  CHECK_EQ("below zero", put(slack, "-5"), EINVAL);
  CHECK_EQ("is as before", prctl(PR_GET_TIMERSLACK), 777);
  CHECK("the default", put(slack, "0") == 0 && prctl(PR_GET_TIMERSLACK) == 50000);
  CHECK("who has logged in", slurp("/proc/self/loginuid") < 0 || strtoul(text, NULL, 10) > 0 ||
                                 strchr(text, '0'));
  CHECK("users", slurp("/proc/self/uid_map") < 0 || strlen(text) == 33);
  if (on_virga)
    CHECK("nobody", holds("/proc/self/loginuid", "4294967295"));
}

/* Takes CAP_SYS_RESOURCE out of this thread's effective set: whether it was there. */
static bool give_up_right(bool really) {
  struct {
    unsigned version;
    int pid;
  } header = {0x20080522, 0};
  unsigned data[6] = {0};
  syscall(SYS_capget, &header, data);
  bool was = data[0] & 1u << 24;
  data[0] &= ~(1u << 24);
  if (really)
    syscall(SYS_capset, &header, data);
  return was;
}

static void test_oom(void) {
  static const char *const adjust = "/proc/self/oom_score_adj", *const old = "/proc/self/oom_adj";
  static const struct {
    const char *written, *kept;
  } scales[] = {{"8", "470\n"}, {"-17", "-1000\n"}, {"15", "1000\n"}, {"-16", "-941\n"}, {"0", "0\n"}};
  if (!give_up_right(false))
    return;
  for (size_t i = 0; i < COUNT(scales); i++)
    CHECK(scales[i].written, put(old, scales[i].written) == 0 && holds(adjust, scales[i].kept));
  CHECK("and the other way", put(adjust, "1000") == 0 && holds(old, "15\n"));
  CHECK("half", put(adjust, "500") == 0 && holds(old, "8\n"));
  CHECK("least", put(adjust, "-1000") == 0 && holds(old, "-17\n"));
  CHECK("is never chosen", holds("/proc/self/oom_score", "0\n"));
  static const char *const wrong[] = {"-1001", "1001", "x", "1 2"};
  for (size_t i = 0; i < COUNT(wrong); i++)
    CHECK_EQ(wrong[i], put(adjust, wrong[i]), EINVAL);
  CHECK_EQ("-18", put(old, "-18"), EINVAL);
  CHECK_EQ("16", put(old, "16"), EINVAL);
  CHECK_EQ("no number", put(old, "x"), EINVAL);
  CHECK("changes nothing", holds(adjust, "-1000\n"));
  CHECK_EQ("more", put(adjust, "900"), 0);
  CHECK("is more likely", slurp("/proc/self/oom_score") > 0 && atoi(text) >= 900 - 1);
  CHECK_EQ("some", put(adjust, "300"), 0);
  give_up_right(true);
  CHECK_EQ("without the right it rises", put(adjust, "400"), 0);
  CHECK_EQ("and falls to where it was", put(adjust, "300"), 0);
  CHECK_EQ("no further", put(adjust, "299"), EACCES);
  CHECK_EQ("nor by the old scale", put(old, "1"), EACCES);
  CHECK("and keeps", holds(adjust, "300\n"));
}

static const struct group groups[] = {
    {"stat", test_stat},
    {"nice", test_nice},
    {"signals", test_signals},
    {"limits", test_limits},
    {"fdinfo", test_fdinfo},
    {"descriptors", test_listed_descriptors},
    {"accounting", test_accounting},
    {"comm", test_comm},
    {"umask", test_umask},
    {"numbers", test_numbers},
    {"oom", test_oom},
};

int main(int argc, char **argv) {
  warm_up();
  return check_main(argc, argv, groups, COUNT(groups));
}
