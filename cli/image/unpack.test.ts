// Debian packages are unpacked by many at the same time, each of whom tidies up behind itself.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { unpack } from "./debian.ts";

const PACKAGES = 40;

/** A package whose folders are years old, as packages' folders are. */
function makePackage(folder: string, name: string): string {
  const root = join(folder, `${name}-root`);
  mkdirSync(join(root, "DEBIAN"), { recursive: true });
  writeFileSync(join(root, "DEBIAN/control"), control(name));
  mkdirSync(join(root, "usr"));
  writeFileSync(join(root, "usr/name"), name);
  const longAgo = new Date("2020-02-02");
  for (const each of ["usr", "."]) utimesSync(join(root, each), longAgo, longAgo);
  const deb = join(folder, "packages", `${name}.deb`);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Znone", "--build", root, deb]);
  return deb;
}

function control(name: string): string {
  const fields = [`Package: ${name}`, "Version: 1", "Architecture: all", "Maintainer: nobody"];
  return `${[...fields, "Description: of a test", "Depends: other (>= 2)"].join("\n")}\n`;
}

test("packages that are unpacked at the same time are all there afterwards", async () => {
  const folder = mkdtempSync(join(tmpdir(), "virga-test-unpack-"));
  try {
    mkdirSync(join(folder, "packages"));
    const names = Array.from({ length: PACKAGES }, (_, index) => `package-${index}`);
    const files = names.map((name) => makePackage(folder, name));
    const unpacked = await Promise.all(files.map((deb) => unpack(deb)));
    unpacked.forEach((each, index) => {
      assert.equal(readFileSync(join(each.folder, "usr/name"), "utf8"), names[index]);
      assert.deepEqual(each.depends, ["other"]);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
