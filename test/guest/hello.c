/* The smallest program with a libc: it writes its arguments, one per line, and returns their
 * number less one. What it prints is checked by the system test, not by itself. */
#include <stdio.h>

int main(int argc, char **argv) {
  puts("hello from the guest");
  for (int i = 1; i < argc; i++)
    printf("argument %d: %s\n", i, argv[i]);
  return argc - 1;
}
