/*
 * Every allocation that a system call makes fails once, while it is all that fails: the call ends
 * in an error that it documents or does without, nothing is lost, and the machine goes on. The
 * harness is fail-nth.h; the debug kernel's files for it are in kernel/fs/proc-fail-nth.ts.
 */
#include "fail-calls.h"
#include "fail-errors.h"
#include "fail-events.h"
#include "fail-files.h"
#include "fail-ipc.h"
#include "fail-memory.h"
#include "fail-sockets.h"

static void test_memory(void) { run_scenarios(memory_scenarios, COUNT(memory_scenarios)); }
static void test_events(void) { run_scenarios(event_scenarios, COUNT(event_scenarios)); }
static void test_ipc(void) { run_scenarios(ipc_scenarios, COUNT(ipc_scenarios)); }
static void test_sockets(void) { run_scenarios(socket_scenarios, COUNT(socket_scenarios)); }

static void test_calls(void) { run_scenarios(call_scenarios, COUNT(call_scenarios)); }

static void test_files(void) {
  mkdir(PLACE, 0755);
  mkdir(PLACE "/other", 0755);
  run_scenarios(file_scenarios, COUNT(file_scenarios));
  run_scenarios(once_scenarios, COUNT(once_scenarios));
  rmdir(PLACE "/other");
  rmdir(PLACE);
}

static void test_errors(void) {
  mkdir(PLACE, 0755);
  mkdir(PLACE "/other", 0755);
  run_scenarios(error_scenarios, COUNT(error_scenarios));
  rmdir(PLACE "/other");
  rmdir(PLACE);
}

/* Of files that the test's image has (test/system/root.ts). */
static void test_copy_up(void) {
  if (on_virga)
    run_scenarios(copy_up_scenarios, COUNT(copy_up_scenarios));
}

/* A kernel without the files would let all of this pass. */
static void test_armed(void) {
  if (!on_virga)
    return;
  REQUIRE("the kernel can let allocations fail", fail_fd >= 0 && info_fd >= 0);
  /* The first call from a place allocates for the place. */
  close(eventfd(0, 0));
  arm(1);
  bool was_due = is_due();
  int fd = eventfd(0, 0);
  int error = errno;
  bool is_still = is_due();
  arm(0);
  CHECK("an allocation is to fail", was_due);
  CHECK("the first one fails", fd == -1 && error == ENOMEM);
  CHECK("it has failed", !is_still);
}

/* The file that arms: a number, whole, and read in any pieces. */
static void test_file(void) {
  char bytes[16] = "";
  if (fail_fd < 0)
    return;
  arm(12);
  int fd = open("/proc/self/fail-nth", O_RDWR);
  bool was_due = is_due();
  arm(0);
  CHECK("opening allocates something", fd >= 0 && was_due);
  arm(987654321);
  CHECK("is read", pread(fd, bytes, sizeof bytes, 0) == 10 && !strcmp(bytes, "987654321\n"));
  CHECK("from anywhere", pread(fd, bytes, 3, 4) == 3 && !memcmp(bytes, "543", 3));
  CHECK_EQ("to its end", pread(fd, bytes, 3, 10), 0);
  CHECK_EQ("and behind", pread(fd, bytes, 3, 11), 0);
  CHECK_ERR("not before", pread(fd, bytes, 3, -1), EINVAL);
  CHECK("in pieces", read(fd, bytes, 4) == 4 && read(fd, bytes, 9) == 6 && bytes[5] == '\n' &&
                         read(fd, bytes, 1) == 0);
  CHECK("from the beginning again", lseek(fd, 0, SEEK_SET) == 0 && read(fd, bytes, 1) == 1 &&
                                        bytes[0] == '9' && lseek(fd, 0, SEEK_CUR) == 1);
  CHECK_ERR("not before it", lseek(fd, -1, SEEK_SET), EINVAL);
  static const char *const wrong[] = {"", "\n", "1x", "x1", "1\n2", "1 ", "/", ":", "1234567890",
                                      "12345678901", "123456789\n1"};
  int refused = 0;
  for (size_t i = 0; i < COUNT(wrong); i++)
    refused += write(fd, wrong[i], strlen(wrong[i])) == -1 && errno == EINVAL;
  CHECK_EQ("what is no number", refused, COUNT(wrong));
  CHECK_ERR("nor there", write(fd, (char *)map_area(PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1), 2),
            EFAULT);
  CHECK("changes nothing", pread(fd, bytes, 3, 0) == 3 && !memcmp(bytes, "987", 3));
  CHECK("a line is one", write(fd, "123456789\n", 10) == 10 && pread(fd, bytes, 16, 0) == 10 &&
                             !memcmp(bytes, "123456789\n", 10));
  arm(0);
  CHECK("zero", pread(fd, bytes, 16, 0) == 2 && !memcmp(bytes, "0\n", 2));
  close(fd);
}

static const struct group groups[] = {
    {"armed", test_armed},   {"file", test_file},     {"memory", test_memory},
    {"events", test_events}, {"ipc", test_ipc},       {"sockets", test_sockets},
    {"files", test_files},   {"errors", test_errors}, {"calls", test_calls},
    {"copy-up", test_copy_up},
};

int main(int argc, char **argv) {
  fail_fd = open("/proc/self/fail-nth", O_RDWR);
  info_fd = fail_fd < 0 ? -1 : open("/proc/allocinfo", O_RDONLY);
  zero_fd = open("/dev/zero", O_RDONLY);
  int result = check_main(argc, argv, groups, COUNT(groups));
  /* The end of a process can't fail either. */
  if (fail_fd >= 0)
    arm(1);
  return result;
}
