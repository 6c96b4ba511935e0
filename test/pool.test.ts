import assert from "node:assert/strict";
import { test } from "node:test";
import { pool } from "../toolchain/pool.ts";

test("keeps order and width", async () => {
  let running = 0;
  let most = 0;
  const results = await pool(2, [30, 5, 20, 1], async (ms) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, ms));
    running--;
    return ms * 2;
  });
  assert.deepEqual(results, [60, 10, 40, 2]);
  assert.equal(most, 2);
});

test("of nothing is nothing", async () => {
  assert.deepEqual(await pool(2, [], async () => 1), []);
});

test("passes an error on", async () => {
  await assert.rejects(
    pool(2, [1, 2], async (item) => {
      if (item === 2) throw new Error("two");
      return item;
    }),
    /two/,
  );
});
