import { expect, expectEqual, test } from "./testing";
import { TextBuffer } from "./text-buffer";

function same(text: TextBuffer, wanted: string): bool {
  return String.UTF8.decodeUnsafe(text.data, text.length) == wanted;
}

test("text buffer: numbers and texts in order", () => {
  const text = new TextBuffer();
  text
    .put("a ")
    .decimal(0)
    .byte(32)
    .decimal(1234567, 9)
    .byte(32)
    .signed(-5)
    .byte(32)
    .hex(0xbeef, 8);
  expect(same(text, "a 0   1234567 -5 0000beef"), "the text");
  expect(!text.cut, "whole");
});

test("text buffer: it grows", () => {
  const text = new TextBuffer();
  for (let i = 0; i < 3000; i++) text.decimal(i % 10);
  expectEqual(text.length, 3000, "length");
  for (let i = 0; i < 3000; i++)
    expectEqual(load<u8>(text.data + <usize>i), 48 + (i % 10), "digit");
});
