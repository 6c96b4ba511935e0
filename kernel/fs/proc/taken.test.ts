import { expectEqual, test } from "../../lib/testing";
import { NOT_A_NUMBER, takenNumber } from "./taken";

const bytes: usize = memory.data(64);

function taken(text: string, base: u32 = 0): i64 {
  const length = <u32>String.UTF8.byteLength(text);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, bytes);
  return takenNumber(bytes, length, base);
}

test("numbers written to /proc: as strtol reads them", () => {
  expectEqual(taken("0"), 0, "zero");
  expectEqual(taken("1000\n"), 1000, "a line");
  expectEqual(taken("  -17 \n"), -17, "white space and a sign");
  expectEqual(taken("\t\v5\r"), 5, "white space of all kinds");
  expectEqual(taken("+5"), 5, "plus");
  expectEqual(taken("0xaF", 16), 0xaf, "a base and its sign");
  expectEqual(taken("9"), 9, "the last digit");
  expectEqual(taken("0x3F"), 0x3f, "hexadecimal");
  expectEqual(taken("010"), 8, "octal");
  expectEqual(taken("33", 16), 0x33, "in a given base");
  expectEqual(taken("4611686018427387903"), 4611686018427387903, "the largest");
});

test("numbers written to /proc: what is none", () => {
  const wrong: string[] = [
    "",
    "\n",
    "-",
    "0x",
    "12a",
    "1 2",
    "1.5",
    "4611686018427387904",
    "08",
    "0xg",
    "0x1g",
    ":",
    "/",
    "-",
    "+",
  ];
  for (let i = 0; i < wrong.length; i++) {
    expectEqual(taken(wrong[i]), NOT_A_NUMBER, wrong[i]);
  }
});
