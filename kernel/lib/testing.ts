/**
 * Unit tests of kernel modules: they run in Node, on the very wasm code that ships, with a fake of
 * the hardware.
 *
 *     test("a freed page merges with its buddy", () => {
 *       expect(pages.free() == before, "all pages are back");
 *     });
 *
 * A test file is `*.test.ts` beside what it tests. Each test runs in a fresh instance of the
 * module, so tests share no state. Functions passed to `test` can't capture variables.
 * `toolchain/unit.ts` is the runner.
 */
class TestCase {
  constructor(
    public name: string,
    public run: () => void,
    /** What the panic says that ends the test; empty: none does. */
    public panic: string,
  ) {}
}

const cases: TestCase[] = [];

/** Registers a test; call it at the top level of a test file. */
export function test(name: string, run: () => void): void {
  cases.push(new TestCase(name, run, ""));
}

/** Registers a test that has to end in a kernel panic whose report contains `report`. */
export function testPanics(name: string, report: string, run: () => void): void {
  cases.push(new TestCase(name, run, report));
}

/** Fails the running test unless `condition` holds; `message` says what should have been. */
export function expect(condition: bool, message: string): void {
  if (!condition) abort(message);
}

/** As `expect`, for numbers: the failure shows both. */
export function expectEqual(actual: i64, wanted: i64, message: string): void {
  if (actual != wanted) {
    abort(message + ": got " + actual.toString() + ", wanted " + wanted.toString());
  }
}

export function testCount(): i32 {
  return cases.length;
}

export function testName(index: i32): string {
  return cases[index].name;
}

/** What the test's panic has to say; empty: it must not panic. */
export function testPanic(index: i32): string {
  return cases[index].panic;
}

export function testRun(index: i32): void {
  cases[index].run();
}
