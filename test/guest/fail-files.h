/* Scenarios of fail-nth.c: files, directories, names, attributes, locks, /proc, copying up. */
#ifndef FAIL_FILES_H
#define FAIL_FILES_H

#include "fail-nth.h"
#include <dirent.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define PLACE "/tmp/virga-fail-nth"
#define LONG_TEXT                                                                                  \
  "a-name-of-some-length-that-is-not-kept-beside-the-entry-but-needs-an-allocation-of-its-own"

static void remove_files(void) {
  static const char *const names[] = {"file", "second", "link", "other/file", "fifo", LONG_TEXT};
  char path[256];
  for (size_t i = 0; i < COUNT(names); i++) {
    snprintf(path, sizeof path, PLACE "/%s", names[i]);
    unlink(path);
  }
  rmdir(PLACE "/made/inner");
  rmdir(PLACE "/made");
}

static int fail_create(void) {
  static char bytes[3 * PAGE];
  int fd = keep(open(PLACE "/file", O_CREAT | O_EXCL | O_RDWR, 0644));
  NEED(fd);
  memset(bytes, 3, sizeof bytes);
  ssize_t n = write(fd, bytes, sizeof bytes);
  NEED(n);
  if (n != sizeof bytes)
    return ENOMEM;
  struct stat stat;
  NEED(fstat(fd, &stat));
  HOLDS(stat.st_size == sizeof bytes);
  NEED(ftruncate(fd, 100));
  char last = 0;
  NEED(pread(fd, &last, 1, 99));
  HOLDS(last == 3);
  NEED(fallocate(fd, 0, 0, 5 * PAGE));
  return 0;
}

static int fail_directory(void) {
  NEED(mkdir(PLACE "/made", 0755));
  NEED(mkdir(PLACE "/made/inner", 0755));
  struct stat stat;
  NEED(lstat(PLACE "/made/inner", &stat));
  HOLDS(S_ISDIR(stat.st_mode));
  NEED(rmdir(PLACE "/made/inner"));
  return 0;
}

static int fail_links(void) {
  static char text[512];
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  NEED(link(PLACE "/file", PLACE "/second"));
  NEED(symlink("/nowhere/" LONG_TEXT, PLACE "/link"));
  ssize_t n = readlink(PLACE "/link", text, sizeof text);
  NEED(n);
  HOLDS((size_t)n == strlen("/nowhere/" LONG_TEXT));
  struct stat stat;
  NEED(lstat(PLACE "/second", &stat));
  HOLDS(stat.st_nlink == 2);
  return 0;
}

static int fail_rename(void) {
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  NEED(mknod(PLACE "/second", S_IFREG | 0600, 0));
  NEED(rename(PLACE "/file", PLACE "/" LONG_TEXT));
  struct stat stat;
  HOLDS(lstat(PLACE "/file", &stat) == -1 && (errno == ENOENT || errno == ENOMEM));
  NEED(rename(PLACE "/" LONG_TEXT, PLACE "/other/file"));
  /* Whichever file it is, there is one of that name at any time. */
  int error = rename(PLACE "/other/file", PLACE "/second") == 0 ? 0 : errno;
  HOLDS(lstat(PLACE "/second", &stat) == 0 || errno == ENOMEM);
  HOLDS((stat.st_mode & 0777) == (error == 0 ? 0644 : 0600));
  return error;
}

static int fail_exchange(void) {
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  NEED(mknod(PLACE "/second", S_IFREG | 0600, 0));
  NEED(syscall(SYS_renameat2, AT_FDCWD, PLACE "/file", AT_FDCWD, PLACE "/second", 2));
  struct stat stat;
  NEED(lstat(PLACE "/file", &stat));
  HOLDS((stat.st_mode & 0777) == 0600);
  return 0;
}

static int fail_fifo(void) {
  NEED(mkfifo(PLACE "/fifo", 0644));
  int reader = keep(open(PLACE "/fifo", O_RDONLY | O_NONBLOCK));
  NEED(reader);
  int writer = keep(open(PLACE "/fifo", O_WRONLY));
  NEED(writer);
  NEED(write(writer, "x", 1));
  char byte = 0;
  NEED(read(reader, &byte, 1));
  HOLDS(byte == 'x');
  return 0;
}

static int fail_xattr(void) {
  char value[64];
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  NEED(setxattr(PLACE "/file", "user.first", "one", 3, 0));
  NEED(setxattr(PLACE "/file", "user.first", "longer than before", 18, XATTR_REPLACE));
  NEED(setxattr(PLACE "/file", "user." LONG_TEXT, "two", 3, XATTR_CREATE));
  ssize_t n = getxattr(PLACE "/file", "user.first", value, sizeof value);
  NEED(n);
  HOLDS(n == 18 && memcmp(value, "longer than before", 18) == 0);
  static char names[512];
  n = listxattr(PLACE "/file", names, sizeof names);
  NEED(n);
  HOLDS((size_t)n == strlen("user.first") + strlen("user." LONG_TEXT) + 2);
  NEED(removexattr(PLACE "/file", "user.first"));
  return 0;
}

static int fail_list(void) {
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  int fd = keep(open(PLACE, O_RDONLY | O_DIRECTORY));
  NEED(fd);
  static char entries[2048];
  long n = syscall(SYS_getdents64, fd, entries, sizeof entries);
  NEED(n);
  HOLDS(n > 0);
  return 0;
}

static int fail_locks(void) {
  int fd = keep(open(PLACE "/file", O_CREAT | O_RDWR, 0644));
  NEED(fd);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 100};
  NEED(fcntl(fd, F_SETLK, &lock));
  /* The middle given back makes two of one. */
  struct flock middle = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 40, .l_len = 20};
  NEED(fcntl(fd, F_SETLK, &middle));
  NEED(flock(fd, LOCK_EX | LOCK_NB));
  struct flock open_lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 200, .l_len = 5};
  NEED(fcntl(fd, F_OFD_SETLK, &open_lock));
  return 0;
}

static int fail_copy(void) {
  int from = keep(open("/proc/self/exe", O_RDONLY));
  NEED(from);
  int to = keep(open(PLACE "/file", O_CREAT | O_RDWR, 0644));
  NEED(to);
  off_t offset = 0;
  ssize_t n = sendfile(to, from, &offset, 2 * PAGE);
  NEED(n);
  HOLDS(offset == n);
  char magic[4];
  NEED(pread(to, magic, 4, 0));
  HOLDS(n < 4 || memcmp(magic, "\177ELF", 4) == 0);
  loff_t in = 0, out = 4 * PAGE;
  NEED(syscall(SYS_copy_file_range, to, &in, to, &out, 100, 0));
  return 0;
}

static int fail_memfd(void) {
  int fd = keep(memfd_create(LONG_TEXT, MFD_ALLOW_SEALING));
  NEED(fd);
  NEED(ftruncate(fd, 10 * PAGE));
  NEED(pwrite(fd, "x", 1, 9 * PAGE));
  NEED(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
  HOLDS(ftruncate(fd, 0) == -1 && errno == EPERM);
  return 0;
}

static int fail_temporary(void) {
  int fd = keep(open(PLACE, O_TMPFILE | O_RDWR, 0600));
  NEED(fd);
  NEED(write(fd, "x", 1));
  return 0;
}

static int fail_stat(void) {
  static char path[512];
  struct statfs fs;
  NEED(statfs(PLACE, &fs));
  NEED(syscall(SYS_getcwd, path, sizeof path));
  NEED(syscall(332 /* statx */, AT_FDCWD, PLACE, 0, 0x7ff, path));
  NEED(access(PLACE, R_OK));
  NEED(utimensat(AT_FDCWD, PLACE, (struct timespec[2]){{1, 0}, {2, 0}}, 0));
  NEED(chmod(PLACE, 0755));
  NEED(chown(PLACE, -1, -1));
  return 0;
}

static int fail_handle(void) {
  struct {
    unsigned bytes;
    int type;
    unsigned char handle[128];
  } handle = {128, 0, {0}};
  int mount;
  NEED(syscall(303 /* name_to_handle_at */, AT_FDCWD, PLACE, &handle, &mount, 0));
  int base = keep(open(PLACE, O_RDONLY | O_DIRECTORY));
  NEED(base);
  int fd = syscall(304 /* open_by_handle_at */, base, &handle, O_RDONLY);
  if (fd < 0 && geteuid() != 0 && errno == EPERM)
    return 0;
  NEED(keep(fd));
  return 0;
}

static int fail_inotify(void) {
  int fd = keep(inotify_init1(IN_NONBLOCK));
  NEED(fd);
  NEED(inotify_add_watch(fd, PLACE, IN_CREATE | IN_DELETE));
  NEED(mknod(PLACE "/file", S_IFREG | 0644, 0));
  static char events[256];
  ssize_t n = read(fd, events, sizeof events);
  NEED(n);
  HOLDS(n > 0);
  return 0;
}

static int fail_dup(void) {
  int fd = keep(dup(1));
  NEED(fd);
  int high = keep(fcntl(fd, F_DUPFD_CLOEXEC, 100));
  NEED(high);
  HOLDS(high >= 100);
  return 0;
}

static int read_whole(const char *path) {
  static char text[4096];
  int fd = keep(open(path, O_RDONLY));
  NEED(fd);
  ssize_t n, total = 0;
  while ((n = read(fd, text, sizeof text)) > 0)
    total += n;
  NEED(n);
  HOLDS(total > 0);
  return 0;
}

static int fail_proc(void) {
  static const char *const paths[] = {
      "/proc/self/maps",    "/proc/self/status", "/proc/self/stat",  "/proc/self/cmdline",
      "/proc/self/environ", "/proc/self/limits", "/proc/self/mounts",
      "/proc/self/mountinfo",
      "/proc/meminfo",      "/proc/cpuinfo",     "/proc/stat",       "/proc/self/comm",
      "/proc/net/tcp",      "/proc/net/dev",     "/proc/net/unix",   "/proc/sys/kernel/hostname",
      "/proc/self/fdinfo/0"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    int error = read_whole(paths[i]);
    if (error != 0)
      return error;
  }
  return 0;
}

static int fail_proc_links(void) {
  static char text[512];
  NEED(readlink("/proc/self/exe", text, sizeof text));
  NEED(readlink("/proc/self/cwd", text, sizeof text));
  NEED(readlink("/proc/self/fd/1", text, sizeof text));
  int fd = keep(open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
  NEED(fd);
  long n = syscall(SYS_getdents64, fd, text, sizeof text);
  NEED(n);
  HOLDS(n > 0);
  fd = keep(open("/proc/self/task", O_RDONLY | O_DIRECTORY));
  NEED(fd);
  NEED(syscall(SYS_getdents64, fd, text, sizeof text));
  snprintf(text, sizeof text, "/proc/self/task/%d/stat", (int)syscall(SYS_gettid));
  return read_whole(text);
}

static const struct scenario file_scenarios[] = {
    {.name = "open, write, ftruncate", .run = fail_create,
     .errors = {ENFILE, ENOSPC}, .clean = remove_files},
    {.name = "mkdir, rmdir", .run = fail_directory, .clean = remove_files},
    {.name = "mknod, link, symlink", .run = fail_links, .clean = remove_files},
    {.name = "rename", .run = fail_rename, .clean = remove_files},
    {.name = "renameat2 that exchanges", .run = fail_exchange, .clean = remove_files},
    {.name = "a FIFO", .run = fail_fifo, .errors = {ENFILE}, .clean = remove_files},
    {.name = "xattrs", .run = fail_xattr, .clean = remove_files},
    {.name = "getdents", .run = fail_list, .errors = {ENFILE}, .clean = remove_files},
    {.name = "locks", .run = fail_locks, .errors = {ENFILE, ENOLCK}, .clean = remove_files},
    {.name = "sendfile, copy_file_range", .run = fail_copy,
     .errors = {ENFILE, ENOSPC}, .clean = remove_files},
    {.name = "memfd_create", .run = fail_memfd, .errors = {ENFILE}},
    {.name = "O_TMPFILE", .run = fail_temporary, .errors = {ENFILE}},
    {.name = "stat and its kin", .run = fail_stat},
    {.name = "handles of files", .run = fail_handle, .errors = {ENFILE}},
    {.name = "inotify", .run = fail_inotify, .errors = {ENFILE, EMFILE}, .clean = remove_files},
    {.name = "dup", .run = fail_dup, .errors = {EMFILE}},
    {.name = "texts of /proc", .run = fail_proc, .errors = {ENFILE}},
    {.name = "links and directories of /proc", .run = fail_proc_links, .errors = {ENFILE}},
};

/* ---- What the image holds, for the first time changed -------------------------------------- */

#define IMAGE "/fail-nth"
#define IMAGE_TEXT "of the image\n"

/* The path of the next file of the image, which no run has changed yet. */
static const char *image_file(const char *kind, int number) {
  static char path[64];
  snprintf(path, sizeof path, IMAGE "/%s-%d", kind, number);
  return path;
}

/* Whether a name is known not to be there, as far as there is memory to know it. */
static bool is_gone(const char *path) {
  return access(path, F_OK) == -1 && (errno == ENOENT || errno == ENOMEM);
}

static int copy_up_open(void) {
  static int number;
  int fd = keep(open(image_file("open", number), O_RDWR));
  NEED(fd);
  number++;
  char text[32];
  ssize_t n = pread(fd, text, sizeof text, 0);
  HOLDS((n == -1 && errno == ENOMEM) ||
        ((size_t)n == strlen(IMAGE_TEXT) && memcmp(text, IMAGE_TEXT, n) == 0));
  return 0;
}

static int page_fd = -1;

static void open_copy(void) {
  static int number;
  if (page_fd < 0)
    page_fd = open(image_file("write", number++), O_RDWR);
}

/* A copy shows the pages of the image until they are written. */
static int copy_up_page(void) {
  NEED(pwrite(page_fd, "O", 1, 0));
  char text[32];
  ssize_t n = pread(page_fd, text, sizeof text, 0);
  close(page_fd);
  page_fd = -1;
  HOLDS((size_t)n == strlen(IMAGE_TEXT) && memcmp(text, "Of the", 6) == 0);
  return 0;
}

static int copy_up_mode(void) {
  static int number;
  const char *path = image_file("mode", number);
  NEED(chmod(path, 0600));
  number++;
  struct stat stat;
  HOLDS(lstat(path, &stat) == 0 || errno == ENOMEM);
  HOLDS((stat.st_mode & 07777) == 0600 && stat.st_size == (off_t)strlen(IMAGE_TEXT));
  return 0;
}

static int copy_up_xattr(void) {
  static int number;
  NEED(setxattr(image_file("xattr", number), "user.name", "value", 5, 0));
  number++;
  return 0;
}

static int copy_up_unlink(void) {
  static int number;
  NEED(unlink(image_file("unlink", number)));
  HOLDS(is_gone(image_file("unlink", number)));
  number++;
  return 0;
}

static int copy_up_rename(void) {
  static int number;
  char from[64];
  snprintf(from, sizeof from, "%s", image_file("rename", number));
  NEED(rename(from, image_file("renamed", number)));
  HOLDS(is_gone(from) && !is_gone(image_file("renamed", number)));
  number++;
  return 0;
}

/* A file of the image takes the place of another. */
static int copy_up_replace(void) {
  static int number;
  char from[64];
  snprintf(from, sizeof from, "%s", image_file("source", number));
  const char *to = image_file("target", number);
  if (rename(from, to) != 0) {
    int error = errno;
    HOLDS(!is_gone(from) && !is_gone(to));
    return error;
  }
  HOLDS(is_gone(from) && !is_gone(to));
  number++;
  return 0;
}

static int copy_up_link(void) {
  static int number;
  char from[64];
  snprintf(from, sizeof from, "%s", image_file("link", number));
  NEED(link(from, image_file("linked", number)));
  number++;
  return 0;
}

static int copy_up_directory(void) {
  static int number;
  char path[80];
  snprintf(path, sizeof path, "%s/made", image_file("folder", number));
  NEED(mkdir(path, 0755));
  number++;
  return 0;
}

static int copy_up_symlink(void) {
  static int number;
  const char *path = image_file("symlink", number);
  NEED(lchown(path, 1, 1));
  number++;
  char text[32];
  ssize_t n = readlink(path, text, sizeof text);
  HOLDS((n == -1 && errno == ENOMEM) || (n == 7 && memcmp(text, "nowhere", 7) == 0));
  return 0;
}

/* The table of descriptors grows, and stays so. */
static int larger_table(void) {
  static int first = 2000;
  int fd = keep(fcntl(1, F_DUPFD, first));
  NEED(fd);
  HOLDS(fd == first);
  first *= 2;
  return 0;
}

static const struct scenario once_scenarios[] = {
    {.name = "a larger table of descriptors", .run = larger_table,
     .errors = {EMFILE}, .once = true},
};

static const struct scenario copy_up_scenarios[] = {
    {.name = "copy-up by opening", .run = copy_up_open, .errors = {ENFILE, ENOSPC}, .once = true},
    {.name = "copy-up of a page", .run = copy_up_page, .errors = {ENOSPC}, .prepare = open_copy,
     .once = true},
    {.name = "copy-up by chmod", .run = copy_up_mode, .errors = {ENOSPC}, .once = true},
    {.name = "copy-up by setxattr", .run = copy_up_xattr, .errors = {ENOSPC}, .once = true},
    {.name = "unlink of a file of the image", .run = copy_up_unlink,
     .errors = {ENOSPC}, .once = true},
    {.name = "rename of a file of the image", .run = copy_up_rename,
     .errors = {ENOSPC}, .once = true},
    {.name = "rename of a file of the image over another",
     .run = copy_up_replace, .errors = {ENOSPC}, .once = true},
    {.name = "link to a file of the image", .run = copy_up_link, .errors = {ENOSPC}, .once = true},
    {.name = "mkdir in a folder of the image", .run = copy_up_directory,
     .errors = {ENOSPC}, .once = true},
    {.name = "lchown of a symlink of the image", .run = copy_up_symlink,
     .errors = {ENOSPC}, .once = true},
};

#endif
