/* The events' socket: nothing is lost of a machine that comes and goes in a moment. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { listenForEvents } from "./event-listener.ts";

const folder = mkdtempSync(join(tmpdir(), "virga-events-"));
after(() => rmSync(folder, { recursive: true }));

test("a connection that was made and ended before we looked is heard", async () => {
  let text = "";
  const path = join(folder, "socket");
  const events = await listenForEvents(path, (piece) => {
    text += piece;
  });
  const code = "require('net').connect(process.argv[1]).end('an event', process.exit)";
  execFileSync(process.execPath, ["-e", code, path]); // nothing of ours runs meanwhile
  await events.drained();
  events.close();
  assert.equal(text, "an event");
});

test("without a connection there is nothing to wait for", async () => {
  const events = await listenForEvents(join(folder, "silent"), () => assert.fail("no text"));
  await events.drained();
  events.close();
});
