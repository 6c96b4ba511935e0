/*
 * File sources: a folder taken as a root (`hostSource` is the folder "/"), and several folders laid
 * over each other, as packages are when they are unpacked one by one. Symbolic links are followed
 * inside the root, so that an absolute link of a package does not lead to the host's file of that
 * name.
 */
import { lstatSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import type { FileSource } from "./search-path.ts";

/** Linux gives up after 40 links too (path_resolution(7)). */
const MAX_LINKS = 40;

/** The layers may grow while the source is in use: package folders are appended as they arrive. */
export function layeredSource(layers: readonly string[]): FileSource {
  return { locate: (path) => resolveIn(layers, path) };
}

export const hostSource: FileSource = layeredSource([""]);

function resolveIn(layers: readonly string[], path: string): string | null {
  let links = 0;
  let done = "";
  let host: string | null = layers[0] ?? null;
  const todo = posix.normalize(path).split("/").filter(Boolean);
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === ".") continue;
    if (part === "..") {
      done = posix.dirname(done);
      if (done === "/" || done === ".") done = "";
      continue;
    }
    const at = `${done}/${part}`;
    const found = lookup(layers, at);
    if (found === null) return null;
    if (found.link === null) {
      done = at;
      host = found.host;
      continue;
    }
    if (++links > MAX_LINKS) return null;
    if (found.link.startsWith("/")) done = "";
    todo.unshift(...found.link.split("/").filter(Boolean));
  }
  return done === "" ? host : (lookup(layers, done)?.host ?? null);
}

/** The file or link at `path` in the first layer that has it. */
function lookup(
  layers: readonly string[],
  path: string,
): { host: string; link: string | null } | null {
  for (const layer of layers) {
    const host = layer + path;
    const stat = lstatSync(host, { throwIfNoEntry: false });
    if (stat !== undefined)
      return { host, link: stat.isSymbolicLink() ? readlinkSync(host) : null };
  }
  return null;
}
