import { addressOf, store64 } from "../arch/hw";
import { IoVector } from "../fs/io-vector";
import { EINVAL, EPERM } from "../lib/errno";
import { expect, expectEqual, test } from "../lib/testing";
import { sys_capget } from "./credential-calls";
import { fdLimit } from "./descriptors";
import { sys_prctl, sys_uname } from "./identity-calls";
import { sys_prlimit64, sys_setrlimit } from "./limits";
import {
  sys_timer_create,
  sys_timer_delete,
  sys_timer_gettime,
  sys_timer_settime,
} from "./posix-timers";
import { sys_getrandom } from "./random-calls";
import { sys_membarrier, sys_sysinfo } from "./resource-calls";
import { sys_sched_getaffinity } from "./scheduling-calls";
import {
  sys_clock_getres,
  sys_clock_gettime,
  sys_clock_nanosleep,
  sys_gettimeofday,
} from "./time-calls";
import { sys_alarm, sys_getitimer } from "./timer-calls";

/** An address of the application: in Node, its memory is physical memory. */
const USER: u64 = 0x200000;
const out: usize = memory.data(64, 8);

function user64(offset: u64): u64 {
  const io = new IoVector();
  io.setUser(USER + offset, 8);
  io.take(addressOf(out), 8);
  return load<u64>(out);
}

test("identity: uname, thread name, capabilities", () => {
  expectEqual(sys_uname(USER), 0, "uname");
  expectEqual(user64(0), 0x78756e694c, "Linux");
  expectEqual(user64(260) & 0xffffffffffff, 0x34365f363878, "x86_64");
  store64(USER, 0x6f6f6f6f6f6f6f6f);
  store64(USER + 8, 0x6f6f6f6f6f6f6f6f);
  expectEqual(sys_prctl(15, USER, 0, 0, 0), 0, "PR_SET_NAME");
  expectEqual(sys_prctl(16, USER + 32, 0, 0, 0), 0, "PR_GET_NAME");
  expectEqual(user64(40), 0x6f6f6f6f6f6f6f, "cut to 15 characters");
  expectEqual(sys_prctl(12345, 0, 0, 0, 0), -EINVAL, "unknown");
  store64(USER, 0x20080522);
  expectEqual(sys_capget(USER, USER + 64), 0, "capget");
  expectEqual(user64(64), 0xffffffffffffffff, "effective and permitted");
});

test("resources: limits are kept, the descriptors' takes effect", () => {
  expectEqual(sys_prlimit64(0, 3, 0, USER), 0, "stack");
  expectEqual(user64(0), 8 << 20, "8 MiB");
  store64(USER, 100);
  store64(USER + 8, 2000);
  expectEqual(sys_prlimit64(0, 7, USER, USER + 16), 0, "descriptors");
  expectEqual(user64(16), 65536, "the old one");
  expectEqual(fdLimit(), 100, "in effect");
  store64(USER, 3000);
  expectEqual(sys_setrlimit(7, USER), -EINVAL, "soft above hard");
  store64(USER + 8, 1 << 30);
  expectEqual(sys_setrlimit(7, USER), -EPERM, "too many");
  expectEqual(sys_prlimit64(0, 16, 0, USER), -EINVAL, "unknown");
  expectEqual(sys_sched_getaffinity(0, 128, USER), 8, "size of the mask");
  expectEqual(user64(0), 1, "one CPU");
  expectEqual(sys_sysinfo(USER), 0, "sysinfo");
  expectEqual(sys_membarrier(8, 0), 0, "expedited");
  expectEqual(sys_membarrier(24, 0), -EINVAL, "two commands");
});

test("time: clocks and their errors", () => {
  expectEqual(sys_clock_gettime(1, USER), 0, "monotonic");
  expectEqual(sys_clock_gettime(10, USER), -EINVAL, "unknown");
  expectEqual(sys_clock_getres(0, USER), 0, "resolution");
  expectEqual(user64(8), 1, "1 ns");
  expectEqual(sys_gettimeofday(USER, USER + 16), 0, "gettimeofday");
  store64(USER + 8, 1000000000);
  expectEqual(sys_clock_nanosleep(1, 0, USER, 0), -EINVAL, "not a fraction");
  expectEqual(sys_clock_nanosleep(3, 0, USER, 0), -95, "the own CPU clock");
});

test("timers: alarm and timer_create", () => {
  expectEqual(sys_alarm(10), 0, "none before");
  expectEqual(sys_getitimer(0, USER), 0, "getitimer");
  expectEqual(user64(16), 10, "seconds left");
  expectEqual(sys_alarm(0), 10, "the one before");
  expectEqual(sys_alarm(0), 0, "stopped");
  expectEqual(sys_timer_create(1, 0, USER), 0, "created");
  store64(USER, 0);
  store64(USER + 8, 5);
  store64(USER + 16, 7);
  store64(USER + 24, 0);
  expectEqual(sys_timer_settime(0, 0, USER, 0), 0, "set");
  expectEqual(sys_timer_gettime(0, USER + 64), 0, "get");
  expectEqual(user64(72), 5, "interval");
  expectEqual(user64(80), 7, "value");
  expectEqual(sys_timer_delete(0), 0, "deleted");
  expectEqual(sys_timer_delete(0), -EINVAL, "twice");
});

test("getrandom: fills what is asked for", () => {
  expectEqual(sys_getrandom(USER, 3000, 0), 3000, "all of it");
  expect(user64(2992) != 0, "to the end");
  expectEqual(sys_getrandom(USER, 1, 8), -EINVAL, "unknown flag");
});
