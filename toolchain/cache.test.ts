/* Files that are made once: by one process, whole, and again when they are not whole any more. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { cached } from "./cache.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-cache-"));
after(() => rmSync(folder, { recursive: true }));

const write =
  (content: string) =>
  async (output: string): Promise<void> =>
    writeFileSync(output, content);
const fail = (): never => assert.fail("made again");

test("a file is made once for the same inputs, and again for others", async () => {
  const file = join(folder, "once.txt");
  assert.equal(await cached(file, "a", write("one")), true);
  assert.equal(await cached(file, "a", fail), false);
  assert.equal(await cached(file, "b", write("two")), true);
  assert.equal(readFileSync(file, "utf8"), "two");
});

test("of many who want it at once one makes it, and the others say that they wait", async () => {
  const file = join(folder, "many.txt");
  let waits = 0;
  let made = 0;
  const onWait = (): void => {
    waits++;
  };
  const make = async (output: string): Promise<void> => {
    made++;
    // Returns when the others are known to wait: they can't be done before this is.
    while (waits < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    writeFileSync(output, "content");
  };
  const all = Array.from({ length: 4 }, () => cached(file, "a", make, { onWait }));
  assert.deepEqual((await Promise.all(all)).filter(Boolean), [true]);
  assert.equal(made, 1);
});

test("a file that is cut short, or changed, or gone is made again", async () => {
  const file = join(folder, "damaged.txt");
  const damages = [
    () => truncateSync(file, 3),
    () => writeFileSync(file, "CONTENT"),
    () => rmSync(file),
    () => writeFileSync(`${file}.hash`, "{"),
  ];
  await cached(file, "a", write("content"));
  for (const damage of damages) {
    damage();
    assert.equal(await cached(file, "a", write("content")), true);
    assert.equal(readFileSync(file, "utf8"), "content");
  }
});

test("who fails leaves the file as it was, and no lock", async () => {
  const file = join(folder, "failing.txt");
  await cached(file, "a", write("old"));
  const failing = async (output: string): Promise<void> => {
    writeFileSync(output, "half");
    throw new Error("disk full");
  };
  await assert.rejects(cached(file, "b", failing), /disk full/);
  assert.equal(readFileSync(file, "utf8"), "old");
  assert.equal(await cached(file, "b", write("new"), { onWait: fail }), true);
  assert(!existsSync(join(folder, "new-failing.txt")));
});
