import { expect, test } from "../../lib/testing";
import { addressOf } from "../hw";
import { faultReason } from "./traps";

/** Where kernel stacks lie in linear memory (mem/kernel-stack.ts): a guard page, four of stack. */
const STACKS: usize = 0x20000000;
const PAGE: usize = 4096;

test("a fault of the kernel's own is told by its address", () => {
  expect(faultReason(addressOf(0)) == "null dereference", "null");
  expect(faultReason(addressOf(PAGE - 1)) == "null dereference", "a field of null");
  expect(faultReason(addressOf(0x40000)) == "page fault in the kernel", "another place");
  expect(faultReason(0xffff800000000000) == "page fault in the kernel", "another half");
  expect(faultReason(addressOf(STACKS)) == "kernel stack overflow", "the first guard");
  expect(faultReason(addressOf(STACKS + PAGE)) == "page fault in the kernel", "a stack");
  expect(faultReason(addressOf(STACKS + 5 * PAGE)) == "kernel stack overflow", "the second guard");
});
