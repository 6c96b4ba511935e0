/**
 * /sys: what libraries and runtimes size themselves by (Documentation/ABI/stable/sysfs-devices-*):
 * one CPU in one package, on one node, its caches, large pages, and the network's interfaces, which
 * the network adds. There are no cgroups, no buses and no modules: their directories are missing.
 *
 *     sysfsCreate()      makes the tree; returns its root directory
 */
import { TextBuffer } from "../../lib/text-buffer";
import { freePageCount, totalPageCount } from "../../mem/page-allocator";
import { residentPages } from "../../mem/user-pages";
import { cachedPageCount } from "../page-cache";
import { anonymousPages } from "../proc/memory-use";
import { procNumber } from "../proc/settings";
import { ProcLink } from "../proc-node";
import { addText, fillClassNet, subdirectory } from "../procfs";
import { TmpDirectory } from "../tmpfs";
import { TmpFileSystem, tmpfsPageCount } from "../tmpfs-inode";
import { CACHE_FIELDS, cacheCount, putCacheField } from "./cache";

const SYSFS_MAGIC: u64 = 0x62656572;
/** A cache's text has the cache and the field in its subject. */
const FIELD_BITS: u32 = 4;
const FIELD_MASK: u32 = 15;
/** Where a number of meminfo ends. */
const VALUE_WIDTH = 24;
const LARGE_PAGE_SIZE: u32 = 2 << 20;
/** The highest number that a CPU may have. */
const KERNEL_MAX: u32 = 0;

/** A list or a map of CPUs, nodes: there is number 0. */
function listText(out: TextBuffer, subject: u32): void {
  out.put("0\n");
}

function mapText(out: TextBuffer, subject: u32): void {
  out.put("1\n");
}

function noneText(out: TextBuffer, subject: u32): void {
  out.put("\n");
}

function cacheText(out: TextBuffer, subject: u32): void {
  putCacheField(out, subject >> FIELD_BITS, subject & FIELD_MASK);
}

function cpuOfNodeText(out: TextBuffer, subject: u32): void {
  out.put("../../cpu/cpu0");
}

function nodeOfCpuText(out: TextBuffer, subject: u32): void {
  out.put("../../node/node0");
}

/** It can't be changed: nothing would be the same with more threads in a core. */
function smtText(out: TextBuffer, subject: u32): void {
  out.put("notsupported\n");
}

function distanceText(out: TextBuffer, subject: u32): void {
  out.put("10\n");
}

/**
 * Large pages are used wherever they fit. But servers (Redis) warn of "always", because of what
 * forking does to latency on Linux then, and here nothing forks.
 */
function largePagesText(out: TextBuffer, subject: u32): void {
  out.put("always [madvise] never\n");
}

function noLargeSharedText(out: TextBuffer, subject: u32): void {
  out.put("always within_size advise [never] deny force\n");
}

function nodeLine(out: TextBuffer, name: string, pages: u64): void {
  out
    .put("Node 0 ")
    .put(name)
    .decimal(pages << 2, VALUE_WIDTH - name.length)
    .put(" kB\n");
}

/** /proc/meminfo's lines, of the one node. */
function nodeMeminfo(out: TextBuffer, subject: u32): void {
  const freePages = freePageCount();
  const anonymous = anonymousPages();
  nodeLine(out, "MemTotal:", totalPageCount());
  nodeLine(out, "MemFree:", freePages);
  nodeLine(out, "MemUsed:", totalPageCount() - freePages);
  nodeLine(out, "Dirty:", 0);
  nodeLine(out, "Writeback:", 0);
  nodeLine(out, "FilePages:", cachedPageCount() + tmpfsPageCount());
  nodeLine(out, "Mapped:", residentPages() - anonymous);
  nodeLine(out, "AnonPages:", anonymous);
  nodeLine(out, "Shmem:", tmpfsPageCount());
  out.put("Node 0 HugePages_Total:     0\nNode 0 HugePages_Free:      0\n");
  out.put("Node 0 HugePages_Surp:      0\n");
}

const CPU_LISTS: StaticArray<string> = ["online", "possible", "present"];
const TOPOLOGY_IDS: StaticArray<string> = ["core_id", "die_id", "physical_package_id"];
const TOPOLOGY_SETS: StaticArray<string> = [
  "core_cpus",
  "core_siblings",
  "die_cpus",
  "package_cpus",
  "thread_siblings",
];
const NODE_LISTS: StaticArray<string> = [
  "has_cpu",
  "has_memory",
  "has_normal_memory",
  "online",
  "possible",
];
const LARGE_PAGE_COUNTS: StaticArray<string> = [
  "free_hugepages",
  "nr_hugepages",
  "nr_overcommit_hugepages",
  "resv_hugepages",
  "surplus_hugepages",
];

function subdirectoryOf(parent: TmpDirectory, name: string): TmpDirectory {
  return subdirectory(parent, name, 0, name.length);
}

/** Texts of the same kind with these names. */
function addTexts(
  directory: TmpDirectory,
  names: StaticArray<string>,
  generator: (out: TextBuffer, subject: u32) => void,
  subject: u32 = 0,
): void {
  for (let i = 0; i < names.length; i++) {
    addText(directory, names[i], 0o444, generator, subject);
  }
}

function fillTopology(topology: TmpDirectory): void {
  addTexts(topology, TOPOLOGY_IDS, procNumber, 0);
  addTexts(topology, TOPOLOGY_SETS, mapText);
  addText(topology, "core_cpus_list", 0o444, listText);
  addText(topology, "core_siblings_list", 0o444, listText);
  addText(topology, "die_cpus_list", 0o444, listText);
  addText(topology, "package_cpus_list", 0o444, listText);
  addText(topology, "thread_siblings_list", 0o444, listText);
}

/** The names of a cache's directory: as many as there may be caches. */
const CACHE_NAMES: StaticArray<string> = [
  "index0",
  "index1",
  "index2",
  "index3",
  "index4",
  "index5",
  "index6",
  "index7",
];

function fillCaches(caches: TmpDirectory): void {
  const count = cacheCount();
  for (let index: u32 = 0; index < count; index++) {
    const cache = subdirectoryOf(caches, CACHE_NAMES[index]);
    for (let field = 0; field < CACHE_FIELDS.length; field++) {
      addText(cache, CACHE_FIELDS[field], 0o444, cacheText, (index << FIELD_BITS) | field);
    }
  }
}

function fillCpus(cpus: TmpDirectory): void {
  const tmpfs = cpus.tmpfs;
  addTexts(cpus, CPU_LISTS, listText);
  addText(cpus, "offline", 0o444, noneText);
  addText(cpus, "isolated", 0o444, noneText);
  addText(cpus, "kernel_max", 0o444, procNumber, KERNEL_MAX);
  addText(cpus, "smt/active", 0o444, procNumber, 0);
  addText(cpus, "smt/control", 0o444, smtText);
  const cpu = subdirectoryOf(cpus, "cpu0");
  subdirectoryOf(cpu, "topology").fillLater(fillTopology);
  subdirectoryOf(cpu, "cache").fillLater(fillCaches);
  cpu.attach("node0", new ProcLink(tmpfs, tmpfs.newNumber(), nodeOfCpuText));
}

function fillNodes(nodes: TmpDirectory): void {
  const tmpfs = nodes.tmpfs;
  addTexts(nodes, NODE_LISTS, listText);
  const node = subdirectoryOf(nodes, "node0");
  addText(node, "cpulist", 0o444, listText);
  addText(node, "cpumap", 0o444, mapText);
  addText(node, "distance", 0o444, distanceText);
  addText(node, "meminfo", 0o444, nodeMeminfo);
  addLargePages(subdirectoryOf(node, "hugepages"));
  node.attach("cpu0", new ProcLink(tmpfs, tmpfs.newNumber(), cpuOfNodeText));
}

/** None are set aside, and none can be: what uses large pages takes them as they are free. */
function addLargePages(sizes: TmpDirectory): void {
  addTexts(subdirectoryOf(sizes, "hugepages-2048kB"), LARGE_PAGE_COUNTS, procNumber, 0);
}

function fillMemory(mm: TmpDirectory): void {
  addLargePages(subdirectoryOf(mm, "hugepages"));
  addText(mm, "transparent_hugepage/enabled", 0o444, largePagesText);
  addText(mm, "transparent_hugepage/defrag", 0o444, largePagesText);
  addText(mm, "transparent_hugepage/shmem_enabled", 0o444, noLargeSharedText);
  addText(mm, "transparent_hugepage/hpage_pmd_size", 0o444, procNumber, LARGE_PAGE_SIZE);
  addText(mm, "transparent_hugepage/use_zero_page", 0o444, procNumber, 0);
}

function fillSys(root: TmpDirectory): void {
  subdirectoryOf(subdirectoryOf(root, "class"), "net").fillLater(fillClassNet);
  const system = subdirectoryOf(subdirectoryOf(root, "devices"), "system");
  subdirectoryOf(system, "cpu").fillLater(fillCpus);
  subdirectoryOf(system, "node").fillLater(fillNodes);
  subdirectoryOf(subdirectoryOf(root, "kernel"), "mm").fillLater(fillMemory);
}

export function sysfsCreate(): TmpDirectory {
  const tmpfs = new TmpFileSystem("sysfs", 0);
  tmpfs.magic = SYSFS_MAGIC;
  tmpfs.hasHandles = false;
  tmpfs.readOnly = true;
  const root = new TmpDirectory(tmpfs, 0o555);
  root.fillLater(fillSys);
  return root;
}
