import { expect, test } from "../lib/testing";
import { isRestartable } from "./restart";
import { putSyscallName } from "./syscall-names";

/** signal(7): what says EINTR whatever the handler's flags. */
const STOPPING: string[] = (
  "poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2 nanosleep clock_nanosleep " +
  "pause rt_sigsuspend rt_sigtimedwait rt_sigreturn semop semtimedop msgsnd msgrcv " +
  "io_getevents io_pgetevents connect"
).split(" ");

const FUTEX: u64 = 202;
const LAST_NAMED: u64 = 450;
const TIMEOUT: u64 = 0x1000;

let name = "";

test("restarting: each call goes on after a handler but for those of signal(7)", () => {
  let stopping = 0;
  for (let number: u64 = 0; number <= LAST_NAMED; number++) {
    name = "";
    putSyscallName(number, (character: u32) => {
      name += String.fromCharCode(character);
    });
    const stops = STOPPING.includes(name);
    if (stops) stopping++;
    expect(isRestartable(number, 0) == !stops, name);
    if (number != FUTEX) expect(isRestartable(number, TIMEOUT) == !stops, name);
  }
  expect(stopping == STOPPING.length, "each of them has a number");
});

test("restarting: futex goes on unless it waits for a time", () => {
  expect(isRestartable(FUTEX, 0), "for ever");
  expect(!isRestartable(FUTEX, TIMEOUT), "with a timeout");
});
