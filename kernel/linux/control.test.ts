import { expect, expectEqual, test } from "../lib/testing";
import { controlBytes, controlReset, parseControlLine } from "./control";
import { SIGTERM, SIGUSR1, signalBit } from "./signal-numbers";
import { process } from "./task";

function parse(text: string): i32 {
  const bytes = String.UTF8.encode(text);
  return parseControlLine(changetype<usize>(bytes), bytes.byteLength);
}

function send(text: string): void {
  const bytes = String.UTF8.encode(text);
  controlBytes(changetype<usize>(bytes), bytes.byteLength);
}

test("control: a signal's number", () => {
  expectEqual(parse("signal 15"), 15, "SIGTERM");
  expectEqual(parse("signal 1"), 1, "the first");
  expectEqual(parse("signal 64"), 64, "the last");
  expectEqual(parse("signal 09"), 9, "a zero in front");
});

test("control: what is no request is none", () => {
  expectEqual(parse(""), 0, "nothing");
  expectEqual(parse("signal"), 0, "no number");
  expectEqual(parse("signal "), 0, "no digit");
  expectEqual(parse("signal 0"), 0, "no signal");
  expectEqual(parse("signal 65"), 0, "too high");
  expectEqual(parse("signal 015"), 0, "too long");
  expectEqual(parse("signal 99999999999"), 0, "far too long");
  expectEqual(parse("signal -1"), 0, "negative");
  expectEqual(parse("signal 1x"), 0, "something behind it");
  expectEqual(parse(" signal 1"), 0, "something in front");
  expectEqual(parse("SIGNAL 15"), 0, "capitals");
  expectEqual(parse("signal\t15"), 0, "another blank");
  expectEqual(parse("signal 15\r"), 0, "a carriage return");
});

test("control: a line may come in pieces, several in one piece", () => {
  send("sig");
  send("nal 1");
  expectEqual(process.pending, 0, "not yet");
  send("5\nsignal 10\nsignal 1");
  expectEqual(process.pending, signalBit(SIGTERM) | signalBit(SIGUSR1), "two");
  controlReset();
  send("0\n");
  expectEqual(process.pending, signalBit(SIGTERM) | signalBit(SIGUSR1), "the rest was dropped");
});

/** A linear congruential generator (Knuth's MMIX), so that a failure repeats. */
let seed: u64 = 1;
function random(): u32 {
  seed = seed * 6364136223846793005 + 1442695040888963407;
  return <u32>(seed >> 33);
}

test("control: junk of any length sends nothing, and the next line is understood", () => {
  const junk = new StaticArray<u8>(256);
  for (let round = 0; round < 500; round++) {
    const length = <i32>(random() % 256);
    // Bytes that requests are made of, but for "s": no line begins as one.
    const letters = "ignal 0123456789\n\0\xff";
    for (let i = 0; i < length; i++) {
      const any = (random() & 1) != 0;
      const byte = any ? random() & 0xff : letters.charCodeAt(random() % letters.length);
      junk[i] = byte == 0x73 ? 0 : <u8>byte;
    }
    controlBytes(changetype<usize>(junk), length);
    expect(process.pending == 0, "nothing was sent");
  }
  send("\nsignal 15\n");
  expectEqual(process.pending, signalBit(SIGTERM), "the line behind it all");
});
