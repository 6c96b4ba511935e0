/*
 * The init of the Linux guest: as little as can stand between the kernel and the program.
 *
 * It mounts /proc, /sys and /dev, loads the kernel modules that /modules/order lists (one file name
 * a line, in the order of their dependencies), gives eth0 its address, and becomes the program: it
 * execs the words of the kernel command line after `--`. Options come as environment variables,
 * which is how Linux hands unknown `key=value` words to init:
 *
 *   bench_ip=10.0.2.15  bench_mask=255.255.255.0  bench_gateway=10.0.2.1   address of eth0 (none: left down)
 *   bench_root=/dev/vda                 an EROFS disk that becomes the root (none: stay in the initramfs)
 *
 * Statically linked. A failure is printed and powers the machine off: nobody is there to repair it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/route.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what, const char *which) {
  printf("bench init: %s %s: %s\n", what, which, strerror(errno));
  fflush(stdout);
  reboot(RB_POWER_OFF);
  for (;;) pause();
}

static void mountOn(const char *type, const char *source, const char *directory, unsigned long flags) {
  mkdir(directory, 0755);
  if (mount(source, directory, type, flags, NULL) != 0) die("mount", directory);
}

static void loadModule(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "/modules/%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) die("open", path);
  if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) die("load", path);
  close(fd);
}

static void loadModules(void) {
  FILE *order = fopen("/modules/order", "re");
  if (order == NULL) return;
  char line[128];
  while (fgets(line, sizeof line, order) != NULL) {
    line[strcspn(line, "\n")] = 0;
    if (line[0] != 0) loadModule(line);
  }
  fclose(order);
}

static void setAddress(int fd, struct ifreq *request, unsigned long what, const char *text) {
  struct sockaddr_in *address = (struct sockaddr_in *)&request->ifr_addr;
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  inet_pton(AF_INET, text, &address->sin_addr);
  if (ioctl(fd, what, request) != 0) die("set address", text);
}

static void interfaceUp(int fd, const char *name) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) die("no interface", name);
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) die("bring up", name);
}

static void addDefaultRoute(int fd, const char *gateway) {
  struct rtentry route = {0};
  struct sockaddr_in *address = (struct sockaddr_in *)&route.rt_gateway;
  address->sin_family = AF_INET;
  inet_pton(AF_INET, gateway, &address->sin_addr);
  route.rt_dst.sa_family = AF_INET;
  route.rt_genmask.sa_family = AF_INET;
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  if (ioctl(fd, SIOCADDRT, &route) != 0) die("route by", gateway);
}

static void configureNetwork(void) {
  const char *ip = getenv("bench_ip");
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket", "AF_INET");
  interfaceUp(fd, "lo");
  if (ip != NULL) {
    const char *mask = getenv("bench_mask"), *gateway = getenv("bench_gateway");
    struct ifreq request = {0};
    strncpy(request.ifr_name, "eth0", IFNAMSIZ - 1);
    setAddress(fd, &request, SIOCSIFADDR, ip);
    setAddress(fd, &request, SIOCSIFNETMASK, mask != NULL ? mask : "255.255.255.0");
    interfaceUp(fd, "eth0");
    if (gateway != NULL) addDefaultRoute(fd, gateway);
  }
  close(fd);
}

static void mountKernelFilesystems(void) {
  mountOn("devtmpfs", "dev", "/dev", MS_NOSUID);
  mountOn("proc", "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mountOn("sysfs", "sys", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
}

/* The disk becomes the root; the initramfs stays below it, holding nothing but this program. */
static void switchRoot(const char *device) {
  mountOn("erofs", device, "/root", MS_RDONLY);
  if (chdir("/root") != 0) die("chdir", "/root");
  if (mount(".", "/", NULL, MS_MOVE, NULL) != 0) die("move", "/root");
  if (chroot(".") != 0 || chdir("/") != 0) die("chroot", "/root");
  mountKernelFilesystems();
  mountOn("tmpfs", "tmp", "/tmp", MS_NOSUID | MS_NODEV);
}

/*
 * The kernel opened no console for us: the initramfs has no /dev/console before devtmpfs is
 * mounted.
 */
static void openConsole(void) {
  int fd = open("/dev/console", O_RDWR);
  if (fd < 0) return;
  for (int i = 0; i < 3; i++) dup2(fd, i);
  if (fd > 2) close(fd);
}

int main(int argc, char **argv) {
  const char *root = getenv("bench_root");
  if (root == NULL) {
    mountKernelFilesystems();
  } else {
    mountOn("devtmpfs", "dev", "/dev", MS_NOSUID);
  }
  openConsole();
  loadModules();
  if (root != NULL) switchRoot(root);
  configureNetwork();
  if (argc < 2) die("nothing to run", "");
  execv(argv[1], argv + 1);
  die("exec", argv[1]);
}
