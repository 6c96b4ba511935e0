/*
 * Where a path may lead: openat2 with its rules, chroot, and names with a slash behind them. A
 * program that shuts itself or others in relies on each of these.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* include/uapi/linux/openat2.h, which musl's compiler does not find. */
struct open_how {
  uint64_t flags, mode, resolve;
};
enum {
  RESOLVE_NO_XDEV = 1,
  RESOLVE_NO_MAGICLINKS = 2,
  RESOLVE_NO_SYMLINKS = 4,
  RESOLVE_BENEATH = 8,
  RESOLVE_IN_ROOT = 16,
  RESOLVE_CACHED = 32,
};
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

static int root = -1, sub = -1;
static char top[96];

static int open2(int directory, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags, .resolve = resolve};
  int fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
  if (fd >= 0)
    close(fd);
  return fd >= 0 ? 0 : -1;
}

static bool put_file(const char *path, const char *content) {
  int fd = openat(root, path, O_CREAT | O_WRONLY, 0600);
  ssize_t n = write(fd, content, strlen(content));
  return n == (ssize_t)strlen(content) && close(fd) == 0;
}

/*  top/secret  top/jail/file  jail/in/file  jail/{up,abs,dir,root,fd} */
static bool build(void) {
  strcpy(top, scratch("openat2"));
  mkdir(top, 0700);
  root = open(top, O_RDONLY | O_DIRECTORY);
  if (root < 0 || !put_file("secret", "s") || mkdirat(root, "jail", 0700) ||
      mkdirat(root, "jail/in", 0700) || !put_file("jail/file", "f") ||
      !put_file("jail/in/file", "i"))
    return false;
  symlinkat("../secret", root, "jail/up");
  symlinkat("/in/file", root, "jail/abs");
  symlinkat("in", root, "jail/dir");
  symlinkat("/../../secret", root, "jail/root");
  symlinkat("missing", root, "jail/dangling");
  sub = openat(root, "jail", O_RDONLY | O_DIRECTORY);
  return sub >= 0;
}

static void test_beneath(void) {
  uint64_t rule = RESOLVE_BENEATH;
  CHECK_EQ("a file", open2(sub, "file", 0, rule), 0);
  CHECK_EQ("a file below", open2(sub, "in/file", 0, rule), 0);
  CHECK_EQ("up and down again", open2(sub, "in/../file", 0, rule), 0);
  CHECK_EQ("a link that stays", open2(sub, "dir/file", 0, rule), 0);
  CHECK_ERR("above", open2(sub, "../secret", 0, rule), EXDEV);
  CHECK_ERR("above by a detour", open2(sub, "in/../../secret", 0, rule), EXDEV);
  CHECK_ERR("a link up", open2(sub, "up", 0, rule), EXDEV);
  CHECK_ERR("an absolute link", open2(sub, "abs", 0, rule), EXDEV);
  CHECK_ERR("an absolute path", open2(sub, "/etc", 0, rule), EXDEV);
  CHECK_ERR("a missing one", open2(sub, "none", 0, rule), ENOENT);
  CHECK_ERR("a link to above, made", open2(sub, "../new", O_CREAT | O_WRONLY, rule), EXDEV);
  CHECK_EQ("plain openat goes there", open2(sub, "../secret", 0, 0), 0);
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", root);
  symlinkat(link, sub, "magic");
  CHECK_ERR("by way of /proc", open2(sub, "magic/secret", 0, rule), EXDEV);
  CHECK_EQ("not with openat", open2(sub, "magic/secret", 0, 0), 0);
}

static void test_in_root(void) {
  uint64_t rule = RESOLVE_IN_ROOT;
  CHECK_EQ("an absolute path", open2(sub, "/in/file", 0, rule), 0);
  CHECK_EQ("an absolute link", open2(sub, "abs", 0, rule), 0);
  CHECK_EQ("the root is above itself", open2(sub, "../../in/../../file", 0, rule), 0);
  CHECK_ERR("a link up finds nothing", open2(sub, "up", 0, rule), ENOENT);
  CHECK_ERR("nor from the root", open2(sub, "root", 0, rule), ENOENT);
  CHECK_EQ("slashes alone", open2(sub, "//", O_DIRECTORY, rule), 0);
  CHECK_ERR("outside", open2(sub, "/etc/passwd", 0, rule), ENOENT);
  CHECK_ERR("both at once", open2(sub, "file", 0, rule | RESOLVE_BENEATH), EINVAL);
}

static void test_links(void) {
  CHECK_ERR("no links", open2(sub, "dir/file", 0, RESOLVE_NO_SYMLINKS), ELOOP);
  CHECK_ERR("nor the last", open2(sub, "up", 0, RESOLVE_NO_SYMLINKS), ELOOP);
  CHECK_EQ("the link itself", open2(sub, "up", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS), 0);
  CHECK_EQ("no link met", open2(sub, "in/file", 0, RESOLVE_NO_SYMLINKS), 0);
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d/file", sub);
  CHECK_ERR("no magic links", open2(AT_FDCWD, link, 0, RESOLVE_NO_MAGICLINKS), ELOOP);
  CHECK_EQ("ordinary ones are well", open2(sub, "dir/file", 0, RESOLVE_NO_MAGICLINKS), 0);
  CHECK_EQ("as is /proc/self", open2(AT_FDCWD, "/proc/self/stat", 0, RESOLVE_NO_MAGICLINKS), 0);
  CHECK_ERR("/proc/self is a link", open2(AT_FDCWD, "/proc/self/stat", 0, RESOLVE_NO_SYMLINKS),
            ELOOP);
}

static void test_mounts(void) {
  int slash = open("/", O_RDONLY | O_DIRECTORY), proc = open("/proc", O_RDONLY | O_DIRECTORY);
  CHECK_ERR("into a mount", open2(slash, "proc/version", 0, RESOLVE_NO_XDEV), EXDEV);
  CHECK_ERR("out of one", open2(proc, "..", 0, RESOLVE_NO_XDEV), EXDEV);
  CHECK_EQ("within", open2(proc, "self/stat", 0, RESOLVE_NO_XDEV), 0);
  CHECK_EQ("an absolute path begins there", open2(proc, "/", 0, RESOLVE_NO_XDEV), 0);
  CHECK_ERR("by a magic link", open2(proc, "self/root", 0, RESOLVE_NO_XDEV), EXDEV);
  close(slash), close(proc);
}

static void test_how(void) {
  struct {
    struct open_how how;
    uint64_t more[8];
  } large = {.how = {.flags = O_RDONLY}};
  struct open_how how = {.flags = O_RDONLY, .mode = 0600};
  int fd = syscall(SYS_openat2, sub, "file", &large, sizeof large);
  CHECK("a larger struct, zero behind", fd >= 0 && close(fd) == 0);
  large.more[5] = 1;
  CHECK_ERR("not zero", syscall(SYS_openat2, sub, "file", &large, sizeof large), E2BIG);
  large.more[5] = 0, large.more[7] = 1ull << 56;
  CHECK_ERR("not zero at the very end", syscall(SYS_openat2, sub, "file", &large, sizeof large),
            E2BIG);
  CHECK_ERR("too small", syscall(SYS_openat2, sub, "file", &large, sizeof how - 1), EINVAL);
  CHECK_ERR("far too large", syscall(SYS_openat2, sub, "file", &large, 1 << 20), E2BIG);
  CHECK_ERR("a bad address", syscall(SYS_openat2, sub, "file", 8, sizeof how), EFAULT);
  CHECK_ERR("a mode without O_CREAT", syscall(SYS_openat2, sub, "file", &how, sizeof how), EINVAL);
  CHECK_ERR("unknown flags", open2(sub, "file", 1ull << 40, 0), EINVAL);
  CHECK_ERR("unknown rules", open2(sub, "file", 0, 1ull << 30), EINVAL);
  CHECK_ERR("O_PATH with more", open2(sub, "file", O_PATH | O_RDWR, 0), EINVAL);
  CHECK_ERR("O_TMPFILE to read", open2(sub, ".", O_TMPFILE, 0), EINVAL);
  CHECK_ERR("O_CREAT and O_DIRECTORY", open2(sub, "x", O_CREAT | O_DIRECTORY, 0), EINVAL);
}

static void test_cached(void) {
  CHECK_EQ("look at it", open2(sub, "in/file", 0, 0), 0);
  CHECK_EQ("then it is known", open2(sub, "in/file", 0, RESOLVE_CACHED), 0);
  CHECK_ERR("never to write", open2(sub, "in/file", O_TRUNC | O_WRONLY, RESOLVE_CACHED), EAGAIN);
  CHECK_ERR("nor to make", open2(sub, "in/new", O_CREAT | O_WRONLY, RESOLVE_CACHED), EAGAIN);
}

/* A link as the last name is not what is made, removed or moved, with a slash behind it or not. */
static void test_slash(void) {
  CHECK_ERR("mkdir through a dangling link", mkdirat(sub, "dangling/", 0700), EEXIST);
  CHECK_ERR("and without a slash", mkdirat(sub, "dangling", 0700), EEXIST);
  CHECK_ERR("nothing was made", faccessat(sub, "missing", F_OK, 0), ENOENT);
  CHECK_ERR("rmdir of a link to a directory", unlinkat(sub, "dir/", AT_REMOVEDIR), ENOTDIR);
  CHECK_ERR("unlink of it", unlinkat(sub, "dir/", 0), ENOTDIR);
  CHECK_ERR("rename of it", renameat(sub, "dir/", sub, "other"), ENOTDIR);
  CHECK_ERR("mkdir over a file", mkdirat(sub, "file/", 0700), EEXIST);
  CHECK_ERR("unlink of a file", unlinkat(sub, "file/", 0), ENOTDIR);
  CHECK_ERR("a link with a slash", symlinkat("x", sub, "link/"), ENOENT);
  CHECK_ERR("a file with a slash", mknodat(sub, "node/", S_IFREG | 0600, 0), ENOENT);
  CHECK("a directory with one", mkdirat(sub, "new//", 0700) == 0 &&
                                    renameat(sub, "new/", sub, "newer/") == 0 &&
                                    unlinkat(sub, "newer/", AT_REMOVEDIR) == 0);
  struct stat st;
  CHECK("a link is followed to look", fstatat(sub, "dir/", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                                          S_ISDIR(st.st_mode));
}

static void test_chroot(void) {
  char cwd[256];
  CHECK_ERR("of nothing", chroot("/no/such/place"), ENOENT);
  char path[160];
  snprintf(path, sizeof path, "%s/jail/file", top);
  CHECK_ERR("of a file", chroot(path), ENOTDIR);
  if (fchdir(sub) != 0 || chroot(".") != 0) {
    CHECK("only root may", errno == EPERM && getuid() != 0);
    return;
  }
  CHECK("the root is below", access("/file", F_OK) == 0 && access("/in/file", F_OK) == 0);
  CHECK("an absolute link starts there", access("/abs", F_OK) == 0);
  CHECK_ERR("above is nothing", access("/../secret", F_OK), ENOENT);
  CHECK_ERR("nor by a link", access("/up", F_OK), ENOENT);
  CHECK("getcwd", getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/"));
  CHECK("and below", chdir("in") == 0 && getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/in"));
  CHECK_EQ("a descriptor from before leads out", faccessat(root, "secret", F_OK, 0), 0);
  CHECK_EQ("the root is where it ends, not outside of it",
           (fchdir(root), faccessat(AT_FDCWD, "../../../../../../../etc", F_OK, 0)), 0);
  if (chroot("../../../../../../..") == 0 && chdir("/") == 0)
    CHECK_EQ("back again, since root may", access(path, F_OK), 0);
}

static void test_all(void) {
  REQUIRE("files", build());
  test_beneath(), test_in_root(), test_links(), test_mounts(), test_how(), test_cached();
  test_slash(), test_chroot();
  char command[] = "magic";
  unlinkat(sub, command, 0);
  const char *names[] = {"jail/up", "jail/abs", "jail/dir", "jail/root", "jail/dangling",
                         "jail/file", "jail/in/file", "secret"};
  for (unsigned i = 0; i < COUNT(names); i++)
    unlinkat(root, names[i], 0);
  unlinkat(root, "jail/in", AT_REMOVEDIR);
  unlinkat(root, "jail", AT_REMOVEDIR);
  CHECK_EQ("all is gone", rmdir(top), 0);
}

static const struct group groups[] = {{"paths", test_all}};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
