/* QEMU: its command line, its process, what the guest says. */
export { chooseAccelerator, whyNotKvm } from "./accelerator.ts";
export { QEMU, qemuArguments } from "./arguments.ts";
export {
  type BootOptions,
  bootOf,
  kernelCommandLine,
  LOG_LEVELS,
  type LogLevel,
  type StandardError,
  type StandardInput,
  type StandardOutput,
  variablesOf,
} from "./command-line.ts";
export { sendSignal } from "./control.ts";
export type { MachineEnd } from "./ending.ts";
export { EventParser, type MachineEvent, parseEvent } from "./events.ts";
export {
  CONSOLE_LOG,
  CONTROL_SOCKET,
  EVENTS_LOG,
  type Machine,
  QEMU_LOG,
  QMP_SOCKET,
  type StartOptions,
  startMachine,
  stopQemu,
} from "./machine.ts";
export {
  ACCELERATORS,
  type Accelerator,
  type Channel,
  type Disk,
  type Forward,
  MACHINE_TYPES,
  type MachineType,
  type Network,
  type Protocol,
  type QemuOptions,
} from "./options.ts";
export { checkProgramStrings } from "./program-module.ts";
export { qmp } from "./qmp.ts";
export { userNetworkEnvironment } from "./user-network.ts";
