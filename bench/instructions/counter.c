/*
 * A plugin for QEMU's TCG that counts the guest's instructions, apart by the half of the address
 * space that they lie in: the upper is the kernel's, the lower the program's.
 *
 *     qemu-system-x86_64 -plugin counter.so,out=FILE[,blocks=FILE2] …
 *
 * FILE is mapped, so that it can be read while the guest runs; struct Counters is its layout
 * (counters.ts reads it). An instruction of the guest that does nothing, MARKER, stores the counts
 * as they are at that moment: so a program can say where what it measures begins and ends.
 *
 * FILE2 has the kernel's instructions by block: a struct Block of each, in the order in which QEMU
 * met them (`blockCount` says how many there are), and behind BLOCKS_MAX of them, for each mark,
 * the same as it was at that moment (blocks.ts reads it).
 *
 * A block of instructions is counted as it is entered. One that is left early, by a page fault or
 * an interrupt, counts whole; that is a few instructions per such event.
 *
 * The interface is that of QEMU 7.2 (version 1 of include/qemu/qemu-plugin.h), which Debian ships
 * no header for: what is needed of it is declared here. QEMU from 9.1 on refuses this version.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef void (*tb_trans_callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*udata_callback)(unsigned int vcpu, void *userdata);

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_callback callback);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
                                                     enum qemu_plugin_op op, void *counter,
                                                     uint64_t immediate);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                                   udata_callback callback,
                                                   enum qemu_plugin_cb_flags flags, void *userdata);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                        size_t index);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

/* nopl MARKER_NUMBER(%rax,%rax,1), as guest/calls.c has it. */
static const uint8_t MARKER[8] = {0x0f, 0x1f, 0x84, 0x00, 'V', 'r', 'g', 'a'};

#define MARKS_MAX 1024

struct Counts {
  uint64_t kernel;
  uint64_t user;
};

struct Counters {
  struct Counts now;
  uint64_t markCount; /* how often MARKER was met; the first MARKS_MAX times are in `marks` */
  uint64_t blockCount;
  struct Counts marks[MARKS_MAX];
};

struct Block {
  uint64_t address;
  uint64_t instructions;
};

/* Of a kernel some 20,000 are met. */
#define BLOCKS_MAX 65536
#define SLOTS (BLOCKS_MAX * 2)

static struct Counters *counters;
/* NULL: they are not wanted. */
static struct Block *blocks;
static int blocksFile;
/* Open addressing: the number of a block plus 1. */
static uint32_t slots[SLOTS];

/* The block that begins at an address; NULL when there are too many. */
static struct Block *blockAt(uint64_t address) {
  uint32_t slot = (uint32_t)((address * 0x9e3779b97f4a7c15ull) >> 32) % SLOTS;
  while (slots[slot] != 0) {
    struct Block *block = &blocks[slots[slot] - 1];
    if (block->address == address) return block;
    slot = (slot + 1) % SLOTS;
  }
  if (counters->blockCount == BLOCKS_MAX) return NULL;
  struct Block *block = &blocks[counters->blockCount++];
  block->address = address;
  slots[slot] = (uint32_t)counters->blockCount;
  return block;
}

static void keepBlocks(uint64_t mark) {
  size_t size = BLOCKS_MAX * sizeof *blocks;
  off_t at = (off_t)(size * (mark + 1));
  size_t used = counters->blockCount * sizeof *blocks;
  if (pwrite(blocksFile, blocks, used, at) != (ssize_t)used) perror("counter: blocks");
}

static void marked(unsigned int vcpu, void *userdata) {
  (void)vcpu, (void)userdata;
  if (counters->markCount < MARKS_MAX) {
    counters->marks[counters->markCount] = counters->now;
    if (blocks != NULL) keepBlocks(counters->markCount);
  }
  counters->markCount++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  size_t count = qemu_plugin_tb_n_insns(tb);
  int isKernel = (int64_t)qemu_plugin_tb_vaddr(tb) < 0;
  uint64_t *counter = isKernel ? &counters->now.kernel : &counters->now.user;
  qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, counter, count);
  struct Block *block = isKernel && blocks != NULL ? blockAt(qemu_plugin_tb_vaddr(tb)) : NULL;
  if (block != NULL) {
    uint64_t *own = &block->instructions;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, own, count);
  }
  for (size_t i = 0; i < count; i++) {
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    if (qemu_plugin_insn_size(insn) != sizeof MARKER) continue;
    if (memcmp(qemu_plugin_insn_data(insn), MARKER, sizeof MARKER) != 0) continue;
    qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, QEMU_PLUGIN_CB_NO_REGS, NULL);
  }
}

/* A file of that size, of zeros, shared with whoever reads it; NULL with a message. */
static void *mapFile(const char *path, size_t size, int *fd) {
  *fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (*fd < 0 || ftruncate(*fd, (off_t)size) != 0) return perror(path), NULL;
  void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  return mapped == MAP_FAILED ? perror(path), NULL : mapped;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                               char **argv) {
  (void)info;
  const char *path = NULL, *blocksPath = NULL;
  for (int i = 0; i < argc; i++) {
    if (strncmp(argv[i], "out=", 4) == 0) path = argv[i] + 4;
    if (strncmp(argv[i], "blocks=", 7) == 0) blocksPath = argv[i] + 7;
  }
  if (path == NULL) return fprintf(stderr, "counter: out=FILE is missing\n"), -1;
  int fd;
  counters = mapFile(path, sizeof *counters, &fd);
  if (counters == NULL) return -1;
  close(fd);
  if (blocksPath != NULL) {
    blocks = mapFile(blocksPath, BLOCKS_MAX * sizeof *blocks, &blocksFile);
    if (blocks == NULL) return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
