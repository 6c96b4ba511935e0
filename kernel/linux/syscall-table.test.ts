import { expect, test } from "../lib/testing";
import { syscallHandler } from "./syscall-row";
import { syscallTableInit } from "./syscall-table";

test("system call table: every row is entered once", () => {
  syscallTableInit();
  expect(syscallHandler(232) != 0, "epoll_wait");
  expect(syscallHandler(511) == 0, "unknown");
  expect(syscallHandler(u64.MAX_VALUE) == 0, "no number at all");
});
