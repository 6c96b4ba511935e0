/**
 * Files that kernel unit tests read, by name: disk images made by the real tools.
 */
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cached, hashInputs } from "./cache.ts";
import { buildDirectory } from "./paths.ts";

/** Byte i of a fixture file's contents. */
function contents(bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) data[i] = (i * 7 + (i >> 12)) & 0xff;
  return data;
}

/** What all EROFS fixtures hold; tests rely on each name and size. The small ones lack `large`. */
function makeTree(root: string, small: boolean): void {
  const put = (name: string, data: string | Buffer) => writeFileSync(path.join(root, name), data);
  mkdirSync(path.join(root, "etc"), { recursive: true });
  mkdirSync(path.join(root, "usr/lib"), { recursive: true });
  mkdirSync(path.join(root, "many"));
  mkdirSync(path.join(root, "empty"));
  put("etc/hosts", "127.0.0.1 localhost\n");
  put("etc/empty", "");
  put("aligned", contents(8 * 4096));
  put("tail", contents(3 * 4096 + 100));
  if (!small) put("large", contents(3_000_000));
  symlinkSync("etc/hosts", path.join(root, "link"));
  symlinkSync("/usr/lib", path.join(root, "lib"));
  symlinkSync("loop", path.join(root, "loop"));
  linkSync(path.join(root, "aligned"), path.join(root, "usr/lib/aligned"));
  for (let i = 0; i < 500; i++) put(`many/file-number-${i}`, String(i));
}

function makeErofs(name: string, options: string[]): Promise<string> {
  const directory = path.join(buildDirectory, "fixtures");
  mkdirSync(directory, { recursive: true });
  const output = path.join(directory, name);
  return cached(output, hashInputs([import.meta.filename], options), async (work) => {
    const root = path.join(directory, `${name}-root`);
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root);
    makeTree(root, name.startsWith("small"));
    const fixed = ["--quiet", "-T1000000000", "-U00000000-0000-0000-0000-000000000000"];
    execFileSync("mkfs.erofs", [...fixed, "--all-root", ...options, work, root]);
    rmSync(root, { recursive: true, force: true });
  }).then(() => output);
}

const FIXTURES: Record<string, () => Promise<string>> = {
  "compact.erofs": () => makeErofs("compact.erofs", ["-x-1", "-Eforce-inode-compact"]),
  "extended.erofs": () => makeErofs("extended.erofs", ["-Eforce-inode-extended"]),
  "chunked.erofs": () => makeErofs("chunked.erofs", ["-x-1", "--chunksize=4096"]),
  "small-compact.erofs": () => makeErofs("small-compact.erofs", ["-x-1", "-Eforce-inode-compact"]),
  "small-chunked.erofs": () =>
    makeErofs("small-chunked.erofs", ["-Eforce-inode-extended", "--chunksize=4096"]),
  "compressed.erofs": () => makeErofs("compressed.erofs", ["-zlz4"]),
};

/** The fixtures' contents by name, made where they are missing or out of date. */
export async function makeFixtures(): Promise<Map<string, Buffer>> {
  const made = new Map<string, Buffer>();
  for (const [name, make] of Object.entries(FIXTURES)) made.set(name, readFileSync(await make()));
  return made;
}
