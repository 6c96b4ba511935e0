/**
 * Damaged images: whatever the bytes say, reading them ends, with data or an error, and stays
 * inside the image.
 */
import { load8, store8 } from "../arch/hw";
import { MemoryBlockDevice } from "../dev/memory-block";
import { loadFixture } from "../lib/fixture";
import { setLogSink } from "../lib/log";
import { expect, test } from "../lib/testing";
import { DiskCache } from "./disk-cache";
import { erofsMount } from "./erofs";
import { File, filePut, O_DIRECTORY, O_RDONLY } from "./file";
import { Inode, isError } from "./inode";
import { mountAt } from "./mount";
import { shrinkPageCache } from "./page-cache";
import { WALK_FOLLOW } from "./path-walk";
import { contentsOf, FIXTURE_ADDRESS, fixtureAt, list, open, resolve, testMemory } from "./testing";

let seed: u32 = 0;

/** Numerical Recipes' linear congruential generator: only the upper bits are good. */
function random(below: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % below;
}

/** Reads everything there is to read; only that it ends matters. */
function explore(): void {
  contentsOf("/etc/hosts");
  contentsOf("/etc/empty");
  contentsOf("/aligned");
  contentsOf("/tail");
  contentsOf("/lib/aligned");
  contentsOf("/many/file-number-77");
  contentsOf("/many/file-number-x");
  resolve("/link/", WALK_FOLLOW);
  resolve("/loop", WALK_FOLLOW);
  const paths: StaticArray<string> = ["/", "/many", "/etc", "/usr/lib"];
  for (let i = 0; i < paths.length; i++) {
    const directory = open(paths[i], O_RDONLY | O_DIRECTORY);
    if (isError(directory)) continue;
    filePut(changetype<File>(directory));
    expect(list(paths[i], 4096) < 100000, "a listing ends");
  }
}

/** Mounts what is at the fixture's place and explores it. */
function tryImage(size: u64): void {
  const cache = new DiskCache(new MemoryBlockDevice(FIXTURE_ADDRESS, size));
  cache.register();
  const root = erofsMount(cache);
  if (isError(root)) return;
  mountAt(null, changetype<Inode>(root), "fuzz");
  explore();
  shrinkPageCache(100000);
}

/** The words of the superblock that aren't covered by a checksum once it is off. */
function disableChecksum(): void {
  const compatible = fixtureAt(1024 + 8);
  store8(compatible, load8(compatible) & ~1);
}

function fuzz(name: string, rounds: u32): void {
  testMemory();
  setLogSink((byte: u32) => {});
  const size = loadFixture(name, FIXTURE_ADDRESS);
  disableChecksum();
  for (let round: u32 = 0; round < rounds; round++) {
    seed = round;
    const flips: u32 = 1 + random(40);
    for (let i: u32 = 0; i < flips; i++) {
      // Half of them in the first pages, where the superblock and the root are.
      const at = random(random(2) == 0 ? 16384 : <u32>size);
      store8(fixtureAt(at), random(256));
    }
    tryImage(size);
    loadFixture(name, FIXTURE_ADDRESS);
    disableChecksum();
  }
}

test("erofs: damaged images with compact inodes are survived", () =>
  fuzz("small-compact.erofs", 200));
test("erofs: damaged images with extended inodes and chunks are survived", () =>
  fuzz("small-chunked.erofs", 200));

test("erofs: an image that is cut short is refused or survived", () => {
  testMemory();
  setLogSink((byte: u32) => {});
  const size = loadFixture("small-compact.erofs", FIXTURE_ADDRESS);
  disableChecksum();
  // The size in the superblock goes, so that only the device's end bounds it.
  for (let i: u64 = 0; i < 4; i++) store8(fixtureAt(1024 + 0x24 + i), 0);
  for (let cut: u64 = 0; cut < size; cut += 8192) tryImage(cut);
});

test("erofs: a wrong checksum of the superblock is refused", () => {
  testMemory();
  const size = loadFixture("small-compact.erofs", FIXTURE_ADDRESS);
  store8(fixtureAt(1024 + 0x40), 0x55);
  const cache = new DiskCache(new MemoryBlockDevice(FIXTURE_ADDRESS, size));
  expect(isError(erofsMount(cache)), "refused");
});
