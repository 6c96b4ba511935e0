/*
 * Arguments and environment as they came, told from outside in test/system/arguments.system.ts:
 *
 *     sum          how many there are, how long, and a sum of their bytes; whether /proc agrees
 *     bytes …      the further arguments and the variable BYTES, in hexadecimal digits
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static void tell(const char *what, char **strings) {
  unsigned long count = 0, bytes = 0;
  unsigned sum = 0;
  for (; *strings; strings++, count++) {
    for (unsigned char *p = (unsigned char *)*strings; *p; p++, bytes++)
      sum = (((sum >> 1) | (sum << 15)) + *p) & 0xffff;
  }
  printf("%s: %lu of %lu bytes, sum %u\n", what, count, bytes, sum);
}

/* Whether a file of /proc/self holds the strings, each with its zero, and nothing else. */
static int agrees(const char *path, char **strings) {
  static char piece[131072];
  FILE *file = fopen(path, "r");
  if (!file)
    return 0;
  for (; *strings; strings++) {
    size_t size = strlen(*strings) + 1;
    if (fread(piece, 1, size, file) != size || memcmp(piece, *strings, size))
      return 0;
  }
  return fgetc(file) == EOF;
}

static void show(const char *text) {
  for (; *text; text++)
    printf("%02x", (unsigned char)*text);
  puts(".");
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "bytes")) {
    for (int i = 2; i < argc; i++)
      show(argv[i]);
    show(getenv("BYTES"));
    return 0;
  }
  tell("arguments", argv);
  tell("environment", environ);
  printf("cmdline %s\n", agrees("/proc/self/cmdline", argv) ? "agrees" : "differs");
  printf("environ %s\n", agrees("/proc/self/environ", environ) ? "agrees" : "differs");
  return 0;
}
