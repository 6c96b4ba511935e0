/* Every end of a machine that a user can cause has its reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type EndFacts, endOf, shutdownReason } from "./ending.ts";

const SILENT: EndFacts = {
  last: null,
  isStopping: false,
  code: 0,
  signal: null,
  complaint: "",
  shutdown: null,
};

test("the guest's word comes before all that QEMU says", () => {
  const last = { event: "exit", code: 3 } as const;
  const facts = { ...SILENT, last, isStopping: true, shutdown: "guest-reset" };
  assert.deepEqual(endOf(facts), { kind: "exit", code: 3 });
});

test("a machine that somebody stopped has not vanished", () => {
  assert.deepEqual(endOf({ ...SILENT, isStopping: true }), { kind: "stopped" });
  assert.deepEqual(endOf({ ...SILENT, shutdown: "host-qmp-quit" }), { kind: "stopped" });
});

test("a machine that ends without a word is told with QEMU's reason and last words", () => {
  const complaint = "first\nqemu-system-x86_64: cannot set up guest memory: no memory\n";
  const cases: [facts: Partial<EndFacts>, detail: RegExp][] = [
    [{ shutdown: "guest-reset" }, /^the machine was reset: .*triple fault/],
    [{ shutdown: "host-signal" }, /^QEMU was ended by a signal$/],
    [{ code: 1, complaint }, /^QEMU failed with status 1: cannot set up guest memory: no memory$/],
    [{ code: null, signal: "SIGKILL" }, /SIGKILL.*memory/],
    [{ code: null, signal: "SIGSEGV" }, /^QEMU was ended by SIGSEGV$/],
  ];
  for (const [facts, detail] of cases) {
    const end = endOf({ ...SILENT, ...facts });
    assert(end.kind === "vanished");
    assert.match(end.detail, detail);
  }
});

test("QMP's other messages say nothing of the end", () => {
  const event = { event: "SHUTDOWN", data: { guest: true, reason: "guest-reset" } };
  assert.equal(shutdownReason(JSON.stringify(event)), "guest-reset");
  assert.equal(shutdownReason('{"return":{}}'), null);
  assert.equal(shutdownReason('{"event":"STOP","data":{"reason":"x"}}'), null);
});
