/*
 * A made-up CPU for kernel modules in Node: what CPUID says of it, by leaf and index. It has few
 * features, and two kinds of leaves about its caches, each of which knows some of them.
 *
 *     cpuidOf(leaf, index)      eax, ebx, ecx, edx
 */
const LEAF_CACHES = 4;
const LEAF_CACHES_AMD = 0x8000001d;
const EXTENDED = 0x80000000;

const word = (text: string): number => Buffer.from(text.padEnd(4, "\0"), "latin1").readUInt32LE(0);
const words = (text: string): number[] => [0, 4, 8, 12].map((at) => word(text.slice(at, at + 4)));

/** As both leaves have it: each count is one less than what it says. */
function cache(type: number, level: number, partitions: number, ways: number, sets: number) {
  const lineSize = 64;
  const shape = (lineSize - 1) | ((partitions - 1) << 12) | ((ways - 1) << 22);
  return [type | (level << 5), shape, sets - 1, 0];
}

const MODEL = "A CPU that unit tests have made up";

const LEAVES = new Map<string, readonly number[]>([
  ["0.0", [7, word("Virg"), word("eCPU"), word("aFak")]],
  // Family 6, model 0x9e, stepping 10; pni and sse4_2; fpu and sse2.
  ["1.0", [0x000906ea, 0, (1 << 0) | (1 << 20), (1 << 0) | (1 << 26)]],
  [`${LEAF_CACHES}.0`, cache(1, 1, 1, 8, 64)],
  [`${LEAF_CACHES}.1`, cache(2, 1, 2, 4, 64)],
  [`${LEAF_CACHES_AMD}.2`, cache(3, 2, 1, 16, 1024)],
  [`${LEAF_CACHES_AMD}.3`, cache(3, 3, 1, 16, 16384)],
  // erms
  ["7.0", [0, 1 << 9, 0, 0]],
  [`${EXTENDED}.0`, [LEAF_CACHES_AMD, 0, 0, 0]],
  // lahf_lm; lm
  [`${EXTENDED + 1}.0`, [0, 0, 1 << 0, 1 << 29]],
  [`${EXTENDED + 2}.0`, words(MODEL.slice(0, 16))],
  [`${EXTENDED + 3}.0`, words(MODEL.slice(16, 32))],
  [`${EXTENDED + 4}.0`, words(MODEL.slice(32))],
  // 39 bits physical, 48 bits virtual
  [`${EXTENDED + 8}.0`, [39 | (48 << 8), 0, 0, 0]],
]);

export function cpuidOf(leaf: number, index: number): readonly number[] {
  return LEAVES.get(`${leaf >>> 0}.${index >>> 0}`) ?? [0, 0, 0, 0];
}
