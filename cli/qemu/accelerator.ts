/*
 * Which accelerator really works here. /dev/kvm alone proves nothing: there are machines, nested
 * ones above all, where it exists and a guest on it hangs. So KVM is used only if the CPU says that
 * it can virtualise and the device opens.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Accelerator } from "./options.ts";

export function chooseAccelerator(cpuInfo?: string, device?: string): Accelerator {
  return whyNotKvm(cpuInfo, device) === null ? "kvm" : "tcg";
}

/** Why KVM is of no use on this host; null if it is. */
export function whyNotKvm(cpuInfo = "/proc/cpuinfo", device = "/dev/kvm"): string | null {
  try {
    if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync(cpuInfo, "utf8"))) {
      return "this CPU shows neither vmx nor svm";
    }
    closeSync(openSync(device, "r+"));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
