/* Files read back from an image that we have composed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { composeImage } from "./erofs.ts";
import { readImageFile } from "./erofs-reader.ts";
import { Tree } from "./tree.ts";

test("files come back as they went in, of any size, in folders of any size", async () => {
  const tree = new Tree();
  const contents = [0, 1, 100, 4095, 4096, 4097, 3 * 4096 + 17, 1 << 20].map((size) => {
    const content = Buffer.alloc(size, `content of ${size} `);
    tree.addText(`/a/size-${size}`, content);
    return content;
  });
  // Directories of more than one block.
  for (let index = 0; index < 600; index++) tree.addText(`/many/file-${index}`, `${index}`);
  const { path } = await composeImage(tree);
  for (const content of contents) {
    assert.deepEqual(readImageFile(path, `/a/size-${content.length}`), content);
  }
  for (const index of [0, 9, 299, 599]) {
    assert.equal(readImageFile(path, `/many/file-${index}`)?.toString(), `${index}`);
  }
  assert.equal(readImageFile(path, "/many/file-600"), null);
  assert.equal(readImageFile(path, "/nothing/there"), null);
  assert.equal(readImageFile(path, "/many"), null);
});
