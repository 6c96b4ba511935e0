import { expect, expectEqual, test, testPanics } from "../lib/testing";
import { attempt, attemptArray } from "./attempt";
import { free } from "./free";
import { heapAlloc, heapBytesInUse, heapFree, heapReady } from "./heap";

class Part {
  value: u32 = 7;
}

/** Allocates by itself, its field does, and so does the class below it. */
class Base {
  first: Part = new Part();
}

class Whole extends Base {
  second: Part;

  constructor(value: u32) {
    super();
    this.second = new Part();
    this.second.value = value;
  }
}

@unmanaged
class Plain {
  value: u64;

  constructor(value: u64) {
    this.value = value;
  }
}

/** Takes all that the heap has to give, down to the smallest object; the reserve stays. */
function exhaust(): void {
  for (let size: usize = 1 << 20; size > 0; size >>= 1) {
    while (heapAlloc(size) != 0) {}
  }
}

let evaluated = 0;

function note(value: u32): u32 {
  evaluated++;
  return value;
}

test("attempt: with memory there, an object is made as by new", () => {
  const plain = attempt(new Plain(11));
  if (!plain) return expect(false, "there is memory");
  expectEqual(plain.value, 11, "constructor ran");
  const whole = attempt(new Whole(12));
  if (!whole) return expect(false, "there is memory");
  expectEqual(whole.first.value, 7, "field of the base class");
  expectEqual(whole.second.value, 12, "the constructor's own");
});

test("attempt: out of memory, it is null and nothing has run", () => {
  expect(heapReady(), "a reserve is set aside");
  exhaust();
  // The last objects that free pages of size classes and the reserve are good for.
  while (attempt(new Plain(1)) != null) {}
  const before = heapBytesInUse();
  evaluated = 0;
  expect(attempt(new Whole(note(1))) == null, "no object");
  expect(attempt(new Plain(note(1))) == null, "no unmanaged object");
  expectEqual(evaluated, 0, "arguments were not evaluated");
  expectEqual(heapBytesInUse(), before, "nothing was allocated");
});

test("attempt: a constructor that has begun finds memory in the reserve", () => {
  expect(heapReady(), "a reserve is set aside");
  exhaust();
  expect(heapReady(), "heapAlloc leaves the reserve alone");
  const whole = attempt(new Whole(3));
  if (!whole) return expect(false, "the reserve is there");
  expectEqual(whole.second.value, 3, "made as a whole");
});

test("attempt: what is freed makes the reserve whole again, though in another size class", () => {
  expect(heapReady(), "a reserve is set aside");
  const held = new StaticArray<usize>(8000);
  for (let i = 0; i < 8000; i++) held[i] = heapAlloc(48);
  exhaust();
  while (attempt(new Plain(1)) != null) {}
  for (let i = 0; i < 8000; i++) heapFree(held[i]);
  expect(attempt(new Plain(2)) != null, "pages of another class serve");
  expect(heapAlloc(64 << 10) != 0, "and a span of many");
});

test("attempt: an array is zeros, or null when it is too large", () => {
  const small = attemptArray<u64>(100);
  if (!small) return expect(false, "there is memory");
  expectEqual(small.length, 100, "length");
  for (let i = 0; i < 100; i++) expectEqual(small[i], 0, "zero");
  const before = heapBytesInUse();
  free(small);
  expect(heapBytesInUse() < before, "freed as any object");
  expect(attemptArray<u64>(1 << 27) == null, "1 GiB is not there");
});

testPanics(
  "new: without memory and reserve it is a panic that says so",
  "memory is out, its reserve too",
  () => {
    expect(heapReady(), "a reserve is set aside");
    exhaust();
    for (;;) new Whole(1);
  },
);
