/*
 * The rows of walk.c: how each system call is called so that it gets as far as following its
 * pointers, one row per call or per operation of a call that has several. test/tidy.test.ts checks
 * that no call of the kernel's table with a parameter of 64 bits is missing. A row is
 *
 *     {number, "name", {arguments}, errno that may come instead of EFAULT}
 *
 * and its arguments are
 *
 *     N(n)  AT(variable)    a number; one that is known when the program runs
 *     IN(n)  IN_OF(object)  what the call reads: n zero bytes, or an object
 *     OUT(n)  BOTH_OF(o)    what it writes; reads and writes
 *     OPTIONAL(IN(n))       0 means that there is nothing
 *     PARTIAL(OUT(n))       what lies before a hole may count as a result
 *     PATH  PATH_AT(text)   a text
 *     INNER(object, field)  an object with a pointer in it, which is what is wrong
 *     HINT                  an address that is not followed: any error will do
 *     LAZY                  one that is followed later, or not in this case: anything will do
 */
#ifndef WALK_H
#define WALK_H

#include "hostile.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

enum kind { NOTHING, NUMBER, VARIABLE, READ, WRITTEN, BOTH, INSIDE, UNFOLLOWED, ANYTHING };
enum { MAY_BE_NULL = 1, MAY_BE_PARTIAL = 2 };

struct argument {
  enum kind kind;
  /* The number, or the size of what the pointer points to. */
  long value;
  /* What is there, or the variable. */
  const void *content;
  int flags;
  /* Where in the content the pointer is. */
  int inner;
};

struct call {
  int number;
  const char *name;
  struct argument arguments[6];
  int other;
};

#define N(n) {.kind = NUMBER, .value = (long)(n)}
#define AT(variable) {.kind = VARIABLE, .content = &(variable)}
#define IN(n) {.kind = READ, .value = (n)}
#define IN_OF(object) {.kind = READ, .value = sizeof(object), .content = &(object)}
#define IN_PART(object, n) {.kind = READ, .value = (n), .content = &(object)}
#define OUT(n) {.kind = WRITTEN, .value = (n)}
#define BOTH_OF(object) {.kind = BOTH, .value = sizeof(object), .content = &(object)}
#define OPTIONAL_IN(n) {.kind = READ, .value = (n), .flags = MAY_BE_NULL}
#define OPTIONAL_IN_OF(o)                                                                          \
  {.kind = READ, .value = sizeof(o), .content = &(o), .flags = MAY_BE_NULL}
#define OPTIONAL_IN_PART(o, n)                                                                     \
  {.kind = READ, .value = (n), .content = &(o), .flags = MAY_BE_NULL}
#define OPTIONAL_OUT(n) {.kind = WRITTEN, .value = (n), .flags = MAY_BE_NULL}
#define OPTIONAL_BOTH_OF(o)                                                                        \
  {.kind = BOTH, .value = sizeof(o), .content = &(o), .flags = MAY_BE_NULL}
#define PARTIAL_IN(n) {.kind = READ, .value = (n), .flags = MAY_BE_PARTIAL}
#define PARTIAL_OUT(n) {.kind = WRITTEN, .value = (n), .flags = MAY_BE_PARTIAL}
#define PATH PATH_AT(file_path)
#define PATH_AT(text) {.kind = READ, .value = sizeof(text), .content = (text)}
#define INNER(object, field)                                                                       \
  {.kind = INSIDE,                                                                                 \
   .value = sizeof(object),                                                                        \
   .content = &(object),                                                                           \
   .inner = __builtin_offsetof(__typeof__(object), field)}
#define HINT {.kind = UNFOLLOWED}
#define LAZY {.kind = ANYTHING}

/* ---- What the rows' numbers and objects are; `prepare` in walk.c makes them ---- */

static char file_path[16] = "/tmp/walk-file";
static char link_path[16] = "/tmp/walk-link";
static const char attribute_name[] = "user.walk";
static char other_path[16] = "/tmp/walk-other";
static long file, output, directory, pipe_in, pipe_out, event, epoll, timer_fd, posix_timer;
static long segment, semaphores, queue, context, mqueue;
static long inotify, pidfd, udp, udp_client, listener, pair_near, pair_far, process, thread, good_page;
static char data[64];
static struct iovec vector = {data, 8};
static struct sockaddr_in address;
static struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
static struct mmsghdr messages = {
    .msg_hdr = {.msg_name = &address, .msg_namelen = 16, .msg_iov = &vector, .msg_iovlen = 1}};
static struct msghdr named = {
    .msg_name = &address, .msg_namelen = 16, .msg_iov = &vector, .msg_iovlen = 1};
static struct msghdr controlled = {
    .msg_control = data, .msg_controllen = 32, .msg_iov = &vector, .msg_iovlen = 1};
static socklen_t address_length = 16, value_length = 4;
static struct pollfd poll_fd = {0, POLLIN, 0};
static struct epoll_event epoll_wish = {.events = EPOLLIN};
static uint64_t signal_set = 1ull << (SIGUSR2 - 1);
static siginfo_t queued = {.si_signo = SIGUSR2, .si_code = SI_QUEUE};
static stack_t no_stack = {.ss_flags = SS_DISABLE};
static struct timespec no_time;
static struct timeval now;
static struct timespec now_exactly;
static uint64_t limit[2];
static uint64_t offset;
/* struct sigevent with sigev_notify SIGEV_NONE. */
static uint32_t no_event[16] = {0, 0, 0, 1};
/* The sixth argument of pselect6. */
static struct {
  const void *set;
  long size;
} mask_and_size = {&signal_set, 8};
/* struct __user_cap_header_struct, and struct ifconf. */
static uint32_t capability_header[2] = {0x20080522, 0};
static struct {
  int length;
  void *buffer;
} interfaces = {64, data};
static char interface_request[40] = "lo";

/* struct timex without a mode: only asks. */
#define TIMEX_SIZE 208
#define STAT_SIZE 144
/* What the kernel reads of a siginfo_t in any case. */
#define SIGINFO_READ 48

/* struct msgbuf; struct msqid_ds with msg_qbytes; a list of one struct iocb: read nothing. */
static const struct {
  long type;
  char text[8];
} ipc_message = {1, "message"};
static const uint64_t ipc_queue[15] = {[11] = 16384};
static const char mqueue_name[10] = "walk-name";
/* struct mq_attr: two messages of 8 bytes; and O_NONBLOCK. */
static const long mqueue_like[8] = {[1] = 2, [2] = 8}, mqueue_attributes[8] = {O_NONBLOCK};
/* struct sigevent with SIGEV_THREAD. */
static struct {
  const void *cookie;
  int signal, notify;
  char unused[48];
} cookie_event = {data, -1, 2, ""};
static uint64_t request[8];
static struct {
  const void *at;
} request_at = {request};
/* struct file_handle with room for any. */
static uint32_t any_handle[34] = {128};

/* Node 0, and a name for the machine. */
static const unsigned long one_node = 1;
static const char machine_name[5] = "virga";

static const struct call calls[] = {
    /* Memory */
    {9, "mmap", {LAZY, N(PAGE), N(PROT_READ), N(MAP_PRIVATE | MAP_ANONYMOUS), N(-1), N(0)}, 0},
    {10, "mprotect", {HINT, N(PAGE), N(PROT_READ)}, 0},
    {11, "munmap", {LAZY, N(PAGE)}, 0},
    {12, "brk", {LAZY}, 0},
    {25, "mremap", {HINT, N(PAGE), N(PAGE), N(0), N(0)}, 0},
    {26, "msync", {HINT, N(PAGE), N(4)}, 0},
    {27, "mincore", {HINT, N(PAGE), AT(good_page)}, 0},
    {27, "mincore", {AT(good_page), N(2 * PAGE), OUT(2)}, 0},
    {28, "madvise", {HINT, N(PAGE), N(0)}, 0},
    {149, "mlock", {HINT, N(PAGE)}, 0},
    {150, "munlock", {HINT, N(PAGE)}, 0},
    {216, "remap_file_pages", {HINT, N(PAGE), N(0), N(0), N(0)}, 0},
    {237, "mbind", {HINT, N(PAGE), N(0), N(0), N(0), N(0)}, 0},
    {238, "set_mempolicy", {N(2), IN_OF(one_node), N(65)}, EINVAL},
    {239, "get_mempolicy", {OPTIONAL_OUT(4), OPTIONAL_OUT(8), N(65), N(0), N(0)}, 0},
    {325, "mlock2", {HINT, N(PAGE), N(0)}, 0},
    {329, "pkey_mprotect", {HINT, N(PAGE), N(PROT_READ), N(-1)}, 0},
    {330, "pkey_alloc", {N(0), N(0)}, 0},

    {440, "process_madvise", {AT(pidfd), IN_OF(vector), N(1), N(0), N(0)}, EINVAL},
    {312, "kcmp", {AT(thread), AT(thread), N(1), LAZY, LAZY}, 0},

    /* System V IPC */
    {29, "shmget", {N(0), LAZY, N(0600)}, 0},
    {30, "shmat", {AT(segment), LAZY, N(0)}, 0},
    {67, "shmdt", {LAZY}, 0},
    {31, "shmctl: IPC_STAT", {AT(segment), N(2), OUT(112)}, 0},
    {31, "shmctl: IPC_SET", {AT(segment), N(1), IN(112)}, 0},
    {31, "shmctl: IPC_INFO", {N(0), N(3), OUT(72)}, 0},
    {65, "semop", {AT(semaphores), IN(6), N(1)}, 0},
    {66, "semctl: IPC_STAT", {AT(semaphores), N(0), N(2), OUT(104)}, 0},
    {66, "semctl: IPC_SET", {AT(semaphores), N(0), N(1), IN(104)}, 0},
    {66, "semctl: IPC_INFO", {N(0), N(0), N(3), OUT(40)}, 0},
    {66, "semctl: GETALL", {AT(semaphores), N(0), N(13), OUT(2)}, 0},
    {66, "semctl: SETALL", {AT(semaphores), N(0), N(17), IN(2)}, 0},
    {220, "semtimedop", {AT(semaphores), IN(6), N(1), OPTIONAL_IN_OF(no_time)}, 0},

    {69, "msgsnd", {AT(queue), IN_OF(ipc_message), N(8), N(04000)}, 0},
    {70, "msgrcv", {AT(queue), OUT(16), N(8), N(0), N(014000)}, ENOMSG},
    {71, "msgctl: IPC_STAT", {AT(queue), N(2), OUT(120)}, 0},
    {71, "msgctl: IPC_SET", {AT(queue), N(1), IN_OF(ipc_queue)}, 0},
    {71, "msgctl: IPC_INFO", {N(0), N(3), OUT(32)}, 0},

    /* POSIX message queues */
    {240, "mq_open", {IN_OF(mqueue_name), N(O_CREAT | O_RDWR), N(0600), OPTIONAL_IN_OF(mqueue_like)}, 0},
    {241, "mq_unlink", {IN_OF(mqueue_name)}, 0},
    {242, "mq_timedsend", {AT(mqueue), IN(8), N(8), N(0), OPTIONAL_IN_OF(no_time)}, 0},
    {243, "mq_timedreceive", {AT(mqueue), OUT(8), N(8), OPTIONAL_OUT(4), OPTIONAL_IN_OF(no_time)}, 0},
    {244, "mq_notify", {AT(mqueue), OPTIONAL_IN_OF(no_event)}, EBUSY},
    {244, "mq_notify, cookie", {AT(mqueue), INNER(cookie_event, cookie)}, 0},
    {245, "mq_getsetattr", {AT(mqueue), OPTIONAL_IN_OF(mqueue_attributes), OPTIONAL_OUT(64)}, 0},

    /* Asynchronous I/O */
    {206, "io_setup", {N(1), OUT(8)}, 0},
    {207, "io_destroy", {HINT}, 0},
    {208, "io_getevents", {AT(context), N(1), N(1), OUT(32), OPTIONAL_IN_OF(no_time)}, 0},
    {208, "io_getevents, context", {HINT, N(0), N(1), N(0), N(0)}, 0},
    {209, "io_submit", {AT(context), N(1), IN_OF(request_at)}, 0},
    {209, "io_submit, request", {AT(context), N(1), INNER(request_at, at)}, 0},
    {209, "io_submit, context", {HINT, N(0), N(0)}, 0},
    {210, "io_cancel", {AT(context), IN(12), LAZY}, 0},
    {210, "io_cancel, context", {HINT, IN(12), LAZY}, 0},
    {333,
     "io_pgetevents",
     {AT(context), N(1), N(1), OUT(32), OPTIONAL_IN_OF(no_time), OPTIONAL_IN_OF(mask_and_size)},
     0},
    {333,
     "io_pgetevents, context and mask",
     {HINT, N(0), N(1), N(0), N(0), INNER(mask_and_size, set)},
     0},

    /* Signals */
    {13, "rt_sigaction", {N(SIGUSR1), OPTIONAL_IN(32), OPTIONAL_OUT(32), N(8)}, 0},
    {14, "rt_sigprocmask", {N(SIG_BLOCK), OPTIONAL_IN(8), OPTIONAL_OUT(8), N(8)}, 0},
    {127, "rt_sigpending", {OUT(8), N(8)}, 0},
    {128, "rt_sigtimedwait", {IN_OF(signal_set), OPTIONAL_OUT(128), OPTIONAL_IN(16), N(8)}, 0},
    {61, "wait4", {N(-1), LAZY, N(0), LAZY}, 0},
    {247, "waitid", {N(0), N(0), LAZY, N(4), LAZY}, 0},
    {424, "pidfd_send_signal", {AT(pidfd), N(SIGUSR2), OPTIONAL_IN_PART(queued, SIGINFO_READ), N(0)}, 0},
    {129, "rt_sigqueueinfo", {AT(process), N(SIGUSR2), IN_PART(queued, SIGINFO_READ)}, 0},
    {130, "rt_sigsuspend", {IN(8), N(8)}, 0},
    {131, "sigaltstack", {OPTIONAL_IN_OF(no_stack), OPTIONAL_OUT(24)}, 0},
    {297, "rt_tgsigqueueinfo", {AT(process), AT(thread), N(SIGUSR2), IN_PART(queued, SIGINFO_READ)}, 0},

    /* Threads: frame.c has what a new one is given. */
    {56, "clone", {N(0x10000), LAZY, LAZY, LAZY, LAZY}, 0},
    {158, "arch_prctl", {N(0x1003), OUT(8)}, 0},
    {202, "futex: wait", {IN(4), N(128), N(1), OPTIONAL_IN_OF(no_time)}, EINVAL},
    {202, "futex: wake", {LAZY, N(129), N(1)}, 0},
    {202, "futex: cmp_requeue", {IN(4), N(132), N(1), N(1), LAZY, N(1)}, EINVAL},
    {449, "futex_waitv", {IN(24), N(1), N(0), OPTIONAL_IN_OF(no_time), N(1)}, EINVAL},
    {202, "futex: wake_op", {LAZY, N(133), N(1), N(1), {.kind = BOTH, .value = 4}, N(0)}, EINVAL},
    {218, "set_tid_address", {LAZY}, 0},
    {273, "set_robust_list", {LAZY, N(24)}, 0},
    {274, "get_robust_list", {N(0), OUT(8), OUT(8)}, 0},
    {435, "clone3", {IN(88), N(88)}, 0},

    /* Descriptors, and those of events */
    {16, "ioctl: FIONREAD", {AT(pipe_out), N(0x541b), OUT(4)}, 0},
    {16, "ioctl: FIONBIO", {AT(event), N(0x5421), IN(4)}, 0},
    {16, "ioctl: SIOCGIFCONF", {AT(udp), N(0x8912), BOTH_OF(interfaces)}, 0},
    {16, "ioctl: SIOCGIFCONF, buffer", {AT(udp), N(0x8912), INNER(interfaces, buffer)}, 0},
    {16, "ioctl: SIOCGIFFLAGS", {AT(udp), N(0x8913), BOTH_OF(interface_request)}, 0},
    {16, "ioctl: TCGETS", {N(0), N(0x5401), HINT}, 0},
    {22, "pipe", {OUT(8)}, 0},
    {72, "fcntl: F_GETLK", {AT(file), N(F_GETLK), {.kind = BOTH, .value = 32}}, 0},
    {72, "fcntl: F_SETLK", {AT(file), N(F_SETLK), IN(32)}, 0},
    {282, "signalfd", {N(-1), IN(8), N(8)}, 0},
    {286, "timerfd_settime", {AT(timer_fd), N(0), IN(32), OPTIONAL_OUT(32)}, 0},
    {287, "timerfd_gettime", {AT(timer_fd), OUT(32)}, 0},
    {289, "signalfd4", {N(-1), IN(8), N(8), N(0)}, 0},
    {293, "pipe2", {OUT(8), N(0)}, 0},

    /* Readiness */
    {7, "poll", {BOTH_OF(poll_fd), N(1), N(0)}, 0},
    {23,
     "select",
     {N(8), OPTIONAL_BOTH_OF(offset), OPTIONAL_BOTH_OF(offset), OPTIONAL_BOTH_OF(offset),
      OPTIONAL_IN_OF(no_time)},
     0},
    {232, "epoll_wait", {AT(epoll), OUT(12), N(1), N(0)}, 0},
    {233, "epoll_ctl", {AT(epoll), N(EPOLL_CTL_MOD), AT(event), IN_OF(epoll_wish)}, 0},
    {270,
     "pselect6",
     {N(8), OPTIONAL_BOTH_OF(offset), OPTIONAL_BOTH_OF(offset), OPTIONAL_BOTH_OF(offset),
      OPTIONAL_IN_OF(no_time), OPTIONAL_IN_OF(mask_and_size)},
     0},
    {270,
     "pselect6, mask",
     {N(8), N(0), N(0), N(0), OPTIONAL_IN_OF(no_time), INNER(mask_and_size, set)},
     0},
    {271, "ppoll", {BOTH_OF(poll_fd), N(1), OPTIONAL_IN_OF(no_time), OPTIONAL_IN(8), N(8)}, 0},
    {281, "epoll_pwait", {AT(epoll), OUT(12), N(1), N(0), OPTIONAL_IN(8), N(8)}, 0},
    {441, "epoll_pwait2", {AT(epoll), OUT(12), N(1), OPTIONAL_IN(16), OPTIONAL_IN(8), N(8)}, 0},

    /* Time */
    {35, "nanosleep", {IN(16), LAZY}, 0},
    {96, "gettimeofday", {OPTIONAL_OUT(16), OPTIONAL_OUT(8)}, 0},
    {100, "times", {OPTIONAL_OUT(32)}, 0},
    {159, "adjtimex", {{.kind = BOTH, .value = TIMEX_SIZE}}, EPERM},
    {164, "settimeofday", {OPTIONAL_IN_OF(now), OPTIONAL_IN(8)}, EPERM},
    {201, "time", {OPTIONAL_OUT(8)}, 0},
    {227, "clock_settime", {N(0), IN_OF(now_exactly)}, EPERM},
    {228, "clock_gettime", {N(0), OUT(16)}, 0},
    {229, "clock_getres", {N(0), OPTIONAL_OUT(16)}, 0},
    {230, "clock_nanosleep", {N(1), N(0), IN(16), LAZY}, 0},
    {305, "clock_adjtime", {N(0), {.kind = BOTH, .value = TIMEX_SIZE}}, EPERM},
    {36, "getitimer", {N(0), OUT(32)}, 0},
    {38, "setitimer", {N(0), OPTIONAL_IN(32), OPTIONAL_OUT(32)}, 0},
    {222, "timer_create", {N(0), OPTIONAL_IN_OF(no_event), OUT(4)}, 0},
    {223, "timer_settime", {AT(posix_timer), N(0), IN(32), OPTIONAL_OUT(32)}, EINVAL},
    {224, "timer_gettime", {AT(posix_timer), OUT(32)}, 0},

    /* Identity, resources */
    {63, "uname", {OUT(390)}, 0},
    {103, "syslog", {N(3), LAZY, N(8)}, 0},
    {115, "getgroups", {N(0), LAZY}, 0},
    {116, "setgroups", {N(1), IN(4)}, 0},
    {118, "getresuid", {OUT(4), OUT(4), OUT(4)}, 0},
    {120, "getresgid", {OUT(4), OUT(4), OUT(4)}, 0},
    {125, "capget", {IN_OF(capability_header), OPTIONAL_OUT(24)}, 0},
    {126, "capset", {IN_OF(capability_header), IN(24)}, 0},
    {170, "sethostname", {IN_OF(machine_name), N(sizeof machine_name)}, 0},
    {171, "setdomainname", {IN_OF(machine_name), N(sizeof machine_name)}, 0},
    {157, "prctl: PR_SET_NAME", {N(15), PATH, LAZY, LAZY, LAZY}, 0},
    {157, "prctl: PR_GET_NAME", {N(16), OUT(16)}, 0},
    {157, "prctl: PR_GET_PDEATHSIG", {N(2), OUT(4)}, 0},
    {97, "getrlimit", {N(4), OUT(16)}, 0},
    {98, "getrusage", {N(0), OUT(144)}, 0},
    {99, "sysinfo", {OUT(112)}, 0},
    {142, "sched_setparam", {N(0), IN(4)}, EINVAL},
    {143, "sched_getparam", {N(0), OUT(4)}, EINVAL},
    {144, "sched_setscheduler", {N(0), N(0), IN(4)}, EINVAL},
    {148, "sched_rr_get_interval", {N(0), OUT(16)}, 0},
    {314, "sched_setattr", {N(0), IN(48), N(0)}, EINVAL},
    {315, "sched_getattr", {N(0), OUT(48), N(48), N(0)}, EINVAL},
    {160, "setrlimit", {N(4), IN_OF(limit)}, 0},
    {203, "sched_setaffinity", {N(0), N(8), IN(8)}, 0},
    {204, "sched_getaffinity", {N(0), N(128), OUT(8)}, 0},
    {302, "prlimit64", {N(0), N(4), OPTIONAL_IN_OF(limit), OPTIONAL_OUT(16)}, 0},
    {309, "getcpu", {OPTIONAL_OUT(4), OPTIONAL_OUT(4), LAZY}, 0},
    {318, "getrandom", {PARTIAL_OUT(64), N(64), N(0)}, 0},

    /* Sockets; pointer.c has the vectors. */
    {42, "connect", {AT(udp_client), IN_OF(address), N(16)}, 0},
    {43, "accept", {AT(listener), OPTIONAL_OUT(2), BOTH_OF(address_length)}, 0},
    {44, "sendto", {AT(udp), IN(8), N(8), N(MSG_DONTWAIT), OPTIONAL_IN_OF(address), N(16)}, 0},
    {45,
     "recvfrom",
     {AT(udp), OUT(8), N(8), N(MSG_DONTWAIT), OPTIONAL_OUT(16), BOTH_OF(address_length)},
     0},
    {46, "sendmsg", {AT(udp), IN_OF(message), N(MSG_DONTWAIT)}, 0},
    {46, "sendmsg, name", {AT(udp), INNER(named, msg_name), N(MSG_DONTWAIT)}, 0},
    {46, "sendmsg, control", {AT(udp), INNER(controlled, msg_control), N(MSG_DONTWAIT)}, 0},
    {46, "sendmsg, vectors", {AT(udp), INNER(message, msg_iov), N(MSG_DONTWAIT)}, 0},
    {47, "recvmsg", {AT(udp), BOTH_OF(message), N(MSG_DONTWAIT)}, 0},
    {47, "recvmsg, name", {AT(udp), INNER(named, msg_name), N(MSG_DONTWAIT)}, 0},
    {47, "recvmsg, vectors", {AT(udp), INNER(message, msg_iov), N(MSG_DONTWAIT)}, 0},
    {49, "bind", {AT(pair_near), IN(16), N(16)}, 0},
    {51, "getsockname", {AT(udp), OUT(16), BOTH_OF(address_length)}, 0},
    {52, "getpeername", {AT(pair_near), OUT(2), BOTH_OF(address_length)}, 0},
    {53, "socketpair", {N(AF_UNIX), N(SOCK_STREAM), N(0), OUT(8)}, 0},
    {54, "setsockopt", {AT(udp), N(SOL_SOCKET), N(SO_KEEPALIVE), IN(4), N(4)}, 0},
    {54, "setsockopt: SO_LINGER", {AT(udp), N(SOL_SOCKET), N(SO_LINGER), IN(8), N(8)}, 0},
    {54, "setsockopt: SO_RCVTIMEO", {AT(udp), N(SOL_SOCKET), N(SO_RCVTIMEO), IN(16), N(16)}, 0},
    {54, "setsockopt: IP_TTL", {AT(udp), N(IPPROTO_IP), N(2), IN(4), N(4)}, 0},
    {55, "getsockopt", {AT(udp), N(SOL_SOCKET), N(SO_TYPE), OUT(4), BOTH_OF(value_length)}, 0},
    {55, "getsockopt: IP_TTL", {AT(udp), N(IPPROTO_IP), N(2), OUT(4), BOTH_OF(value_length)}, 0},
    {288, "accept4", {AT(listener), OPTIONAL_OUT(2), BOTH_OF(address_length), N(0)}, 0},
    {299, "recvmmsg", {AT(udp), BOTH_OF(messages), N(1), N(MSG_DONTWAIT), OPTIONAL_IN(16)}, 0},
    {307, "sendmmsg", {AT(udp), BOTH_OF(messages), N(1), N(MSG_DONTWAIT)}, 0},

    /* Open files */
    {0, "read", {AT(pipe_out), PARTIAL_OUT(8), N(8)}, 0},
    {0, "read: eventfd", {AT(event), OUT(8), N(8)}, 0},
    {1, "write", {AT(output), PARTIAL_IN(8), N(8)}, 0},
    {1, "write: eventfd", {AT(event), IN(8), N(8)}, 0},
    {17, "pread64", {AT(file), PARTIAL_OUT(16), N(16), N(0)}, 0},
    {18, "pwrite64", {AT(file), PARTIAL_IN(16), N(16), N(0)}, 0},
    {19, "readv", {AT(pipe_out), IN_OF(vector), N(1)}, 0},
    {20, "writev", {AT(output), IN_OF(vector), N(1)}, 0},
    {40, "sendfile", {AT(output), AT(file), OPTIONAL_BOTH_OF(offset), N(4)}, 0},
    {187, "readahead", {AT(file), N(0), N(PAGE)}, 0},
    {217, "getdents64", {AT(directory), PARTIAL_OUT(1024), N(1024)}, 0},
    {275, "splice", {AT(file), OPTIONAL_BOTH_OF(offset), AT(pipe_in), N(0), N(1), N(2)}, 0},
    {275, "splice", {AT(pipe_out), N(0), AT(output), OPTIONAL_BOTH_OF(offset), N(1), N(2)}, 0},
    {276, "tee", {AT(pipe_out), AT(pipe_out), N(1), N(2)}, 0},
    {278, "vmsplice", {AT(pipe_in), IN_OF(vector), N(1), N(2)}, 0},
    {295, "preadv", {AT(file), IN_OF(vector), N(1), N(0), N(0)}, 0},
    {296, "pwritev", {AT(file), IN_OF(vector), N(1), N(0), N(0)}, 0},
    {451, "cachestat", {AT(file), IN(16), OUT(40), N(0)}, ENOSYS},
    {326,
     "copy_file_range",
     {AT(file), OPTIONAL_BOTH_OF(offset), AT(output), OPTIONAL_BOTH_OF(offset), N(4), N(0)},
     0},
    {327, "preadv2", {AT(file), IN_OF(vector), N(1), N(0), N(0), N(0)}, 0},
    {328, "pwritev2", {AT(file), IN_OF(vector), N(1), N(0), N(0), N(0)}, 0},

    /* Names */
    {2, "open", {PATH, N(O_RDONLY), N(0)}, 0},
    {76, "truncate", {PATH, N(16)}, 0},
    {79, "getcwd", {OUT(4), N(64)}, 0},
    {80, "chdir", {PATH}, 0},
    {82, "rename", {PATH, PATH}, 0},
    {83, "mkdir", {PATH, N(0700)}, 0},
    {84, "rmdir", {PATH}, 0},
    {85, "creat", {PATH, N(0600)}, 0},
    {86, "link", {PATH, PATH_AT(other_path)}, 0},
    {87, "unlink", {PATH}, 0},
    {88, "symlink", {PATH, PATH_AT(other_path)}, 0},
    {133, "mknod", {PATH, N(0100600), N(0)}, 0},
    {161, "chroot", {PATH}, EPERM},
    {257, "openat", {N(AT_FDCWD), PATH, N(O_RDONLY), N(0)}, 0},
    {258, "mkdirat", {N(AT_FDCWD), PATH, N(0700)}, 0},
    {259, "mknodat", {N(AT_FDCWD), PATH, N(0100600), N(0)}, 0},
    {263, "unlinkat", {N(AT_FDCWD), PATH, N(0)}, 0},
    {264, "renameat", {N(AT_FDCWD), PATH, N(AT_FDCWD), PATH}, 0},
    {265, "linkat", {N(AT_FDCWD), PATH, N(AT_FDCWD), PATH_AT(other_path), N(0)}, 0},
    {266, "symlinkat", {PATH, N(AT_FDCWD), PATH_AT(other_path)}, 0},
    {316, "renameat2", {N(AT_FDCWD), PATH, N(AT_FDCWD), PATH, N(0)}, 0},
    {319, "memfd_create", {PATH, N(0)}, 0},
    {303, "name_to_handle_at", {N(AT_FDCWD), PATH, {.kind = BOTH, .value = 8}, OUT(4), N(0)}, 0},
    {304, "open_by_handle_at", {N(AT_FDCWD), IN_OF(any_handle), N(0)}, EPERM},
    {437, "openat2", {N(AT_FDCWD), PATH, IN(24), N(24)}, 0},
    {254, "inotify_add_watch", {AT(inotify), PATH, N(2)}, 0},

    /* What files are */
    {4, "stat", {PATH, OUT(STAT_SIZE)}, 0},
    {5, "fstat", {AT(file), OUT(STAT_SIZE)}, 0},
    {6, "lstat", {PATH, OUT(STAT_SIZE)}, 0},
    {21, "access", {PATH, N(0)}, 0},
    {89, "readlink", {PATH_AT(link_path), OUT(4), N(64)}, 0},
    {90, "chmod", {PATH, N(0600)}, 0},
    {92, "chown", {PATH, N(-1), N(-1)}, 0},
    {94, "lchown", {PATH, N(-1), N(-1)}, 0},
    {132, "utime", {PATH, OPTIONAL_IN(16)}, 0},
    {137, "statfs", {PATH, OUT(120)}, 0},
    {138, "fstatfs", {AT(file), OUT(120)}, 0},
    {188, "setxattr", {PATH, PATH_AT(attribute_name), IN(4), N(4), N(0)}, 0},
    {189, "lsetxattr", {PATH, PATH_AT(attribute_name), IN(4), N(4), N(0)}, 0},
    {190, "fsetxattr", {AT(file), PATH_AT(attribute_name), IN(4), N(4), N(0)}, 0},
    {191, "getxattr", {PATH, PATH_AT(attribute_name), OUT(4), N(4)}, ENODATA},
    {192, "lgetxattr", {PATH, PATH_AT(attribute_name), OUT(4), N(4)}, ENODATA},
    {193, "fgetxattr", {AT(file), PATH_AT(attribute_name), OUT(4), N(4)}, ENODATA},
    {194, "listxattr", {PATH, LAZY, N(64)}, 0},
    {195, "llistxattr", {PATH, LAZY, N(64)}, 0},
    {196, "flistxattr", {AT(file), LAZY, N(64)}, 0},
    {197, "removexattr", {PATH, PATH_AT(attribute_name)}, ENODATA},
    {198, "lremovexattr", {PATH, PATH_AT(attribute_name)}, ENODATA},
    {199, "fremovexattr", {AT(file), PATH_AT(attribute_name)}, ENODATA},
    {235, "utimes", {PATH, OPTIONAL_IN(32)}, 0},
    {260, "fchownat", {N(AT_FDCWD), PATH, N(-1), N(-1), N(0)}, 0},
    {261, "futimesat", {N(AT_FDCWD), PATH, OPTIONAL_IN(32)}, 0},
    {262, "newfstatat", {N(AT_FDCWD), PATH, OUT(STAT_SIZE), N(0)}, 0},
    {267, "readlinkat", {N(AT_FDCWD), PATH_AT(link_path), OUT(4), N(64)}, 0},
    {268, "fchmodat", {N(AT_FDCWD), PATH, N(0600)}, 0},
    {269, "faccessat", {N(AT_FDCWD), PATH, N(0)}, 0},
    {280, "utimensat", {N(AT_FDCWD), PATH, OPTIONAL_IN(32), N(0)}, 0},
    {332, "statx", {N(AT_FDCWD), PATH, N(0), N(0x7ff), OUT(256)}, 0},
    {439, "faccessat2", {N(AT_FDCWD), PATH, N(0), N(0)}, 0},
    {452, "fchmodat2", {N(AT_FDCWD), PATH, N(0600), N(0)}, ENOSYS},
};

#endif
