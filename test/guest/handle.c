/*
 * What files are beyond their names: handles (name_to_handle_at, open_by_handle_at) and statx.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define HANDLE_MAX 128
#define AT_HANDLE_EMPTY 0x1000

struct handle {
  unsigned bytes;
  int type;
  unsigned char data[HANDLE_MAX];
};

static long to_handle(int directory, const char *path, void *handle, int *mount, int flags) {
  return syscall(303, directory, path, handle, mount, flags);
}

static int by_handle(int mount, const void *handle, int flags) {
  return syscall(304, mount, handle, flags);
}

static ino_t number_of(int fd) {
  struct stat stat = {0};
  return fstat(fd, &stat) == 0 ? stat.st_ino : 0;
}

static void test_handle(void) {
  char path[96], other[96], link[96];
  strcpy(path, scratch("handle")), strcpy(other, scratch("handle-2"));
  strcpy(link, scratch("handle-link"));
  struct handle handle = {0}, second = {.bytes = HANDLE_MAX};
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), mount = -1, pipes[2];
  int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
  REQUIRE("files", fd >= 0 && folder >= 0 && symlink(path, link) == 0 && pipe(pipes) == 0);
  CHECK_ERR("how much room", to_handle(AT_FDCWD, path, &handle, &mount, 0), EOVERFLOW);
  CHECK("is told, and the mount", handle.bytes > 0 && handle.bytes <= HANDLE_MAX && mount > 0);
  CHECK_EQ("enough", to_handle(AT_FDCWD, path, &handle, &mount, 0), 0);
  CHECK_EQ("more than enough", to_handle(fd, "", &second, &mount, AT_HANDLE_EMPTY), 0);
  CHECK("the same handle", second.bytes == handle.bytes && second.type == handle.type &&
                               memcmp(second.data, handle.data, handle.bytes) == 0);
  second.bytes = HANDLE_MAX;
  CHECK_EQ("of a link", to_handle(AT_FDCWD, link, &second, &mount, 0), 0);
  CHECK("another one", memcmp(second.data, handle.data, handle.bytes) != 0);
  CHECK_EQ("or what it leads to", to_handle(AT_FDCWD, link, &second, &mount, AT_SYMLINK_FOLLOW), 0);
  CHECK("again the same", memcmp(second.data, handle.data, handle.bytes) == 0);
  second.bytes = HANDLE_MAX + 1;
  CHECK_ERR("too much room", to_handle(AT_FDCWD, path, &second, &mount, 0), EINVAL);
  CHECK_ERR("unknown flags", to_handle(AT_FDCWD, path, &handle, &mount, 0x100), EINVAL);
  CHECK_ERR("not there", to_handle(AT_FDCWD, "/tmp/none", &handle, &mount, 0), ENOENT);
  CHECK_ERR("a pipe", to_handle(pipes[0], "", &handle, &mount, AT_HANDLE_EMPTY), EOPNOTSUPP);
  CHECK_ERR("/proc", to_handle(AT_FDCWD, "/proc", &handle, &mount, 0), EOPNOTSUPP);
  CHECK_ERR("a bad address", to_handle(AT_FDCWD, path, (void *)8, &mount, 0), EFAULT);
  CHECK_ERR("for the mount", to_handle(AT_FDCWD, path, &handle, (int *)8, 0), EFAULT);
  int opened = by_handle(folder, &handle, O_RDWR);
  CHECK("opened", opened >= 0 && number_of(opened) == number_of(fd));
  CHECK("and written", write(opened, "text", 4) == 4);
  close(opened);
  CHECK_EQ("by another name", rename(path, other), 0);
  opened = by_handle(folder, &handle, O_RDONLY | O_CLOEXEC);
  char text[8] = "";
  CHECK("the same file", opened >= 0 && read(opened, text, 8) == 4 && memcmp(text, "text", 4) == 0);
  CHECK_EQ("O_CLOEXEC", fcntl(opened, F_GETFD), FD_CLOEXEC);
  close(opened), close(fd);
  second.bytes = HANDLE_MAX;
  to_handle(folder, "", &second, &mount, AT_HANDLE_EMPTY);
  opened = by_handle(folder, &second, O_RDONLY | O_DIRECTORY);
  CHECK("a directory", opened >= 0 && number_of(opened) == number_of(folder));
  close(opened);
  unlink(other);
  CHECK_ERR("gone", by_handle(folder, &handle, O_RDONLY), ESTALE);
  second = handle;
  second.type = 99;
  CHECK_ERR("a strange one", by_handle(folder, &second, O_RDONLY), ESTALE);
  second.bytes = 0;
  CHECK_ERR("an empty one", by_handle(folder, &second, O_RDONLY), EINVAL);
  second.bytes = HANDLE_MAX + 1;
  CHECK_ERR("a large one", by_handle(folder, &second, O_RDONLY), EINVAL);
  CHECK_ERR("no mount", by_handle(-1, &handle, O_RDONLY), EBADF);
  CHECK_ERR("no handle", by_handle(folder, (void *)8, O_RDONLY), EFAULT);
  close(folder), close(pipes[0]), close(pipes[1]), unlink(link);
}

/* A file of the image: found by its directory until it is changed, and then another file. */
static void test_image(void) {
  const char *path = "/etc/passwd";
  if (!on_virga || access(path, F_OK) != 0) return;
  struct handle handle = {.bytes = HANDLE_MAX}, root = {.bytes = HANDLE_MAX};
  int mount, base = open("/", O_RDONLY | O_DIRECTORY);
  CHECK_EQ("a handle", to_handle(AT_FDCWD, path, &handle, &mount, 0), 0);
  CHECK_EQ("of the root", to_handle(base, "", &root, &mount, AT_HANDLE_EMPTY), 0);
  int fd = by_handle(base, &handle, O_RDONLY), plain = open(path, O_RDONLY);
  CHECK("opened", fd >= 0 && number_of(fd) == number_of(plain));
  close(fd), close(plain);
  fd = by_handle(base, &root, O_RDONLY | O_DIRECTORY);
  CHECK("the root", fd >= 0 && number_of(fd) == number_of(base));
  close(fd);
  fd = by_handle(base, &handle, O_WRONLY | O_APPEND);
  CHECK("written by its handle", fd >= 0 && write(fd, "#\n", 2) == 2);
  close(fd);
  CHECK_ERR("is another file from then on", by_handle(base, &handle, O_RDONLY), ESTALE);
  close(base);
}

/* struct statx, as far as it is looked at: old headers do not have all of it. */
struct extended {
  uint32_t mask, block_size;
  uint64_t attributes;
  uint32_t links, uid, gid;
  uint16_t mode, spare;
  uint64_t number, size, blocks, attributes_mask;
  struct {
    int64_t seconds;
    uint32_t ns;
    int32_t spare;
  } accessed, born, changed, modified;
  uint32_t device[4];
  uint64_t mount;
  uint64_t spare2[13];
};

static long extended_stat(int fd, const char *path, int flags, unsigned mask, void *to) {
  return syscall(332, fd, path, flags, mask, to);
}

static void test_statx(void) {
  const char *path = scratch("statx");
  struct extended x = {0}, root = {0}, of_pipe = {0};
  time_t before = time(NULL);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0640), mount = 0, pipes[2];
  struct handle handle = {.bytes = HANDLE_MAX};
  REQUIRE("files", fd >= 0 && pipe(pipes) == 0);
  CHECK_EQ("of a descriptor", extended_stat(fd, "", 0x1000, 0x1fff, &x), 0);
  CHECK("what there is", (x.mask & 0x1fff) == 0x1fff && (x.mode & 07777) == 0640 && x.links == 1);
  CHECK("its birth", x.born.seconds >= before - 1 && x.born.seconds <= time(NULL));
  to_handle(fd, "", &handle, &mount, AT_HANDLE_EMPTY);
  CHECK_EQ("its mount", x.mount, mount);
  CHECK_EQ("a mount's root", extended_stat(AT_FDCWD, "/proc", 0, 0, &root), 0);
  CHECK("is one", (root.attributes & root.attributes_mask & 0x2000) && root.mount != x.mount);
  CHECK("a file is not", !(x.attributes & 0x2000) && (x.attributes_mask & 0x2000));
  CHECK_EQ("a pipe", extended_stat(pipes[0], "", 0x1000, 0, &of_pipe), 0);
  CHECK("has no birth", (of_pipe.mask & 0xfff) == 0x7ff && (of_pipe.mode & S_IFMT) == S_IFIFO);
  CHECK_ERR("a reserved bit", extended_stat(fd, "", 0x1000, 0x80000000, &x), EINVAL);
  CHECK_ERR("two ways to synchronize", extended_stat(fd, "", 0x7000, 0, &x), EINVAL);
  CHECK_EQ("one of them", extended_stat(fd, "", 0x5000, 0, &x), 0);
  CHECK_ERR("an unknown flag", extended_stat(AT_FDCWD, "/", 1, 0, &x), EINVAL);
  CHECK_ERR("no descriptor", extended_stat(-1, "", 0x1000, 0, &x), EBADF);
  CHECK_ERR("no path", extended_stat(AT_FDCWD, "", 0, 0, &x), ENOENT);
  CHECK_ERR("a bad address", extended_stat(fd, "", 0x1000, 0, (void *)8), EFAULT);
  close(fd), close(pipes[0]), close(pipes[1]), unlink(path);
}

int main(int argc, char **argv) {
  static const struct group groups[] = {
      {"handle", test_handle},
      {"image", test_image},
      {"statx", test_statx},
  };
  return check_main(argc, argv, groups, COUNT(groups));
}
