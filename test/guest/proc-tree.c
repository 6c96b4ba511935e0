/*
 * The trees of /proc, /sys and /dev as trees: what is there, with which rights, and that listing,
 * looking up and reading agree with each other. What the texts say is in proc.c, proc-self.c,
 * proc-memory.c, proc-state.c, proc-machine.c and sys.c.
 */
#include "proc.h"
#include <dirent.h>
#include <sys/syscall.h>

#define ENTRIES_MAX 256
#define CPU "/sys/devices/system/cpu"
#define NODE "/sys/devices/system/node"
#define LARGE "/sys/kernel/mm"

struct record {
  uint64_t inode;
  int64_t next;
  unsigned short length;
  unsigned char type;
  char name[];
};

struct entry {
  uint64_t inode;
  int64_t next;
  unsigned char type;
  char name[64];
};

/* Lists what follows the position, so many bytes at a time: how many entries, or -1. */
static int list(int fd, size_t size, struct entry *entries) {
  static char buffer[32768] __attribute__((aligned(8)));
  int count = 0;
  long n;
  while ((n = syscall(SYS_getdents64, fd, buffer, size)) > 0) {
    for (long at = 0; at < n && count < ENTRIES_MAX; count++) {
      struct record *record = (struct record *)(buffer + at);
      entries[count].inode = record->inode;
      entries[count].next = record->next;
      entries[count].type = record->type;
      snprintf(entries[count].name, sizeof entries[count].name, "%s", record->name);
      at += record->length;
    }
  }
  return n < 0 ? -1 : count;
}

static bool is_same(const struct entry *a, const struct entry *b) {
  return a->inode == b->inode && a->type == b->type && !strcmp(a->name, b->name);
}

static bool are_same(const struct entry *a, const struct entry *b, int count) {
  for (int i = 0; i < count; i++)
    if (!is_same(&a[i], &b[i]))
      return false;
  return true;
}

static struct entry whole[ENTRIES_MAX], again[ENTRIES_MAX];

/* Who goes on behind an entry gets the others, each. */
static bool can_resume(int fd, int count) {
  for (int i = 0; i < count; i++) {
    int rest = count - i - 1;
    if (lseek(fd, whole[i].next, SEEK_SET) != whole[i].next || list(fd, 256, again) != rest ||
        !are_same(whole + i + 1, again, rest))
      return false;
  }
  return true;
}

static bool is_listed_once(int count) {
  for (int i = 0; i < count; i++)
    for (int j = 0; j < i; j++)
      if (!strcmp(whole[i].name, whole[j].name))
        return false;
  return true;
}

/* Each name is there, as what and under the number that the directory says: how many are not. */
static int not_as_listed(int fd, int count) {
  int wrong = 0;
  for (int i = 0; i < count; i++) {
    struct stat st;
    bool is_parent = !strcmp(whole[i].name, "..");
    bool right = fstatat(fd, whole[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                 whole[i].type == (st.st_mode & S_IFMT) >> 12 &&
                 (is_parent || whole[i].inode == st.st_ino);
    if (!right)
      say("# %s: listed %d %llu, is %o %llu", whole[i].name, whole[i].type,
          (unsigned long long)whole[i].inode, st.st_mode, (unsigned long long)st.st_ino);
    wrong += !right;
  }
  return wrong;
}

/* Names that are nearly one that is there, and are not: how many can be found. */
static int found_by_mistake(int fd, int count) {
  int found = 0;
  for (int i = 0; i < count; i++) {
    char name[80];
    struct stat st;
    if (whole[i].name[0] == '.')
      continue;
    snprintf(name, sizeof name, "%sx", whole[i].name);
    found += fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
    snprintf(name, sizeof name, "0%s", whole[i].name);
    found += fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
    snprintf(name, sizeof name, "%s", whole[i].name);
    name[strlen(name) - 1] ^= 0x80;
    found += fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
  }
  return found;
}

/* Nothing can be made or removed: how many calls succeeded all the same. */
static int changed(int fd, const char *name) {
  return (mkdirat(fd, "made", 0755) == 0) + (symlinkat("x", fd, "made") == 0) +
         (mknodat(fd, "made", S_IFREG | 0644, 0) == 0) + (unlinkat(fd, name, 0) == 0) +
         (renameat(fd, name, fd, "made") == 0) + (linkat(fd, name, fd, "made", 0) == 0) +
         (openat(fd, "made", O_CREAT | O_WRONLY, 0644) >= 0);
}

static void look_into(const char *path, bool is_writable) {
  struct entry small;
  say("# %s", path);
  int fd = open(path, O_RDONLY | O_DIRECTORY);
  REQUIRE(path, fd >= 0);
  int count = list(fd, 32768, whole);
  CHECK("is listed", count > 2 && count < ENTRIES_MAX);
  CHECK("from itself and its parent on", !strcmp(whole[0].name, ".") && !strcmp(whole[1].name, ".."));
  CHECK("each name once", is_listed_once(count));
  lseek(fd, 0, SEEK_SET);
  CHECK_EQ("the same in small pieces", list(fd, 72, again), count);
  CHECK("with the same entries", are_same(whole, again, count));
  CHECK_EQ("at its end nothing comes", list(fd, 32768, again), 0);
  CHECK("goes on behind each", can_resume(fd, count));
  lseek(fd, 0, SEEK_SET);
  CHECK_ERR("no room for one", syscall(SYS_getdents64, fd, &small, 16), EINVAL);
  CHECK_ERR("is not read", read(fd, &small, 16), EISDIR);
  CHECK_ERR("nor in the middle", pread(fd, &small, 16, 1), EISDIR);
  CHECK_EQ("each is as listed", not_as_listed(fd, count), 0);
  CHECK_EQ("and again", not_as_listed(fd, count), 0);
  CHECK_EQ("no other name leads there", found_by_mistake(fd, count), 0);
  if (!is_writable)
    CHECK_EQ("it stays as it is", changed(fd, whole[count - 1].name), 0);
  lseek(fd, 0, SEEK_SET);
  CHECK("and was not changed", list(fd, 32768, again) == count && are_same(whole, again, count));
  struct stat st;
  CHECK("has links to it", fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink >= 1);
  close(fd);
}

/* What is made when it is read has no handle by which it could be found again. */
static void test_handles(void) {
  struct {
    unsigned bytes;
    int type;
    unsigned char handle[128];
  } handle = {128, 0, {0}};
  int mount;
  CHECK_ERR("/proc", syscall(SYS_name_to_handle_at, AT_FDCWD, "/proc/stat", &handle, &mount, 0),
            EOPNOTSUPP);
  if (on_virga)
    CHECK_ERR("/sys", syscall(SYS_name_to_handle_at, AT_FDCWD, CPU "/online", &handle, &mount, 0),
              EOPNOTSUPP);
}

static void test_directories(void) {
  static const char *const paths[] = {
      "/proc/self",        "/proc/self/fd",      "/proc/self/fdinfo",
      "/proc/self/ns",     "/proc/self/task",    "/proc/thread-self",
      "/proc/self/net",    "/proc/thread-self/fd", "/proc/sys",
      "/proc/sys/kernel",  "/proc/sys/kernel/random", "/proc/sys/vm",
      "/proc/sys/fs",      "/proc/sys/fs/inotify", "/proc/sys/net",
      "/proc/sysvipc",     "/sys/class/net",     CPU,
      CPU "/cpu0/topology", CPU "/smt",          NODE,
      NODE "/node0",       LARGE,                LARGE "/hugepages",
      LARGE "/transparent_hugepage"};
  int fds[20];
  for (size_t i = 0; i < COUNT(fds); i++)
    fds[i] = open("/dev/null", O_RDONLY);
  for (size_t i = 0; i < COUNT(paths); i++)
    if (on_virga || access(paths[i], F_OK) == 0)
      look_into(paths[i], false);
  for (size_t i = 0; i < COUNT(fds); i++)
    close(fds[i]);
  if (on_virga) {
    look_into("/proc", false);
    look_into("/sys", false);
    look_into("/dev", true);
  }
}

/* ---- What is there -------------------------------------------------------------------------- */

struct known {
  const char *name;
  /* Type and rights. Those to write are Virga's: what would have no effect can't be written. */
  unsigned mode;
};

/* With the mode: a kernel of Linux may be built without it. */
#define RARE (1u << 24)

static void look_for(const char *folder, const struct known *all, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, all[i].name);
    bool is_there = lstat(path, &st) == 0;
    if (!is_there && (all[i].mode & RARE) && !on_virga)
      continue;
    if (!CHECK(path, is_there))
      continue;
    unsigned compared = on_virga ? 0177777 : S_IFMT | 0400;
    CHECK_EQ("as what and with which rights", st.st_mode & compared, all[i].mode & compared);
    if (!S_ISREG(all[i].mode) || !on_virga || !strcmp(all[i].name, "pagemap"))
      continue;
    CHECK("can be read", slurp(path) >= 0);
    CHECK_EQ("is opened for writing when it says so", put(path, ""),
             (all[i].mode & 0200) != 0 ? 0 : EACCES);
  }
}

#define TEXT (S_IFREG | 0444)
#define OWN (S_IFREG | 0400)
#define SET (S_IFREG | 0644)
#define LINK (S_IFLNK | 0777)
#define FOLDER (S_IFDIR | 0555)

static const struct known in_proc[] = {
    {"buddyinfo", OWN | RARE}, {"cgroups", TEXT | RARE},  {"cmdline", TEXT},
    {"cpuinfo", TEXT},        {"devices", TEXT},        {"diskstats", TEXT},
    {"filesystems", TEXT},    {"interrupts", TEXT},     {"loadavg", TEXT},
    {"locks", TEXT},          {"meminfo", TEXT},        {"modules", TEXT | RARE},
    {"partitions", TEXT},     {"softirqs", TEXT},       {"stat", TEXT},
    {"swaps", TEXT | RARE},    {"uptime", TEXT},         {"version", TEXT},
    {"vmstat", TEXT},         {"zoneinfo", TEXT},       {"self", LINK},
    {"thread-self", LINK},    {"mounts", LINK},         {"net", LINK},
    {"sys", FOLDER},          {"sysvipc", FOLDER | RARE}, {"1", FOLDER}};

static const struct known in_self[] = {
    {"auxv", OWN},       {"cgroup", TEXT | RARE}, {"cmdline", TEXT},       {"comm", SET},
    {"environ", OWN},    {"gid_map", TEXT | RARE}, {"io", OWN | RARE},      {"limits", TEXT},
    {"loginuid", TEXT | RARE}, {"maps", TEXT},    {"mountinfo", TEXT},     {"mounts", TEXT},
    {"oom_adj", SET},    {"oom_score", TEXT},    {"oom_score_adj", SET},  {"personality", OWN},
    {"sched", TEXT | RARE}, {"schedstat", TEXT | RARE}, {"sessionid", TEXT | RARE},
    {"setgroups", TEXT | RARE}, {"smaps", TEXT},  {"smaps_rollup", TEXT},  {"stat", TEXT},
    {"statm", TEXT},     {"status", TEXT},       {"uid_map", TEXT | RARE}, {"wchan", TEXT | RARE},
    {"cwd", LINK},       {"exe", LINK},          {"root", LINK},          {"fd", S_IFDIR | 0500},
    {"fdinfo", FOLDER},  {"net", FOLDER},        {"ns", S_IFDIR | 0511},  {"pagemap", OWN | RARE}};

static const struct known of_process_alone[] = {{"coredump_filter", SET | RARE},
                                                {"timerslack_ns", S_IFREG | 0666 | RARE},
                                                {"task", FOLDER}};

static const struct known in_namespaces[] = {
    {"cgroup", LINK | RARE}, {"ipc", LINK | RARE}, {"mnt", LINK},
    {"net", LINK | RARE},    {"pid", LINK | RARE}, {"pid_for_children", LINK | RARE},
    {"time", LINK | RARE},   {"time_for_children", LINK | RARE}, {"user", LINK | RARE},
    {"uts", LINK | RARE}};

static const struct known in_devices[] = {
    {"null", S_IFCHR | 0666},    {"zero", S_IFCHR | 0666},  {"full", S_IFCHR | 0666},
    {"random", S_IFCHR | 0666},  {"urandom", S_IFCHR | 0666}, {"kmsg", S_IFCHR | 0644 | RARE},
    {"tty", S_IFCHR | 0666 | RARE}, {"console", S_IFCHR | 0600 | RARE}, {"fd", LINK},
    {"stdin", LINK},             {"stdout", LINK},          {"stderr", LINK},
    {"shm", S_IFDIR | 01777},    {"mqueue", S_IFDIR | 01777 | RARE}};

static const struct known in_cpus[] = {
    {"online", TEXT},          {"possible", TEXT},      {"present", TEXT},
    {"offline", TEXT},         {"isolated", TEXT},      {"kernel_max", TEXT},
    {"smt/active", TEXT | RARE}, {"smt/control", TEXT | RARE}, {"cpu0/topology", S_IFDIR | 0555 | RARE},
    {"cpu0/cache", S_IFDIR | 0555 | RARE}, {"cpu0/node0", LINK | RARE}};

static const struct known in_topology[] = {
    {"core_id", TEXT | RARE},        {"die_id", TEXT | RARE},         {"physical_package_id", TEXT | RARE},
    {"core_cpus", TEXT | RARE},      {"core_siblings", TEXT | RARE},  {"die_cpus", TEXT | RARE},
    {"package_cpus", TEXT | RARE},   {"thread_siblings", TEXT | RARE}, {"core_cpus_list", TEXT | RARE},
    {"core_siblings_list", TEXT | RARE}, {"die_cpus_list", TEXT | RARE},
    {"package_cpus_list", TEXT | RARE}, {"thread_siblings_list", TEXT | RARE}};

static const struct known in_nodes[] = {
    {"has_cpu", TEXT | RARE},       {"has_memory", TEXT | RARE}, {"has_normal_memory", TEXT | RARE},
    {"online", TEXT | RARE},        {"possible", TEXT | RARE},   {"node0/cpulist", TEXT | RARE},
    {"node0/cpumap", TEXT | RARE},  {"node0/distance", TEXT | RARE}, {"node0/meminfo", TEXT | RARE},
    {"node0/hugepages", S_IFDIR | 0555 | RARE}, {"node0/cpu0", LINK | RARE}};

static const struct known large_pages[] = {
    {"hugepages/hugepages-2048kB/free_hugepages", TEXT | RARE},
    {"hugepages/hugepages-2048kB/nr_hugepages", TEXT | RARE},
    {"hugepages/hugepages-2048kB/nr_overcommit_hugepages", TEXT | RARE},
    {"hugepages/hugepages-2048kB/resv_hugepages", TEXT | RARE},
    {"hugepages/hugepages-2048kB/surplus_hugepages", TEXT | RARE},
    {"transparent_hugepage/enabled", TEXT | RARE},
    {"transparent_hugepage/defrag", TEXT | RARE},
    {"transparent_hugepage/shmem_enabled", TEXT | RARE},
    {"transparent_hugepage/hpage_pmd_size", TEXT | RARE},
    {"transparent_hugepage/use_zero_page", TEXT | RARE}};

static void test_names(void) {
  look_for("/proc", in_proc, COUNT(in_proc));
  look_for("/proc/self", in_self, COUNT(in_self));
  look_for("/proc/self", of_process_alone, COUNT(of_process_alone));
  look_for("/proc/thread-self", in_self, COUNT(in_self));
  look_for("/proc/self/ns", in_namespaces, COUNT(in_namespaces));
  look_for("/dev", in_devices, COUNT(in_devices));
  look_for(CPU, in_cpus, COUNT(in_cpus));
  look_for(CPU "/cpu0/topology", in_topology, COUNT(in_topology));
  look_for(NODE, in_nodes, COUNT(in_nodes));
  look_for(LARGE, large_pages, COUNT(large_pages));
}

/* ---- /proc/sys ------------------------------------------------------------------------------ */

struct setting {
  const char *name;
  unsigned mode;
  /* Between which its number lies, on any Linux. */
  long long least, most;
};

#define INT 2147483647

static const struct setting settings[] = {
    {"kernel/pid_max", TEXT, 301, 4194304},
    {"kernel/threads-max", TEXT, 20, INT},
    {"kernel/ngroups_max", TEXT, 65536, 65536},
    {"kernel/cap_last_cap", TEXT, 37, 63},
    {"kernel/overflowuid", TEXT, 65534, 65534},
    {"kernel/overflowgid", TEXT, 65534, 65534},
    {"kernel/randomize_va_space", TEXT, 0, 2},
    {"kernel/perf_event_paranoid", TEXT | RARE, -1, 4},
    {"kernel/random/entropy_avail", TEXT, 1, 4096},
    {"kernel/random/poolsize", TEXT, 256, 4096},
    {"kernel/tainted", TEXT, 0, INT},
    {"kernel/panic", TEXT, -1, INT},
    {"kernel/panic_on_oops", TEXT, 0, 1},
    {"kernel/core_uses_pid", TEXT | RARE, 0, 1},
    {"kernel/core_pipe_limit", TEXT | RARE, 0, INT},
    {"kernel/io_uring_disabled", TEXT | RARE, 0, 2},
    {"kernel/unprivileged_bpf_disabled", TEXT | RARE, 0, 2},
    {"kernel/nmi_watchdog", TEXT | RARE, 0, 1},
    {"kernel/sysrq", TEXT | RARE, 0, 511},
    {"kernel/numa_balancing", TEXT | RARE, 0, 3},
    {"vm/overcommit_memory", TEXT, 0, 2},
    {"vm/overcommit_ratio", TEXT, 0, 1000},
    {"vm/overcommit_kbytes", TEXT, 0, INT},
    {"vm/max_map_count", TEXT, 65530, INT},
    {"vm/mmap_min_addr", TEXT | RARE, 0, 65536},
    {"vm/legacy_va_layout", TEXT, 0, 1},
    {"vm/nr_hugepages", TEXT | RARE, 0, INT},
    {"vm/nr_overcommit_hugepages", TEXT | RARE, 0, INT},
    {"vm/swappiness", TEXT, 0, 200},
    {"vm/zone_reclaim_mode", TEXT | RARE, 0, 7},
    {"vm/panic_on_oom", TEXT, 0, 2},
    {"fs/file-max", TEXT, 1000, INT64_MAX},
    {"fs/nr_open", TEXT, 1024, INT},
    {"fs/aio-max-nr", TEXT | RARE, 65536, INT},
    {"fs/suid_dumpable", TEXT, 0, 2},
    {"fs/protected_fifos", TEXT, 0, 2},
    {"fs/protected_hardlinks", TEXT, 0, 1},
    {"fs/protected_regular", TEXT, 0, 2},
    {"fs/protected_symlinks", TEXT, 0, 1},
    {"fs/pipe-max-size", SET, 4096, INT},
    {"fs/inotify/max_user_instances", SET | RARE, 1, INT},
    {"fs/inotify/max_user_watches", SET | RARE, 1, INT},
    {"fs/inotify/max_queued_events", SET | RARE, 1, INT},
    {"fs/aio-nr", TEXT | RARE, 0, INT},
};

static void test_settings(void) {
  for (size_t i = 0; i < COUNT(settings); i++) {
    const struct setting *one = &settings[i];
    char path[128], *end = text;
    struct stat st;
    snprintf(path, sizeof path, "/proc/sys/%s", one->name);
    if (!on_virga && (one->mode & RARE) && access(path, F_OK) != 0)
      continue;
    bool is_text = slurp(path) > 1;
    long long value = strtoll(text, &end, 10);
    CHECK(path, is_text && end > text && !strcmp(end, "\n"));
    CHECK("lies where it may", value >= one->least && value <= one->most);
    CHECK("is a file", lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0400));
    if (on_virga) {
      CHECK_EQ("with these rights", st.st_mode, one->mode & ~RARE);
      CHECK_EQ("opened for writing by who may", put(path, ""), one->mode & 0200 ? 0 : EACCES);
    }
  }
  static const char *const lines[] = {"kernel/osrelease", "kernel/ostype", "kernel/version",
                                      "kernel/hostname", "kernel/domainname", "kernel/core_pattern",
                                      "kernel/arch", "kernel/random/boot_id", "fs/file-nr",
                                      "fs/dentry-state"};
  for (size_t i = 0; i < COUNT(lines); i++) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/%s", lines[i]);
    if (!on_virga && access(path, F_OK) != 0)
      continue;
    int length = slurp(path);
    CHECK(path, length > 1 && strchr(text, '\n') == text + length - 1);
  }
}

static const struct group groups[] = {
    {"directories", test_directories}, {"handles", test_handles}, {"names", test_names}, {"settings", test_settings}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
