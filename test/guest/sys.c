/*
 * What libraries that count cores, caches, nodes and large pages read in /sys, as lscpu and hwloc
 * do, and what tools read of an interface in /sys/class/net.
 */
#include "proc.h"
#include <dirent.h>

#define CPU "/sys/devices/system/cpu/"
#define NODE "/sys/devices/system/node/"
#define LARGE "/sys/kernel/mm/"

/* The number that a file begins with, or -1. */
static long number(const char *format, const char *name) {
  char path[256];
  long value = -1;
  snprintf(path, sizeof path, format, name);
  return slurp(path) > 0 && sscanf(text, "%ld", &value) == 1 ? value : -1;
}

static void test_cpus(void) {
  static const char *const lists[] = {CPU "online", CPU "possible", CPU "present"};
  for (size_t i = 0; i < COUNT(lists); i++)
    CHECK(lists[i], slurp(lists[i]) > 0 && text[0] == '0');
  CHECK("kernel_max", number(CPU "%s", "kernel_max") >= 0);
  CHECK("no CPU is isolated", slurp(CPU "isolated") >= 0 && text[0] == '\n');
  static const char *const ids[] = {"core_id", "die_id", "physical_package_id"};
  for (size_t i = 0; i < COUNT(ids); i++)
    CHECK(ids[i], number(CPU "cpu0/topology/%s", ids[i]) >= 0);
  static const char *const sets[] = {"core_cpus", "die_cpus", "package_cpus", "core_siblings",
                                     "thread_siblings"};
  for (size_t i = 0; i < COUNT(sets); i++) {
    char path[128];
    snprintf(path, sizeof path, CPU "cpu0/topology/%s", sets[i]);
    CHECK(sets[i], slurp(path) > 0 && strtoul(text, NULL, 16) & 1);
    snprintf(path, sizeof path, CPU "cpu0/topology/%s_list", sets[i]);
    CHECK("as a list", slurp(path) > 0 && text[0] == '0');
  }
}

static void test_caches(void) {
  int caches = 0;
  DIR *dir = opendir(CPU "cpu0/cache");
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    if (strncmp(entry->d_name, "index", 5))
      continue;
    caches++;
    const char *in = entry->d_name;
    long line = number(CPU "cpu0/cache/%s/coherency_line_size", in);
    long parts = number(CPU "cpu0/cache/%s/physical_line_partition", in);
    long ways = number(CPU "cpu0/cache/%s/ways_of_associativity", in);
    long sets = number(CPU "cpu0/cache/%s/number_of_sets", in);
    long size = number(CPU "cpu0/cache/%s/size", in);
    CHECK("in KiB", strchr(text, 'K'));
    CHECK("a cache is as large as its lines", size * 1024 == line * parts * ways * sets);
    CHECK("its level", number(CPU "cpu0/cache/%s/level", in) >= 1);
  }
  if (dir)
    closedir(dir);
  CHECK("a level 1 cache comes first", caches == 0 || number(CPU "cpu0/cache/%s", "index0/level") == 1);
}

static void test_nodes(void) {
  CHECK("online", slurp(NODE "online") > 0 && text[0] == '0');
  CHECK("has_memory", slurp(NODE "has_memory") > 0 && text[0] == '0');
  CHECK("cpulist", slurp(NODE "node0/cpulist") > 0 && text[0] == '0');
  CHECK("cpumap", slurp(NODE "node0/cpumap") > 0 && strtoul(text, NULL, 16) & 1);
  CHECK_EQ("distance", number(NODE "%s", "node0/distance"), 10);
  const char *total = slurp(NODE "node0/meminfo") > 0 ? strstr(text, "MemTotal:") : NULL;
  long kib = -1;
  CHECK("meminfo", total && sscanf(total, "MemTotal: %ld kB", &kib) == 1 && kib > 1024);
  struct stat a, b;
  CHECK("the node's CPU", stat(NODE "node0/cpu0", &a) == 0 && stat(CPU "cpu0", &b) == 0 &&
                              a.st_ino == b.st_ino);
  CHECK("the CPU's node", stat(CPU "cpu0/node0", &a) == 0 && stat(NODE "node0", &b) == 0 &&
                              a.st_ino == b.st_ino);
}

static void test_large_pages(void) {
  CHECK("nr_hugepages", number(LARGE "hugepages/%s", "hugepages-2048kB/nr_hugepages") >= 0);
  CHECK("free_hugepages", number(LARGE "hugepages/%s", "hugepages-2048kB/free_hugepages") >= 0);
  CHECK("of the node",
        number(NODE "node0/hugepages/%s", "hugepages-2048kB/nr_hugepages") >= 0);
  CHECK("enabled", slurp(LARGE "transparent_hugepage/enabled") > 0 && strchr(text, '['));
  CHECK("defrag", slurp(LARGE "transparent_hugepage/defrag") > 0 && strchr(text, '['));
  CHECK_EQ("size", number(LARGE "transparent_hugepage/%s", "hpage_pmd_size"), 2 << 20);
}

static void test_interfaces(void) {
  static const char *const names[] = {
      "addr_len",     "carrier_changes",       "carrier_up_count",    "dev_port",
      "flags",        "ifindex",               "iflink",              "link_mode",
      "mtu",          "netdev_group",          "proto_down",          "tx_queue_len",
      "type",         "statistics/rx_bytes",   "statistics/tx_bytes", "statistics/rx_errors",
      "statistics/tx_dropped", "statistics/rx_crc_errors", "statistics/tx_window_errors"};
  for (size_t i = 0; i < COUNT(names); i++)
    CHECK(names[i], number("/sys/class/net/lo/%s", names[i]) >= 0);
  CHECK("address", slurp("/sys/class/net/lo/address") == 18);
  CHECK("operstate", slurp("/sys/class/net/lo/operstate") > 0);
}

static const struct group groups[] = {{"cpus", test_cpus},
                                      {"caches", test_caches},
                                      {"nodes", test_nodes},
                                      {"large-pages", test_large_pages},
                                      {"interfaces", test_interfaces}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
