/**
 * The kernel's start, top to bottom. Nothing here waits for a device that another step could run
 * beside: the disk is read when the program is loaded, the network gets its address while the
 * program starts.
 */
import * as hw from "./arch/hw";
import { acpiInit, acpiMadt } from "./arch/x86_64/acpi";
import { apicInit } from "./arch/x86_64/apic";
import { calibrationApicStart, calibrationFinish, calibrationStart } from "./arch/x86_64/calibrate";
import { descriptorsInit, syscallEntryInit } from "./arch/x86_64/descriptors";
import { ioapicInit } from "./arch/x86_64/ioapic";
import { pagingInit } from "./arch/x86_64/paging";
import { powerOff } from "./arch/x86_64/power";
import {
  startCommandLine,
  startInfoInit,
  startModuleAddress,
  startModuleCount,
  startModuleSize,
  startRsdp,
} from "./arch/x86_64/start-info";
import { syscallWork, trapEntry } from "./arch/x86_64/traps";
import { vectorStateInit } from "./arch/x86_64/vector-state";
import { consoleDrain, consoleInit, consoleInputFrom } from "./dev/console";
import { discoverDevices, diskAt, netDeviceAt } from "./dev/discover";
import { rtcRead } from "./dev/rtc";
import {
  controlPort,
  hostPortsExpect,
  standardInput,
  standardOutput,
} from "./dev/virtio/host-ports";
import { fsInit } from "./fs/init";
import { setProcessInfo } from "./fs/process-info";
import { ipcProcInit } from "./ipc/proc";
import { CommandLine, parseCommandLine } from "./lib/command-line";
import { EINVAL } from "./lib/errno";
import { eventExit, eventPanic, eventStart } from "./lib/events";
import {
  LOG_DEBUG,
  LOG_ERROR,
  LOG_INFO,
  LOG_WARN,
  log,
  logBegin,
  logEnd,
  put,
  putSigned,
  setLogLevel,
} from "./lib/log";
import { abortEntry, panic, setPanicFinish } from "./lib/panic";
import { randomInit } from "./lib/random";
import { setHostName } from "./lib/release";
import { controlBytes, controlReset } from "./linux/control";
import { ProcessView } from "./linux/process-view";
import { programStart } from "./linux/program";
import {
  isProgramModule,
  ProgramStrings,
  takeProgramLine,
  takeProgramModule,
} from "./linux/program-strings";
import { startEnvironment } from "./linux/start-environment";
import { syscallInstruction } from "./linux/syscall";
import { syscallTableInit } from "./linux/syscall-table";
import {
  addBootMemory,
  addModuleMemory,
  addRemainingMemory,
  bootMemoryEnd,
} from "./mem/boot-memory";
import { growLinearMemory } from "./mem/kernel-window";
import { directMap } from "./mem/page-allocator";
import { netInit } from "./net/init";
import { nameServerAdd } from "./net/name-servers";
import { netInterrupt } from "./net/poll";
import { BOOT_CPU, Cpu } from "./sched/cpu";
import { schedulerInit, threadEntry } from "./sched/scheduler";
import { WaitQueue } from "./sched/wait-queue";
import { clockSetRealtime, monotonicNs } from "./time/clock";
import { pvclockWallNs } from "./time/pvclock";
import { wallClockNs } from "./time/wall-clock";

// What assembly and C call.
export { abortEntry, growLinearMemory, syscallInstruction, syscallWork, threadEntry, trapEntry };

/**
 * The command's status when the program can't be started at all, as shells have it: not found, not
 * executable.
 */
const EXIT_NOT_FOUND = 127;

const bootCpu: Cpu = changetype<Cpu>(BOOT_CPU);
/** A piece of the host's requests. */
const REQUEST_PIECE: u64 = 64;
const requestBytes: usize = memory.data(64);
/** Where the thread that booted stays. */
const bootDone: WaitQueue = new WaitQueue();

/** Traps, memory, console: from here on a failure can be told. */
function machineInit(startInfo: u64): void {
  calibrationStart();
  ioapicInit();
  bootCpu.self = changetype<usize>(bootCpu);
  descriptorsInit(bootCpu);
  consoleInit();
  setPanicFinish((reason: string) => {
    consoleDrain();
    eventPanic(reason);
    powerOff();
  });
  if (!startInfoInit(startInfo)) panic("main", "no PVH start info: boot by qemu -kernel, or PVH");
  addBootMemory();
  pagingInit(bootMemoryEnd());
  apicInit();
  calibrationApicStart();
  vectorStateInit();
  acpiInit(startRsdp());
}

function logLevelOf(name: string | null): i32 {
  if (name == "error") return LOG_ERROR;
  if (name == "info") return LOG_INFO;
  if (name == "debug") return LOG_DEBUG;
  return LOG_WARN;
}

/** Ends the machine: the program could not be started. */
function giveUp(what: string, detail: string, error: i32): void {
  if (logBegin(LOG_ERROR, "main")) {
    put(what);
    put(detail);
    put(", error ");
    putSigned(error);
    logEnd();
  }
  consoleDrain();
  eventExit(EXIT_NOT_FOUND);
  powerOff();
}

function networkInit(line: CommandLine): void {
  const servers = line.values("dns");
  for (let i = 0; i < servers.length; i++) {
    const server = String.UTF8.encode(servers[i]);
    if (!nameServerAdd(hw.addressOf(changetype<usize>(server)), <u32>server.byteLength)) {
      giveUp("dns= is no IPv4 address: ", servers[i], -EINVAL);
    }
  }
  const option = line.value("ip");
  const text = String.UTF8.encode(option ? option : "");
  const error = netInit(
    netDeviceAt(0),
    hw.addressOf(changetype<usize>(text)),
    <u32>text.byteLength,
  );
  if (error != 0)
    giveUp("ip= is not dhcp, none or address/prefix,gateway: ", option ? option : "", error);
}

/** The host's requests have come, or one who made them has gone. */
function requestsCame(): void {
  const port = controlPort();
  if (!port) return;
  let n = port.read(hw.addressOf(requestBytes), REQUEST_PIECE);
  while (n > 0) {
    controlBytes(requestBytes, <u32>n);
    n = port.read(hw.addressOf(requestBytes), REQUEST_PIECE);
  }
  if (port.isEnded) controlReset();
}

/** The launcher's time, as it is by now; 0 when the command line has none. */
function launcherNs(line: CommandLine): u64 {
  const told = line.value("time");
  const ns = told ? U64.parseInt(told, 10) : 0;
  return ns != 0 ? ns + monotonicNs() : 0;
}

/** Whether the value of `key` is in `choices` or missing; gives up otherwise. */
function check(line: CommandLine, key: string, choices: string[]): void {
  const value = line.value(key);
  if (value && !choices.includes(value))
    giveUp(`${key}= is not ${choices.join(" or ")}: `, value, 0);
}

/** Finds the devices, and what standard input and output are among them. */
function devicesInit(line: CommandLine): void {
  check(line, "stdin", ["console", "null", "pipe", "terminal"]);
  check(line, "stdout", ["stderr", "pipe", "terminal"]);
  check(line, "stderr", ["console", "pipe"]);
  const input = line.value("stdin");
  const output = line.value("stdout");
  const isFed = input == "pipe" || input == "terminal";
  const isApart = output == "pipe" || output == "terminal";
  if ((input && input != "console") || isApart) hostPortsExpect(isFed, isApart);
  if (line.devices.length == 0) acpiMadt();
  discoverDevices(line.devices, netInterrupt);
  const requests = controlPort();
  if (requests) requests.open(requestsCame);
  const port = standardInput();
  if (port && input == "terminal") consoleInputFrom(port);
  if ((isFed && !port) || (isApart && !standardOutput())) {
    log(LOG_WARN, "main", "stdin= or stdout= needs a virtio console with ports, and there is none");
  }
}

/** The first module that holds the program's strings, or with false that does not; or the count. */
function findModule(holdsStrings: bool): u32 {
  for (let i: u32 = 0; i < startModuleCount(); i++) {
    const address = directMap(startModuleAddress(i));
    if (isProgramModule(address, startModuleSize(i)) == holdsStrings) return i;
  }
  return startModuleCount();
}

/** Mounts the root image, from the first disk or from a boot module. */
function rootInit(line: CommandLine): void {
  const module = findModule(false);
  const fromModule = line.value("root") == "module" || diskAt(0) == null;
  const isGiven = fromModule && module < startModuleCount();
  const address = isGiven ? startModuleAddress(module) : 0;
  const size = isGiven ? startModuleSize(module) : 0;
  const error = fsInit(fromModule ? null : diskAt(0), address, size);
  if (error != 0)
    giveUp("no root file system: neither a disk nor a boot module holds one", "", error);
}

/** Starts the program of a boot module or of the command line, and frees the module. */
function launch(line: CommandLine): void {
  const strings = new ProgramStrings();
  const module = findModule(true);
  const isModule = module < startModuleCount();
  if (isModule) {
    const address = directMap(startModuleAddress(module));
    takeProgramModule(strings, address, startModuleSize(module));
  } else {
    if (line.argv.length == 0) giveUp("no program: the command line has nothing behind --", "", 0);
    takeProgramLine(strings, line);
  }
  const flaw = strings.flaw();
  if (flaw) giveUp("the program's arguments and environment can't be: ", flaw, -EINVAL);
  const error = programStart(strings);
  if (error != 0) giveUp("can't start ", strings.path(), error);
  if (isModule) addModuleMemory(module);
}

/** Called once, on the boot stack, with interrupts off. */
export function kernelMain(startInfo: u64): void {
  machineInit(startInfo);
  const line = parseCommandLine(startCommandLine());
  setLogLevel(logLevelOf(line.value("log")));
  addRemainingMemory();
  randomInit();
  schedulerInit(bootCpu);
  hw.enableInterrupts();
  syscallEntryInit();
  syscallTableInit();
  devicesInit(line);
  // For the times of the files that are made here; exactly when the counter's frequency is known.
  clockSetRealtime(wallClockNs(rtcRead(), 0, pvclockWallNs()));
  rootInit(line);
  calibrationFinish();
  clockSetRealtime(wallClockNs(rtcRead(), launcherNs(line), pvclockWallNs()));
  networkInit(line);
  const name = line.value("hostname");
  if (name && !setHostName(name)) giveUp("hostname= is longer than 64 bytes: ", name, -EINVAL);
  setProcessInfo(new ProcessView());
  ipcProcInit();
  startEnvironment(line);
  launch(line);
  eventStart(monotonicNs());
  bootDone.waitUninterruptible();
}
