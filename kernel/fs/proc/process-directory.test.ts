import { EACCES, EINVAL } from "../../lib/errno";
import { expect, expectEqual, test } from "../../lib/testing";
import { filePut, O_RDONLY, O_RDWR, O_WRONLY } from "../file";
import { fsInit } from "../init";
import { contentsOf, namesIn, open, opened, testMemory, writeText } from "../testing";

function boot(): void {
  testMemory();
  expectEqual(fsInit(null, 0, 0), 0, "mounted");
}

/** What writing a text to a file gives. */
function write(path: string, text: string): i64 {
  const file = opened(path, O_WRONLY);
  const result = writeText(file, text);
  filePut(file);
  return result;
}

test("process directory: each name that is listed is there", () => {
  boot();
  const names = namesIn("/proc/1");
  expect(names.includes("smaps_rollup") && names.includes("ns") && names.includes("task"), "some");
  for (let i = 0; i < names.length; i++) {
    const isLinkToNothing = names[i] == "exe";
    const opened = <i32>open("/proc/1/" + names[i], O_RDONLY) > 0;
    expect(opened || isLinkToNothing, names[i]);
  }
});

test("process directory: a thread's has what is not the process' alone", () => {
  boot();
  const names = namesIn("/proc/1/task/1");
  expect(names.includes("schedstat") && names.includes("fdinfo"), "some");
  expect(!names.includes("coredump_filter") && !names.includes("task"), "of the process alone");
  expectEqual(<i32>open("/proc/1/task/2", O_RDONLY), -2, "no such thread");
});

test("process directory: oom_score_adj is kept, and oom_adj is the same in another scale", () => {
  boot();
  expectEqual(write("/proc/self/oom_score_adj", "-1000\n"), 6, "written");
  expect(contentsOf("/proc/self/oom_score_adj")! == "-1000\n", "kept");
  expect(contentsOf("/proc/self/oom_adj")! == "-17\n", "never");
  expectEqual(write("/proc/self/oom_adj", "15"), 2, "always");
  expect(contentsOf("/proc/self/oom_score_adj")! == "1000\n", "the most");
  expectEqual(write("/proc/self/oom_score_adj", "1001"), -EINVAL, "too much");
  expectEqual(write("/proc/self/oom_score_adj", "much"), -EINVAL, "no number");
  expectEqual(write("/proc/self/oom_adj", "-18"), -EINVAL, "too little");
});

test("process directory: a core file's filter has the bits there are", () => {
  boot();
  expect(contentsOf("/proc/self/coredump_filter")! == "00000033\n", "at first");
  expectEqual(write("/proc/self/coredump_filter", "0xffff7f"), 8, "written");
  expect(contentsOf("/proc/self/coredump_filter")! == "0000017f\n", "kept");
});

test("process directory: what nobody takes can't be opened for writing", () => {
  boot();
  expectEqual(<i32>open("/proc/self/status", O_WRONLY), -EACCES, "a text");
  expectEqual(<i32>open("/proc/sys/vm/max_map_count", O_RDWR), -EACCES, "a number");
});

test("settings: the names of the machine can be written", () => {
  boot();
  expectEqual(write("/proc/sys/kernel/hostname", "squid\n"), 6, "written");
  expect(contentsOf("/proc/sys/kernel/hostname")! == "squid\n", "kept");
  expectEqual(write("/proc/sys/kernel/hostname", "x".repeat(65)), -EINVAL, "too long");
});

test("settings: each number is one", () => {
  boot();
  const folders: string[] = ["kernel", "vm", "fs"];
  let count = 0;
  for (let i = 0; i < folders.length; i++) {
    const folder = "/proc/sys/" + folders[i] + "/";
    const names = namesIn(folder);
    for (let j = 0; j < names.length; j++) {
      const text = contentsOf(folder + names[j]);
      if (text && text.charCodeAt(0) >= 48 && text.charCodeAt(0) <= 57) count++;
    }
  }
  expect(count > 30, "numbers");
});

test("memory: free blocks of all sizes add up to the free pages", () => {
  boot();
  const text = contentsOf("/proc/buddyinfo")!;
  expect(text.startsWith("Node 0, zone   Normal "), text);
  const counts = text.substring(22).trim().split(" ");
  let pages: i64 = 0;
  let order = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i].length > 0) pages += i64.parse(counts[i]) << order++;
  }
  expectEqual(order, 11, "sizes");
  const free = contentsOf("/proc/zoneinfo")!;
  const at = free.indexOf("pages free") + 10;
  expectEqual(pages, i64.parse(free.substring(at, free.indexOf("\n", at)).trim()), "pages");
});
