/**
 * Virtual memory areas: what is mapped in the application's half, in a balanced tree by address.
 *
 *     vmaFind(address)             the area that contains the address, or null
 *     vmaFirstFrom(address)        the first area that ends behind the address
 *     vmaInsert(area), vmaRemove(area)
 *     vmaFindGap(size, low, high)  the highest free range below `high`
 *     vmaGeneration()              what it was before a sleep: no area has changed since
 *
 * The tree is a treap: a binary search tree by start address that is a heap by random priority, so
 * its expected depth is logarithmic whatever the order of insertion. Every node knows the lowest
 * start, the highest end and the largest gap between areas of its subtree; these depend on the
 * children only, so a split or merge recomputes them on its way, and a gap is found in O(log n). An
 * area's start and end are changed only while it is out of the tree.
 */
import { File } from "../fs/file";
import { PageSource } from "../fs/page-source";

export const PROT_READ: u32 = 1;
export const PROT_WRITE: u32 = 2;
export const PROT_EXEC: u32 = 4;

/** Writes go to the source and not to a private copy. */
export const VMA_SHARED: u32 = 1;
/** May become writable: a private mapping, or a shared one of a file opened for writing. */
export const VMA_MAY_WRITE: u32 = 2;
/** 2 MiB pages at once (MADV_HUGEPAGE), never (MADV_NOHUGEPAGE). */
export const VMA_LARGE: u32 = 4;
export const VMA_SMALL: u32 = 8;
/** For /proc/self/maps. */
export const VMA_STACK: u32 = 16;
export const VMA_HEAP: u32 = 32;
/** mlock(2): its pages stay. */
export const VMA_LOCKED: u32 = 64;
/** MAP_GROWSDOWN: see mem/stack-growth.ts. */
export const VMA_GROWS_DOWN: u32 = 128;

@unmanaged
export class Vma {
  start: u64;
  end: u64;
  protection: u32;
  flags: u32;
  /** Null: anonymous memory. Otherwise this holds a reference on it. */
  source: PageSource | null;
  /** The file that `source` is of, with a reference: its name is in /proc/self/maps. */
  file: File | null;
  /** Offset in the source, in pages, of `start`. */
  pageOffset: u64;
  /**
   * Where the last fault's pages ended, and how many they were: the next one there takes twice as
   * many.
   */
  faultEnd: u64;
  faultWindow: u32;

  // Of the tree.
  weight: u32;
  left: Vma | null;
  right: Vma | null;
  lowest: u64;
  highest: u64;
  largestGap: u64;
}

let root: Vma | null = null;
let count: u32 = 0;
let randomState: u32 = 0x9e3779b9;
/**
 * Changes whenever what some address means does: with every area that comes, goes, or changes its
 * rights. Who sleeps with an area in hand compares it afterwards. The address of an area is no
 * proof: its memory may be another area by then.
 */
let generation: u64 = 0;

export function vmaGeneration(): u64 {
  return generation;
}

/** An area has changed in its place: its rights, its flags, or its source's pages. */
export function vmaChanged(): void {
  generation++;
}

/** Xorshift (Marsaglia, 2003): balance needs no secrecy. */
function nextWeight(): u32 {
  randomState ^= randomState << 13;
  randomState ^= randomState >> 17;
  randomState ^= randomState << 5;
  return randomState;
}

export function vmaCount(): u32 {
  return count;
}

function update(node: Vma): void {
  const left = node.left;
  const right = node.right;
  let gap: u64 = 0;
  node.lowest = node.start;
  node.highest = node.end;
  if (left) {
    node.lowest = left.lowest;
    gap = max(left.largestGap, node.start - left.highest);
  }
  if (right) {
    node.highest = right.highest;
    gap = max(gap, max(right.largestGap, right.lowest - node.end));
  }
  node.largestGap = gap;
}

/** All of `low` lies below all of `high`. */
function merge(low: Vma | null, high: Vma | null): Vma | null {
  if (!low) return high;
  if (!high) return low;
  if (low.weight > high.weight) {
    low.right = merge(low.right, high);
    update(low);
    return low;
  }
  high.left = merge(low, high.left);
  update(high);
  return high;
}

function insertInto(node: Vma | null, area: Vma): Vma {
  if (!node) {
    update(area);
    return area;
  }
  if (area.weight > node.weight) {
    splitAround(node, area);
    update(area);
    return area;
  }
  if (area.start < node.start) node.left = insertInto(node.left, area);
  else node.right = insertInto(node.right, area);
  update(node);
  return node;
}

/**
 * Splits a subtree into the areas that start below `middle`, which become its left subtree, and the
 * rest, which become its right one.
 */
function splitAround(node: Vma | null, middle: Vma): void {
  if (!node) {
    middle.left = null;
    middle.right = null;
    return;
  }
  if (node.start < middle.start) {
    splitAround(node.right, middle);
    node.right = middle.left;
    update(node);
    middle.left = node;
  } else {
    splitAround(node.left, middle);
    node.left = middle.right;
    update(node);
    middle.right = node;
  }
}

function removeFrom(node: Vma | null, area: Vma): Vma | null {
  if (!node) {
    assert(false, "the area is in the tree");
    return null;
  }
  if (node == area) return merge(node.left, node.right);
  if (area.start < node.start) node.left = removeFrom(node.left, area);
  else node.right = removeFrom(node.right, area);
  update(node);
  return node;
}

export function vmaInsert(area: Vma): void {
  area.left = null;
  area.right = null;
  area.weight = nextWeight();
  root = insertInto(root, area);
  count++;
  generation++;
}

export function vmaRemove(area: Vma): void {
  root = removeFrom(root, area);
  count--;
  generation++;
}

export function vmaFind(address: u64): Vma | null {
  let node = root;
  while (node) {
    if (address < node.start) node = node.left;
    else if (address >= node.end) node = node.right;
    else return node;
  }
  return null;
}

/** The area with the lowest address that ends behind `address`. */
export function vmaFirstFrom(address: u64): Vma | null {
  let node = root;
  let best: Vma | null = null;
  while (node) {
    if (node.end > address) {
      best = node;
      node = node.left;
    } else {
      node = node.right;
    }
  }
  return best;
}

/** The area that ends at or below `address` and is closest to it. */
export function vmaLastBelow(address: u64): Vma | null {
  let node = root;
  let best: Vma | null = null;
  while (node) {
    if (node.end <= address) {
      best = node;
      node = node.right;
    } else {
      node = node.left;
    }
  }
  return best;
}

/**
 * The end of the highest gap of `size` bytes in a subtree and in the free space around it, within
 * [low, high).
 */
function gapIn(node: Vma | null, size: u64, low: u64, high: u64): u64 {
  if (high < low || high - low < size) return 0;
  if (!node) return high;
  if (node.highest <= low || node.lowest >= high) return high;
  // The subtree as a whole: is any gap in it large enough?
  const above = max(low, node.highest);
  if (high > above && high - above >= size) return high;
  if (node.largestGap < size) {
    const below = min(high, node.lowest);
    return below > low && below - low >= size ? below : 0;
  }
  const found = gapIn(node.right, size, max(low, node.end), high);
  if (found != 0) return found;
  return gapIn(node.left, size, low, min(high, node.start));
}

/** The start of the highest free range of `size` bytes within [low, high), or 0. */
export function vmaFindGap(size: u64, low: u64, high: u64): u64 {
  const end = gapIn(root, size, low, high);
  return end == 0 ? 0 : end - size;
}
