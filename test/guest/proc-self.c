/*
 * What a process reads and writes about itself in /proc/self and /proc/self/task: smaps, pagemap,
 * namespaces, accounting, and the files that can be written. The others are in proc.c.
 */
#include "proc.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void test_smaps(void) {
  const size_t size = 64 * 4096;
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("mmap", p != MAP_FAILED);
  madvise(p, size, MADV_NOHUGEPAGE);
  for (int i = 0; i < 3; i++)
    p[i * 8 * 4096] = 1;
  REQUIRE("smaps", slurp("/proc/self/smaps") > 0);
  char range[64];
  snprintf(range, sizeof range, "%lx-", (unsigned long)p);
  const char *area = strstr(text, range);
  REQUIRE("has the area", area != NULL);
  long size_kib = field(area, "\nSize:");
  CHECK("with its size", size_kib >= (long)size / 1024);
  CHECK("its pages", field(area, "\nRss:") >= 12 && field(area, "\nRss:") <= size_kib);
  CHECK("all its own", field(area, "\nAnonymous:") >= 12 && field(area, "\nPrivate_Dirty:") >= 12);
  CHECK("nothing swapped", field(area, "\nSwap:") == 0);
  CHECK("and its flags", strstr(area, "\nVmFlags: rd wr mr mw me"));
  REQUIRE("smaps_rollup", slurp("/proc/self/smaps_rollup") > 0);
  CHECK("is one area", strstr(text, "[rollup]\nRss:") != NULL);
  long all = field(text, "\nRss:"), anonymous = field(text, "\nPss_Anon:");
  CHECK("the sum", all >= 12 && anonymous >= 12 && anonymous <= all);
  REQUIRE("status", slurp("/proc/self/status") > 0);
  CHECK("RssAnon and RssFile are VmRSS",
        labs(field(text, "\nRssAnon:") + field(text, "\nRssFile:") + field(text, "\nRssShmem:") -
             field(text, "\nVmRSS:")) <= 512);
  CHECK("VmPeak, VmHWM", field(text, "\nVmPeak:") >= field(text, "\nVmSize:") &&
                             field(text, "\nVmHWM:") >= field(text, "\nVmRSS:") - 512);
  CHECK("VmData, VmStk, VmExe", field(text, "\nVmData:") >= size_kib &&
                                    field(text, "\nVmStk:") > 0 && field(text, "\nVmExe:") > 0);
  munmap(p, size);
}

static void test_pagemap(void) {
  const uint64_t present = 1ull << 63;
  uint64_t entries[4] = {0};
  char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(p, 4 * 4096, MADV_NOHUGEPAGE);
  p[0] = p[2 * 4096] = 1;
  int fd = open("/proc/self/pagemap", O_RDONLY);
  REQUIRE("pagemap", fd >= 0);
  off_t at = (uintptr_t)p / 4096 * 8;
  CHECK_EQ("four entries", pread(fd, entries, sizeof entries, at), sizeof entries);
  CHECK("a page that was touched", entries[0] & present);
  CHECK("one that was not", !(entries[3] & present));
  CHECK("another one", (entries[2] & present) && entries[2] != entries[0]);
  CHECK_ERR("half an entry", pread(fd, entries, 4, at), EINVAL);
  CHECK_ERR("between two", pread(fd, entries, 8, at + 4), EINVAL);
  close(fd);
  munmap(p, 4 * 4096);
}

static void test_namespaces(void) {
  static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};
  char path[64], link[64], expected[64];
  for (size_t i = 0; i < COUNT(names); i++) {
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
    ssize_t n = readlink(path, link, sizeof link - 1);
    link[n < 0 ? 0 : n] = 0;
    CHECK(path, stat(path, &st) == 0 && S_ISREG(st.st_mode));
    snprintf(expected, sizeof expected, "%s:[%lu]", names[i], (unsigned long)st.st_ino);
    CHECK("is named by its inode", strcmp(link, expected) == 0);
  }
  struct stat one, other;
  CHECK("a thread's are the process'", stat("/proc/self/ns/net", &one) == 0 &&
                                           stat("/proc/thread-self/ns/net", &other) == 0 &&
                                           one.st_ino == other.st_ino && one.st_dev == other.st_dev);
  int fd = open("/proc/self/ns/uts", O_RDONLY);
  CHECK("can be opened", fd >= 0 && fstat(fd, &one) == 0 && one.st_ino != other.st_ino);
  CHECK_ERR("not read", read(fd, path, 8), EINVAL);
  close(fd);
}

static void *sleeps(void *unused) {
  for (int i = 0; i < 20; i++)
    sleep_ms(1);
  return unused;
}

static void test_accounting(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, sleeps, NULL);
  pthread_join(thread, NULL);
  for (int i = 0; i < 5; i++)
    sleep_ms(1);
  REQUIRE("io", slurp("/proc/self/io") > 0);
  CHECK("seven numbers", field(text, "rchar:") >= 0 && field(text, "\nwrite_bytes:") >= 0 &&
                             field(text, "\ncancelled_write_bytes:") >= 0);
  unsigned long run = 0, waited = 0, slices = 0;
  CHECK("schedstat", slurp("/proc/self/schedstat") > 0 &&
                         sscanf(text, "%lu %lu %lu", &run, &waited, &slices) == 3);
  CHECK("has run, several times", run > 0 && slices >= 5);
  CHECK("of a thread", slurp("/proc/thread-self/schedstat") > 0);
  CHECK("sched", slurp("/proc/self/sched") > 0 && strstr(text, "#threads: 1)\n") &&
                     strstr(text, "nr_switches"));
  CHECK("status has waits", slurp("/proc/self/status") > 0 &&
                                field(text, "\nvoluntary_ctxt_switches:") >= 5);
  struct rusage self, own;
  CHECK("getrusage, too", getrusage(RUSAGE_SELF, &self) == 0 && self.ru_nvcsw >= 5);
  CHECK("of a thread", getrusage(RUSAGE_THREAD, &own) == 0 && own.ru_nvcsw >= 5 &&
                           self.ru_nvcsw >= own.ru_nvcsw + 20);
  long faults = self.ru_minflt;
  char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *p = 1;
  munmap(p, 4096);
  getrusage(RUSAGE_SELF, &self);
  CHECK("and page faults", self.ru_minflt > faults);
}

static void test_written(void) {
  CHECK_EQ("comm", put("/proc/self/comm", "other-name"), 0);
  char name[16];
  CHECK("is the thread's name", !prctl(PR_GET_NAME, name) && !strcmp(name, "other-name") &&
                                    holds("/proc/self/comm", "other-name\n"));
  CHECK_EQ("a long one", put("/proc/self/comm", "a-name-that-is-too-long"), 0);
  CHECK("is cut", holds("/proc/self/task/../comm", "a-name-that-is-\n"));
  CHECK_EQ("oom_score_adj", put("/proc/self/oom_score_adj", "500\n"), 0);
  CHECK("is kept", holds("/proc/self/oom_score_adj", "500\n"));
  CHECK_EQ("too much", put("/proc/self/oom_score_adj", "1001"), EINVAL);
  CHECK_EQ("no number", put("/proc/self/oom_score_adj", "x"), EINVAL);
  CHECK_EQ("coredump_filter", put("/proc/self/coredump_filter", "0x7"), 0);
  CHECK("is kept, too", holds("/proc/self/coredump_filter", "00000007\n"));
  CHECK_EQ("and back", put("/proc/self/coredump_filter", "0x33"), 0);
  CHECK_EQ("timerslack_ns", put("/proc/self/timerslack_ns", "12345"), 0);
  CHECK_EQ("is prctl's", prctl(PR_GET_TIMERSLACK), 12345);
  CHECK("personality", slurp("/proc/self/personality") == 9);
  CHECK("wchan", slurp("/proc/self/wchan") > 0);
  CHECK("status can't be written", put("/proc/self/status", "x") != 0);
}

static void *in_thread(void *unused) {
  static const char *const names[] = {"stat",  "status", "comm", "maps",  "smaps", "io",
                                      "sched", "limits", "exe",  "cgroup", "ns/net"};
  char path[64];
  for (size_t i = 0; i < COUNT(names); i++) {
    snprintf(path, sizeof path, "/proc/thread-self/%s", names[i]);
    CHECK(path, access(path, F_OK) == 0);
  }
  CHECK("not task", access("/proc/thread-self/task", F_OK) != 0);
  CHECK_EQ("its own name", put("/proc/thread-self/comm", "helper"), 0);
  CHECK("is told", holds("/proc/thread-self/comm", "helper\n"));
  return unused;
}

static void test_threads(void) {
  pthread_t thread;
  prctl(PR_SET_NAME, "main");
  pthread_create(&thread, NULL, in_thread, NULL);
  pthread_join(thread, NULL);
  CHECK("the process keeps its name", holds("/proc/self/comm", "main\n"));
  int entries = 0, bad = 0;
  DIR *dir = opendir("/proc/self");
  REQUIRE("opendir", dir != NULL);
  struct dirent *entry;
  while ((entry = readdir(dir)) && entries < 1000) {
    struct stat st;
    entries++;
    bad += fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0;
  }
  closedir(dir);
  CHECK("each name is listed once", entries > 30 && entries < 100);
  CHECK_EQ("and there", bad, 0);
}

static int reopen(int fd, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, flags);
}

static void test_reopening(void) {
  struct stat st, other;
  char path[64], bytes[4] = "";
  int sockets[2] = {socket(AF_UNIX, SOCK_STREAM, 0), socket(AF_INET, SOCK_STREAM, 0)};
  for (int i = 0; i < 2; i++) {
    CHECK_ERR("a socket can't be opened", reopen(sockets[i], O_RDWR), ENXIO);
    snprintf(path, sizeof path, "/proc/self/fd/%d", sockets[i]);
    CHECK("but looked at", stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
                               fstat(sockets[i], &other) == 0 && st.st_ino == other.st_ino);
    CHECK_EQ("and found", access(path, F_OK), 0);
    int place = reopen(sockets[i], O_PATH);
    CHECK("also by O_PATH", place >= 0 && fstat(place, &st) == 0 && S_ISSOCK(st.st_mode));
    close(place);
    close(sockets[i]);
    CHECK("when closed it is gone", access(path, F_OK) != 0 && errno == ENOENT);
  }
  int event = eventfd(0, 0), ends[2];
  CHECK_ERR("an eventfd can't be opened", reopen(event, O_RDWR), ENXIO);
  CHECK_EQ("pipe", pipe(ends), 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  CHECK("is one", stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
  CHECK_ERR("not a directory", open(strcat(path, "/x"), O_RDONLY), ENOTDIR);
  close(event);
  close(ends[0]);
  close(ends[1]);
  const char *file = scratch("reopened");
  int fd = open(file, O_RDWR | O_CREAT, 0600);
  REQUIRE("a deleted file", fd >= 0 && write(fd, "abc", 3) == 3 && unlink(file) == 0);
  int again = reopen(fd, O_RDONLY);
  CHECK("can be opened anew", again >= 0 && read(again, bytes, 3) == 3 && !memcmp(bytes, "abc", 3));
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  char link[256];
  ssize_t n = readlink(path, link, sizeof link - 1);
  link[n < 0 ? 0 : n] = 0;
  CHECK("and is shown as deleted", n > 10 && !strcmp(link + n - 10, " (deleted)"));
  close(fd);
  close(again);
}

static void test_pipes(void) {
  int ends[2];
  char bytes[8] = "";
  struct stat a, b;
  REQUIRE("pipe", pipe(ends) == 0);
  int reader = reopen(ends[0], O_RDONLY | O_NONBLOCK), writer = reopen(ends[0], O_WRONLY);
  REQUIRE("both sides by one end's link", reader >= 0 && writer >= 0);
  CHECK("are the same pipe", fstat(reader, &a) == 0 && fstat(ends[1], &b) == 0 &&
                                 S_ISFIFO(a.st_mode) && a.st_ino == b.st_ino);
  CHECK_ERR("with flags of their own", read(reader, bytes, 1), EAGAIN);
  CHECK_EQ("a write to the new one", write(writer, "abc", 3), 3);
  CHECK_EQ("is read from the old one", read(ends[0], bytes, 1), 1);
  CHECK_EQ("and from the other new one", read(reader, bytes, 8), 2);
  CHECK_ERR("a writer does not read", read(writer, bytes, 1), EBADF);
  int again = reopen(writer, O_WRONLY);
  CHECK("what was opened anew can be, too", again >= 0 && write(again, "x", 1) == 1);
  CHECK_EQ("and read", read(reader, bytes, 8), 1);
  close(again);
  close(ends[1]);
  CHECK_ERR("a writer is left", read(reader, bytes, 1), EAGAIN);
  close(writer);
  CHECK_EQ("with the last one it ends", read(reader, bytes, 1), 0);
  CHECK_EQ("for the old one as well", read(ends[0], bytes, 1), 0);
  writer = reopen(reader, O_WRONLY | O_NONBLOCK);
  CHECK("a new writer", writer >= 0 && write(writer, "y", 1) == 1 && read(ends[0], bytes, 8) == 1);
  close(ends[0]);
  close(reader);
  signal(SIGPIPE, SIG_IGN);
  CHECK_ERR("nobody reads", write(writer, "z", 1), EPIPE);
  reader = reopen(writer, O_RDONLY);
  CHECK("until somebody comes, who waits for nobody", reader >= 0 && write(writer, "z", 1) == 1 &&
                                                          read(reader, bytes, 8) == 1);
  close(reader);
  close(writer);
}

static const struct group groups[] = {
    {"smaps", test_smaps},           {"pagemap", test_pagemap}, {"namespaces", test_namespaces},
    {"accounting", test_accounting}, {"written", test_written}, {"threads", test_threads},
    {"reopening", test_reopening},
    {"pipes", test_pipes},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
