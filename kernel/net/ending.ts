/**
 * The network's part of the machine's end, behind the program's: its sockets are closed, and what
 * they still have to send goes out. Without open connections that is the frames on the ring.
 *
 *     netEnd()          returns when everything is out, or its time is over (tcp/farewell.ts); sleeps
 *     netEndHurry()     the host can't wait: netEnd returns soon, and peers get resets
 */
import { pause } from "../arch/hw";
import { WaitQueue } from "../sched/wait-queue";
import { monotonicNs } from "../time/clock";
import { netNow } from "./clock";
import { interfaceAt, interfaceCount } from "./interface";
import { neighboursPending } from "./neighbour";
import { netEnter, netFlush, netLeave, netPoll } from "./poll";
import { ConnectionObserver } from "./tcp/connection";
import { farewellBegin, farewellEnd, farewellLook } from "./tcp/farewell";

/** How long a packet may wait for its neighbour's address to be found. */
const NEIGHBOUR_WAIT: u64 = 1_000_000_000;
/** How often is looked whether it is. */
const NEIGHBOUR_STEP: u64 = 5_000_000;
/** What a device gets for frames that it has been told of; it takes them in microseconds. */
const DEVICE_WAIT: u64 = 100_000_000;

class EndObserver extends ConnectionObserver {
  told: bool = false;
  queue: WaitQueue = new WaitQueue();

  changed(mask: u32): void {
    this.told = true;
    this.queue.wakeAll();
  }
}

const observer: EndObserver = new EndObserver();
let hurried = false;

export function netEndHurry(): void {
  hurried = true;
  observer.changed(0);
}

export function netEnd(): void {
  netEnter();
  const begun = netNow();
  farewellBegin(observer);
  while (!hurried) {
    observer.told = false;
    netEnter();
    let next = farewellLook();
    if (neighboursPending() && netNow() < begun + NEIGHBOUR_WAIT) {
      next = netNow() + NEIGHBOUR_STEP;
    }
    netLeave();
    netPoll();
    if (next == 0) break;
    // What has become done meanwhile has told nobody who sleeps.
    if (!observer.told) observer.queue.waitUninterruptible(next);
  }
  netEnter();
  farewellEnd();
  netLeave();
  netFlush();
  devicesSend();
}

/** Waits until the devices have taken what they were told of. */
function devicesSend(): void {
  const deadline = monotonicNs() + DEVICE_WAIT;
  for (let i = 1; i < interfaceCount(); i++) {
    const device = interfaceAt(i).device;
    while (device && device.unsent() > 0 && monotonicNs() < deadline) pause();
  }
}
