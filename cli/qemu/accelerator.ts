/*
 * Which accelerator really works here. /dev/kvm alone proves nothing: there are machines, nested ones above all,
 * where it exists and a guest on it hangs. So KVM is chosen only if the CPU says that it can virtualise and the
 * device opens.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Accelerator } from "./options.ts";

export function chooseAccelerator(cpuInfo = "/proc/cpuinfo", device = "/dev/kvm"): Accelerator {
  try {
    if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync(cpuInfo, "utf8"))) return "tcg";
    closeSync(openSync(device, "r+"));
    return "kvm";
  } catch {
    return "tcg";
  }
}
