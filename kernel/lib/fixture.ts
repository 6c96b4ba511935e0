/**
 * Files for unit tests, made by the test runner (toolchain/fixtures.ts) and put into fake physical
 * memory. Only tests import this; the kernel has no such import.
 */

/** Copies the fixture of that name (a string) to a physical address; returns its size. */
export declare function loadFixture(name: string, physical: u64): u64;
