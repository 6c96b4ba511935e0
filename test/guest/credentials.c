/*
 * Users, groups and capabilities as a server gives them up, the machine's name, and scheduling
 * parameters. As root; the order of the groups matters, because rights do not come back.
 */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#ifndef SCHED_IDLE
#define SCHED_IDLE 5
#endif

/* grp.h has a struct group of its own. */
int setgroups(size_t, const gid_t *);

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

static void test_names(void) {
  struct utsname before, now;
  uname(&before);
  if (!on_virga && sethostname(before.nodename, strlen(before.nodename)))
    return; /* in a container */
  CHECK_EQ("sethostname", sethostname("squid", 5), 0);
  CHECK("is told", uname(&now) == 0 && strcmp(now.nodename, "squid") == 0);
  CHECK_ERR("too long", syscall(SYS_sethostname, "x", 65), EINVAL);
  CHECK_ERR("negative", syscall(SYS_sethostname, "x", -1), EINVAL);
  sethostname(before.nodename, strlen(before.nodename));
  CHECK_EQ("setdomainname", setdomainname("example", 7), 0);
  uname(&now);
  CHECK("is told, too", strcmp(now.domainname, "example") == 0);
  setdomainname(before.domainname, strlen(before.domainname));
}

static void *other_nice(void *argument) {
  *(int *)argument = getpriority(PRIO_PROCESS, 0);
  return NULL;
}

static void test_nice(void) {
  int nice_there = 99;
  pthread_t thread;
  CHECK_EQ("setpriority", setpriority(PRIO_PROCESS, 0, 5), 0);
  CHECK_EQ("getpriority", getpriority(PRIO_PROCESS, 0), 5);
  pthread_create(&thread, NULL, other_nice, &nice_there);
  pthread_join(thread, NULL);
  CHECK_EQ("a new thread inherits it", nice_there, 5);
  setpriority(PRIO_PROCESS, 0, 100);
  CHECK_EQ("19 is the most", getpriority(PRIO_PROCESS, 0), 19);
  setpriority(PRIO_PROCESS, 0, -100);
  CHECK_EQ("-20 is the least", getpriority(PRIO_PROCESS, 0), -20);
  setpriority(PRIO_PROCESS, 0, 0);
  CHECK_ERR("no such thread", setpriority(PRIO_PROCESS, 0x3ffffff, 0), ESRCH);
  CHECK_ERR("no such kind", setpriority(7, 0, 0), EINVAL);
  long io = syscall(SYS_ioprio_get, 1, 0);
  CHECK("ioprio_get", io >= 0);
  CHECK_EQ("ioprio_set", syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6), 0);
  CHECK_EQ("is told", syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 6);
  CHECK_ERR("no such class", syscall(SYS_ioprio_set, 1, 0, 5 << 13), EINVAL);
}

static void test_policy(void) {
  struct sched_param parameter = {.sched_priority = 10};
  struct attributes attributes = {0};
  CHECK_EQ("SCHED_OTHER at first", syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
  CHECK_ERR("SCHED_OTHER with a priority", syscall(SYS_sched_setscheduler, 0, 0, &parameter),
            EINVAL);
  CHECK_EQ("SCHED_RR", syscall(SYS_sched_setscheduler, 0, SCHED_RR, &parameter), 0);
  CHECK_EQ("is told", syscall(SYS_sched_getscheduler, 0), SCHED_RR);
  parameter.sched_priority = 0;
  CHECK("with its priority",
        syscall(SYS_sched_getparam, 0, &parameter) == 0 && parameter.sched_priority == 10);
  parameter.sched_priority = 20;
  CHECK_EQ("sched_setparam", syscall(SYS_sched_setparam, 0, &parameter), 0);
  CHECK("sched_getattr", syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0 &&
                             attributes.policy == SCHED_RR && attributes.priority == 20);
  attributes = (struct attributes){.size = sizeof attributes, .policy = SCHED_BATCH, .nice = 7};
  CHECK_EQ("sched_setattr", syscall(SYS_sched_setattr, 0, &attributes, 0), 0);
  CHECK_EQ("sets the policy", syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
  CHECK_EQ("and nice", getpriority(PRIO_PROCESS, 0), 7);
  attributes.policy = 77;
  CHECK_ERR("no such policy", syscall(SYS_sched_setattr, 0, &attributes, 0), EINVAL);
  CHECK_ERR("a size too small", syscall(SYS_sched_getattr, 0, &attributes, 10, 0), EINVAL);
  CHECK_ERR("no such thread", syscall(SYS_sched_getscheduler, 0x3ffffff), ESRCH);
  CHECK_ERR("a negative one", syscall(SYS_sched_getscheduler, -1), EINVAL);
  parameter.sched_priority = 100;
  CHECK_ERR("priority 100", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameter), EINVAL);
  parameter.sched_priority = 0;
  CHECK_EQ("SCHED_IDLE", syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &parameter), 0);
  syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameter);
  setpriority(PRIO_PROCESS, 0, 0);
}

static void test_groups(void) {
  gid_t set[3] = {7, 8, 9}, got[3] = {0};
  CHECK_EQ("setgroups", setgroups(3, set), 0);
  CHECK_EQ("getgroups counts", getgroups(0, NULL), 3);
  CHECK("and tells", getgroups(3, got) == 3 && got[0] == 7 && got[2] == 9);
  CHECK_ERR("too small a list", getgroups(2, got), EINVAL);
  CHECK_EQ("setresgid", setresgid(10, 11, 12), 0);
  gid_t real, effective, saved;
  getresgid(&real, &effective, &saved);
  CHECK("getresgid", real == 10 && effective == 11 && saved == 12);
  CHECK("getgid, getegid", getgid() == 10 && getegid() == 11);
  CHECK_EQ("setregid", setregid(20, 21), 0);
  getresgid(&real, &effective, &saved);
  CHECK("takes the saved id along", real == 20 && effective == 21 && saved == 21);
  CHECK_EQ("setgid of root sets all", setgid(30), 0);
  getresgid(&real, &effective, &saved);
  CHECK("all three", real == 30 && effective == 30 && saved == 30);
}

enum { CAP_CHOWN = 0, CAPABILITY_VERSION_3 = 0x20080522 };

static unsigned effective_capabilities(void) {
  uint32_t header[2] = {CAPABILITY_VERSION_3, 0};
  uint32_t data[6];
  return syscall(SYS_capget, header, data) ? ~0u : data[0];
}

/* Root for a while as somebody else, as daemons do; then for good. */
static void test_users(void) {
  uid_t real, effective, saved;
  CHECK("root has capabilities", effective_capabilities() != 0);
  CHECK_EQ("seteuid", seteuid(1000), 0);
  CHECK("geteuid, getuid", geteuid() == 1000 && getuid() == 0);
  CHECK_EQ("no capability is in effect", effective_capabilities(), 0);
  CHECK_ERR("setgroups is not allowed", setgroups(0, NULL), EPERM);
  CHECK_ERR("nor another user", setuid(1001), EPERM);
  CHECK_EQ("but root again", seteuid(0), 0);
  CHECK("with its capabilities", effective_capabilities() != 0);
  CHECK_EQ("setfsuid tells the old id", setfsuid(5), 0);
  CHECK_EQ("and the new one", setfsuid(0), 5);
  CHECK_EQ("PR_SET_KEEPCAPS", prctl(PR_SET_KEEPCAPS, 1), 0);
  CHECK_EQ("setresuid", setresuid(1000, 1001, 1002), 0);
  getresuid(&real, &effective, &saved);
  CHECK("getresuid", real == 1000 && effective == 1001 && saved == 1002);
  CHECK_EQ("the effective capabilities are gone", effective_capabilities(), 0);
  CHECK_ERR("root is not to be had", setuid(0), EPERM);
  CHECK_ERR("nor by setresuid", setresuid(-1, 0, -1), EPERM);
  CHECK_EQ("one of the three ids is", setresuid(-1, 1002, -1), 0);
  CHECK("it is in effect", geteuid() == 1002);
  CHECK_EQ("setreuid", setreuid(1000, 1000), 0);
  CHECK_EQ("PR_CAPBSET_READ", prctl(PR_CAPBSET_READ, CAP_CHOWN), 1);
  CHECK_ERR("PR_CAPBSET_DROP is not allowed", prctl(PR_CAPBSET_DROP, CAP_CHOWN), EPERM);
  CHECK_ERR("a better nice value neither", setpriority(PRIO_PROCESS, 0, -5), EACCES);
  CHECK_EQ("a worse one is", setpriority(PRIO_PROCESS, 0, 3), 0);
  CHECK_EQ("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_EQ("is told", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
  char line[128] = "", found[128] = "";
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (strncmp(line, "Uid:", 4) == 0)
      strcpy(found, line);
  if (status)
    fclose(status);
  CHECK("/proc/self/status knows", strcmp(found, "Uid:\t1000\t1000\t1000\t1000\n") == 0);
}

static const struct group groups[] = {
    {"names", test_names},   {"nice", test_nice},   {"policy", test_policy},
    {"groups", test_groups}, {"users", test_users},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
