import { expect, expectEqual, test } from "../../lib/testing";
import { TextBuffer } from "../../lib/text-buffer";
import { fsInit } from "../init";
import { contentsOf, namesIn, testMemory } from "../testing";
import { CACHE_FIELDS, cacheCount, putCacheField } from "./cache";

function boot(): void {
  testMemory();
  expectEqual(fsInit(null, 0, 0), 0, "mounted");
}

test("sys: one CPU on one node", () => {
  boot();
  const cpu = "/sys/devices/system/cpu/";
  expect(contentsOf(cpu + "online")! == "0\n", "online");
  expect(contentsOf(cpu + "kernel_max")! == "0\n", "kernel_max");
  expect(contentsOf(cpu + "cpu0/topology/core_id")! == "0\n", "core");
  expect(contentsOf(cpu + "cpu0/topology/package_cpus")! == "1\n", "map");
  expect(contentsOf(cpu + "cpu0/topology/thread_siblings_list")! == "0\n", "list");
  expect(contentsOf(cpu + "cpu0/node0/cpulist")! == "0\n", "the link to its node");
  expect(contentsOf("/sys/devices/system/node/node0/cpu0/topology/die_id")! == "0\n", "and back");
  expect(contentsOf("/sys/devices/system/node/node0/distance")! == "10\n", "distance");
});

/** What the files of a cache say, in one line. */
function cacheText(name: string): string {
  const folder = "/sys/devices/system/cpu/cpu0/cache/" + name + "/";
  let all = "";
  for (let i = 0; i < CACHE_FIELDS.length; i++) {
    all += contentsOf(folder + CACHE_FIELDS[i])!.replace("\n", " ");
  }
  return all;
}

test("sys: the caches that CPUID tells of, each with all its files", () => {
  boot();
  const folder = "/sys/devices/system/cpu/cpu0/cache";
  const names = namesIn(folder);
  expectEqual(names.length, 4, "caches");
  expectEqual(cacheCount(), 4, "known by two leaves");
  for (let i = 0; i < names.length; i++) {
    expectEqual(namesIn(folder + "/" + names[i]).length, CACHE_FIELDS.length, "files");
  }
  // As toolchain/fake-cpuid.ts has them.
  expect(cacheText("index0") == "1 Data 32K 64 1 8 64 1 0 ", cacheText("index0"));
  expect(cacheText("index1") == "1 Instruction 32K 64 2 4 64 1 0 ", cacheText("index1"));
  expect(cacheText("index2") == "2 Unified 1024K 64 1 16 1024 1 0 ", cacheText("index2"));
  expect(cacheText("index3") == "3 Unified 16384K 64 1 16 16384 1 0 ", cacheText("index3"));
});

test("sys: what is told of a cache that there is not is nothing", () => {
  boot();
  const out = new TextBuffer();
  putCacheField(out, 4, 0);
  expectEqual(out.length, 0, "bytes");
});

test("sys: large pages", () => {
  boot();
  const folder = "/sys/kernel/mm/";
  expect(contentsOf(folder + "hugepages/hugepages-2048kB/nr_hugepages")! == "0\n", "none");
  expect(contentsOf(folder + "transparent_hugepage/enabled")!.includes("[madvise]"), "chosen");
});
