/*
 * Where the dynamic loader of a root file system looks for libraries: for glibc the folders of
 * /etc/ld.so.conf and its own (ld.so(8)), for musl those of /etc/ld-musl-x86_64.path.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, posix } from "node:path";

/** A root file system to look things up in: "/" of this host, or packages laid over each other. */
export interface FileSource {
  /**
   * The file on the host that `path` of the root leads to, symbolic links followed; null if there
   * is none.
   */
  locate(path: string): string | null;
}

/** glibc's own folders on Debian's and other distributions' x86-64, after those of ld.so.conf. */
const GLIBC_FOLDERS = [
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
];
const MUSL_FOLDERS = ["/lib", "/usr/local/lib", "/usr/lib"];
const MUSL_PATH_FILE = "/etc/ld-musl-x86_64.path";
const MAX_INCLUDES = 32;

export function isMusl(interpreter: string): boolean {
  return basename(interpreter).startsWith("ld-musl-");
}

export function defaultFolders(source: FileSource, interpreter: string): string[] {
  if (!isMusl(interpreter)) return unique([...glibcConfigured(source), ...GLIBC_FOLDERS]);
  const file = source.locate(MUSL_PATH_FILE);
  if (file === null) return MUSL_FOLDERS;
  return unique(readFileSync(file, "utf8").split(/[:\n]/).filter(Boolean));
}

/** The folders that /etc/ld.so.conf and the files it includes name, in order. */
export function glibcConfigured(source: FileSource): string[] {
  const folders: string[] = [];
  let left = MAX_INCLUDES;
  const read = (path: string): void => {
    const file = source.locate(path);
    if (file === null || left-- <= 0) return;
    for (const raw of readFileSync(file, "utf8").split("\n")) {
      const line = raw.replace(/#.*/, "").trim();
      const include = /^include\s+(.+)$/.exec(line)?.[1];
      if (include !== undefined) {
        const pattern = include.startsWith("/") ? include : posix.join(dirname(path), include);
        for (const match of expand(source, pattern)) read(match);
      } else if (line.startsWith("/")) {
        folders.push(line.replace(/\/+$/, ""));
      }
    }
  };
  read("/etc/ld.so.conf");
  return folders;
}

/** A file name pattern with `*` in its last part, the only form that occurs in practice. */
function expand(source: FileSource, pattern: string): string[] {
  const folder = source.locate(dirname(pattern));
  if (folder === null) return [];
  const quoted = basename(pattern).replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const expression = new RegExp(`^${quoted.replace(/\*/g, ".*").replace(/\?/g, ".")}$`);
  return readdirSync(folder)
    .filter((name) => expression.test(name))
    .sort()
    .map((name) => posix.join(dirname(pattern), name));
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
