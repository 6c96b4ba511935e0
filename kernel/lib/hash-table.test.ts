import { HashNode, HashTable } from "./hash-table";
import { expect, expectEqual, test } from "./testing";

@unmanaged
class Numbered extends HashNode {
  value: u32;
}

/** A bad hash on purpose: many values share one. */
function hashOf(value: u32): u32 {
  return (value >> 2) * 0x9e3779b1;
}

function find(table: HashTable, value: u32): Numbered | null {
  let node = table.first(hashOf(value));
  while (node) {
    if (changetype<Numbered>(node).value == value) return changetype<Numbered>(node);
    node = HashTable.next(node);
  }
  return null;
}

test("hash table: what was inserted is found, across growth, until it is removed", () => {
  const table = new HashTable();
  for (let i: u32 = 0; i < 1000; i++) {
    const node = new Numbered();
    node.value = i;
    expect(table.insert(node, hashOf(i)), "inserted");
  }
  expectEqual(table.count, 1000, "count");
  for (let i: u32 = 0; i < 1000; i++) expect(find(table, i) != null, "found");
  expect(find(table, 1000) == null, "not inserted");
  for (let i: u32 = 0; i < 1000; i += 2) table.remove(find(table, i)!);
  for (let i: u32 = 0; i < 1000; i++) {
    expect((find(table, i) != null) == ((i & 1) == 1), "only the odd ones are left");
  }
  expectEqual(table.count, 500, "count after removal");
});
