/* What is told of a step that takes time, at a terminal and elsewhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { note, type Terminal, withProgress } from "./progress.ts";

function terminal(isTTY: boolean): Terminal & { text: string } {
  return {
    isTTY,
    text: "",
    write(piece: string) {
      this.text += piece;
    },
  };
}

/** Returns when something was told of the step. */
async function told(screen: { text: string }): Promise<void> {
  while (screen.text === "") await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a step that is done at once leaves no trace", async () => {
  const screen = terminal(true);
  assert.equal(await withProgress("building", async () => 7, screen), 7);
  assert.equal(screen.text, "");
});

test("elsewhere than at a terminal a step is two plain lines", async () => {
  const screen = terminal(false);
  await withProgress("building", () => told(screen), screen);
  assert.match(screen.text, /^virga: building …\nvirga: building: done in \d+\.\d s\n$/);
});

test("at a terminal a step is one line, and a note stands above it", async () => {
  const screen = terminal(true);
  const work = async (): Promise<void> => {
    await told(screen);
    note("by the way", screen);
  };
  await withProgress("building", work, screen);
  const lines = screen.text.split("\n").map((line) => line.split("\x1b[K").at(-1));
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? "", /virga:.* by the way$/);
  assert.match(lines[1] ?? "", /virga:.* building: done in \d+\.\d s$/);
});

test("a step that fails leaves no line behind", async () => {
  const screen = terminal(true);
  const failing = async (): Promise<void> => {
    await told(screen);
    throw new Error("no luck");
  };
  await assert.rejects(withProgress("building", failing, screen), /no luck/);
  assert(screen.text.endsWith("\x1b[K"));
});

test("NO_COLOR leaves colours out", async () => {
  const before = process.env.NO_COLOR;
  const coloured = terminal(true);
  delete process.env.NO_COLOR;
  note("text", coloured);
  process.env.NO_COLOR = "1";
  const plain = terminal(true);
  note("text", plain);
  if (before === undefined) delete process.env.NO_COLOR;
  else process.env.NO_COLOR = before;
  assert(coloured.text.includes("\x1b[2m"));
  assert.equal(plain.text, "virga: text\n");
});
