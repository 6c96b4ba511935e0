/* The dependency walk, on roots made of small ELF files that the test writes itself. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { MissingLibraryError, NotAnElfError, WrongArchitectureError } from "../errors.ts";
import { type Dynamic, makeElf } from "./fixture.ts";
import { expandTokens, walkLibraries } from "./libraries.ts";
import { parseElf } from "./reader.ts";
import { layeredSource } from "./source.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const GLIBC = "/lib64/ld-linux-x86-64.so.2";
const MUSL = "/lib/ld-musl-x86_64.so.1";

/** `${TOKEN}`, put together, since it looks like a template that was forgotten to be one. */
const braced = (token: string, rest: string): string => `$\{${token}}${rest}`;

/**
 * A root with these files: ELF files from what they need, texts as they are, links as `-> target`.
 */
function makeRoot(files: Record<string, Dynamic | string>): string {
  const root = mkdtempSync(join(tmpdir(), "virga-elf-"));
  folders.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    const link = typeof content === "string" ? /^-> (.*)/.exec(content)?.[1] : undefined;
    if (link !== undefined) symlinkSync(link, join(root, path));
    else writeFileSync(join(root, path), typeof content === "string" ? content : makeElf(content));
  }
  return root;
}

async function walk(root: string, program = "/bin/app", libraryPath: string[] = []) {
  const files = await walkLibraries({ source: layeredSource([root]), program, libraryPath });
  return files.libraries.map((each) => each.path);
}

test("a static program needs nothing", async () => {
  assert.deepEqual(await walk(makeRoot({ "/bin/app": {} })), []);
});

test("libraries of libraries are found, each once, in glibc's own folders", async () => {
  const root = makeRoot({
    "/bin/app": { interpreter: GLIBC, needed: ["liba.so.1", "libc.so.6"] },
    [GLIBC]: {},
    "/usr/lib/x86_64-linux-gnu/liba.so.1": { needed: ["libb.so", "libc.so.6"] },
    "/usr/lib/libb.so": { needed: ["liba.so.1"] },
    "/lib/x86_64-linux-gnu/libc.so.6": { needed: ["ld-linux-x86-64.so.2"] },
  });
  assert.deepEqual(await walk(root), [
    "/usr/lib/x86_64-linux-gnu/liba.so.1",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/libb.so",
  ]);
});

test("a program that ends threads gets the library with which glibc unwinds their stacks", async () => {
  const files = {
    "/bin/app": { interpreter: GLIBC, needed: ["libc.so.6"], symbols: ["pthread_exit"] },
    "/bin/other": { interpreter: GLIBC, needed: ["libc.so.6"], symbols: ["pthread_exit_not"] },
    [GLIBC]: {},
    "/lib/libc.so.6": {},
  };
  const unwinder = { "/lib/libgcc_s.so.1": { needed: ["libc.so.6"] } };
  assert.deepEqual(await walk(makeRoot(files)), ["/lib/libc.so.6"]);
  const root = makeRoot({ ...files, ...unwinder });
  assert.deepEqual(await walk(root), ["/lib/libc.so.6", "/lib/libgcc_s.so.1"]);
  assert.deepEqual(await walk(root, "/bin/other"), ["/lib/libc.so.6"]);
});

test("ld.so.conf and what it includes name more folders", async () => {
  const root = makeRoot({
    "/bin/app": { interpreter: GLIBC, needed: ["liba.so"] },
    [GLIBC]: {},
    "/etc/ld.so.conf": "# folders\ninclude ld.so.conf.d/*.conf\n",
    "/etc/ld.so.conf.d/x.conf": "/opt/x/lib/ # here\n",
    "/etc/ld.so.conf.d/y.txt": "/opt/y\n",
    "/opt/x/lib/liba.so": {},
    "/opt/y/liba.so": {},
  });
  assert.deepEqual(await walk(root), ["/opt/x/lib/liba.so"]);
});

test("RUNPATH is the object's own, RPATH is inherited, $ORIGIN is the object's folder", async () => {
  const root = makeRoot({
    "/opt/app/bin/app": { interpreter: GLIBC, needed: ["liba.so"], runpath: "$ORIGIN/../lib" },
    [GLIBC]: {},
    "/opt/app/lib/liba.so": { needed: ["libb.so"], rpath: braced("ORIGIN", "/deep") },
    "/opt/app/lib/deep/libb.so": { needed: ["libc.so"] },
    "/opt/app/lib/deep/libc.so": {},
  });
  assert.deepEqual(await walk(root, "/opt/app/bin/app"), [
    "/opt/app/lib/liba.so",
    "/opt/app/lib/deep/libb.so",
    "/opt/app/lib/deep/libc.so",
  ]);
});

test("LD_LIBRARY_PATH comes before the loader's folders", async () => {
  const root = makeRoot({
    "/bin/app": { interpreter: GLIBC, needed: ["liba.so"] },
    [GLIBC]: {},
    "/usr/lib/liba.so": {},
    "/mine/liba.so": {},
  });
  assert.deepEqual(await walk(root, "/bin/app", ["/mine"]), ["/mine/liba.so"]);
});

test("musl's libc is its loader, and its folders are in its path file", async () => {
  const root = makeRoot({
    "/bin/app": { interpreter: MUSL, needed: ["libc.so", "libz.so"] },
    [MUSL]: {},
    "/etc/ld-musl-x86_64.path": "/usr/lib/x86_64-linux-musl\n/other",
    "/other/libz.so": { needed: ["libc.musl-x86_64.so.1"] },
    "/lib/libz.so": {},
  });
  assert.deepEqual(await walk(root), ["/other/libz.so"]);
});

test("links are followed inside the root", async () => {
  const root = makeRoot({
    "/bin/app": "-> /opt/real",
    "/opt/real": { interpreter: GLIBC, needed: ["liba.so"] },
    "/lib64": "-> usr/lib64",
    "/usr/lib64/ld-linux-x86-64.so.2": "-> ../lib/../lib/ld.so",
    "/usr/lib/ld.so": {},
    "/usr/lib/liba.so": "-> liba.so.1",
    "/usr/lib/liba.so.1": {},
  });
  assert.deepEqual(await walk(root), ["/usr/lib/liba.so"]);
});

test("a missing library is named, with what needs it", async () => {
  const root = makeRoot({
    "/bin/app": { interpreter: GLIBC, needed: ["liba.so"] },
    [GLIBC]: {},
    "/usr/lib/liba.so": { needed: ["libgone.so.3"] },
  });
  await assert.rejects(walk(root), (error: unknown) => {
    assert(error instanceof MissingLibraryError);
    assert.match(error.message, /libgone\.so\.3, needed by \/usr\/lib\/liba\.so/);
    return true;
  });
});

test("a missing interpreter is a missing library", async () => {
  const root = makeRoot({ "/bin/app": { interpreter: GLIBC, needed: [] } });
  await assert.rejects(walk(root), MissingLibraryError);
});

test("what is missing can be brought", async () => {
  const root = makeRoot({ "/bin/app": { interpreter: GLIBC, needed: ["liba.so"] } });
  const late = makeRoot({ [GLIBC]: {}, "/usr/lib/liba.so": {} });
  const layers = [root];
  const asked: string[] = [];
  const files = await walkLibraries({
    source: layeredSource(layers),
    program: "/bin/app",
    onMissing: async (file) => {
      asked.push(file);
      layers.push(late);
      return true;
    },
  });
  assert.deepEqual(asked, [GLIBC]);
  assert.equal(files.libraries[0]?.hostPath, join(late, "/usr/lib/liba.so"));
});

test("other files are refused with the reason", () => {
  assert.throws(() => parseElf(Buffer.from("#!/bin/sh\n"), "x"), /it is a script/);
  assert.throws(() => parseElf(Buffer.from(""), "x"), NotAnElfError);
  assert.throws(() => parseElf(makeElf({}).subarray(0, 40), "x"), NotAnElfError);
  const arm = makeElf({});
  arm.writeUInt16LE(183, 18);
  assert.throws(() => parseElf(arm, "x"), WrongArchitectureError);
  assert.throws(() => parseElf(arm, "x"), /aarch64/);
});

test("damaged files are errors, never crashes", () => {
  const whole = makeElf({ interpreter: GLIBC, needed: ["liba.so"], runpath: "/x" });
  for (let at = 4; at < whole.length; at++) {
    for (const value of [0x00, 0x7f, 0xff]) {
      const damaged = Buffer.from(whole);
      damaged[at] = value;
      try {
        parseElf(damaged, "x");
      } catch (error) {
        assert(error instanceof NotAnElfError || error instanceof WrongArchitectureError);
      }
    }
  }
});

test("tokens", () => {
  assert.equal(expandTokens("$ORIGIN/../lib", "/opt/bin"), "/opt/lib");
  assert.equal(
    expandTokens(`/x/${braced("PLATFORM", "/$LIB")}`, "/"),
    "/x/x86_64/lib/x86_64-linux-gnu",
  );
});
