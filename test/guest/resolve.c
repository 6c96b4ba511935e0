/*
 * Names: what the files say that resolvers read, and a look-up by the C library. Looked at from
 * outside: the files depend on how the machine was started.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { DNS_PORT = 53, HEADER = 12, TYPE_A = 1, MESSAGE_MAX = 512 };

static int print_file(const char *path) {
  char line[256];
  FILE *file = fopen(path, "r");
  if (!file)
    return -1;
  while (fgets(line, sizeof(line), file))
    printf("%s: %s", path, line);
  return fclose(file);
}

/* A name server (RFC 1035) that knows every name, by one address. */
static void *serve(void *argument) {
  int fd = *(int *)argument;
  unsigned char message[MESSAGE_MAX];
  for (;;) {
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    long length = recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&from, &size);
    if (length < HEADER)
      continue;
    long end = HEADER;
    while (end < length && message[end])
      end += message[end] + 1;
    end += 5;
    int is_address = message[end - 3] == TYPE_A;
    /* A response without an error, with the question and, of addresses, one answer. */
    message[2] = 0x81;
    message[3] = 0x80;
    memset(message + 6, 0, 6);
    message[7] = is_address;
    if (is_address) {
      static const unsigned char answer[] = {0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0,
                                             60,   0,      4, 192,    0, 2, 7};
      memcpy(message + end, answer, sizeof(answer));
      end += (long)sizeof(answer);
    }
    sendto(fd, message, (size_t)end, 0, (struct sockaddr *)&from, size);
  }
  return NULL;
}

static int look_up(const char *name) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
  int error = getaddrinfo(name, "80", &hints, &found);
  if (error) {
    printf("%s: %s\n", name, gai_strerror(error));
    return 1;
  }
  char text[INET_ADDRSTRLEN];
  struct sockaddr_in *address = (struct sockaddr_in *)found->ai_addr;
  printf("%s is %s\n", name, inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)));
  freeaddrinfo(found);
  return 0;
}

static int look_up_by_server(void) {
  static int fd;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(fd, (struct sockaddr *)&at, sizeof(at)))
    return 2;
  pthread_t thread;
  pthread_create(&thread, NULL, serve, &fd);
  return look_up("name.example") + look_up("localhost");
}

/* Resolvers that keep what they have read see by the file's size and time that it is another. */
static int wait_for_lease(void) {
  struct stat before, now;
  stat("/etc/resolv.conf", &before);
  now = before;
  while (now.st_size == 0 || now.st_mtime == 0) {
    usleep(1000);
    stat("/etc/resolv.conf", &now);
  }
  return print_file("/etc/resolv.conf");
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (!strcmp(how, "files")) {
    struct utsname name;
    uname(&name);
    printf("uname: %s\n", name.nodename);
    return print_file("/etc/resolv.conf") | print_file("/etc/hosts") | print_file("/etc/hostname");
  }
  if (!strcmp(how, "look-up"))
    return look_up_by_server();
  if (!strcmp(how, "lease"))
    return wait_for_lease();
  fprintf(stderr, "resolve: no such way: %s\n", how);
  return 2;
}
