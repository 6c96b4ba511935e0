/* The lock between processes: one at a time, and nobody's death keeps it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { withLock } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-lock-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "lock");

test("a lock that is held lets nobody else in, and says that there is a wait", async () => {
  const order: string[] = [];
  let release = (): void => {};
  let isHeld = (): void => {};
  const held = new Promise<void>((resolve) => {
    isHeld = resolve;
  });
  const first = withLock(file, { onWait: () => order.push("first waits") }, async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
      isHeld();
    });
    order.push("first ends");
  });
  await held;
  const onWait = (): void => {
    order.push("second waits");
    release();
  };
  const second = withLock(file, { onWait }, async () => order.push("second"));
  await Promise.all([first, second]);
  assert.deepEqual(order, ["second waits", "first ends", "second"]);
});

test("work that fails frees the lock, and its error is the caller's", async () => {
  const failing = withLock(file, {}, async () => {
    throw new Error("no luck");
  });
  await assert.rejects(failing, /no luck/);
  const fail = (): never => assert.fail("still held");
  assert.equal(await withLock(file, { onWait: fail }, async () => 7), 7);
});

test("the lock of a process that was killed is free", async () => {
  const code = `
    import { withLock } from ${JSON.stringify(new URL("lock.ts", import.meta.url).href)};
    await withLock(${JSON.stringify(file)}, {}, () => {
      console.log("held");
      return new Promise((resolve) => setTimeout(resolve, 600_000));
    });`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  let hasWaited = false;
  const onWait = (): void => {
    hasWaited = true;
    holder.kill("SIGKILL");
  };
  await withLock(file, { onWait }, async () => {});
  assert(hasWaited);
});

test("a lock that can't be made says where", async () => {
  const nowhere = join(folder, "no", "such", "lock");
  await assert.rejects(
    withLock(nowhere, {}, async () => {}),
    new RegExp(`can't lock ${nowhere}: .*No such file`),
  );
});
