import { expectEqual, test } from "../lib/testing";
import { loopback } from "./interface";
import { hasCarrier, interfaceFlags, operationalState } from "./interface-view";
import { testDevice, testInterface } from "./testing";

/** IFF_RUNNING and IFF_LOWER_UP (netdevice(7)). */
const LINK: u32 = 0x1_0040;
/** IFF_UP, IFF_BROADCAST, IFF_MULTICAST. */
const ALWAYS: u32 = 0x1003;
// RFC 2863, ifOperStatus as Linux numbers it.
const UNKNOWN: u32 = 0;
const DOWN: u32 = 2;
const UP: u32 = 6;

test("interfaces: one whose device was given up has no carrier", () => {
  const via = testInterface();
  expectEqual(interfaceFlags(via), ALWAYS | LINK, "while it runs");
  expectEqual(operationalState(via), UP, "up");
  testDevice(via).isRunning = false;
  expectEqual(interfaceFlags(via), ALWAYS, "no link");
  expectEqual(hasCarrier(via), false, "nothing there");
  expectEqual(operationalState(via), DOWN, "down");
  expectEqual(operationalState(loopback), UNKNOWN, "the loopback knows none");
});
