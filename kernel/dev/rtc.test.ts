import { expectEqual, test } from "../lib/testing";
import { daysFromDate, rtcDecode } from "./rtc";

test("rtc: days of known dates", () => {
  expectEqual(daysFromDate(1970, 1, 1), 0, "the epoch");
  expectEqual(daysFromDate(2000, 2, 29), 11016, "a leap day of a century");
  expectEqual(daysFromDate(2000, 3, 1), 11017, "the day after");
  expectEqual(daysFromDate(2024, 12, 31), 20088, "end of a leap year");
  expectEqual(daysFromDate(2099, 12, 31), 47481, "the chip's last day");
});

test("rtc: BCD and binary, 24 and 12 hours", () => {
  const wanted: i64 = 1763642096; // 2025-11-20 12:34:56
  expectEqual(rtcDecode(0x251120123456, 0x02), wanted, "BCD, 24 hours");
  expectEqual(rtcDecode(0x190b140c2238, 0x06), wanted, "binary, 24 hours");
  expectEqual(rtcDecode(0x251120923456, 0x00), wanted, "BCD, 12 hours, noon");
  expectEqual(rtcDecode(0x251120123456, 0x00), wanted - 43200, "BCD, 12 hours, midnight");
  expectEqual(rtcDecode(0x190b14812238, 0x04), wanted + 3600, "binary, 12 hours, 1 pm");
});

test("rtc: what is no date is refused", () => {
  expectEqual(rtcDecode(0xffffffffffff, 0x02), 0, "no chip");
  expectEqual(rtcDecode(0, 0x02), 0, "zeros");
  expectEqual(rtcDecode(0x251320123456, 0x02), 0, "month 13");
});
