/* Helpers of the programs that read /proc: whole texts, the numbers in them, what is written. */
#ifndef PROC_H
#define PROC_H

#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

static char text[1 << 20];

/* Reads a whole file into `text`; the length, or -1. */
static UNUSED int slurp(const char *path) {
  int fd = open(path, O_RDONLY), length = 0;
  ssize_t n = -1;
  text[0] = 0;
  if (fd < 0)
    return -1;
  while (length < (int)sizeof text - 1 && (n = read(fd, text + length, sizeof text - 1 - length)) > 0)
    length += n;
  close(fd);
  text[length] = 0;
  return n < 0 ? -1 : length;
}

/* Writes a text to a file: 0, or the error. */
static UNUSED int put(const char *path, const char *value) {
  int fd = open(path, O_WRONLY);
  if (fd < 0)
    return errno;
  errno = 0;
  int error = write(fd, value, strlen(value)) == (ssize_t)strlen(value) ? 0 : errno;
  close(fd);
  return error;
}

static UNUSED bool holds(const char *path, const char *value) {
  return slurp(path) >= 0 && strcmp(text, value) == 0;
}

/* Keeps what has been read, as far as it fits. */
static UNUSED void keep_text(char *to, size_t size) {
  size_t length = strnlen(text, size - 1);
  memcpy(to, text, length);
  to[length] = 0;
}

/* The number behind a label, from `from` on; -1: there is none. */
static UNUSED long field(const char *from, const char *label) {
  const char *at = from ? strstr(from, label) : NULL;
  long value = -1;
  return at && sscanf(at + strlen(label), " %ld", &value) == 1 ? value : -1;
}

/* The same of a file. */
static UNUSED long field_of(const char *path, const char *label) {
  return slurp(path) > 0 ? field(text, label) : -1;
}

/* Touches the code and the memory that reading takes: then it changes nothing that is counted. */
static UNUSED void warm_up(void) {
  slurp("/proc/self/smaps");
  field(text, "\nRss:");
}

/* Whether a line of `text` is this one. */
static UNUSED bool has_line(const char *line) {
  size_t length = strlen(line);
  for (const char *at = text; (at = strstr(at, line)); at++)
    if ((at == text || at[-1] == '\n') && (at[length] == '\n' || at[length] == 0))
      return true;
  return false;
}

#endif
