/*
 * Capabilities, the bounding and the ambient set, secure bits: capget(2), capset(2), prctl(2),
 * capabilities(7). Starts as root with all of them; what is dropped does not come back, so the
 * order of the groups matters.
 */
#include "check.h"
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { VERSION_1 = 0x19980330, VERSION_2 = 0x20071026, VERSION_3 = 0x20080522 };
enum { CHOWN = 0, KILL = 5, SETGID = 6, SETPCAP = 8, NET_ADMIN = 12, CHROOT = 18 };
enum { HIGH = 38 /* CAP_PERFMON, in the second word */ };
enum { AMBIENT = 47, IS_SET = 1, RAISE = 2, LOWER = 3, CLEAR_ALL = 4 };
enum { NO_THREAD = 4000000 };

struct header {
  uint32_t version;
  int32_t pid;
};
struct words {
  uint32_t effective, permitted, inheritable;
};

static struct words now[2];

static long get(struct words *words) {
  struct header header = {VERSION_3, 0};
  return syscall(SYS_capget, &header, words);
}

static long set(struct words *words) {
  struct header header = {VERSION_3, 0};
  return syscall(SYS_capset, &header, words);
}

static void test_versions(void) {
  struct words words[3];
  struct header header = {VERSION_3, 0};
  REQUIRE("capget", syscall(SYS_capget, &header, now) == 0 && now[0].effective != 0);
  memset(words, 0x55, sizeof words);
  header.version = VERSION_1;
  CHECK_EQ("version 1", syscall(SYS_capget, &header, words), 0);
  CHECK("gives one word", words[0].effective == now[0].effective && words[1].effective == 0x55555555);
  header.version = VERSION_2;
  CHECK_EQ("version 2", syscall(SYS_capget, &header, words), 0);
  CHECK("gives two", words[1].permitted == now[1].permitted && words[2].effective == 0x55555555);
  header.version = 7;
  CHECK_ERR("another version", syscall(SYS_capget, &header, words), EINVAL);
  CHECK_EQ("the kernel tells its own", header.version, VERSION_3);
  header.version = 7;
  CHECK_EQ("to ask for that is no error", syscall(SYS_capget, &header, NULL), 0);
  CHECK_EQ("it is told as well", header.version, VERSION_3);
  header.version = 7;
  CHECK_ERR("capset with another", syscall(SYS_capset, &header, now), EINVAL);
  header = (struct header){VERSION_3, -1};
  CHECK_ERR("a negative thread", syscall(SYS_capget, &header, words), EINVAL);
  header.pid = NO_THREAD;
  CHECK_ERR("no such thread", syscall(SYS_capget, &header, words), ESRCH);
  CHECK_ERR("only one's own are set", syscall(SYS_capset, &header, now), EPERM);
  header.pid = getpid();
  CHECK_EQ("by number", syscall(SYS_capget, &header, words), 0);
  CHECK_EQ("set to what they are", syscall(SYS_capset, &header, words), 0);
  CHECK("all that there are, and no more", (now[1].permitted & ~0x1ffu) == 0);
}

static void test_bounding(void) {
  CHECK_EQ("in the bounding set", prctl(PR_CAPBSET_READ, CHROOT, 0, 0, 0), 1);
  CHECK_EQ("the last one", prctl(PR_CAPBSET_READ, 40, 0, 0, 0), 1);
  CHECK_ERR("one behind it", prctl(PR_CAPBSET_READ, 41, 0, 0, 0), EINVAL);
  CHECK_EQ("dropped", prctl(PR_CAPBSET_DROP, CHROOT, 0, 0, 0), 0);
  CHECK_EQ("not in the set", prctl(PR_CAPBSET_READ, CHROOT, 0, 0, 0), 0);
  CHECK_EQ("others are", prctl(PR_CAPBSET_READ, CHROOT + 1, 0, 0, 0), 1);
  CHECK_ERR("nothing behind the last can be dropped", prctl(PR_CAPBSET_DROP, 41, 0, 0, 0), EINVAL);
  CHECK("it is in effect still", get(now) == 0 && (now[0].effective & 1u << CHROOT));
  now[0].inheritable |= 1u << CHROOT;
  CHECK_ERR("but can't become inheritable", set(now), EPERM);
  get(now);
}

static void test_ambient(void) {
  CHECK_EQ("not ambient", prctl(AMBIENT, IS_SET, KILL, 0, 0), 0);
  CHECK_ERR("nor to be raised: not inheritable", prctl(AMBIENT, RAISE, KILL, 0, 0), EPERM);
  now[0].inheritable |= 1u << KILL | 1u << SETGID;
  now[1].inheritable |= 1u << (HIGH - 32);
  CHECK_EQ("made inheritable", set(now), 0);
  CHECK("is told", get(now) == 0 && now[0].inheritable == (1u << KILL | 1u << SETGID) &&
                       now[1].inheritable == 1u << (HIGH - 32));
  CHECK_EQ("raised", prctl(AMBIENT, RAISE, KILL, 0, 0), 0);
  CHECK_EQ("one of the second word", prctl(AMBIENT, RAISE, HIGH, 0, 0), 0);
  CHECK_EQ("ambient", prctl(AMBIENT, IS_SET, KILL, 0, 0), 1);
  CHECK_EQ("that too", prctl(AMBIENT, IS_SET, HIGH, 0, 0), 1);
  CHECK_EQ("another is not", prctl(AMBIENT, IS_SET, SETGID, 0, 0), 0);
  CHECK_EQ("lowered", prctl(AMBIENT, LOWER, HIGH, 0, 0), 0);
  CHECK_EQ("not ambient any more", prctl(AMBIENT, IS_SET, HIGH, 0, 0), 0);
  now[0].inheritable &= ~(1u << KILL);
  CHECK_EQ("not inheritable any more", set(now), 0);
  CHECK_EQ("nor ambient", prctl(AMBIENT, IS_SET, KILL, 0, 0), 0);
  prctl(AMBIENT, RAISE, SETGID, 0, 0);
  CHECK_EQ("all are cleared", prctl(AMBIENT, CLEAR_ALL, 0, 0, 0), 0);
  CHECK_EQ("the last as well", prctl(AMBIENT, IS_SET, SETGID, 0, 0), 0);
  CHECK_ERR("clearing takes no argument", prctl(AMBIENT, CLEAR_ALL, 1, 0, 0), EINVAL);
  CHECK_ERR("no such operation", prctl(AMBIENT, 9, 1, 0, 0), EINVAL);
  CHECK_ERR("no such capability", prctl(AMBIENT, RAISE, 41, 0, 0), EINVAL);
}

static void test_secure_bits(void) {
  CHECK_EQ("none at first", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 0);
  CHECK_EQ("keepcaps off", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 0);
  CHECK_EQ("on", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
  CHECK_EQ("told", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), 1);
  CHECK_EQ("it is a secure bit", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 1 << 4);
  CHECK_EQ("off", prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0), 0);
  CHECK_EQ("is none", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 0);
  CHECK_ERR("unknown bits", prctl(PR_SET_SECUREBITS, 1 << 16, 0, 0, 0), EPERM);
}

/* What setuid to another user takes, and what it leaves. */
static void test_effective(void) {
  struct words less[2];
  get(now);
  memcpy(less, now, sizeof less);
  less[0].effective &= ~(1u << CHOWN);
  CHECK_EQ("not in effect", set(less), 0);
  CHECK("told", get(less) == 0 && !(less[0].effective & 1u << CHOWN) &&
                    (less[0].permitted & 1u << CHOWN));
  less[0].effective = now[0].effective & ~(1u << SETGID);
  CHECK_EQ("another", set(less), 0);
  CHECK_ERR("so it is not allowed", setgid(5), EPERM);
  CHECK_EQ("in effect again", set(now), 0);
  less[0] = now[0], less[1] = now[1];
  less[0].permitted &= ~(1u << NET_ADMIN);
  CHECK_ERR("in effect only what is permitted", set(less), EPERM);
  less[0].effective &= ~(1u << NET_ADMIN);
  CHECK_EQ("dropped for good", set(less), 0);
  CHECK_ERR("it does not come back", set(now), EPERM);
  get(now);
  CHECK_EQ("seteuid takes what is in effect", seteuid(1000), 0);
  CHECK("permitted it stays", get(less) == 0 && less[0].effective == 0 &&
                                  less[0].permitted == now[0].permitted);
  CHECK_EQ("root again", seteuid(0), 0);
  CHECK("has it in effect", get(less) == 0 && less[0].effective == now[0].permitted);
  CHECK("no fixup of ids: a secure bit", prctl(PR_SET_SECUREBITS, 1 << 2, 0, 0, 0) == 0 &&
                                              prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) == 1 << 2);
  CHECK("seteuid then takes nothing", seteuid(1000) == 0 && get(less) == 0 &&
                                          less[0].effective == now[0].effective);
  CHECK_EQ("back", seteuid(0) | prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), 0);
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  CHECK_EQ("setuid for good", setresuid(1000, 1000, 1000), 0);
  CHECK("keeps what is permitted, when asked to", get(less) == 0 && less[0].effective == 0 &&
                                                      less[0].permitted == now[0].permitted);
  less[0].effective = 1u << KILL | 1u << SETGID;
  CHECK_EQ("what is permitted can be in effect", set(less), 0);
  CHECK_EQ("and is", setgid(77), 0);
  less[0].effective = less[0].permitted = less[1].permitted = 0;
  CHECK_EQ("all dropped", set(less), 0);
  CHECK_ERR("nothing is allowed", setgid(78), EPERM);
  struct {
    unsigned bytes;
    int type;
    unsigned char handle[128];
  } handle = {.bytes = sizeof handle.handle};
  int mount;
  syscall(SYS_name_to_handle_at, -100, "/tmp", &handle, &mount, 0);
  int directory = syscall(SYS_open, "/", 0);
  CHECK_ERR("nor to open by handle", syscall(SYS_open_by_handle_at, directory, &handle, 0), EPERM);
  CHECK_ERR("nor to change secure bits", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), EPERM);
}

static const struct group groups[] = {
    {"versions", test_versions},       {"bounding", test_bounding},
    {"ambient", test_ambient},         {"secure-bits", test_secure_bits},
    {"effective", test_effective},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
