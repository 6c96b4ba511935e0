import { expect, expectEqual, test } from "../../lib/testing";
import { Connection } from "./connection";
import { SackBoard, sackAdvance, sackReported } from "./sack";

function sentUpTo(end: u32): Connection {
  const c = new Connection();
  c.sndUna = 0xffffff00;
  c.sndNxt = c.sndUna + end;
  return c;
}

function report(c: Connection, start: u32, end: u32): bool {
  return sackReported(c, c.sndUna + start, c.sndUna + end);
}

function board(c: Connection): SackBoard {
  return c.sackBoard!;
}

test("sack: ranges are sorted and merged, across the wrap of sequence numbers", () => {
  const c = sentUpTo(1000);
  expect(report(c, 500, 600), "new");
  expect(report(c, 100, 200), "new");
  expect(!report(c, 120, 180), "known");
  expect(report(c, 300, 400), "new");
  expectEqual(board(c).count, 3, "ranges");
  expect(report(c, 150, 350), "joins two");
  expectEqual(board(c).count, 2, "ranges");
  expectEqual(board(c).bytes, 400, "bytes");
  expect(report(c, 400, 500), "joins by touching");
  expectEqual(board(c).count, 1, "ranges");
  expectEqual(board(c).within(c.sndUna, c.sndUna + 250), 150, "within");
});

test("sack: what is acknowledged leaves the board", () => {
  const c = sentUpTo(1000);
  report(c, 100, 200);
  report(c, 300, 400);
  c.sndUna += 350;
  sackAdvance(c);
  expectEqual(board(c).count, 1, "ranges");
  expectEqual(board(c).bytes, 50, "bytes");
  c.sndUna += 50;
  sackAdvance(c);
  expect(c.sackBoard == null, "empty");
});

test("sack: nonsense is ignored, and a full board forgets", () => {
  const c = sentUpTo(100000);
  expect(!report(c, 200, 100), "backwards");
  expect(!report(c, 200, 200), "empty");
  expect(!report(c, 99999, 100001), "never sent");
  expect(!sackReported(c, c.sndUna - 100, c.sndUna), "acknowledged already");
  for (let i: u32 = 0; i < 200; i++) report(c, 100 + i * 20, 110 + i * 20);
  expectEqual(board(c).count, 62, "bounded");
  expect(report(c, 110, 120), "merging is always possible");
});
