import { expect, expectEqual, test } from "../../lib/testing";
import { TextBuffer } from "../../lib/text-buffer";
import { heapObjectsInUse } from "../../runtime/heap";
import { filePut, O_RDONLY, O_WRONLY } from "../file";
import { fsInit } from "../init";
import { ProcessInfo, setProcessInfo } from "../process-info";
import { Stat } from "../stat";
import { contentsOf, namesIn, opened, readAt, testMemory, writeText } from "../testing";
import { SEEK_CUR, SEEK_END, SEEK_SET } from "../vfs-file";

// Texts of /proc as a reader takes them apart: what two of them tell has to be the same.

const buffer: usize = memory.data(4096);

function boot(): void {
  testMemory();
  expectEqual(fsInit(null, 0, 0), 0, "mounted");
}

/** On three processors, with a network that has a name server. */
class TestProcess extends ProcessInfo {
  cpuCount(): u32 {
    return 3;
  }

  nameServers(out: TextBuffer): void {
    out.put("nameserver 10.0.2.3\n");
  }

  nameServersChangedNs(): u64 {
    return 1_000_000_007;
  }
}

/** The decimal number that a text is. */
function decimal(text: string): i64 {
  let value: i64 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    expect(digit >= 0 && digit <= 9, text);
    value = value * 10 + digit;
  }
  expect(text.length > 0, "digits");
  return value;
}

/** What follows `key`, and blanks, in the line of a text that begins with it. */
function field(text: string, key: string): string {
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].startsWith(key)) return lines[i].substring(key.length).trim();
  }
  expect(false, key);
  return "";
}

/** The number at the beginning of that. */
function numberOf(text: string, key: string): i64 {
  return decimal(field(text, key).split(" ")[0]);
}

test("proc: stat and status tell the same of a process", () => {
  boot();
  const stat = contentsOf("/proc/self/stat")!.trim().split(" ");
  const status = contentsOf("/proc/self/status")!;
  expectEqual(decimal(stat[0]), numberOf(status, "Pid:"), "its number");
  expectEqual(decimal(stat[3]), numberOf(status, "PPid:"), "its parent's");
  expectEqual(decimal(stat[19]), numberOf(status, "Threads:"), "threads");
  expect(stat[1] == "(" + field(status, "Name:") + ")", "its name");
  expect(field(status, "State:").startsWith(stat[2]), "its state");
  expect(contentsOf("/proc/self/comm")!.trim() == field(status, "Name:"), "the name alone");
  expect(contentsOf("/proc/self/task/1/comm")! == contentsOf("/proc/self/comm")!, "its thread's");
  expectEqual(numberOf(status, "Tgid:"), 1, "the group");
  expectEqual(namesIn("/proc/self/task").length, <i32>numberOf(status, "Threads:"), "listed");
});

test("proc: each processor has its lines in cpuinfo, and in stat", () => {
  boot();
  const text = contentsOf("/proc/cpuinfo")!;
  const processors = text.split("processor\t: ").length - 1;
  expectEqual(processors, 1, "one");
  expect(text.endsWith("\n\n"), "an empty line is behind each");
  expect(field(text, "siblings\t:") == "1" && field(text, "cpu cores\t:") == "1", "so many");
  expect(numberOf(text, "cpu family\t:") >= 0, "its family");
  const stat = contentsOf("/proc/stat")!;
  expect(field(stat, "cpu ") == field(stat, "cpu0 "), "all of them are the first");
  expectEqual(field(stat, "cpu0 ").split(" ").length, 10, "ten kinds of time");
  expect(numberOf(stat, "processes ") >= 0, "threads ever made");
  const uptime = contentsOf("/proc/uptime")!.trim().split(" ");
  expectEqual(uptime.length, 2, "up, and idle");
  expectEqual(uptime[0].split(".")[1].length, 2, "hundredths");
  expect(f64.parse(uptime[1]) <= f64.parse(uptime[0]), "no more idle than up");
});

test("proc: cpuinfo is what CPUID says, of each processor", () => {
  boot();
  setProcessInfo(new TestProcess());
  const text = contentsOf("/proc/cpuinfo")!;
  // As toolchain/fake-cpuid.ts has it.
  expect(field(text, "vendor_id\t:") == "VirgaFakeCPU", "vendor");
  expect(field(text, "model name\t:") == "A CPU that unit tests have made up", "name");
  expectEqual(numberOf(text, "cpu family\t:"), 6, "family");
  expectEqual(numberOf(text, "model\t\t:"), 0x9e, "model");
  expectEqual(numberOf(text, "stepping\t:"), 10, "stepping");
  expectEqual(numberOf(text, "cpuid level\t:"), 7, "leaves");
  expect(field(text, "flags\t\t:") == "fpu sse2 pni sse4_2 lm lahf_lm erms", "flags");
  expect(field(text, "address sizes\t:") == "39 bits physical, 48 bits virtual", "sizes");
  expectEqual(text.split("processor\t: ").length - 1, 3, "processors");
  expect(text.includes("processor\t: 2\n") && !text.includes("processor\t: 3\n"), "from 0 on");
  const status = contentsOf("/proc/self/status")!;
  expect(field(status, "Cpus_allowed:") == "7", "a bit for each");
  expect(field(status, "Cpus_allowed_list:") == "0-2", "and as a list");
});

test("proc: the name servers' text has a size and a time", () => {
  boot();
  setProcessInfo(new TestProcess());
  const text = contentsOf("/proc/net/pnp")!;
  expect(text == "nameserver 10.0.2.3\n", text);
  const file = opened("/proc/net/pnp", O_RDONLY);
  const stat = new Stat();
  const before = heapObjectsInUse();
  stat.reset(0);
  file.stat(stat);
  expectEqual(stat.size, text.length, "its size");
  expectEqual(stat.mtime * 1_000_000_000 + stat.mtimeNs, 1_000_000_007, "its time");
  expectEqual(stat.ctime * 1_000_000_000 + stat.ctimeNs, 1_000_000_007, "and the inode's");
  expectEqual(heapObjectsInUse(), before, "nothing stays");
  filePut(file);
});

test("proc: a text is read in pieces, from anywhere, and made anew at its beginning", () => {
  boot();
  const path = "/proc/sys/kernel/hostname";
  const whole = contentsOf("/proc/version")!;
  const file = opened("/proc/version", O_RDONLY);
  let length = 0;
  for (let at = 0; ; at += 7) {
    const n = <i32>readAt(file, at, buffer + <usize>length, 7);
    if (n == 0) break;
    length += n;
  }
  expect(String.UTF8.decodeUnsafe(buffer, length) == whole, "the pieces are the whole");
  expectEqual(readAt(file, length, buffer, 1), 0, "the end");
  expectEqual(readAt(file, length + 1000, buffer, 1), 0, "and behind it");
  expectEqual(readAt(file, -1, buffer, 1), -22, "there is nothing before the beginning");
  expectEqual(file.seek(5, SEEK_SET), 5, "set");
  expectEqual(file.seek(2, SEEK_CUR), 7, "moved");
  expectEqual(file.seek(-8, SEEK_CUR), -22, "not before the beginning");
  expectEqual(file.seek(0, SEEK_END), 0, "its end is not known");
  filePut(file);
  const reader = opened(path, O_RDONLY);
  const writer = opened(path, O_WRONLY);
  expectEqual(writeText(writer, "one"), 3, "written");
  expectEqual(readAt(reader, 0, buffer, 9), 4, "with a newline");
  expectEqual(writeText(writer, "three"), 5, "again, as a whole");
  expectEqual(readAt(reader, 1, buffer, 9), 3, "who reads on reads what was");
  expectEqual(readAt(reader, 0, buffer, 9), 6, "who begins reads what is");
  expectEqual(writeText(writer, ""), 0, "nothing is no setting");
  expect(contentsOf(path)! == "three\n", "and changes none");
  filePut(reader);
  filePut(writer);
});
