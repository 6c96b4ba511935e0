import { EACCES, EROFS } from "../lib/errno";
import { loadFixture } from "../lib/fixture";
import { expect, expectEqual, test } from "../lib/testing";
import { filePut, O_RDONLY, O_RDWR, O_WRONLY } from "./file";
import { fsInit } from "./init";
import { dentryPath, rootDirectory } from "./mount";
import { PageSource } from "./page-source";
import { WALK_FOLLOW, walkPut } from "./path-walk";
import {
  contentsOf,
  FIXTURE_ADDRESS,
  list,
  open,
  opened,
  putFile,
  readAt,
  resolve,
  testMemory,
  walkedInode,
  walkTo,
  writeText,
} from "./testing";

function boot(): void {
  testMemory();
  const size = loadFixture("compact.erofs", FIXTURE_ADDRESS);
  expectEqual(fsInit(null, FIXTURE_ADDRESS, size), 0, "mounted");
}

test("init: a boot module is the root, used in place", () => {
  boot();
  expect(contentsOf("/etc/hosts")! == "127.0.0.1 localhost\n", "a file of the image");
  const file = opened("/aligned", O_RDONLY);
  const page = changetype<PageSource>(file.pageSource()).getPage(0);
  expect(<u64>page >= FIXTURE_ADDRESS, "the page is the module's");
  filePut(file);
  putFile("/tmp/x", "scratch");
  putFile("/var/run", "scratch");
  expect(contentsOf("/tmp/../tmp/x")! == "scratch", "written");
});

test("init: a module that is not page-aligned is copied page by page", () => {
  testMemory();
  const size = loadFixture("compact.erofs", FIXTURE_ADDRESS + 512);
  expectEqual(fsInit(null, FIXTURE_ADDRESS + 512, size), 0, "mounted");
  expect(contentsOf("/etc/hosts") != null, "a file of the image");
});

test("init: without an image the root is empty", () => {
  testMemory();
  expectEqual(fsInit(null, 0, 0), 0, "mounted");
  putFile("/x", "y");
});

test("devfs: null, zero, full, random", () => {
  boot();
  const buffer = new StaticArray<u8>(64);
  const pointer = changetype<usize>(buffer);
  let file = opened("/dev/null", O_RDWR);
  expectEqual(writeText(file, "12345"), 5, "swallowed");
  expectEqual(readAt(file, 0, pointer, 64), 0, "nothing");
  filePut(file);
  buffer[63] = 7;
  file = opened("/dev/zero", O_RDONLY);
  expectEqual(readAt(file, 0, pointer, 64), 64, "zeros");
  expectEqual(buffer[63], 0, "zero");
  filePut(file);
  file = opened("/dev/full", O_WRONLY);
  expectEqual(writeText(file, "1"), -28, "ENOSPC");
  filePut(file);
  file = opened("/dev/urandom", O_RDONLY);
  expectEqual(readAt(file, 0, pointer, 64), 64, "random");
  filePut(file);
  expect(list("/dev", 4096) > 10, "listed");
  putFile("/dev/shm/segment", "shared");
});

test("procfs: texts are made, again at each reading from the start", () => {
  boot();
  expect(contentsOf("/proc/meminfo")!.startsWith("MemTotal:"), "meminfo");
  expect(contentsOf("/proc/self/status")!.startsWith("Name:\tinit\nUmask:\t0022\n"), "status");
  expect(contentsOf("/proc/self/stat")!.split(" ").length == 52, "52 fields");
  expect(contentsOf("/proc/sys/vm/overcommit_memory")! == "1\n", "a number");
  expect(contentsOf("/proc/mounts")!.includes("proc /proc proc rw"), "mounts");
  expect(contentsOf("/proc/self/task/1/comm")! == "init\n", "a thread");
  expect(contentsOf("/sys/devices/system/cpu/online")! == "0\n", "sysfs");
  expect(
    contentsOf("/proc/self/limits")!.includes("Max open files            unlimited "),
    "limits",
  );
  expect(contentsOf("/proc/cpuinfo")!.startsWith("processor\t: 0\n"), "cpuinfo");
  expect(contentsOf("/proc/1/mountinfo") != null, "mountinfo");
  expectEqual(contentsOf("/proc/sys/kernel/random/uuid")!.length, 37, "a UUID");
  expectEqual(<i32>open("/proc/meminfo", O_RDWR), -EACCES, "not writable");
  expectEqual(<i32>open("/proc/new", 0o102), -EROFS, "nothing can be made");
  expect(list("/proc", 4096) > 12, "listed");
  expectEqual(list("/proc/self/task", 4096), 3, "one thread");
  expectEqual(list("/proc/self/fd", 4096), 2, "no descriptors");
  expect(contentsOf("/proc/self/fd/3") == null, "none");
});

test("procfs: links that lead to places", () => {
  boot();
  expectEqual(resolve("/proc/self/root/etc", WALK_FOLLOW), 0, "the root");
  const etc = walkedInode;
  resolve("/etc", 0);
  expectEqual(walkedInode, etc, "the same");
  expectEqual(resolve("/proc/self/exe", WALK_FOLLOW), -2, "no program yet");
});

test("mount: the path of a dentry crosses mounts", () => {
  boot();
  const buffer = new StaticArray<u8>(4096);
  const walk = walkTo("/dev/shm/../shm");
  expectEqual(walk.run(rootDirectory(), 0), 0, "there");
  const length = dentryPath(walk.dentry!, changetype<usize>(buffer), 4096);
  walkPut(walk);
  const text = String.UTF8.decodeUnsafe(changetype<usize>(buffer), length);
  expect(text == "/dev/shm", "the path");
  expectEqual(dentryPath(rootDirectory(), changetype<usize>(buffer), 4096), 1, "the root's");
});
