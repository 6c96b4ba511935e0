import { addressOf } from "../arch/hw";
import { crc32c } from "./crc32c";
import { expectEqual, test } from "./testing";

test("crc32c: the check value of the catalogue, whole and in two pieces", () => {
  const text: usize = memory.data<u8>([0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39]);
  expectEqual(~crc32c(0xffffffff, addressOf(text), 9), 0xe3069283, "of 123456789");
  const half = crc32c(0xffffffff, addressOf(text), 4);
  expectEqual(~crc32c(half, addressOf(text) + 4, 5), 0xe3069283, "continued");
});
