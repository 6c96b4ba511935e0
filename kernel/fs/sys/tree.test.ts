import { expect, expectEqual, test } from "../../lib/testing";
import { fsInit } from "../init";
import { contentsOf, namesIn, testMemory } from "../testing";
import { CACHE_FIELDS, cacheCount } from "./cache";

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

test("sys: the caches that CPUID tells of, each with all its files", () => {
  boot();
  const folder = "/sys/devices/system/cpu/cpu0/cache";
  const names = namesIn(folder);
  expectEqual(names.length, cacheCount(), "caches");
  for (let i = 0; i < names.length; i++) {
    const files = namesIn(folder + "/" + names[i]);
    expectEqual(files.length, CACHE_FIELDS.length, "files");
    expect(contentsOf(folder + "/" + names[i] + "/size")!.endsWith("K\n"), "size");
  }
});

test("sys: large pages", () => {
  boot();
  const folder = "/sys/kernel/mm/";
  expect(contentsOf(folder + "hugepages/hugepages-2048kB/nr_hugepages")! == "0\n", "none");
  expect(contentsOf(folder + "transparent_hugepage/enabled")!.includes("[madvise]"), "chosen");
});
