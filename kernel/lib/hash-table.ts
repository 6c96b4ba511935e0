/**
 * An intrusive hash table: the objects themselves are the links, so inserting allocates nothing
 * (but a larger bucket array now and then).
 *
 *     @unmanaged class Thing extends HashNode { … }
 *     table.insert(thing, hash)      table.remove(thing)
 *     node = table.first(hash); node = HashTable.next(node)    all nodes with that hash: the
 *                                                              caller compares the key
 *
 * Chains are singly linked. The bucket array doubles when there are as many nodes as buckets; when
 * memory for that is short the chains just get longer. No lock of its own: the owner's rules hold.
 */
import { heapAlloc, heapFree } from "../runtime/heap";

/** The first fields of whatever is put in a table. */
@unmanaged
export class HashNode {
  hashNext: HashNode | null;
  hash: u32;
}

/** A quarter of a kilobyte: small enough for a table that stays nearly empty. */
const INITIAL_BUCKETS: u32 = 64;

@unmanaged
export class HashTable {
  private buckets: usize;
  private mask: u32;
  count: u32;

  constructor() {
    this.buckets = 0;
    this.mask = 0;
    this.count = 0;
  }

  /** The first node with this hash, or null. */
  first(hash: u32): HashNode | null {
    if (this.buckets == 0) return null;
    let node = load<HashNode | null>(this.buckets + ((<usize>(hash & this.mask)) << 2));
    while (node && node.hash != hash) node = node.hashNext;
    return node;
  }

  /** The next node with the same hash, or null. */
  static next(node: HashNode): HashNode | null {
    let next = node.hashNext;
    while (next && next.hash != node.hash) next = next.hashNext;
    return next;
  }

  /** Walks all nodes, in no particular order: the one after `node` (null: the first), or null. */
  anyAfter(node: HashNode | null): HashNode | null {
    if (this.buckets == 0) return null;
    let bucket: u32 = 0;
    if (node) {
      if (node.hashNext) return node.hashNext;
      bucket = (node.hash & this.mask) + 1;
    }
    for (; bucket <= this.mask; bucket++) {
      const first = load<HashNode | null>(this.buckets + ((<usize>bucket) << 2));
      if (first) return first;
    }
    return null;
  }

  /** Enters a node. False when there was no memory for the very first buckets. */
  insert(node: HashNode, hash: u32): bool {
    if (this.buckets == 0 || this.count > this.mask) this.grow();
    if (this.buckets == 0) return false;
    const bucket = this.buckets + ((<usize>(hash & this.mask)) << 2);
    node.hash = hash;
    node.hashNext = load<HashNode | null>(bucket);
    store<HashNode>(bucket, node);
    this.count++;
    return true;
  }

  /** Takes a node out that is in the table. */
  remove(node: HashNode): void {
    const bucket = this.buckets + ((<usize>(node.hash & this.mask)) << 2);
    let link = load<HashNode | null>(bucket);
    this.count--;
    if (link == node) {
      store<HashNode | null>(bucket, node.hashNext);
      node.hashNext = null;
      return;
    }
    while (link) {
      const next = link.hashNext;
      if (next == node) {
        link.hashNext = node.hashNext;
        node.hashNext = null;
        return;
      }
      link = next;
    }
    assert(false, "removed from a hash table that it is not in");
  }

  /** Gives back the bucket array; the nodes belong to the owner. */
  destroy(): void {
    if (this.buckets != 0) heapFree(this.buckets);
    this.buckets = 0;
    this.mask = 0;
    this.count = 0;
  }

  private grow(): void {
    const oldSize: u32 = this.buckets == 0 ? 0 : this.mask + 1;
    const size: u32 = oldSize == 0 ? INITIAL_BUCKETS : oldSize << 1;
    const buckets = heapAlloc((<usize>size) << 2);
    if (buckets == 0) return;
    memory.fill(buckets, 0, (<usize>size) << 2);
    for (let i: u32 = 0; i < oldSize; i++) {
      let node = load<HashNode | null>(this.buckets + ((<usize>i) << 2));
      while (node) {
        const next = node.hashNext;
        const bucket = buckets + ((<usize>(node.hash & (size - 1))) << 2);
        node.hashNext = load<HashNode | null>(bucket);
        store<HashNode>(bucket, node);
        node = next;
      }
    }
    if (this.buckets != 0) heapFree(this.buckets);
    this.buckets = buckets;
    this.mask = size - 1;
  }
}
