/*
 * What goes into an image, as plain data: a map from the path in the root to a file of the host, a
 * text of our own, a folder or a link. `Tree` is only ever added to; parents come by themselves.
 *
 * A file of the host keeps its time of modification, and so do folders and links of it. What is our
 * own has none here: the image gives it the newest of all.
 */
import { lstatSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join, posix } from "node:path";

export type TreeEntry =
  | { readonly kind: "file"; readonly hostPath: string; readonly mode: number }
  | { readonly kind: "text"; readonly content: Buffer; readonly mode: number }
  | { readonly kind: "link"; readonly target: string; readonly modified?: Date }
  | { readonly kind: "folder"; readonly mode: number; readonly modified?: Date };

/** Linux gives up after 40 links too (path_resolution(7)). */
const LINKS_MAX = 40;

export class Tree {
  readonly #entries = new Map<string, TreeEntry>();

  addFile(path: string, hostPath: string, mode?: number): void {
    const ownMode = mode ?? statSync(hostPath).mode & 0o7777;
    this.#add(path, { kind: "file", hostPath, mode: ownMode });
  }

  addText(path: string, content: string | Buffer, mode = 0o644): void {
    this.#add(path, { kind: "text", content: Buffer.from(content), mode });
  }

  addLink(path: string, target: string, modified?: Date): void {
    this.#add(path, { kind: "link", target, ...(modified === undefined ? {} : { modified }) });
  }

  addFolder(path: string, mode = 0o755, modified?: Date): void {
    this.#add(path, { kind: "folder", mode, ...(modified === undefined ? {} : { modified }) });
  }

  /** A folder of the host with all that is in it. Devices, sockets and pipes are left out. */
  addAll(path: string, hostPath: string): void {
    const folder = statSync(hostPath);
    this.addFolder(path, folder.mode & 0o7777, folder.mtime);
    for (const entry of readdirSync(hostPath, { withFileTypes: true })) {
      const to = posix.join(path, entry.name);
      const from = join(hostPath, entry.name);
      if (entry.isDirectory()) this.addAll(to, from);
      else if (entry.isSymbolicLink()) this.addLink(to, readlinkSync(from), lstatSync(from).mtime);
      else if (entry.isFile()) this.addFile(to, from);
    }
  }

  has(path: string): boolean {
    return this.#entries.has(posix.resolve("/", path));
  }

  /** Whether there is something to read at `path`: a file that is not empty, or a link to one. */
  hasContent(path: string, linksLeft = LINKS_MAX): boolean {
    const at = posix.resolve("/", path);
    const entry = this.#entries.get(at);
    switch (entry?.kind) {
      case "file":
        return statSync(entry.hostPath).size > 0;
      case "text":
        return entry.content.length > 0;
      case "link":
        // What lies in /proc is the kernel's.
        if (entry.target.startsWith("/proc/")) return true;
        return (
          linksLeft > 0 &&
          this.hasContent(posix.resolve(posix.dirname(at), entry.target), linksLeft - 1)
        );
      default:
        return false;
    }
  }

  /** All entries, parents before children, in an order that depends on the paths alone. */
  entries(): [string, TreeEntry][] {
    return [...this.#entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  #add(path: string, entry: TreeEntry): void {
    const at = posix.resolve("/", path);
    if (at === "/") return;
    const parent = posix.dirname(at);
    if (!this.#entries.has(parent)) this.addFolder(parent);
    this.#entries.set(at, entry);
  }
}

/**
 * The few files and folders that C libraries and programs expect of any root. Existing ones stay as
 * they are, but for files that are empty: container tools leave such ones where they mount their
 * own.
 *
 * /proc/net/pnp has the name servers of the command line or of DHCP. An image that brings its own
 * /etc/resolv.conf keeps it: who put one in wants these servers asked.
 */
export function addBasics(tree: Tree): void {
  for (const folder of ["/dev", "/proc", "/sys", "/run", "/root", "/etc"]) {
    if (!tree.has(folder)) tree.addFolder(folder);
  }
  if (!tree.has("/tmp")) tree.addFolder("/tmp", 0o1777);
  const texts: Record<string, string> = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/hosts": "127.0.0.1 localhost virga\n::1 localhost\n",
  };
  for (const [path, text] of Object.entries(texts)) {
    if (!tree.hasContent(path)) tree.addText(path, text);
  }
  const links: Record<string, string> = {
    "/etc/resolv.conf": "/proc/net/pnp",
    "/etc/hostname": "/proc/sys/kernel/hostname",
  };
  for (const [path, target] of Object.entries(links)) {
    if (!tree.hasContent(path)) tree.addLink(path, target);
  }
}
