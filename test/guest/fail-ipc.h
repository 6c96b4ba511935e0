/* Scenarios of fail-nth.c: IPC of both kinds, asynchronous I/O, pidfds, raw sockets. */
#ifndef FAIL_IPC_H
#define FAIL_IPC_H

#include "fail-nth.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static int fail_shared_segment(void) {
  int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
  NEED(id);
  int error = 0;
  char *at = shmat(id, NULL, 0);
  if (at == (char *)-1)
    error = errno;
  HOLDS(shmctl(id, IPC_RMID, NULL) == 0);
  if (error != 0)
    return error;
  if (madvise(at, 3 * PAGE, 23 /* MADV_POPULATE_WRITE */) != 0)
    error = errno;
  HOLDS(error != 0 || at[PAGE] == 0);
  HOLDS(shmdt(at) == 0);
  return error;
}

static int fail_semaphores(void) {
  int id = semget(IPC_PRIVATE, 10, IPC_CREAT | 0600);
  NEED(id);
  struct sembuf up[2] = {{3, 1, SEM_UNDO}, {4, 1, 0}};
  int error = semop(id, up, 2) == 0 ? 0 : errno;
  int value = semctl(id, 3, GETVAL);
  HOLDS(semctl(id, 0, IPC_RMID) == 0);
  HOLDS(value == (error == 0));
  return error;
}

static int fail_messages(void) {
  struct {
    long type;
    char text[600];
  } message = {1, "hello"};
  int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  NEED(id);
  int error = msgsnd(id, &message, sizeof message.text, IPC_NOWAIT) == 0 ? 0 : errno;
  memset(message.text, 0, sizeof message.text);
  if (error == 0 && msgrcv(id, &message, sizeof message.text, 1, IPC_NOWAIT) < 0)
    error = errno;
  HOLDS(msgctl(id, IPC_RMID, NULL) == 0);
  HOLDS(error != 0 || strcmp(message.text, "hello") == 0);
  return error;
}

static void remove_queue(void) { syscall(241 /* mq_unlink */, "virga-fail-nth"); }

static int fail_queue(void) {
  long attributes[8] = {0, 4, 64};
  int fd = keep(syscall(240 /* mq_open */, "virga-fail-nth", O_CREAT | O_RDWR, 0600, attributes));
  NEED(fd);
  NEED(syscall(242 /* mq_timedsend */, fd, "hello", 5, 1, NULL));
  char text[64];
  long n = syscall(243 /* mq_timedreceive */, fd, text, sizeof text, NULL, NULL);
  NEED(n);
  HOLDS(n == 5 && memcmp(text, "hello", 5) == 0);
  return 0;
}

/* struct iocb, include/uapi/linux/aio_abi.h */
struct control_block {
  uint64_t data;
  uint32_t key, flags;
  uint16_t opcode, priority;
  uint32_t fd;
  uint64_t buffer, bytes;
  int64_t offset;
  uint64_t reserved;
  uint32_t more_flags, event_fd;
};

static int submit_and_wait(unsigned long context) {
  static char byte[1];
  int fd = keep(open("/dev/zero", O_RDONLY));
  NEED(fd);
  struct control_block block;
  memset(&block, 0, sizeof block);
  block.fd = fd;
  block.buffer = (uintptr_t)byte;
  block.bytes = 1;
  struct control_block *blocks[1] = {&block};
  long n = syscall(SYS_io_submit, context, 1L, blocks);
  NEED(n);
  HOLDS(n == 1);
  uint64_t events[4];
  NEED(syscall(SYS_io_getevents, context, 1L, 1L, events, NULL));
  /* The result of the read is the event's. */
  return (int64_t)events[2] < 0 ? (int)-(int64_t)events[2] : 0;
}

static int fail_asynchronous(void) {
  unsigned long context = 0;
  NEED(syscall(SYS_io_setup, 8, &context));
  int error = submit_and_wait(context);
  HOLDS(syscall(SYS_io_destroy, context) == 0);
  return error;
}

static int fail_pidfd(void) {
  int fd = keep(syscall(434 /* pidfd_open */, getpid(), 0));
  NEED(fd);
  int copy = keep(syscall(438 /* pidfd_getfd */, fd, 1, 0));
  NEED(copy);
  return 0;
}

static int fail_raw(void) {
  int fd = keep(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  NEED(fd);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  unsigned char echo[8] = {8, 0, 0xf7, 0xff, 0, 0, 0, 0};
  NEED(sendto(fd, echo, sizeof echo, 0, (struct sockaddr *)&address, sizeof address));
  unsigned char answer[64];
  NEED(recv(fd, answer, sizeof answer, MSG_DONTWAIT));
  return 0;
}

static int fail_packet(void) {
  int fd = keep(socket(AF_PACKET, SOCK_RAW, htons(3 /* ETH_P_ALL */)));
  NEED(fd);
  return 0;
}

static const struct scenario ipc_scenarios[] = {
    {.name = "shared memory", .run = fail_shared_segment},
    {.name = "semaphores", .run = fail_semaphores},
    {.name = "messages", .run = fail_messages, .errors = {EAGAIN}},
    {.name = "a message queue", .run = fail_queue, .errors = {ENFILE}, .clean = remove_queue},
    {.name = "asynchronous I/O", .run = fail_asynchronous, .errors = {EAGAIN, ENFILE}},
    {.name = "pidfd", .run = fail_pidfd, .errors = {ENFILE}},
    {.name = "a raw socket", .run = fail_raw, .errors = {ENOBUFS, ENFILE, EAGAIN}},
    {.name = "a packet socket", .run = fail_packet, .errors = {ENOBUFS, ENFILE}},
};

#endif
