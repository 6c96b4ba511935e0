import { expect, expectEqual, test } from "../../lib/testing";
import { failAllocation } from "../../runtime/failing";
import { Connection } from "./connection";
import { Listener, listenerFind } from "./listener";
import { ephemeralPort, PORT_FIRST, PORT_LAST } from "./ports";
import { State } from "./state";
import { tableCount, tableFind, tableInsert, tablePortInUse, tableRemove } from "./table";
import { start } from "./testing";
import { verifyAll } from "./verify";

function entry(remote: u32, port: u32): Connection {
  const c = new Connection();
  c.localAddress = 1;
  c.remoteAddress = remote;
  c.ports = (80 << 16) | port;
  c.state = State.SYN_SENT;
  c.retransmitDeadline = 1;
  return c;
}

test("tcp table: endpoints are found among thousands, and not when removed", () => {
  start();
  const all = new StaticArray<Connection>(3000);
  for (let i: i32 = 0; i < 3000; i++) {
    all[i] = entry(<u32>i >> 3, <u32>i & 7);
    tableInsert(all[i]);
  }
  expectEqual(tableCount(), 3000, "count");
  verifyAll();
  for (let i: i32 = 0; i < 3000; i += 2) tableRemove(all[i]);
  for (let i: i32 = 0; i < 3000; i++) {
    const found = tableFind(1, <u32>i >> 3, (80 << 16) | (<u32>i & 7));
    expect((found != null) == ((i & 1) == 1), "found or not");
    if (found) expect(found == all[i], "the right one");
  }
  expect(tableFind(2, 0, (80 << 16) | 1) == null, "another local address");
  expect(tablePortInUse(0, 80, true) && tablePortInUse(1, 80, true), "port in use");
  expect(!tablePortInUse(2, 80, true) && !tablePortInUse(0, 81, true), "not in use");
});

test("tcp table: without memory to grow, endpoints are found all the same", () => {
  start();
  const all = new StaticArray<Connection>(1000);
  for (let i: i32 = 0; i < 1000; i++) {
    all[i] = entry(<u32>i, 7);
    failAllocation(1);
    tableInsert(all[i]);
    failAllocation(0);
  }
  for (let i: i32 = 0; i < 1000; i++) {
    expect(tableFind(1, <u32>i, (80 << 16) | 7) == all[i], "found");
  }
  verifyAll();
});

test("tcp ports: ephemeral ones are in the range, differ, and avoid what is taken", () => {
  start();
  let last: u32 = 0;
  for (let i = 0; i < 100; i++) {
    const port = ephemeralPort(1, 2, 80);
    expect(port >= PORT_FIRST && port <= PORT_LAST && port != last, "a port of its own");
    last = port;
  }
  const next = ephemeralPort(1, 2, 80);
  const c = new Connection();
  c.localAddress = 1;
  c.remoteAddress = 2;
  // The one that would come next.
  c.ports = ((next + 1) << 16) | 80;
  tableInsert(c);
  expect(ephemeralPort(1, 2, 80) != next + 1, "not the taken one");
});

test("tcp listener: an exact address comes before any, and a port has one owner", () => {
  start();
  const any = new Listener();
  const exact = new Listener();
  expectEqual(any.listen(0, 80, 1), 0, "any");
  expect(exact.listen(5, 80, 1) < 0, "taken");
  any.close();
  any.reusePort = true;
  exact.reusePort = true;
  expectEqual(any.listen(0, 80, 1), 0, "any");
  expectEqual(exact.listen(5, 80, 1), 0, "shared");
  expect(listenerFind(5, 80, 0) == exact && listenerFind(6, 80, 0) == any, "by address");
  const twin = new Listener();
  twin.reusePort = true;
  expectEqual(twin.listen(0, 80, 1), 0, "a second for any");
  let first = 0;
  for (let hash: u32 = 0; hash < 100; hash++) if (listenerFind(6, 80, hash) == any) first++;
  expectEqual(first, 50, "they share by hash");
  expect(listenerFind(6, 80 + 64, 0) == null, "same chain, another port");
});
