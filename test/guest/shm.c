/*
 * System V shared memory: shmget, shmat, shmdt, shmctl, and what /proc tells of it.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

#ifndef SHM_DEST
#define SHM_DEST 01000
#define SHM_LOCKED 02000
#endif
#ifndef SHM_NORESERVE
#define SHM_NORESERVE 010000
#endif
#ifndef SHM_HUGETLB
#define SHM_HUGETLB 04000
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#define FAILED ((char *)-1)

static long page;
/* struct shminfo64 and struct shm_info, as words of 8 bytes. */
static unsigned long words[9];

static struct shmid_ds status(int id) {
  struct shmid_ds told;
  memset(&told, 0x55, sizeof told);
  CHECK_EQ("the status is told", shmctl(id, IPC_STAT, &told), 0);
  return told;
}

static bool is_gone(int id) {
  struct shmid_ds told;
  return shmctl(id, IPC_STAT, &told) == -1 && (errno == EINVAL || errno == EIDRM);
}

static sigjmp_buf after_fault;

static void on_fault(int signal) {
  siglongjmp(after_fault, signal);
}

/* The signal of a read or write of a byte; 0: none. */
static int fault_of(volatile char *at, bool is_write) {
  struct sigaction action = {.sa_handler = on_fault}, segv, bus;
  sigaction(SIGSEGV, &action, &segv);
  sigaction(SIGBUS, &action, &bus);
  int signal = sigsetjmp(after_fault, 1);
  if (signal == 0) {
    if (is_write)
      *at = 1;
    else
      (void)*at;
  }
  sigaction(SIGSEGV, &segv, NULL);
  sigaction(SIGBUS, &bus, NULL);
  return signal;
}

/* The line of /proc/self/maps that begins with an address. */
static bool maps_line(const void *address, char *line, int size) {
  FILE *maps = fopen("/proc/self/maps", "r");
  bool found = false;
  while (!found && maps && fgets(line, size, maps))
    found = strtoul(line, NULL, 16) == (unsigned long)address;
  if (maps)
    fclose(maps);
  return found;
}

static void test_get(void) {
  key_t key = 0x56000000 | (getpid() & 0xffff);
  CHECK_ERR("no such key", shmget(key, 100, 0600), ENOENT);
  CHECK_ERR("an empty segment", shmget(key, 0, IPC_CREAT | 0600), EINVAL);
  CHECK_ERR("a segment of all addresses", shmget(key, ~0ul, IPC_CREAT | 0600), EINVAL);
  CHECK_ERR("more than there could be", shmget(key, 1ul << 50, IPC_CREAT | 0600), ENOMEM);
  CHECK_ERR("what failed has no key", shmget(key, 100, 0600), ENOENT);
  int reserved = shmget(IPC_PRIVATE, 1ul << 43, IPC_CREAT | SHM_NORESERVE | 0600);
  CHECK("a promise that nobody keeps may be larger", reserved >= 0);
  shmctl(reserved, IPC_RMID, NULL);
  int id = shmget(key, 5000, IPC_CREAT | 0640);
  REQUIRE("a segment is made", id >= 0);
  CHECK_EQ("its key leads to it", shmget(key, 5000, 0), id);
  CHECK_EQ("for less", shmget(key, 1, 0600), id);
  CHECK_EQ("for none", shmget(key, 0, 0600), id);
  CHECK_ERR("for more", shmget(key, 5001, 0600), EINVAL);
  CHECK_EQ("made or found", shmget(key, 5000, IPC_CREAT | 0600), id);
  CHECK_ERR("made, not found", shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
  int other = shmget(IPC_PRIVATE, 5000, 0600);
  CHECK("a private one is another", other >= 0 && other != id);
  struct shmid_ds told = status(id);
  CHECK_EQ("key", told.shm_perm.__key, key);
  CHECK_EQ("size as it was asked for", told.shm_segsz, 5000);
  CHECK_EQ("permissions", told.shm_perm.mode, 0640);
  CHECK_EQ("owner", told.shm_perm.uid, geteuid());
  CHECK_EQ("group", told.shm_perm.gid, getegid());
  CHECK_EQ("creator", told.shm_perm.cuid, geteuid());
  CHECK_EQ("its process", told.shm_cpid, getpid());
  CHECK_EQ("nobody has used it", told.shm_lpid, 0);
  CHECK_EQ("nobody has it", told.shm_nattch, 0);
  CHECK_EQ("never attached", told.shm_atime, 0);
  CHECK_EQ("never detached", told.shm_dtime, 0);
  CHECK("made now", labs(told.shm_ctime - time(NULL)) <= 2);
  CHECK_EQ("removed", shmctl(id, IPC_RMID, NULL), 0);
  CHECK_ERR("its key is free", shmget(key, 100, 0600), ENOENT);
  CHECK("it is gone", is_gone(id));
  int next = shmget(key, 100, IPC_CREAT | 0600);
  CHECK("the next has another identifier", next >= 0 && next != id);
  CHECK("the old one still means nothing", is_gone(id));
  shmctl(next, IPC_RMID, NULL);
  shmctl(other, IPC_RMID, NULL);
  if (on_virga)
    CHECK_ERR("large pages", shmget(IPC_PRIVATE, 2 << 20, SHM_HUGETLB | 0600), ENOMEM);
}

static void test_attach(void) {
  int id = shmget(IPC_PRIVATE, 3 * page - 1, 0600);
  REQUIRE("a segment is made", id >= 0);
  char *first = shmat(id, NULL, 0);
  REQUIRE("attached", first != FAILED);
  CHECK("zeros", first[0] == 0 && first[3 * page - 1] == 0);
  char *second = shmat(id, NULL, 0);
  REQUIRE("attached twice, elsewhere", second != FAILED && second != first);
  first[0] = 'a';
  second[2 * page + 5] = 'b';
  CHECK_EQ("one memory: there", second[0], 'a');
  CHECK_EQ("one memory: and here", first[2 * page + 5], 'b');
  struct shmid_ds told = status(id);
  CHECK_EQ("two attachments", told.shm_nattch, 2);
  CHECK_EQ("by this process", told.shm_lpid, getpid());
  CHECK("attached now", labs(told.shm_atime - time(NULL)) <= 2);
  CHECK_EQ("not detached", told.shm_dtime, 0);
  CHECK_EQ("detached", shmdt(second), 0);
  told = status(id);
  CHECK_EQ("one attachment", told.shm_nattch, 1);
  CHECK("detached now", labs(told.shm_dtime - time(NULL)) <= 2);
  CHECK_EQ("nothing is there", fault_of(second, false), SIGSEGV);
  CHECK_ERR("detached once more", shmdt(second), EINVAL);
  CHECK_ERR("in the middle", shmdt(first + page), EINVAL);
  CHECK_ERR("no page's beginning", shmdt(first + 1), EINVAL);
  static char own[8192] __attribute__((aligned(4096)));
  CHECK_ERR("other memory", shmdt(own), EINVAL);
  CHECK_EQ("detached", shmdt(first), 0);
  CHECK_EQ("contents stay without attachments", status(id).shm_nattch, 0);
  first = shmat(id, NULL, SHM_RDONLY);
  REQUIRE("attached for reading", first != FAILED);
  CHECK_EQ("what was written", first[0], 'a');
  CHECK_EQ("is not written to", fault_of(first, true), SIGSEGV);
  CHECK_ERR("and does not become writable", mprotect(first, page, PROT_READ | PROT_WRITE), EACCES);
  shmdt(first);
  CHECK_ERR("no such segment", (long)shmat(-1, NULL, 0), EINVAL);
  CHECK_ERR("no such place in the table", (long)shmat(0x7fff, NULL, 0), EINVAL);
  shmctl(id, IPC_RMID, NULL);
  CHECK("after its removal there is none", shmat(id, NULL, 0) == FAILED);
}

static void test_place(void) {
  int id = shmget(IPC_PRIVATE, 2 * page, 0600);
  char *space = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE("there is a place", id >= 0 && space != MAP_FAILED);
  space[0] = 'x';
  CHECK_ERR("what is mapped is not replaced", (long)shmat(id, space, 0), EINVAL);
  munmap(space + page, 7 * page);
  CHECK_ERR("nor the first page of two", (long)shmat(id, space, 0), EINVAL);
  CHECK_EQ("it is as it was", space[0], 'x');
  CHECK("a free place is taken", shmat(id, space + page, 0) == space + page);
  CHECK_ERR("no page's beginning", (long)shmat(id, space + 5 * page + 1, 0), EINVAL);
  CHECK("rounded down", shmat(id, space + 5 * page + 1, SHM_RND) == space + 5 * page);
  space[5 * page] = 'r';
  CHECK_EQ("it is the segment", space[page], 'r');
  CHECK("put over what is there", shmat(id, space, SHM_REMAP) == space);
  CHECK_EQ("there it is now", space[0], 'r');
  CHECK_EQ("and what follows is the old attachment's second page", status(id).shm_nattch, 3);
  space[2 * page] = 's';
  CHECK_EQ("which shows", space[page], 's');
  CHECK_ERR("over nothing in particular", (long)shmat(id, NULL, SHM_REMAP), EINVAL);
  CHECK_ERR("rounded down to nothing", (long)shmat(id, (char *)5, SHM_REMAP | SHM_RND), EINVAL);
  CHECK("beyond all addresses", shmat(id, (char *)0x7fffffffe000, 0) == FAILED);
  CHECK("in the other half", shmat(id, (char *)0xffff800000000000, 0) == FAILED);
  CHECK_ERR("around the end", (long)shmat(id, (char *)-page, 0), EINVAL);
  CHECK_EQ("detached by what is left of the first", shmdt(space + page), 0);
  CHECK_EQ("only that", status(id).shm_nattch, 2);
  shmdt(space);
  shmdt(space + 5 * page);
  CHECK_EQ("all detached", status(id).shm_nattch, 0);
  shmctl(id, IPC_RMID, NULL);
}

/* Parts of an attachment count each, and go together. */
static void test_parts(void) {
  int id = shmget(IPC_PRIVATE, 4 * page, 0600);
  char *at = shmat(id, NULL, 0);
  REQUIRE("attached", at != FAILED);
  CHECK_EQ("a hole in the middle", munmap(at + page, page), 0);
  CHECK_EQ("two parts", status(id).shm_nattch, 2);
  CHECK_EQ("rights of a part", mprotect(at + 2 * page, page, PROT_READ), 0);
  CHECK_EQ("three parts", status(id).shm_nattch, 3);
  char *own = mmap(at + page, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0);
  REQUIRE("other memory in the hole", own == at + page);
  *own = 'o';
  CHECK_EQ("all parts are detached", shmdt(at), 0);
  CHECK_EQ("none is left", status(id).shm_nattch, 0);
  CHECK_EQ("other memory stays", *own, 'o');
  munmap(own, page);
  at = shmat(id, NULL, 0);
  CHECK_EQ("the first page goes", munmap(at, page), 0);
  CHECK_EQ("the rest is still what was attached there", shmdt(at), 0);
  CHECK_EQ("and detached", status(id).shm_nattch, 0);
  at = shmat(id, NULL, 0);
  CHECK_EQ("dropped pages come back as they were",
           (at[0] = 'd', madvise(at, page, MADV_DONTNEED), at[0]), 'd');
  char *place = mmap(NULL, 5 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *moved = mremap(at, 4 * page, 4 * page, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  CHECK("moved", moved == place && moved[0] == 'd');
  munmap(place + 4 * page, page);
  CHECK_EQ("still attached, once", status(id).shm_nattch, 1);
  char *longer = mremap(moved, 4 * page, 5 * page, MREMAP_MAYMOVE);
  CHECK("made longer than the segment", longer != MAP_FAILED);
  CHECK_EQ("behind its end there is nothing", fault_of(longer + 4 * page, false), SIGBUS);
  munmap(longer, 5 * page);
  CHECK_EQ("unmapped is detached", status(id).shm_nattch, 0);
  shmctl(id, IPC_RMID, NULL);
}

static void test_remove(void) {
  int id = shmget(IPC_PRIVATE, 2 * page, 0600);
  char *at = shmat(id, NULL, 0);
  REQUIRE("attached", at != FAILED);
  at[page] = 'k';
  CHECK_EQ("removed while attached", shmctl(id, IPC_RMID, NULL), 0);
  CHECK_EQ("its memory stays", at[page], 'k');
  struct shmid_ds told = status(id);
  CHECK("it is marked", (told.shm_perm.mode & SHM_DEST) != 0);
  CHECK_EQ("it has no key", told.shm_perm.__key, IPC_PRIVATE);
  CHECK_EQ("removed once more", shmctl(id, IPC_RMID, NULL), 0);
  char *again = shmat(id, NULL, 0);
  REQUIRE("it can still be attached", again != FAILED);
  CHECK_EQ("the same memory", again[page], 'k');
  shmdt(at);
  CHECK_EQ("one is left", status(id).shm_nattch, 1);
  CHECK("put in its own place", shmat(id, again, SHM_REMAP) == again);
  CHECK_EQ("which does not end it", again[page], 'k');
  CHECK_EQ("one is left", status(id).shm_nattch, 1);
  CHECK_EQ("the last one goes by munmap", munmap(again, 2 * page), 0);
  CHECK("and the segment with it", is_gone(id));

  key_t key = 0x57000000 | (getpid() & 0xffff);
  id = shmget(key, page, IPC_CREAT | 0600);
  at = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  int next = shmget(key, page, IPC_CREAT | IPC_EXCL | 0600);
  CHECK("its key is free at once", next >= 0 && next != id);
  shmctl(next, IPC_RMID, NULL);
  shmdt(at);
  CHECK("gone by shmdt", is_gone(id));
}

/* Memory of removed segments is there for others: more than the machine has, one by one. */
static void test_memory_returns(void) {
  const long size = 8 << 20;
  bool all = true;
  for (int i = 0; i < 40 && all; i++) {
    int id = shmget(IPC_PRIVATE, size, 0600);
    char *at = id >= 0 ? shmat(id, NULL, 0) : FAILED;
    all = at != FAILED;
    for (long offset = 0; all && offset < size; offset += page)
      at[offset] = 1;
    if (at != FAILED)
      shmdt(at);
    shmctl(id, IPC_RMID, NULL);
  }
  CHECK("320 MiB were attached, written and removed", all);
}

static void test_control(void) {
  int id = shmget(IPC_PRIVATE, page, 0600);
  REQUIRE("a segment is made", id >= 0);
  struct shmid_ds change = status(id);
  change.shm_perm.uid = 1234;
  change.shm_perm.gid = 4321;
  change.shm_perm.mode = 07604;
  change.shm_segsz = 1;
  CHECK_EQ("changed", shmctl(id, IPC_SET, &change), 0);
  struct shmid_ds told = status(id);
  CHECK_EQ("owner", told.shm_perm.uid, 1234);
  CHECK_EQ("group", told.shm_perm.gid, 4321);
  CHECK_EQ("creator stays", told.shm_perm.cuid, geteuid());
  CHECK_EQ("permissions alone", told.shm_perm.mode, 0604);
  CHECK_EQ("size stays", told.shm_segsz, page);
  CHECK_EQ("locked", shmctl(id, SHM_LOCK, NULL), 0);
  CHECK("marked as locked", (status(id).shm_perm.mode & SHM_LOCKED) != 0);
  CHECK_EQ("unlocked", shmctl(id, SHM_UNLOCK, NULL), 0);
  CHECK_EQ("marked no more", status(id).shm_perm.mode, 0604);
  CHECK_ERR("no such command", shmctl(id, 99, NULL), EINVAL);
  CHECK_ERR("nowhere to tell", shmctl(id, IPC_STAT, (void *)16), EFAULT);
  CHECK_ERR("nothing to change to", shmctl(id, IPC_SET, (void *)16), EFAULT);
  CHECK_ERR("no such segment", shmctl(-1, IPC_RMID, NULL), EINVAL);

  int highest = shmctl(0, IPC_INFO, (void *)words);
  CHECK("limits", highest >= 0 && words[0] == ~0ul - (1 << 24) && words[1] == 1);
  CHECK("of segments, and pages", words[2] == 4096 && words[3] == 4096 && words[4] == words[0]);
  char *at = shmat(id, NULL, 0);
  CHECK("in use", shmctl(0, SHM_INFO, (void *)words) == highest && (int)words[0] >= 1);
  unsigned long pages = words[1], resident = words[2];
  *at = 1;
  shmctl(0, SHM_INFO, (void *)words);
  CHECK("a page that was touched counts", on_virga ? words[2] == resident + 1 : true);
  CHECK("all count as promised", on_virga ? words[1] == pages : true);
  int second = shmget(IPC_PRIVATE, 3 * page + 1, 0600);
  shmctl(0, SHM_INFO, (void *)words);
  CHECK("the next is promised by whole pages", on_virga ? words[1] == pages + 4 : true);
  int found = -1;
  for (int place = 0; place <= shmctl(0, SHM_INFO, (void *)words); place++)
    if (shmctl(place, SHM_STAT, &told) == second)
      found = place;
  REQUIRE("it is found by its place", found >= 0);
  CHECK_EQ("and told", told.shm_segsz, 3 * page + 1);
  CHECK_EQ("to anybody", shmctl(found, SHM_STAT_ANY, &told), second);
  CHECK_ERR("no such place", shmctl(4095, SHM_STAT, &told), EINVAL);
  shmctl(second, IPC_RMID, NULL);
  CHECK_ERR("an empty place", shmctl(found, SHM_STAT, &told), EINVAL);
  shmctl(id, IPC_RMID, NULL);
  shmdt(at);
  shmctl(0, SHM_INFO, (void *)words);
  CHECK("what is gone counts no more", on_virga ? words[2] == resident : true);
}

/* A user who is not root, in a thread of its own: the raw call changes only that on Linux. */
static void test_permissions(void) {
  int closed = shmget(IPC_PRIVATE, page, 0600), open = shmget(IPC_PRIVATE, page, 0644);
  key_t key = 0x58000000 | (getpid() & 0xffff);
  int keyed = shmget(key, page, IPC_CREAT | 0640);
  if (setresuid(-1, 65534, -1) != 0)
    return;
  struct shmid_ds told;
  CHECK_ERR("not readable: status", shmctl(closed, IPC_STAT, &told), EACCES);
  CHECK_ERR("not readable: attached", (long)shmat(closed, NULL, SHM_RDONLY), EACCES);
  CHECK_EQ("readable: status", shmctl(open, IPC_STAT, &told), 0);
  CHECK_ERR("not writable", (long)shmat(open, NULL, 0), EACCES);
  char *at = shmat(open, NULL, SHM_RDONLY);
  CHECK("readable: attached", at != FAILED);
  CHECK_ERR("not executable", (long)shmat(open, NULL, SHM_RDONLY | SHM_EXEC), EACCES);
  CHECK_EQ("the group's key, for reading", shmget(key, page, 0040), keyed);
  CHECK_ERR("the group's key, for writing", shmget(key, page, 0060), EACCES);
  CHECK_ERR("not the owner: removed", shmctl(open, IPC_RMID, NULL), EPERM);
  CHECK_ERR("not the owner: changed", shmctl(open, IPC_SET, &told), EPERM);
  CHECK_ERR("not the owner: locked", shmctl(open, SHM_LOCK, NULL), EPERM);
  int own = shmget(IPC_PRIVATE, page, 0200);
  CHECK_ERR("its own, not readable", shmctl(own, IPC_STAT, &told), EACCES);
  CHECK_EQ("its own, removed", shmctl(own, IPC_RMID, NULL), 0);
  shmdt(at);
  CHECK_EQ("root again", setresuid(-1, 0, -1), 0);
  CHECK_EQ("root may all", shmctl(closed, IPC_STAT, &told), 0);
  shmctl(closed, IPC_RMID, NULL);
  shmctl(open, IPC_RMID, NULL);
  shmctl(keyed, IPC_RMID, NULL);
}

static void test_proc(void) {
  int id = shmget(IPC_PRIVATE, 12345, 0600);
  char *at = shmat(id, NULL, 0);
  REQUIRE("attached", at != FAILED);
  *at = 1;
  FILE *table = fopen("/proc/sysvipc/shm", "r");
  REQUIRE("there is a table", table != NULL);
  char line[256], header[256] = "";
  bool found = false;
  CHECK("it has a header", fgets(header, sizeof header, table) && strstr(header, "nattch"));
  long key, number, mode, size, creator, last, attached;
  while (!found && fgets(line, sizeof line, table))
    found = sscanf(line, "%ld %ld %lo %ld %ld %ld %ld", &key, &number, &mode, &size, &creator, &last,
                   &attached) == 7 && number == id;
  fclose(table);
  REQUIRE("it has the segment", found);
  CHECK("key, permissions", key == 0 && mode == 0600);
  CHECK("size, processes", size == 12345 && creator == getpid() && last == getpid());
  CHECK_EQ("attachments", attached, 1);
  CHECK_EQ("lines are as long as the header", strlen(line), strlen(header));
  CHECK("the mapping has a name", maps_line(at, line, sizeof line) &&
                                      strstr(line, " /SYSV00000000 (deleted)\n") &&
                                      strstr(line, " rw-s "));
  shmctl(id, IPC_RMID, NULL);
  shmdt(at);
  unsigned long value = 0;
  FILE *limit = fopen("/proc/sys/kernel/shmmax", "r");
  CHECK("the largest", limit && fscanf(limit, "%lu", &value) == 1 && value == ~0ul - (1 << 24));
  limit = fopen("/proc/sys/kernel/shmmni", "r");
  CHECK("how many", limit && fscanf(limit, "%lu", &value) == 1 && value == 4096);
}

/* As many as there may be, and one more. */
static void test_limit(void) {
  static int ids[4097];
  int count = 0;
  while (count < 4097 && (ids[count] = shmget(IPC_PRIVATE, 1, 0600)) >= 0)
    count++;
  int error = errno;
  CHECK_EQ("the limit of segments has its error", error, ENOSPC);
  CHECK("many there were", count > 4000 && count <= 4096);
  shmctl(ids[7], IPC_RMID, NULL);
  ids[7] = shmget(IPC_PRIVATE, 1, 0600);
  CHECK("one less is room for one", ids[7] >= 0);
  for (int i = 0; i < count; i++)
    shmctl(ids[i], IPC_RMID, NULL);
  CHECK("all gone is room again", (ids[0] = shmget(IPC_PRIVATE, 1, 0600)) >= 0);
  shmctl(ids[0], IPC_RMID, NULL);
}

static const struct group groups[] = {
    {"get", test_get},
    {"attach", test_attach},
    {"place", test_place},
    {"parts", test_parts},
    {"remove", test_remove},
    {"memory-returns", test_memory_returns},
    {"control", test_control},
    {"permissions", test_permissions},
    {"proc", test_proc},
    {"limit", test_limit},
};

int main(int argc, char **argv) {
  page = sysconf(_SC_PAGESIZE);
  return check_main(argc, argv, groups, COUNT(groups));
}
