/**
 * The kernel's start, top to bottom.
 */
import * as hw from "./arch/hw";
import { apicInit } from "./arch/x86_64/apic";
import { calibrationApicStart, calibrationFinish, calibrationStart } from "./arch/x86_64/calibrate";
import { descriptorsInit, syscallEntryInit } from "./arch/x86_64/descriptors";
import { pagingInit } from "./arch/x86_64/paging";
import { startCommandLine, startInfoInit } from "./arch/x86_64/start-info";
import { syscallWork, trapEntry } from "./arch/x86_64/traps";
import { vectorStateInit } from "./arch/x86_64/vector-state";
import { parseCommandLine } from "./lib/command-line";
import { LOG_WARN, log, logBegin, logEnd, put, putDecimal } from "./lib/log";
import { abortEntry, panic } from "./lib/panic";
import { syscallEntry, syscallInstruction } from "./linux/syscall";
import { syscallTableInit } from "./linux/syscall-table";
import { addBootMemory, addRemainingMemory, bootMemoryEnd } from "./mem/boot-memory";
import { growLinearMemory } from "./mem/kernel-window";
import { Cpu } from "./sched/cpu";
import { threadCreate, threadEntry } from "./sched/kernel-thread";
import { schedulerInit, yieldNow } from "./sched/scheduler";
import { WaitQueue } from "./sched/wait-queue";
import { monotonicNs } from "./time/clock";

// What assembly and C call.
export {
  abortEntry,
  growLinearMemory,
  syscallEntry,
  syscallInstruction,
  syscallWork,
  threadEntry,
  trapEntry,
};

const bootCpu: Cpu = changetype<Cpu>(memory.data(128, 64));
if (offsetof<Cpu>() > 128) ERROR("the boot CPU's object is 128 bytes");

let q: WaitQueue = new WaitQueue();
/** Called once, on the boot stack, with interrupts off. */
export function kernelMain(startInfo: u64): void {
  calibrationStart();
  bootCpu.self = changetype<usize>(bootCpu);
  descriptorsInit(bootCpu);
  if (!startInfoInit(startInfo))
    panic("main", "no PVH start info: boot with -kernel, or through PVH");
  addBootMemory();
  pagingInit(bootMemoryEnd());
  apicInit();
  calibrationApicStart();
  vectorStateInit();
  const commandLine = parseCommandLine(startCommandLine());
  addRemainingMemory();
  schedulerInit(bootCpu);
  hw.enableInterrupts();
  syscallEntryInit();
  syscallTableInit();
  calibrationFinish();
  log(LOG_WARN, "main", "hello");
  threadCreate(
    "a",
    (n: usize) => {
      for (let i = 0; i < 3; i++) {
        log(LOG_WARN, "a", "tick");
        q.waitUninterruptible(monotonicNs() + 10000000);
      }
      q.wakeAll();
    },
    1,
  );
  threadCreate(
    "b",
    (n: usize) => {
      for (let i = 0; i < 3; i++) {
        log(LOG_WARN, "b", "tick");
        yieldNow();
      }
    },
    1,
  );
  q.wait(monotonicNs() + 1000000000);
  if (logBegin(LOG_WARN, "main")) {
    putDecimal(monotonicNs());
    put(" ");
    putDecimal(<u64>commandLine.words.length);
    logEnd();
  }
  hw.out8(0x501, 0);
  panic("main", "done");
}
