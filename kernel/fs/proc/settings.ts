/**
 * /proc/sys: what programs size themselves by, and what they look at before they use something
 * (Documentation/admin-guide/sysctl). The values are what the kernel does: those of its limits are
 * its limits, and 0 says that a thing is not done. What can be set has an effect; all else can't be
 * opened for writing, whoever asks. The network's are in net/proc/settings.ts.
 *
 *     addSettings(sys)      adds the directories of /proc/sys
 */
import { EINVAL } from "../../lib/errno";
import { randomBytes } from "../../lib/random";
import {
  domainName,
  HOST_NAME_MAX,
  hostName,
  KERNEL_RELEASE,
  KERNEL_VERSION,
  MACHINE,
  NAME_FIELD,
  SYSTEM_NAME,
} from "../../lib/release";
import { TextBuffer } from "../../lib/text-buffer";
import { AREAS_MAX, MAP_LOW } from "../../mem/address-space";
import { STACKS_MAX } from "../../mem/kernel-stack";
import { reclaimUnused } from "../../mem/reclaim";
import { AIO_MAX_NR, aioRequests } from "../aio-context";
import { dentryCount, dentryQueueLength } from "../dentry";
import { inotifyLimits } from "../inotify";
import { pipeCapacityMax, setPipeCapacityMax } from "../pipe";
import { processInfo } from "../process-info";
import { addText, fillIpcFsSettings, fillIpcKernelSettings, subdirectory } from "../procfs";
import { TmpDirectory } from "../tmpfs";
import { NOT_A_NUMBER, takenNumber } from "./taken";

const NEW_LINE: u32 = 10;

/** A file with one number: the subject. */
export function procNumber(out: TextBuffer, value: u32): void {
  out.decimal(value).put("\n");
}

/** Adds a file with one number, which nobody can set. */
export function addNumber(directory: TmpDirectory, path: string, value: u32): void {
  addText(directory, path, 0o444, procNumber, value);
}

function fillKernel(directory: TmpDirectory): void {
  addNumber(directory, "pid_max", 4194304);
  addNumber(directory, "threads-max", STACKS_MAX);
  addNumber(directory, "ngroups_max", 65536);
  addNumber(directory, "cap_last_cap", 40);
  addNumber(directory, "overflowuid", 65534);
  addNumber(directory, "overflowgid", 65534);
  addNumber(directory, "randomize_va_space", 2);
  addNumber(directory, "perf_event_paranoid", 4);
  addNumber(directory, "random/entropy_avail", 256);
  addNumber(directory, "random/poolsize", 256);
  // Nothing has gone wrong that the kernel would be called tainted for: it panics instead.
  addNumber(directory, "tainted", 0);
  // A panic ends the machine at once, and so does whatever Linux calls an oops.
  addNumber(directory, "panic", 0);
  addNumber(directory, "panic_on_oops", 1);
  // What does not exist here: core files, io_uring, bpf(2), perf, watchdogs, magic SysRq keys.
  addNumber(directory, "core_uses_pid", 0);
  addNumber(directory, "core_pipe_limit", 0);
  addNumber(directory, "io_uring_disabled", 2);
  addNumber(directory, "unprivileged_bpf_disabled", 2);
  addNumber(directory, "nmi_watchdog", 0);
  addNumber(directory, "sysrq", 0);
  addNumber(directory, "numa_balancing", 0);
  addText(directory, "osrelease", 0o444, procOsrelease);
  addText(directory, "ostype", 0o444, procOstype);
  addText(directory, "version", 0o444, procKernelVersion);
  addText(directory, "arch", 0o444, procArchitecture);
  addText(directory, "hostname", 0o644, procHostname, 0, takeHostname);
  addText(directory, "domainname", 0o644, procDomainname, 0, takeDomainname);
  addText(directory, "core_pattern", 0o444, procCorePattern);
  addText(directory, "random/boot_id", 0o444, procBootId);
  addText(directory, "random/uuid", 0o444, procUuid);
  fillIpcKernelSettings(directory);
}

function fillVm(directory: TmpDirectory): void {
  addNumber(directory, "overcommit_memory", 1);
  addNumber(directory, "overcommit_ratio", 50);
  addNumber(directory, "overcommit_kbytes", 0);
  addNumber(directory, "max_map_count", AREAS_MAX);
  addNumber(directory, "mmap_min_addr", <u32>MAP_LOW);
  addNumber(directory, "legacy_va_layout", 0);
  addNumber(directory, "nr_hugepages", 0);
  addNumber(directory, "nr_overcommit_hugepages", 0);
  addNumber(directory, "swappiness", 0);
  addNumber(directory, "zone_reclaim_mode", 0);
  addNumber(directory, "panic_on_oom", 0);
  addText(directory, "drop_caches", 0o200, procNothing, 0, takeDropCaches);
}

function fillFs(directory: TmpDirectory): void {
  addNumber(directory, "file-max", 1048576);
  addNumber(directory, "nr_open", 1048576);
  addNumber(directory, "aio-max-nr", AIO_MAX_NR);
  addNumber(directory, "suid_dumpable", 0);
  // Rules of who may follow or open what of others' in shared directories: there is one user.
  addNumber(directory, "protected_fifos", 0);
  addNumber(directory, "protected_hardlinks", 0);
  addNumber(directory, "protected_regular", 0);
  addNumber(directory, "protected_symlinks", 0);
  addText(directory, "pipe-max-size", 0o644, procLimit, LIMIT_PIPE, takeLimit);
  addText(directory, "inotify/max_user_instances", 0o644, procLimit, LIMIT_INSTANCES, takeLimit);
  addText(directory, "inotify/max_user_watches", 0o644, procLimit, LIMIT_WATCHES, takeLimit);
  addText(directory, "inotify/max_queued_events", 0o644, procLimit, LIMIT_EVENTS, takeLimit);
  addText(directory, "file-nr", 0o444, procFileCount);
  addText(directory, "aio-nr", 0o444, procAioCount);
  addText(directory, "dentry-state", 0o444, procDentryState);
  fillIpcFsSettings(directory);
}

/** Adds the directories of /proc/sys: each is filled when somebody looks into it. */
export function addSettings(sys: TmpDirectory): void {
  subdirectory(sys, "kernel", 0, 6).fillLater(fillKernel);
  subdirectory(sys, "vm", 0, 2).fillLater(fillVm);
  subdirectory(sys, "fs", 0, 2).fillLater(fillFs);
}

// The limits that can be set, as the subject of their files.
const LIMIT_PIPE: u32 = 0;
const LIMIT_INSTANCES: u32 = 1;
const LIMIT_WATCHES: u32 = 2;
const LIMIT_EVENTS: u32 = 3;

function procLimit(out: TextBuffer, subject: u32): void {
  let value = pipeCapacityMax();
  if (subject == LIMIT_INSTANCES) value = inotifyLimits.instances;
  if (subject == LIMIT_WATCHES) value = inotifyLimits.watches;
  if (subject == LIMIT_EVENTS) value = inotifyLimits.events;
  out.decimal(value).put("\n");
}

function takeLimit(bytes: usize, length: u32, subject: u32): i32 {
  const value = takenNumber(bytes, length);
  if (value < 0 || value > <i64>i32.MAX_VALUE) return -EINVAL;
  if (subject == LIMIT_PIPE) setPipeCapacityMax(<u32>value);
  if (subject == LIMIT_INSTANCES) inotifyLimits.instances = <u32>value;
  if (subject == LIMIT_WATCHES) inotifyLimits.watches = <u32>value;
  if (subject == LIMIT_EVENTS) inotifyLimits.events = <u32>value;
  return 0;
}

function procNothing(out: TextBuffer, subject: u32): void {}

export function procOsrelease(out: TextBuffer, subject: u32): void {
  out.put(KERNEL_RELEASE).put("\n");
}

function procOstype(out: TextBuffer, subject: u32): void {
  out.put(SYSTEM_NAME).put("\n");
}

function procKernelVersion(out: TextBuffer, subject: u32): void {
  out.put(KERNEL_VERSION).put("\n");
}

function procArchitecture(out: TextBuffer, subject: u32): void {
  out.put(MACHINE).put("\n");
}

function procHostname(out: TextBuffer, subject: u32): void {
  out.cString(hostName).put("\n");
}

function procDomainname(out: TextBuffer, subject: u32): void {
  out.cString(domainName).put("\n");
}

/** What was written up to the end of the line; 0 or -EINVAL: it is too long. */
function takeName(field: usize, bytes: usize, length: u32): i32 {
  let n: u32 = 0;
  while (n < length && load<u8>(bytes + <usize>n) != NEW_LINE && load<u8>(bytes + <usize>n) != 0) {
    n++;
  }
  if (n > <u32>HOST_NAME_MAX) return -EINVAL;
  memory.fill(field, 0, NAME_FIELD);
  memory.copy(field, bytes, n);
  return 0;
}

function takeHostname(bytes: usize, length: u32, subject: u32): i32 {
  return takeName(hostName, bytes, length);
}

function takeDomainname(bytes: usize, length: u32, subject: u32): i32 {
  return takeName(domainName, bytes, length);
}

function procCorePattern(out: TextBuffer, subject: u32): void {
  out.put("core\n");
}

/** 1, 2, 3: clean pages of files, names and inodes. All of them are given back, whichever. */
function takeDropCaches(bytes: usize, length: u32, subject: u32): i32 {
  const value = takenNumber(bytes, length);
  if (value == NOT_A_NUMBER || value < 1 || value > 4) return -EINVAL;
  while (reclaimUnused()) {}
  return 0;
}

/** Open files, of which there are none to spare, and how many there may be. */
function procFileCount(out: TextBuffer, subject: u32): void {
  const info = processInfo();
  let open: u64 = 0;
  for (let fd = info.nextDescriptor(0); fd >= 0; fd = info.nextDescriptor(fd + 1)) open++;
  out.decimal(open).put("\t0\t9223372036854775807\n");
}

/** Requests of asynchronous I/O that there is room for. */
function procAioCount(out: TextBuffer, subject: u32): void {
  out.decimal(aioRequests()).put("\n");
}

/** Names that are cached, and those of them that nobody uses; the rest is history. */
function procDentryState(out: TextBuffer, subject: u32): void {
  out.decimal(dentryCount()).put("\t").decimal(dentryQueueLength()).put("\t45\t0\t0\t0\n");
}

/** A random UUID (RFC 9562, version 4). */
function makeUuid(at: usize): void {
  randomBytes(at, 16);
  store<u8>(at, (load<u8>(at, 6) & 0x0f) | 0x40, 6);
  store<u8>(at, (load<u8>(at, 8) & 0x3f) | 0x80, 8);
}

function putUuid(out: TextBuffer, at: usize): void {
  for (let i: usize = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.byte(45);
    out.hex(load<u8>(at + i), 2);
  }
  out.put("\n");
}

const bootId: usize = memory.data(16, 8);
const freshId: usize = memory.data(16, 8);

function procBootId(out: TextBuffer, subject: u32): void {
  if (load<u64>(bootId) == 0) makeUuid(bootId);
  putUuid(out, bootId);
}

function procUuid(out: TextBuffer, subject: u32): void {
  makeUuid(freshId);
  putUuid(out, freshId);
}
