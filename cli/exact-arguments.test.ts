/* Arguments that are no UTF-8. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, exactArguments, hasRawBytes, textOf } from "./exact-arguments.ts";

test("all bytes go through strings and back, and what is text stays text", () => {
  const all = Buffer.from(Array.from({ length: 65_536 }, (_, index) => (index >> 8) ^ (index * 7)));
  assert.deepEqual(bytesOf(textOf(all)), all);
  const text = "plain, ünïcode, \ufeff, \ufffd, 😀";
  assert.equal(textOf(Buffer.from(text)), text);
  assert(!hasRawBytes(text));
  for (const hex of ["80", "c3", "c080", "eda080", "f5808080", "e282", "f09f98", "61ff62"]) {
    const raw = textOf(Buffer.from(hex, "hex"));
    assert(hasRawBytes(raw), hex);
    assert.equal(bytesOf(`😀${raw}😀`).toString("hex"), `f09f9880${hex}f09f9880`);
  }
});

test("what Node could not decode is taken from the process's own command line", () => {
  const raw = Buffer.from("node\0--import\0x\0main.ts\0run\0\0A=\xff\xfe\0\0", "latin1");
  const args = exactArguments(["run", "", "A=\ufffd\ufffd", ""], raw);
  assert.deepEqual(args, ["run", "", "A=\udcff\udcfe", ""]);
});

test("a U+FFFD that was given as such stays", () => {
  const raw = Buffer.from("node\0main.ts\0\ufffd\0");
  assert.deepEqual(exactArguments(["\ufffd"], raw), ["\ufffd"]);
});
