/*
 * The root of a Virga image: it can be read and mapped, and written, in memory over the image.
 * Meant for Virga alone; elsewhere only what holds for any root is checked.
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

/* Changes of the root lie in memory, over the image. */
static void test_written(void) {
  struct stat st;
  struct statfs fs;
  char text[8] = "";
  if (!on_virga)
    return;
  int fd = open(beside, O_CREAT | O_EXCL | O_RDWR, 0600);
  CHECK("creating", fd >= 0 && write(fd, "new", 3) == 3);
  CHECK("and reading back", pread(fd, text, sizeof text, 0) == 3 && !memcmp(text, "new", 3));
  close(fd);
  CHECK_EQ("unlink", unlink(beside), 0);
  CHECK_ERR("it is gone", stat(beside, &st), ENOENT);
  CHECK("mkdir, rmdir", mkdir(beside, 0755) == 0 && rmdir(beside) == 0);
  CHECK("symlink", symlink("x", beside) == 0 && unlink(beside) == 0);
  CHECK_EQ("access for writing", access(self, W_OK), 0);
  CHECK("chmod", chmod(self, 0700) == 0 && stat(self, &st) == 0 && (st.st_mode & 0777) == 0700);
  CHECK("and back", chmod(self, 0755) == 0);
  CHECK("chown", chown(self, 1, 2) == 0 && stat(self, &st) == 0 && st.st_uid == 1);
  CHECK("link", link(self, beside) == 0 && stat(self, &st) == 0 && st.st_nlink == 2);
  CHECK("rename over it", rename(beside, self) == 0 && unlink(beside) == 0);
  CHECK("rename", rename(self, beside) == 0 && stat(self, &st) == -1 && errno == ENOENT);
  CHECK_EQ("and back", rename(beside, self), 0);
  fd = open(self, O_RDWR);
  CHECK("open for writing", fd >= 0 && pwrite(fd, "\177", 1, 0) == 1);
  close(fd);
  CHECK("the rest is as it was", stat(self, &st) == 0 && st.st_size > 4096);
  CHECK("mkdir of what is there", mkdir("/tmp", 0755) == -1 && errno == EEXIST);
  CHECK("statfs", statfs(self, &fs) == 0 && fs.f_bsize == 4096 && fs.f_namelen == 255);
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
    {"read", test_read},       {"offsets", test_offsets}, {"written", test_written},
    {"scratch", test_scratch}, {"private", test_private},
};

int main(int argc, char **argv) { return check_main(argc, argv, groups, COUNT(groups)); }
