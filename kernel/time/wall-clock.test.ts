import { expectEqual, test } from "../lib/testing";
import { NS_PER_SECOND } from "./clock";
import { wallClockNs } from "./wall-clock";

const SECOND: u64 = 1_700_000_000;
const PART: u64 = 123_456_789;

test("wall clock: the launcher adds the part of the second that the chip has not", () => {
  expectEqual(
    wallClockNs(SECOND, SECOND * NS_PER_SECOND + PART, 0),
    SECOND * NS_PER_SECOND + PART,
    "ns",
  );
});

test("wall clock: a launcher that is another second's is not believed", () => {
  const chip = SECOND * NS_PER_SECOND;
  expectEqual(wallClockNs(SECOND, chip - 1, 0), chip, "it was told too early");
  expectEqual(wallClockNs(SECOND, chip + NS_PER_SECOND, 0), chip, "it is ahead");
  expectEqual(wallClockNs(SECOND, chip - 3600 * NS_PER_SECOND + PART, 0), chip, "long ago");
  expectEqual(wallClockNs(SECOND, 0, 0), chip, "nobody told");
});

test("wall clock: without a chip the hypervisor knows, then the launcher", () => {
  expectEqual(wallClockNs(0, 5, 7), 7, "hypervisor");
  expectEqual(wallClockNs(0, 5, 0), 5, "launcher");
  expectEqual(wallClockNs(0, 0, 0), 0, "nobody");
});
