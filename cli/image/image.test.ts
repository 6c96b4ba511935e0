/* Parts of image composition that need no tools. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { guessPackages, parseDepends } from "./debian.ts";
import { compareNames, ldSoCache } from "./ld-so-cache.ts";
import { addBasics, Tree } from "./tree.ts";

test("a tree gets parents by itself and lists them before children", () => {
  const tree = new Tree();
  tree.addText("/a/b/c", "x");
  tree.addLink("/a/link", "b");
  assert.deepEqual(
    tree.entries().map(([path, entry]) => `${entry.kind} ${path}`),
    ["folder /a", "folder /a/b", "text /a/b/c", "link /a/link"],
  );
});

test("basics leave what is there alone", () => {
  const tree = new Tree();
  tree.addText("/etc/passwd", "mine");
  addBasics(tree);
  const entry = tree.entries().find(([path]) => path === "/etc/passwd")?.[1];
  assert(entry?.kind === "text");
  assert.equal(entry.content.toString(), "mine");
  assert(tree.has("/etc/hosts"));
});

test("name servers are the kernel's unless the image has its own", () => {
  const target = (change: (tree: Tree) => void): string => {
    const tree = new Tree();
    change(tree);
    addBasics(tree);
    const entry = new Map(tree.entries()).get("/etc/resolv.conf");
    if (entry?.kind === "link") return entry.target;
    return entry?.kind === "text" ? entry.content.toString() : "";
  };
  const path = "/etc/resolv.conf";
  assert.equal(
    target(() => {}),
    "/proc/net/pnp",
  );
  assert.equal(
    target((tree) => tree.addText(path, "")),
    "/proc/net/pnp",
  );
  assert.equal(
    target((tree) => tree.addLink(path, "../run/systemd/resolve/stub-resolv.conf")),
    "/proc/net/pnp",
  );
  assert.equal(
    target((tree) => tree.addLink(path, "resolv.conf")),
    "/proc/net/pnp",
  );
  const own = "nameserver 192.0.2.1\n";
  assert.equal(
    target((tree) => tree.addText(path, own)),
    own,
  );
  assert.equal(
    target((tree) => {
      tree.addText("/run/resolv.conf", own);
      tree.addLink(path, "../run/resolv.conf");
    }),
    "../run/resolv.conf",
  );
});

test("names compare as glibc compares them", () => {
  assert(compareNames("libc.so.6", "libc.so.6") === 0);
  assert(compareNames("libc.so.10", "libc.so.6") > 0);
  assert(compareNames("libm.so.6", "libc.so.6") > 0);
  assert(compareNames("liba1.so", "liba.so") > 0);
  assert(compareNames("liba.so", "liba.so.1") < 0);
});

test("ld.so.cache has sonames and paths where its entries point", () => {
  const cache = ldSoCache(["/usr/lib/liba.so.1", "/lib/libz.so.10", "/lib/libz.so.9"]);
  assert.equal(cache.toString("latin1", 0, 20), "glibc-ld.so.cache1.1");
  assert.equal(cache.readUInt32LE(20), 3);
  const text = (at: number): string => cache.toString("latin1", at, cache.indexOf(0, at));
  const rows = [0, 1, 2].map((index) => {
    const entry = 48 + index * 24;
    return [text(cache.readUInt32LE(entry + 4)), text(cache.readUInt32LE(entry + 8))];
  });
  assert.deepEqual(rows, [
    ["libz.so.10", "/lib/libz.so.10"],
    ["libz.so.9", "/lib/libz.so.9"],
    ["liba.so.1", "/usr/lib/liba.so.1"],
  ]);
});

test("package names are guessed from file names", () => {
  const packages = ["adduser", "libc6", "libssl3", "libstdc++6", "libgcc-s1", "libdb5.3", "zlib1g"];
  const cases: [file: string, guess: string[]][] = [
    ["libssl.so.3", ["libssl3"]],
    ["libstdc++.so.6", ["libstdc++6"]],
    ["libgcc_s.so.1", ["libgcc-s1"]],
    ["libdb-5.3.so", ["libdb5.3"]],
    ["libm.so.6", ["libc6"]],
    ["/lib64/ld-linux-x86-64.so.2", ["libc6"]],
    ["libz.so.1", ["zlib1g"]],
    ["libcap.so.2", []],
  ];
  for (const [file, guess] of cases) assert.deepEqual(guessPackages(file, packages), guess, file);
});

test("dependency fields", () => {
  assert.deepEqual(
    parseDepends("Depends: libc6 (>= 2.34), awk | mawk, perl:any\nPre-Depends: libc6, dpkg\n"),
    ["libc6", "awk", "mawk", "perl", "dpkg"],
  );
});
