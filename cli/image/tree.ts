/*
 * What goes into an image, as plain data: a map from the path in the root to a file of the host, a
 * text of our own, a folder or a link. `Tree` is only ever added to; parents come by themselves.
 */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { join, posix } from "node:path";

export type TreeEntry =
  | { readonly kind: "file"; readonly hostPath: string; readonly mode: number }
  | { readonly kind: "text"; readonly content: Buffer; readonly mode: number }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "folder"; readonly mode: number };

export class Tree {
  readonly #entries = new Map<string, TreeEntry>();

  addFile(path: string, hostPath: string, mode?: number): void {
    const ownMode = mode ?? statSync(hostPath).mode & 0o7777;
    this.#add(path, { kind: "file", hostPath, mode: ownMode });
  }

  addText(path: string, content: string | Buffer, mode = 0o644): void {
    this.#add(path, { kind: "text", content: Buffer.from(content), mode });
  }

  addLink(path: string, target: string): void {
    this.#add(path, { kind: "link", target });
  }

  addFolder(path: string, mode = 0o755): void {
    this.#add(path, { kind: "folder", mode });
  }

  /** A folder of the host with all that is in it. Devices, sockets and pipes are left out. */
  addAll(path: string, hostPath: string): void {
    this.addFolder(path, statSync(hostPath).mode & 0o7777);
    for (const entry of readdirSync(hostPath, { withFileTypes: true })) {
      const to = posix.join(path, entry.name);
      const from = join(hostPath, entry.name);
      if (entry.isDirectory()) this.addAll(to, from);
      else if (entry.isSymbolicLink()) this.addLink(to, readlinkSync(from));
      else if (entry.isFile()) this.addFile(to, from);
    }
  }

  has(path: string): boolean {
    return this.#entries.has(posix.resolve("/", path));
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
 * they are.
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
    if (!tree.has(path)) tree.addText(path, text);
  }
}
