/*
 * What /proc, /sys and /dev tell of the machine, against what it says itself (CPUID) and what calls
 * say: CPUs and caches, times, mounts, disks and devices, names, limits that can be set.
 */
#include "proc.h"
#include <cpuid.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>


/* ---- cpuinfo -------------------------------------------------------------------------------- */

struct registers {
  unsigned a, b, c, d;
};

static struct registers cpuid(unsigned leaf, unsigned index) {
  struct registers r = {0, 0, 0, 0};
  if (__get_cpuid_max(leaf & 0x80000000, NULL) >= leaf)
    __cpuid_count(leaf, index, r.a, r.b, r.c, r.d);
  return r;
}

/* A line of the first processor, behind the colon and a blank. */
static const char *line_of(const char *label) {
  static char value[8192];
  const char *at = strstr(text, label);
  value[0] = 0;
  if (at && (at = strchr(at, ':')) && at[1] == ' ')
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
  return value;
}

/* Whether a word is among the flags. */
static bool has_word(const char *words, const char *word) {
  size_t length = strlen(word);
  for (const char *at = words; (at = strstr(at, word)); at++)
    if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
      return true;
  return false;
}

struct bit {
  unsigned leaf;
  char place;
  int bit;
  const char *name;
};

static const struct bit bits[] = {
    {1, 'd', 0, "fpu"},     {1, 'd', 4, "tsc"},      {1, 'd', 5, "msr"},      {1, 'd', 6, "pae"},
    {1, 'd', 8, "cx8"},     {1, 'd', 9, "apic"},     {1, 'd', 13, "pge"},     {1, 'd', 15, "cmov"},
    {1, 'd', 19, "clflush"}, {1, 'd', 23, "mmx"},    {1, 'd', 24, "fxsr"},    {1, 'd', 25, "sse"},
    {1, 'd', 26, "sse2"},   {1, 'd', 30, "ia64"},    {1, 'd', 31, "pbe"},      {1, 'c', 2, "dtes64"},
    {1, 'c', 4, "ds_cpl"},  {1, 'c', 6, "smx"},      {1, 'c', 7, "est"},       {1, 'c', 8, "tm2"},
    {1, 'c', 10, "cid"},    {1, 'c', 14, "xtpr"},    {1, 'c', 15, "pdcm"},     {1, 'c', 18, "dca"},   {1, 'c', 0, "pni"},      {1, 'c', 1, "pclmulqdq"}, {1, 'c', 9, "ssse3"},
    {1, 'c', 12, "fma"},    {1, 'c', 13, "cx16"},    {1, 'c', 19, "sse4_1"},  {1, 'c', 20, "sse4_2"},
    {1, 'c', 22, "movbe"},  {1, 'c', 23, "popcnt"},  {1, 'c', 25, "aes"},     {1, 'c', 28, "avx"},
    {1, 'c', 29, "f16c"},   {1, 'c', 30, "rdrand"},  {1, 'c', 31, "hypervisor"},
    {7, 'b', 3, "bmi1"},    {7, 'b', 5, "avx2"},     {7, 'b', 8, "bmi2"},     {7, 'b', 9, "erms"},
    {7, 'b', 19, "adx"},    {7, 'b', 23, "clflushopt"}, {7, 'b', 0, "fsgsbase"},
    {0x80000001, 'd', 11, "syscall"}, {0x80000001, 'd', 20, "nx"}, {0x80000001, 'd', 26, "pdpe1gb"},
    {0x80000001, 'd', 29, "lm"},      {0x80000001, 'c', 0, "lahf_lm"}, {0x80000001, 'c', 5, "abm"},
    {0x80000001, 'c', 6, "sse4a"}};

static void test_cpuinfo(void) {
  struct registers zero = cpuid(0, 0), one = cpuid(1, 0);
  char vendor[13] = "", model[49] = "";
  memcpy(vendor, &zero.b, 4);
  memcpy(vendor + 4, &zero.d, 4);
  memcpy(vendor + 8, &zero.c, 4);
  REQUIRE("cpuinfo", slurp("/proc/cpuinfo") > 0);
  CHECK("vendor", !strcmp(line_of("vendor_id"), vendor));
  int family = one.a >> 8 & 15, number = one.a >> 4 & 15;
  if (family == 6 || family == 15)
    number += one.a >> 12 & 0xf0;
  if (family == 15)
    family += one.a >> 20 & 255;
  CHECK_EQ("family", atoi(line_of("cpu family")), family);
  CHECK_EQ("model", atoi(line_of("model\t")), number);
  CHECK_EQ("stepping", atoi(line_of("stepping")), one.a & 15);
  for (unsigned leaf = 0; leaf < 3; leaf++) {
    struct registers part = cpuid(0x80000002 + leaf, 0);
    memcpy(model + leaf * 16, &part, 16);
  }
  const char *begin = model + strspn(model, " ");
  CHECK("its name", !strncmp(line_of("model name") + strspn(line_of("model name"), " "), begin, 12));
  CHECK_EQ("highest leaf", atoi(line_of("cpuid level")), zero.a);
  const char *flags = line_of("flags");
  for (size_t i = 0; i < COUNT(bits); i++) {
    struct registers r = cpuid(bits[i].leaf, 0);
    unsigned word = bits[i].place == 'b' ? r.b : bits[i].place == 'c' ? r.c : r.d;
    bool is_set = word >> bits[i].bit & 1;
    /* Linux may choose not to use one. */
    CHECK(bits[i].name, has_word(flags, bits[i].name) == is_set || (is_set && !on_virga));
  }
  CHECK("words with one blank between", !strstr(flags, "  ") && flags[0] > ' ');
  unsigned physical = 0, virtual = 0, sizes = cpuid(0x80000008, 0).a;
  CHECK("address sizes", sscanf(line_of("address sizes"), "%u bits physical, %u bits virtual",
                                &physical, &virtual) == 2);
  CHECK("are CPUID's", (physical <= (sizes & 255) && virtual == (sizes >> 8 & 255)) || sizes == 0);
  CHECK_EQ("as many as there are", atoi(line_of("siblings")) >= 1 &&
                                       atoi(line_of("cpu cores")) >= 1, true);
  static const char *const yes[] = {"fpu\t", "fpu_exception", "wp"};
  for (size_t i = 0; i < COUNT(yes); i++)
    CHECK(yes[i], !strcmp(line_of(yes[i]), "yes"));
  CHECK("lines of a cache", atoi(line_of("clflush size")) == 64 &&
                                atoi(line_of("cache_alignment")) >= 64);
}

static long in_cache(int index, const char *name) {
  char path[128];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, name);
  return slurp(path) > 0 ? atol(text) : -1;
}

/* What leaf 4 of Intel's CPUID, or leaf 0x8000001d of AMD's, says of a cache. */
static struct registers cache_leaf(int index) {
  struct registers r = cpuid(4, index);
  return (r.a & 31) != 0 ? r : cpuid(0x8000001d, index);
}

static void test_caches(void) {
  static const char *const types[] = {"", "Data\n", "Instruction\n", "Unified\n"};
  int count = 0;
  for (; count < 8; count++) {
    struct registers r = cache_leaf(count);
    if ((r.a & 31) == 0 || (in_cache(count, "level") < 0 && !on_virga))
      break;
    CHECK_EQ("level", in_cache(count, "level"), r.a >> 5 & 7);
    in_cache(count, "type");
    CHECK("type", !strcmp(text, types[r.a & 3]));
    long line = (r.b & 0xfff) + 1, parts = (r.b >> 12 & 0x3ff) + 1, ways = (r.b >> 22) + 1;
    CHECK_EQ("line", in_cache(count, "coherency_line_size"), line);
    CHECK_EQ("partitions", in_cache(count, "physical_line_partition"), parts);
    CHECK_EQ("ways", in_cache(count, "ways_of_associativity"), ways);
    CHECK_EQ("sets", in_cache(count, "number_of_sets"), (long)r.c + 1);
    CHECK_EQ("size", in_cache(count, "size"), line * parts * ways * (r.c + 1l) / 1024);
    in_cache(count, "size");
    CHECK("in KiB", strcmp(text + strspn(text, "0123456789"), "K\n") == 0);
    CHECK("for the first CPU", in_cache(count, "shared_cpu_list") == 0);
    in_cache(count, "shared_cpu_map");
    CHECK("in the map", strtoul(strrchr(text, ',') ? strrchr(text, ',') + 1 : text, NULL, 16) & 1);
  }
  CHECK("no more of them", in_cache(count, "level") == -1);
}

/* ---- Times ---------------------------------------------------------------------------------- */

static double uptime(double *idle) {
  double up = -1;
  return slurp("/proc/uptime") > 0 && sscanf(text, "%lf %lf\n", &up, idle) == 2 ? up : -1;
}

static void *end_at_once(void *argument) { return argument; }

static void test_times(void) {
  double idle = -1;
  double before = now_ns() / 1e9;
  double up = uptime(&idle);
  double after = now_ns() / 1e9;
  /* Hundredths, cut; Linux counts the time of a suspended machine as well. */
  CHECK("uptime is the clock's", up >= before - 0.02 && (up <= after + 0.02 || !on_virga));
  CHECK("with two decimals", strspn(strchr(text, '.') + 1, "0123456789") == 2 &&
                                 strspn(strrchr(text, '.') + 1, "0123456789") == 2);
  CHECK("idle for a part of it", idle >= 0 && (idle <= up + 0.02 || !on_virga));
  REQUIRE("stat", slurp("/proc/stat") > 0);
  long user = -1, nice, system, rest = -1;
  CHECK_EQ("ten times", sscanf(text, "cpu  %ld %ld %ld %ld %*d %*d %*d %*d %*d %*d\n", &user, &nice,
                              &system, &rest), 4);
  CHECK("add up to what has passed", user >= 0 && rest >= 0 &&
                                         (!on_virga || labs(user + rest - (long)(up * 100)) <= 3));
  long switches = field(text, "\nctxt "), made = field(text, "\nprocesses ");
  long boot = field(text, "\nbtime "), interrupts = field(text, "\nintr ");
  CHECK("counts", switches > 0 && made > 0 && interrupts > 0);
  CHECK("somebody runs", field(text, "\nprocs_running ") >= 1 && field(text, "\nprocs_blocked ") >= 0);
  CHECK("since", labs(time(NULL) - boot - (long)up) <= (on_virga ? 2 : 100));
  pthread_t thread;
  pthread_create(&thread, NULL, end_at_once, NULL);
  pthread_join(thread, NULL);
  sleep_ms(20);
  slurp("/proc/stat");
  CHECK("another thread", field(text, "\nprocesses ") >= made + 1);
  CHECK("switched to", field(text, "\nctxt ") > switches);
  CHECK("by an interrupt", field(text, "\nintr ") > interrupts);
  double average[3];
  int running = 0, threads = 0, last = 0;
  slurp("/proc/loadavg");
  CHECK_EQ("loadavg", sscanf(text, "%lf %lf %lf %d/%d %d\n", &average[0], &average[1], &average[2],
                             &running, &threads, &last), 6);
  CHECK("threads", running >= 1 && threads >= running && last >= 1);
  if (on_virga) {
    CHECK_EQ("the one who asks", field_of("/proc/stat", "\nprocs_running "), 1);
    CHECK("of which there is one", running == 1 && threads == 1);
    CHECK_EQ("and were others", last, field_of("/proc/stat", "\nprocesses "));
  }
  CHECK("softirqs", slurp("/proc/softirqs") > 0 && strstr(text, "TIMER:") && strstr(text, "RCU:"));
  CHECK("interrupts", slurp("/proc/interrupts") > 0 && strstr(text, "CPU0"));
}

/* ---- Mounts, disks, devices ----------------------------------------------------------------- */

static void test_mounts(void) {
  static char table[65536];
  int count = 0, wrong = 0, ids[256];
  REQUIRE("mounts", slurp("/proc/mounts") > 0);
  keep_text(table, sizeof table);
  CHECK("is the process'", holds("/proc/self/mounts", table));
  REQUIRE("mountinfo", slurp("/proc/self/mountinfo") > 0);
  char *at = table;
  for (char *info = text; *info && count < 256; count++) {
    char where[256], type[64], path[256], other[64];
    int parent, major, minor;
    struct stat st;
    bool right = sscanf(info, "%d %d %d:%d %*s %255s", &ids[count], &parent, &major, &minor, path) == 5 &&
                 sscanf(at, "%*s %255s %63s %*s 0 0\n", where, type) == 2 &&
                 !strcmp(where, path) && strstr(info, " - ") &&
                 sscanf(strstr(info, " - "), " - %63s", other) == 1 && !strcmp(type, other);
    bool is_known = count == 0 || parent == 1 || !on_virga;
    for (int i = 0; i < count; i++)
      is_known = is_known || ids[i] == parent;
    if (on_virga)
      right = right && is_known && stat(path, &st) == 0 && st.st_dev == makedev(major, minor);
    if (!right)
      say("# %.60s | %.60s", at, info);
    wrong += !right;
    info = strchr(info, '\n') + 1;
    at = strchr(at, '\n') + 1;
  }
  CHECK("several", count >= 3);
  CHECK_EQ("the same in both", wrong, 0);
  struct statfs fs;
  CHECK("/proc is one of its kind", statfs("/proc", &fs) == 0 && fs.f_type == 0x9fa0);
  CHECK("/sys", statfs("/sys", &fs) == 0 && fs.f_type == 0x62656572);
  CHECK("namespaces", statfs("/proc/self/ns/mnt", &fs) == 0 && fs.f_type == 0x6e736673);
  if (!on_virga)
    return;
  REQUIRE("filesystems", slurp("/proc/filesystems") > 0);
  static const char *const kinds[] = {"nodev\tsysfs", "nodev\ttmpfs", "nodev\tproc", "\terofs",
                                      "nodev\tdevtmpfs", "nodev\toverlay"};
  for (size_t i = 0; i < COUNT(kinds); i++)
    CHECK(kinds[i], has_line(kinds[i]));
}

static void test_disks(void) {
  char name[32] = "", also[32] = "";
  unsigned major = 0, minor = 1, blocks = 0;
  unsigned long reads = 0, merged = 1, sectors = 0;
  slurp("/proc/partitions");
  if (!on_virga && !strstr(text, "#blocks"))
    return;
  CHECK("partitions", sscanf(text, "major minor  #blocks  name\n\n%u %u %u %31s\n", &major, &minor,
                             &blocks, name) == 4 && blocks > 0);
  if (!on_virga)
    return;
  CHECK("one disk", major == 254 && minor == 0 && !strcmp(name, "vda"));
  slurp("/proc/diskstats");
  CHECK("diskstats", sscanf(text, "%u %u %31s %lu %lu %lu", &major, &minor, also, &reads, &merged,
                            &sectors) == 6);
  CHECK("of the same", !strcmp(name, also) && major == 254 && minor == 0);
  CHECK("was read from", reads > 0 && sectors >= reads && merged == 0);
  CHECK_EQ("as io says", (unsigned long)field_of("/proc/self/io", "\nread_bytes:"), sectors * 512);
  CHECK("as vmstat says", (unsigned long)field_of("/proc/vmstat", "pgpgin ") == sectors / 2);
  CHECK("no swap", slurp("/proc/swaps") > 0 && !strncmp(text, "Filename", 8) &&
                       strchr(text, '\n') == text + strlen(text) - 1);
}

struct device {
  const char *name;
  unsigned major, minor;
};

static void test_devices(void) {
  static const struct device all[] = {{"null", 1, 3},    {"zero", 1, 5}, {"full", 1, 7},
                                      {"random", 1, 8},  {"urandom", 1, 9}, {"kmsg", 1, 11},
                                      {"tty", 5, 0},     {"console", 5, 1}};
  char path[64];
  struct stat st;
  for (size_t i = 0; i < COUNT(all); i++) {
    snprintf(path, sizeof path, "/dev/%s", all[i].name);
    if (lstat(path, &st) != 0 && !on_virga)
      continue;
    CHECK(path, S_ISCHR(st.st_mode) && st.st_rdev == makedev(all[i].major, all[i].minor));
  }
  CHECK("devices", slurp("/proc/devices") > 0 && strstr(text, "\n  1 mem\n") &&
                       strstr(text, "\n  5 /dev/tty\n") && strstr(text, "\nBlock devices:\n"));
  if (!on_virga)
    return;
  /* Nodes that a program makes lead to the same devices, or nowhere. */
  const char *node = scratch("node");
  char byte = 1;
  CHECK_EQ("mknod", mknod(node, S_IFCHR | 0600, makedev(1, 5)), 0);
  int fd = open(node, O_RDWR);
  CHECK("is /dev/zero", fd >= 0 && read(fd, &byte, 1) == 1 && byte == 0);
  close(fd);
  unlink(node);
  static const unsigned none[][2] = {{1, 2}, {1, 4}, {1, 12}, {2, 3}, {240, 9}, {0, 3}, {1, 259}};
  for (size_t i = 0; i < COUNT(none); i++) {
    mknod(node, S_IFCHR | 0600, makedev(none[i][0], none[i][1]));
    CHECK_ERR("a device that there is not", open(node, O_RDWR), ENXIO);
    unlink(node);
  }
  mknod(node, S_IFBLK | 0600, makedev(1, 3));
  CHECK_ERR("nor as a block device", open(node, O_RDONLY), ENXIO);
  unlink(node);
}

/* Reads and writes of the devices that have no contents, at odd sizes and places. */
static void test_memory_devices(void) {
  static unsigned char bytes[70000];
  static const char *const zeros[] = {"/dev/zero", "/dev/full"};
  static const size_t sizes[] = {1, 4095, 4096, 4097, 69999};
  for (size_t i = 0; i < COUNT(zeros); i++) {
    int fd = open(zeros[i], O_RDWR), wrong = 0;
    for (size_t j = 0; j < COUNT(sizes); j++) {
      memset(bytes, 1, sizeof bytes);
      wrong += read(fd, bytes, sizes[j]) != (ssize_t)sizes[j] || bytes[0] != 0 ||
               bytes[sizes[j] - 1] != 0 || bytes[sizes[j]] != 1;
      memset(bytes, 1, sizeof bytes);
      wrong += pread(fd, bytes, sizes[j], 12345) != (ssize_t)sizes[j] || bytes[sizes[j] - 1] != 0 ||
               bytes[sizes[j]] != 1;
    }
    CHECK_EQ(zeros[i], wrong, 0);
    CHECK("has no position", lseek(fd, 100, SEEK_SET) >= 0 && read(fd, bytes, 1) == 1);
    close(fd);
  }
  int fd = open("/dev/null", O_RDWR);
  CHECK("null", pread(fd, bytes, 5, 5) == 0 && pwrite(fd, bytes, 5, 5) == 5 &&
                    write(fd, bytes, 0) == 0 && lseek(fd, 5, SEEK_END) == 0);
  close(fd);
  fd = open("/dev/full", O_RDWR);
  CHECK_ERR("full", pwrite(fd, bytes, 5, 5), ENOSPC);
  close(fd);
  fd = open("/dev/zero", O_RDWR);
  CHECK("zero takes all", write(fd, bytes, 9) == 9 && pwrite(fd, bytes, 9, 9) == 9);
  char *half = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(half + 4096, 4096);
  CHECK_EQ("what fits is read", read(fd, half + 4000, 4096), 96);
  CHECK_ERR("and nothing else", read(fd, half + 4096, 1), EFAULT);
  close(fd);
  static const char *const randoms[] = {"/dev/random", "/dev/urandom"};
  for (size_t i = 0; i < COUNT(randoms); i++) {
    fd = open(randoms[i], O_RDWR);
    memset(bytes, 0, sizeof bytes);
    int ones = 0;
    CHECK_EQ(randoms[i], read(fd, bytes, 3001), 3001);
    for (int j = 2000; j < 3001; j++)
      ones += bytes[j] != 0;
    CHECK("to the last byte, and not beyond", ones > 900 && bytes[3001] == 0);
    CHECK("anywhere", pread(fd, bytes, 5, 1000) == 5 && write(fd, bytes, 5) == 5);
    CHECK_EQ("as far as it fits", read(fd, half + 4000, 4000), 96);
    CHECK_ERR("or not at all", read(fd, half + 4096, 1), EFAULT);
    close(fd);
  }
  munmap(half, 4096);
}

/* ---- Names and limits ----------------------------------------------------------------------- */

static bool is_uuid(const char *id) {
  for (int i = 0; i < 36; i++) {
    bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash != (id[i] == '-') || (!is_dash && !strchr("0123456789abcdef", id[i])))
      return false;
  }
  return id[14] == '4' && strchr("89ab", id[19]) && id[36] == '\n' && id[37] == 0;
}

static void test_identifiers(void) {
  char first[64], line[512];
  static const char *const boot = "/proc/sys/kernel/random/boot_id";
  static const char *const fresh = "/proc/sys/kernel/random/uuid";
  CHECK("boot_id", slurp(boot) == 37 && is_uuid(text));
  keep_text(first, sizeof first);
  CHECK("stays", holds(boot, first));
  CHECK("uuid", slurp(fresh) == 37 && is_uuid(text) && strcmp(text, first));
  keep_text(first, sizeof first);
  CHECK("is another each time", slurp(fresh) == 37 && is_uuid(text) && strcmp(text, first));
  struct utsname names;
  uname(&names);
  const struct {
    const char *path, *value;
  } rows[] = {{"osrelease", names.release}, {"ostype", names.sysname}, {"version", names.version},
              {"hostname", names.nodename}, {"domainname", names.domainname}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/kernel/%s", rows[i].path);
    snprintf(line, sizeof line, "%s\n", rows[i].value);
    CHECK(path, holds(path, line));
  }
  snprintf(line, sizeof line, "Linux version %s ", names.release);
  CHECK("version", slurp("/proc/version") > 0 && !strncmp(text, line, strlen(line)) &&
                       strstr(text, names.version));
}

/* These are the machine's: on Linux they are not this program's to change. */
static void test_written(void) {
  struct utsname names;
  char name[80];
  if (!on_virga)
    return;
  static const char *const host = "/proc/sys/kernel/hostname";
  static const char *const domain = "/proc/sys/kernel/domainname";
  CHECK_EQ("hostname", put(host, "first\nsecond"), 0);
  CHECK("to the end of the line", !uname(&names) && !strcmp(names.nodename, "first"));
  memset(name, 'x', sizeof name);
  name[64] = 0;
  CHECK("the longest", put(host, name) == 0 && !uname(&names) && !strcmp(names.nodename, name));
  strcpy(name + 64, "x");
  CHECK_EQ("a longer one", put(host, name), EINVAL);
  CHECK("a short one", put(host, "virga") == 0 && holds(host, "virga\n"));
  CHECK("domainname", put(domain, "example") == 0 && !uname(&names) &&
                          !strcmp(names.domainname, "example") && holds(domain, "example\n"));
  static const char *const limits[] = {"pipe-max-size", "inotify/max_user_instances",
                                       "inotify/max_user_watches", "inotify/max_queued_events"};
  for (size_t i = 0; i < COUNT(limits); i++) {
    char path[64], old[32];
    snprintf(path, sizeof path, "/proc/sys/fs/%s", limits[i]);
    CHECK(path, slurp(path) > 0);
    keep_text(old, sizeof old);
    static const char *const wrong[] = {"-1", "2147483648", "many", "1 2"};
    for (size_t j = 0; j < COUNT(wrong); j++)
      CHECK_EQ(wrong[j], put(path, wrong[j]), EINVAL);
    CHECK("stays", holds(path, old));
    CHECK("can be more", put(path, "2147483647\n") == 0 && slurp(path) > 0 && atol(text) > 2000000);
    CHECK("or as before", put(path, old) == 0 && holds(path, old));
  }
  int ends[2];
  static const char *const pipe_size = "/proc/sys/fs/pipe-max-size";
  CHECK("pipe", pipe(ends) == 0 && put(pipe_size, "65536") == 0 && holds(pipe_size, "65536\n"));
  CHECK("as large as may be", fcntl(ends[0], 1031 /* F_SETPIPE_SZ */, 65536) == 65536);
  close(ends[0]);
  close(ends[1]);
  put("/proc/sys/fs/inotify/max_user_instances", "0");
  CHECK_ERR("no instance", inotify_init1(0), EMFILE);
  put("/proc/sys/fs/inotify/max_user_instances", "128");
  int watcher = inotify_init1(0);
  put("/proc/sys/fs/inotify/max_user_watches", "0");
  CHECK_ERR("no watch", inotify_add_watch(watcher, "/tmp", IN_CREATE), ENOSPC);
  put("/proc/sys/fs/inotify/max_user_watches", "8192");
  CHECK("a watch", inotify_add_watch(watcher, "/tmp", IN_CREATE) > 0);
  close(watcher);
  static const char *const drop = "/proc/sys/vm/drop_caches";
  static const char *const values[] = {"0", "5", "-1", "all"};
  for (size_t i = 0; i < COUNT(values); i++)
    CHECK_EQ(values[i], put(drop, values[i]), EINVAL);
  long cached = field_of("/proc/meminfo", "\nInactive:");
  CHECK("drop_caches", put(drop, "1") == 0 && put(drop, "4") == 0);
  CHECK("drops them", field_of("/proc/meminfo", "\nInactive:") < cached);
}

/* Open files and cached names. */
static void test_counts(void) {
  long open_files = -1, spare = -1, most = -1, later = -1;
  slurp("/proc/sys/fs/file-nr");
  CHECK_EQ("file-nr", sscanf(text, "%ld\t%ld\t%ld\n", &open_files, &spare, &most), 3);
  CHECK("fewer than there may be", open_files > 0 && spare == 0 && most > open_files);
  int fds[5];
  for (size_t i = 0; i < COUNT(fds); i++)
    fds[i] = open("/dev/null", O_RDONLY);
  slurp("/proc/sys/fs/file-nr");
  sscanf(text, "%ld", &later);
  CHECK("five more", later == open_files + 5 || !on_virga);
  for (size_t i = 0; i < COUNT(fds); i++)
    close(fds[i]);
  long names = -1, unused = -1;
  slurp("/proc/sys/fs/dentry-state");
  CHECK_EQ("dentry-state", sscanf(text, "%ld\t%ld\t%*d\t%*d\t%*d\t%*d\n", &names, &unused), 2);
  CHECK("some used", names > unused && unused >= 0);
  CHECK("aio-nr", field_of("/proc/sys/fs/aio-nr", "") == 0 || !on_virga);
  CHECK("cmdline", slurp("/proc/cmdline") > 1 && text[strlen(text) - 1] == '\n');
}

static const struct group groups[] = {
    {"cpuinfo", test_cpuinfo},     {"caches", test_caches},
    {"times", test_times},         {"mounts", test_mounts},
    {"disks", test_disks},         {"devices", test_devices},
    {"memory-devices", test_memory_devices}, {"identifiers", test_identifiers},
    {"written", test_written},     {"counts", test_counts},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
