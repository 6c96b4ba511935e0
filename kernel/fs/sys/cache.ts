/**
 * The CPU's caches, as CPUID tells of them (Intel SDM volume 2, leaf 4; AMD volume 3, leaf
 * 0x8000001d, which has the same fields), for /sys/devices/system/cpu/cpu0/cache.
 *
 *     cacheCount()                     how many there are; 0: the CPU does not tell
 *     putCacheField(out, index, field)
 */
import { cpuid } from "../../arch/hw";
import { TextBuffer } from "../../lib/text-buffer";

/** eax, ebx, ecx, edx. */
const REGISTERS: usize = memory.data(16, 4);
const LEAF_HIGHEST: u32 = 0;
const LEAF_CACHES: u32 = 4;
const LEAF_HIGHEST_EXTENDED: u32 = 0x80000000;
const LEAF_CACHES_AMD: u32 = 0x8000001d;
const CACHES_MAX: u32 = 8;

// eax
const TYPE_MASK: u32 = 31;
const TYPE_NONE: u32 = 0;
const TYPE_DATA: u32 = 1;
const TYPE_INSTRUCTION: u32 = 2;
const LEVEL_SHIFT: u32 = 5;
const LEVEL_MASK: u32 = 7;
// ebx: each is one less than what it says
const LINE_MASK: u32 = 0xfff;
const PARTITIONS_SHIFT: u32 = 12;
const PARTITIONS_MASK: u32 = 0x3ff;
const WAYS_SHIFT: u32 = 22;

/** The files of a cache, in the order of their numbers. */
export const CACHE_FIELDS: StaticArray<string> = [
  "level",
  "type",
  "size",
  "coherency_line_size",
  "physical_line_partition",
  "ways_of_associativity",
  "number_of_sets",
  "shared_cpu_map",
  "shared_cpu_list",
];

/** Loads what a leaf says of a cache; false when that leaf knows no such cache. */
function loadLeaf(leaf: u32, highestLeaf: u32, index: u32): bool {
  cpuid(highestLeaf, 0, REGISTERS);
  if (load<u32>(REGISTERS) < leaf) return false;
  cpuid(leaf, index, REGISTERS);
  return (load<u32>(REGISTERS) & TYPE_MASK) != TYPE_NONE;
}

function loadCache(index: u32): bool {
  return (
    loadLeaf(LEAF_CACHES, LEAF_HIGHEST, index) ||
    loadLeaf(LEAF_CACHES_AMD, LEAF_HIGHEST_EXTENDED, index)
  );
}

export function cacheCount(): u32 {
  let count: u32 = 0;
  while (count < CACHES_MAX && loadCache(count)) count++;
  return count;
}

/** One line: what a file of a cache says. There is one CPU that could share it. */
export function putCacheField(out: TextBuffer, index: u32, field: u32): void {
  if (!loadCache(index)) return;
  const kind = load<u32>(REGISTERS);
  const shape = load<u32>(REGISTERS, 4);
  const type = kind & TYPE_MASK;
  const lineSize = (shape & LINE_MASK) + 1;
  const partitions = ((shape >> PARTITIONS_SHIFT) & PARTITIONS_MASK) + 1;
  const ways = (shape >> WAYS_SHIFT) + 1;
  const sets = load<u32>(REGISTERS, 8) + 1;
  switch (field) {
    case 0:
      out.decimal((kind >> LEVEL_SHIFT) & LEVEL_MASK);
      break;
    case 1:
      if (type == TYPE_DATA) out.put("Data");
      else out.put(type == TYPE_INSTRUCTION ? "Instruction" : "Unified");
      break;
    case 2:
      out.decimal((<u64>lineSize * partitions * ways * sets) >> 10).put("K");
      break;
    case 3:
      out.decimal(lineSize);
      break;
    case 4:
      out.decimal(partitions);
      break;
    case 5:
      out.decimal(ways);
      break;
    case 6:
      out.decimal(sets);
      break;
    case 7:
      out.put("1");
      break;
    default:
      out.put("0");
  }
  out.put("\n");
}
