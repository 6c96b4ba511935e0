import { expect, expectEqual, test } from "../lib/testing";
import { Timer } from "./timer";
import {
  NEVER,
  setTimerHardware,
  timerHardwareFired,
  timersNextDeadline,
  timersRun,
} from "./timer-queue";

const COUNT = 64;

let fired = 0;
let lastDeadline: u64 = 0;
let programmed: u64 = 0;
let programmings = 0;
let seed: u32 = 12345;

class TestTimer extends Timer {
  period: u64 = 0;
  fire(): void {
    expect(this.deadline >= lastDeadline, "in order of deadlines");
    lastDeadline = this.deadline;
    fired++;
    if (this.period) this.arm(this.deadline + this.period);
  }
}

function random(bound: u32): u32 {
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % bound;
}

test("timers: random arming, moving, cancelling and firing agree with a model", () => {
  const timers: TestTimer[] = [];
  const deadlines: u64[] = [];
  for (let i = 0; i < COUNT; i++) {
    timers.push(new TestTimer());
    deadlines.push(0);
  }
  let now: u64 = 1;
  for (let step = 0; step < 20000; step++) {
    const i = random(COUNT);
    const what = random(8);
    if (what < 4) {
      deadlines[i] = now + 1 + random(500);
      timers[i].arm(deadlines[i]);
    } else if (what < 6) {
      deadlines[i] = 0;
      timers[i].cancel();
    } else {
      now += random(60);
      let due = 0;
      for (let j = 0; j < COUNT; j++) {
        if (deadlines[j] == 0 || deadlines[j] > now) continue;
        deadlines[j] = 0;
        due++;
      }
      fired = 0;
      lastDeadline = 0;
      timersRun(now);
      expectEqual(fired, due, "as many as are due");
    }
    let next = NEVER;
    for (let j = 0; j < COUNT; j++) {
      expect(timers[j].isArmed() == (deadlines[j] != 0), "armed or not");
      if (deadlines[j] != 0 && deadlines[j] < next) next = deadlines[j];
    }
    expect(timersNextDeadline() == next, "the next deadline");
  }
});

test("timers: the hardware is set only for an earlier deadline", () => {
  setTimerHardware((deadline: u64) => {
    programmed = deadline;
    programmings++;
  });
  const a = new TestTimer();
  const b = new TestTimer();
  a.arm(100);
  expectEqual(programmed, 100, "first");
  b.arm(200);
  expectEqual(programmings, 1, "a later one changes nothing");
  a.cancel();
  a.arm(150);
  expectEqual(programmings, 1, "the hardware goes off earlier anyway");
  b.arm(50);
  expectEqual(programmed, 50, "earlier");
  timerHardwareFired();
  timersRun(60);
  expectEqual(fired, 1, "one was due");
  expectEqual(programmed, 150, "set for the next");
});

test("timers: one that arms itself again goes on", () => {
  const timer = new TestTimer();
  timer.period = 10;
  timer.arm(10);
  timersRun(35);
  expectEqual(fired, 3, "three periods");
  expectEqual(timersNextDeadline(), 40, "the next period");
});
