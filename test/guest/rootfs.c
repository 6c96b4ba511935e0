/*
 * The read-only root of a Virga image: it can be read and mapped, nothing in it can be changed,
 * and scratch space lies over it where programs expect some. Meant for Virga alone; elsewhere
 * only what holds for any root is checked.
 */
#include "fault.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

static char self[PATH_MAX], directory[PATH_MAX], beside[PATH_MAX + 16];

static void test_read(void) {
  struct stat st, root;
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  REQUIRE("the program's path", n > 0);
  self[n] = 0;
  strcpy(directory, self);
  *strrchr(directory, '/') = 0;
  snprintf(beside, sizeof beside, "%s/none-such", directory);
  CHECK("stat", stat(self, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111));
  CHECK("the root is a directory", stat("/", &root) == 0 && S_ISDIR(root.st_mode));
  CHECK("..is itself", stat("/..", &st) == 0 && st.st_ino == root.st_ino);
  DIR *dir = opendir(directory[0] ? directory : "/");
  int found = 0, entries = 0;
  for (struct dirent *entry; dir && (entry = readdir(dir)); entries++)
    found += !strcmp(entry->d_name, strrchr(self, '/') + 1);
  CHECK("its directory lists it", found == 1 && entries >= 3);
  if (dir)
    closedir(dir);
  dir = opendir("/");
  int dev = 0, proc = 0, tmp = 0;
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    dev += !strcmp(entry->d_name, "dev");
    proc += !strcmp(entry->d_name, "proc");
    tmp += !strcmp(entry->d_name, "tmp");
  }
  CHECK("the root lists dev, proc and tmp, once each", dev == 1 && proc == 1 && tmp == 1);
  if (dir)
    closedir(dir);
  CHECK_ERR("a name that is not there", open(beside, O_RDONLY), ENOENT);
  CHECK_ERR("and below it", open("/none-such/deeper/still", O_RDONLY), ENOENT);
  CHECK_ERR("a file as a directory", (strcat(self, "/x"), open(self, O_RDONLY)), ENOTDIR);
  self[n] = 0;
}

/* Reads at many offsets and lengths against one mapping of the whole file. */
static void test_offsets(void) {
  int fd = open(self, O_RDONLY);
  struct stat st;
  REQUIRE("open", fd >= 0 && fstat(fd, &st) == 0);
  char *p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0), buffer[9000];
  REQUIRE("mmap", p != MAP_FAILED);
  unsigned seed = 12345;
  bool same = true;
  for (int i = 0; i < 500; i++) {
    seed = seed * 1103515245 + 12345;
    off_t at = (seed >> 4) % st.st_size;
    seed = seed * 1103515245 + 12345;
    size_t length = (seed >> 8) % sizeof buffer;
    ssize_t want = at + (off_t)length > st.st_size ? st.st_size - at : (off_t)length;
    same = same && pread(fd, buffer, length, at) == want && !memcmp(buffer, p + at, want);
  }
  CHECK("500 reads at random places agree with the mapping", same);
  CHECK_EQ("read at the end", pread(fd, buffer, 10, st.st_size), 0);
  munmap(p, st.st_size);
  close(fd);
}

static void test_read_only(void) {
  struct statfs fs;
  if (!on_virga)
    return;
  CHECK_ERR("open for writing", open(self, O_RDWR), EROFS);
  CHECK_ERR("creating", open(beside, O_CREAT | O_WRONLY, 0600), EROFS);
  CHECK_ERR("mkdir", mkdir(beside, 0755), EROFS);
  CHECK_ERR("unlink", unlink(self), EROFS);
  CHECK_ERR("rename", rename(self, beside), EROFS);
  CHECK_ERR("symlink", symlink("x", beside), EROFS);
  CHECK_ERR("link", link(self, beside), EROFS);
  CHECK_ERR("chmod", chmod(self, 0600), EROFS);
  CHECK_ERR("chown", chown(self, 1, 1), EROFS);
  CHECK_ERR("truncate", truncate(self, 0), EROFS);
  CHECK_ERR("utimensat", utimensat(AT_FDCWD, self, NULL, 0), EROFS);
  CHECK_ERR("access for writing", access(self, W_OK), EROFS);
  CHECK_ERR("link into scratch", link(self, scratch("link")), EXDEV);
  CHECK_ERR("rename into scratch", rename(self, scratch("moved")), EXDEV);
  CHECK("mkdir of what is there", mkdir("/tmp", 0755) == -1 && errno == EEXIST);
  CHECK("statfs says EROFS and read-only", statfs(self, &fs) == 0 && fs.f_type == 0xe0f5e1e2 &&
                                               (fs.f_flags & 1));
}

static void test_scratch(void) {
  if (!on_virga)
    return;
  static const char *const places[] = {"/tmp", "/run", "/var/tmp", "/dev/shm"};
  for (unsigned i = 0; i < COUNT(places); i++) {
    char path[64], name[64];
    snprintf(path, sizeof path, "%s/scratch-test", places[i]);
    snprintf(name, sizeof name, "%s can be written", places[i]);
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    CHECK(name, fd >= 0 && write(fd, "x", 1) == 1 && unlink(path) == 0);
    close(fd);
  }
}

/* A private mapping of the root may be written; the file stays as it is. */
static void test_private(void) {
  int fd = open(self, O_RDONLY);
  char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), byte = 0;
  REQUIRE("mmap", p != MAP_FAILED);
  p[1] = 'X';
  CHECK("is a copy", p[1] == 'X' && pread(fd, &byte, 1, 1) == 1 && byte == 'E');
  munmap(p, 4096);
  p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  CHECK_ERR("a shared one cannot be made writable", mprotect(p, 4096, PROT_READ | PROT_WRITE),
            EACCES);
  CHECK("and is not", !writable(p));
  munmap(p, 4096);
  close(fd);
}

static const struct group groups[] = {
    {"read", test_read},       {"offsets", test_offsets}, {"read-only", test_read_only},
    {"scratch", test_scratch}, {"private", test_private},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
