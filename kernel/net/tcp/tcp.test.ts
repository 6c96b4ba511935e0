import { expect, test } from "../../lib/testing";
import { addMemory } from "../../mem/page-allocator";
import { netSetNow } from "../clock";
import { Connection } from "./connection";
import { Listener } from "./listener";
import { tcpInit } from "./tcp";

test("tcp: compiles", () => {
  addMemory(1 << 20, 9 << 20);
  netSetNow(1000000000);
  tcpInit(1, 2, 3);
  const l = new Listener();
  expect(l.listen(0, 80, 10) == 0, "listens");
  const c = new Connection();
  c.connect(1, 0, 2, 80);
});
