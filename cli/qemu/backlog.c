/*
 * Loaded into QEMU with LD_PRELOAD. Its user-mode network (libslirp) listens on forwarded ports
 * with a backlog of 1, so that of twenty clients that connect at once most lose their SYN and wait
 * seconds to try again. This gives every listening socket the longest queue the system allows
 * instead. No library is needed.
 */
static long systemCall(long number, long first, long second) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second)
                   : "rcx", "r11", "memory");
  return result;
}

extern int *__errno_location(void);

int listen(int socket, int backlog) {
  const long SYS_listen = 50;
  const int longest = 4096; /* the kernel lowers it to net.core.somaxconn */
  long result = systemCall(SYS_listen, socket, backlog < longest ? longest : backlog);
  if (result >= 0) return 0;
  *__errno_location() = (int)-result;
  return -1;
}
