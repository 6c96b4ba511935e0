/*
 * A server that ends while its client still reads, and the client; judged from outside, by
 * system/farewell.system.ts.
 *
 *   farewell serve WAY N        takes one connection on port 7000, writes N bytes and ends: by WAY
 *   farewell read HALF PORT     reads with a small buffer; what came, and how it ended, is its output
 *
 *   exit        with the connection open       close      closes it first
 *   shutdown    shuts its half down first      signal     is ended by SIGTERM
 *   thread      by one thread while another waits for the client to send
 *   full        writes only what there is room for, and exits
 */
#include "net.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

static unsigned char pattern(long at) { return (at * 2654435761u) >> 24; }

static void *wait_for_client(void *argument) {
  char byte;
  read(*(int *)argument, &byte, 1);
  say("the application ran on");
  return NULL;
}

static long write_pattern(int fd, long size) {
  unsigned char *bytes = malloc(size);
  long done = 0;
  for (long i = 0; i < size; i++)
    bytes[i] = pattern(i);
  for (ssize_t n = 1; done < size && n > 0; done += n > 0 ? n : 0)
    n = write(fd, bytes + done, size - done);
  return done;
}

static int serve(const char *way, long size) {
  int on = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7000)};
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 5) != 0)
    return 2;
  int fd = accept(server, NULL, NULL);
  if (strcmp(way, "full") == 0)
    fcntl(fd, F_SETFL, O_NONBLOCK);
  pthread_t thread;
  if (strcmp(way, "thread") == 0)
    pthread_create(&thread, NULL, wait_for_client, &fd);
  say("wrote %ld", write_pattern(fd, size));
  if (strcmp(way, "close") == 0)
    close(fd);
  if (strcmp(way, "shutdown") == 0)
    shutdown(fd, SHUT_WR);
  if (strcmp(way, "signal") == 0)
    raise(SIGTERM);
  return 0;
}

static int read_to_end(bool half, int port) {
  int small = 2048, fd = socket(AF_INET, SOCK_STREAM, 0);
  unsigned char bytes[1000];
  long got = 0;
  ssize_t n;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (connect_to(fd, port) != 0)
    return 2;
  if (half)
    shutdown(fd, SHUT_WR);
  sleep_ms(200);
  while ((n = read(fd, bytes, sizeof bytes)) > 0)
    for (ssize_t i = 0; i < n; i++)
      if (bytes[i] != pattern(got++))
        return 3;
  say("%ld bytes, %s", got, n == 0 ? "the end" : strerror(errno));
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "serve") == 0)
    return serve(argv[2], atol(argv[3]));
  if (argc == 4 && strcmp(argv[1], "read") == 0)
    return read_to_end(strcmp(argv[2], "half") == 0, atoi(argv[3]));
  return 1;
}
