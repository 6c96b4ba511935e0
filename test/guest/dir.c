/*
 * Names: directories and reading them, rename, links, symbolic links, the working directory,
 * paths relative to a descriptor, and every error a path can give.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char base[96];

static const char *in_base(const char *name) {
  static char paths[8][400];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", base, name);
  return path;
}

static int touch(const char *path) {
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  return fd >= 0 ? close(fd) : -1;
}

static void test_setup(void) {
  snprintf(base, sizeof base, "%s", scratch("dir"));
  CHECK_EQ("mkdir", mkdir(base, 0755), 0);
}

static void test_mkdir(void) {
  struct stat st;
  CHECK_EQ("mkdir", mkdir(in_base("a"), 0750), 0);
  CHECK("it is a directory", stat(in_base("a"), &st) == 0 && S_ISDIR(st.st_mode) &&
                                 (st.st_mode & 0777) == 0750 && st.st_nlink >= 1);
  CHECK_ERR("mkdir of what is there", mkdir(in_base("a"), 0755), EEXIST);
  CHECK_ERR("mkdir in nothing", mkdir(in_base("none/b"), 0755), ENOENT);
  CHECK_EQ("mkdir with a slash at the end", mkdir(in_base("a/b/"), 0755), 0);
  CHECK_ERR("rmdir of a full one", rmdir(in_base("a")), ENOTEMPTY);
  CHECK_ERR("unlink of a directory", unlink(in_base("a")), EISDIR);
  CHECK_EQ("rmdir", rmdir(in_base("a/b")), 0);
  touch(in_base("file"));
  CHECK_ERR("rmdir of a file", rmdir(in_base("file")), ENOTDIR);
  CHECK_ERR("rmdir of .", rmdir(in_base("a/.")), EINVAL);
  CHECK_ERR("rmdir of nothing", rmdir(in_base("none")), ENOENT);
  CHECK_EQ("unlinkat with AT_REMOVEDIR", unlinkat(AT_FDCWD, in_base("a"), AT_REMOVEDIR), 0);
  CHECK_EQ("unlink", unlink(in_base("file")), 0);
  CHECK_ERR("unlink twice", unlink(in_base("file")), ENOENT);
}

static void test_errors(void) {
  char name[300], path[PATH_MAX + 20];
  touch(in_base("file"));
  CHECK_ERR("a file as a directory", open(in_base("file/x"), O_RDONLY), ENOTDIR);
  CHECK_ERR("a file with a slash", open(in_base("file/"), O_RDONLY), ENOTDIR);
  CHECK_ERR("an empty path", open("", O_RDONLY), ENOENT);
  CHECK_ERR("writing a directory", open(base, O_WRONLY), EISDIR);
  CHECK_ERR("creating a directory's name", open(base, O_RDWR | O_CREAT, 0600), EISDIR);
  memset(name, 'n', sizeof name);
  name[255] = 0;
  CHECK_EQ("a name of 255 bytes", touch(in_base(name)), 0);
  CHECK_EQ("is there", unlink(in_base(name)), 0);
  name[255] = 'n', name[256] = 0;
  CHECK_ERR("a name of 256 bytes", open(in_base(name), O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
  memset(path, '/', sizeof path);
  path[sizeof path - 1] = 0;
  CHECK_ERR("a path too long", open(path, O_RDONLY), ENAMETOOLONG);
  path[PATH_MAX - 1] = 0;
  int fd = open(path, O_RDONLY);
  CHECK("a path just short enough", fd >= 0 && close(fd) == 0);
  CHECK("dots and slashes", access(in_base(".//./../"), F_OK) == 0 &&
                                access("/../../tmp", F_OK) == 0);
  unlink(in_base("file"));
}

static void test_rename(void) {
  char byte = 0;
  struct stat a, b;
  touch(in_base("one"));
  stat(in_base("one"), &a);
  CHECK_EQ("rename", rename(in_base("one"), in_base("two")), 0);
  CHECK("it has moved", stat(in_base("two"), &b) == 0 && a.st_ino == b.st_ino &&
                            access(in_base("one"), F_OK) == -1);
  int fd = open(in_base("one"), O_RDWR | O_CREAT, 0600);
  CHECK_EQ("write", write(fd, "1", 1), 1);
  CHECK_EQ("rename over a file", rename(in_base("one"), in_base("two")), 0);
  close(fd);
  fd = open(in_base("two"), O_RDONLY);
  CHECK("replaces it", read(fd, &byte, 1) == 1 && byte == '1');
  close(fd);
  CHECK_EQ("rename to itself", rename(in_base("two"), in_base("two")), 0);
  CHECK_ERR("rename of nothing", rename(in_base("none"), in_base("x")), ENOENT);
  mkdir(in_base("d"), 0755);
  mkdir(in_base("d/e"), 0755);
  mkdir(in_base("f"), 0755);
  CHECK_ERR("a directory into itself", rename(in_base("d"), in_base("d/e/g")), EINVAL);
  CHECK_ERR("a file over a directory", rename(in_base("two"), in_base("f")), EISDIR);
  CHECK_ERR("a directory over a file", rename(in_base("f"), in_base("two")), ENOTDIR);
  CHECK_ERR("over a full directory", rename(in_base("f"), in_base("d")), ENOTEMPTY);
  CHECK_EQ("a directory into another", rename(in_base("d"), in_base("f/d")), 0);
  CHECK_EQ("with what is in it", access(in_base("f/d/e"), F_OK), 0);
  CHECK_EQ(".. is the new parent", access(in_base("f/d/../../two"), F_OK), 0);
  touch(in_base("three"));
  long result = syscall(SYS_renameat2, AT_FDCWD, in_base("two"), AT_FDCWD, in_base("three"), 1);
  CHECK("RENAME_NOREPLACE", result == -1 && syscall(SYS_renameat2, AT_FDCWD, in_base("two"),
                                                    AT_FDCWD, in_base("four"), 1) == 0);
  unlink(in_base("three"));
  unlink(in_base("four"));
  rmdir(in_base("f/d/e"));
  rmdir(in_base("f/d"));
  rmdir(in_base("f"));
}

static void test_links(void) {
  char target[64];
  struct stat a, b;
  touch(in_base("file"));
  CHECK_EQ("link", link(in_base("file"), in_base("hard")), 0);
  CHECK("it is the same file", stat(in_base("file"), &a) == 0 && !stat(in_base("hard"), &b) &&
                                   a.st_ino == b.st_ino && b.st_nlink == 2);
  CHECK_ERR("link over a name", link(in_base("file"), in_base("hard")), EEXIST);
  CHECK_ERR("link of a directory", link(base, in_base("x")), EPERM);
  CHECK("unlinking one keeps the other", unlink(in_base("file")) == 0 &&
                                             !stat(in_base("hard"), &b) && b.st_nlink == 1);
  CHECK_EQ("symlink", symlink("hard", in_base("soft")), 0);
  CHECK("readlink", readlink(in_base("soft"), target, 64) == 4 && !memcmp(target, "hard", 4));
  CHECK_EQ("readlink into less", readlink(in_base("soft"), target, 2), 2);
  CHECK("stat follows it", stat(in_base("soft"), &a) == 0 && S_ISREG(a.st_mode));
  CHECK("lstat does not", lstat(in_base("soft"), &a) == 0 && S_ISLNK(a.st_mode) && a.st_size == 4);
  CHECK_ERR("O_NOFOLLOW", open(in_base("soft"), O_RDONLY | O_NOFOLLOW), ELOOP);
  CHECK_ERR("readlink of a file", readlink(in_base("hard"), target, 64), EINVAL);
  CHECK_ERR("symlink over a name", symlink("x", in_base("soft")), EEXIST);
  unlink(in_base("hard"));
  CHECK_ERR("a dangling one", open(in_base("soft"), O_RDONLY), ENOENT);
  CHECK("O_CREAT through it", touch(in_base("soft")) == 0 && access(in_base("hard"), F_OK) == 0);
  symlink("loop2", in_base("loop1"));
  symlink("loop1", in_base("loop2"));
  CHECK_ERR("a loop", open(in_base("loop1"), O_RDONLY), ELOOP);
  symlink(base, in_base("absolute"));
  CHECK_EQ("an absolute one in the middle", access(in_base("absolute/absolute/hard"), F_OK), 0);
  symlink("..", in_base("up"));
  CHECK_EQ("one to the parent", access(in_base("up"), F_OK), 0);
  static const char *const names[] = {"hard", "soft", "loop1", "loop2", "absolute", "up"};
  for (unsigned i = 0; i < COUNT(names); i++)
    unlink(in_base(names[i]));
}

static void test_reading(void) {
  enum { FILES = 1000 };
  static char seen[FILES];
  char name[32];
  int made = 0, found = 0, dots = 0, other = 0;
  mkdir(in_base("big"), 0755);
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "big/entry-%d", i);
    made += touch(in_base(name)) == 0;
  }
  REQUIRE("1,000 files in a directory", made == FILES);
  DIR *dir = opendir(in_base("big"));
  REQUIRE("opendir", dir != NULL);
  bool types = true;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    int number;
    if (sscanf(entry->d_name, "entry-%d", &number) == 1 && number >= 0 && number < FILES) {
      found += !seen[number]++;
      types = types && (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) && entry->d_ino;
    } else if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) {
      dots++;
    } else {
      other++;
    }
  }
  CHECK("readdir finds each once, and . and ..", found == FILES && dots == 2 && other == 0);
  CHECK("with inode and type", types);
  rewinddir(dir);
  found = 0;
  while (readdir(dir))
    found++;
  CHECK_EQ("rewinddir", found, FILES + 2);
  /* Removing what has been read must not make others be skipped: rm -r does so. */
  rewinddir(dir);
  int removed = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    if (entry->d_name[0] == 'e')
      removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
  CHECK_EQ("removing while reading", removed, FILES);
  closedir(dir);
  CHECK_EQ("then it is empty", rmdir(in_base("big")), 0);
  int fd = open(base, O_RDONLY | O_DIRECTORY);
  char buffer[8];
  CHECK_ERR("getdents into too little", syscall(SYS_getdents64, fd, buffer, 8), EINVAL);
  close(fd);
  CHECK("opendir of nothing", opendir(in_base("none")) == NULL && errno == ENOENT);
}

static void test_working_directory(void) {
  char path[PATH_MAX], before[PATH_MAX];
  REQUIRE("getcwd", getcwd(before, sizeof before) != NULL && before[0] == '/');
  mkdir(in_base("cwd"), 0755);
  CHECK_EQ("chdir", chdir(in_base("cwd")), 0);
  CHECK("getcwd tells it", getcwd(path, sizeof path) && !strcmp(path, in_base("cwd")));
  CHECK("relative paths start there", touch("here") == 0 && !access(in_base("cwd/here"), F_OK));
  CHECK("..", chdir("..") == 0 && getcwd(path, sizeof path) && !strcmp(path, base));
  CHECK_ERR("getcwd into too little", syscall(SYS_getcwd, path, 2), ERANGE);
  CHECK_ERR("chdir to a file", chdir(in_base("cwd/here")), ENOTDIR);
  CHECK_ERR("chdir to nothing", chdir("none"), ENOENT);
  int fd = open(in_base("cwd"), O_RDONLY | O_DIRECTORY);
  CHECK("fchdir", fchdir(fd) == 0 && access("here", F_OK) == 0);
  CHECK_EQ("back", chdir(before), 0);
  struct stat st;
  CHECK("openat", close(openat(fd, "here", O_RDONLY)) == 0);
  CHECK("fstatat", fstatat(fd, "here", &st, 0) == 0 && S_ISREG(st.st_mode));
  CHECK("faccessat, mkdirat, renameat, symlinkat", faccessat(fd, "here", F_OK, 0) == 0 &&
                                                       mkdirat(fd, "m", 0755) == 0 &&
                                                       renameat(fd, "m", fd, "n") == 0 &&
                                                       symlinkat("here", fd, "s") == 0);
  CHECK("readlinkat, unlinkat", readlinkat(fd, "s", path, 10) == 4 && unlinkat(fd, "s", 0) == 0 &&
                                    unlinkat(fd, "n", AT_REMOVEDIR) == 0);
  CHECK_EQ("an absolute path needs no descriptor", faccessat(-5, "/tmp", F_OK, 0), 0);
  CHECK_ERR("a relative one does", faccessat(-5, "tmp", F_OK, 0), EBADF);
  int file = openat(fd, "here", O_RDONLY);
  CHECK_ERR("and a directory", faccessat(file, "x", F_OK, 0), ENOTDIR);
  close(file);
  unlinkat(fd, "here", 0);
  close(fd);
  rmdir(in_base("cwd"));
}

static void test_end(void) { CHECK_EQ("rmdir of the empty scratch", rmdir(base), 0); }

static const struct group groups[] = {
    {"setup", test_setup},     {"mkdir", test_mkdir},   {"errors", test_errors},
    {"rename", test_rename},   {"links", test_links},   {"reading", test_reading},
    {"working-directory", test_working_directory},      {"end", test_end},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
