/**
 * Where a plain `new` may stand, beside constructors, module-level initializers and tests:
 * functions that run while the machine boots, when memory that is out is the end, and those that
 * have made sure of memory before. Anywhere else the compiler refuses it
 * (assemblyscript-runtime.mjs), because a program may come there with memory out:
 * docs/contributing.md, "Memory that is out".
 *
 * A name is that of a function, or the beginning of several.
 */
export const PLAIN_NEW = [
  { name: "kernel/main/", why: "boot" },
  { name: "kernel/lib/command-line/parseCommandLine", why: "boot" },
  { name: "kernel/linux/program/buildStack", why: "the program's start" },
  // Drivers find their devices while booting.
  { name: "kernel/dev/pci/scanFunction", why: "boot" },
  { name: "kernel/dev/serial-queue/serialQueueStart", why: "boot" },
  { name: "kernel/dev/virtio/host-ports/createPort", why: "boot" },
  { name: "kernel/dev/virtio/host-ports/hostPortsProbe", why: "boot" },
  { name: "kernel/dev/virtio/transport-mmio/mmioProbe", why: "boot" },
  { name: "kernel/dev/virtio/transport-pci/pciProbe", why: "boot" },
  { name: "kernel/dev/virtio/virtio-blk/virtioBlkProbe", why: "boot" },
  { name: "kernel/dev/virtio/virtio-net/virtioNetProbe", why: "boot" },
  { name: "kernel/dev/virtio/virtqueue/virtqueueCreate", why: "boot" },
  // File systems are mounted while booting.
  { name: "kernel/fs/devfs/add", why: "boot" },
  { name: "kernel/fs/devfs/devfsCreate", why: "boot" },
  { name: "kernel/fs/disk-cache/DiskCache.ofMemory", why: "boot" },
  { name: "kernel/fs/erofs/erofsMount", why: "boot" },
  { name: "kernel/fs/init/", why: "boot" },
  { name: "kernel/fs/mount/mountAt", why: "boot" },
  { name: "kernel/fs/procfs/procfsCreate", why: "boot" },
  { name: "kernel/fs/sys/tree/sysfsCreate", why: "boot" },
  // Trees that are made when somebody first looks: heapHasRoom has said that there is memory.
  { name: "kernel/fs/procfs/add", why: "heapHasRoom" },
  { name: "kernel/fs/procfs/fill", why: "heapHasRoom" },
  { name: "kernel/fs/procfs/subdirectory", why: "heapHasRoom" },
  { name: "kernel/fs/sys/tree/fill", why: "heapHasRoom" },
  // The network is brought up while booting.
  { name: "kernel/net/init/startDhcp", why: "boot" },
  { name: "kernel/net/interface/interfaceAdd", why: "boot" },
  { name: "kernel/net/poll/netPollInit", why: "boot" },
];
