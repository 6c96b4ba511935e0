/*
 * One root file system with all guest programs and the libraries they need, so that a hundred boots
 * share one image. The programs are in /test under their names.
 */
import { isMusl, walkLibraries } from "../../cli/elf/index.ts";
import { hostSource } from "../../cli/elf/source.ts";
import { composeImage } from "../../cli/image/erofs.ts";
import { ldSoCache } from "../../cli/image/ld-so-cache.ts";
import { addBasics, Tree } from "../../cli/image/tree.ts";
import type { GuestProgram } from "./programs.ts";

export function guestPath(program: Pick<GuestProgram, "name">): string {
  return `/test/${program.name}`;
}

/** What test/guest/fail-files.h changes, each for the first time: so many of a kind. */
const CHANGED_ONCE = 20;
const CHANGED_KINDS = [
  "open",
  "write",
  "mode",
  "xattr",
  "unlink",
  "rename",
  "source",
  "target",
  "link",
];

function addFilesToChange(tree: Tree): void {
  for (let number = 0; number < CHANGED_ONCE; number++) {
    for (const kind of CHANGED_KINDS) {
      tree.addText(`/fail-nth/${kind}-${number}`, "of the image\n");
    }
    tree.addText(`/fail-nth/folder-${number}/file`, "of the image\n");
    tree.addLink(`/fail-nth/symlink-${number}`, "nowhere");
  }
}

/** Names that test/guest/names.c begins with. */
function addNames(tree: Tree): void {
  tree.addFolder("/names/x/y");
  tree.addText("/names/x/z", "of the image\n");
  tree.addText("/names/z", "of the image\n");
}

/** What a small root has. */
export function isHello({ name }: GuestProgram): boolean {
  return name === "hello.static";
}

/** Returns the path of the image. */
export async function composeTestRoot(programs: readonly GuestProgram[]): Promise<string> {
  const tree = new Tree();
  addBasics(tree);
  addFilesToChange(tree);
  addNames(tree);
  const glibc = new Set<string>();
  const musl = new Set<string>();
  for (const program of programs) {
    const files = await walkLibraries({ source: hostSource, program: program.path });
    tree.addFile(guestPath(program), program.path, 0o755);
    if (files.interpreter === null) continue;
    tree.addFile(files.interpreter.path, files.interpreter.hostPath, 0o755);
    const libraries = isMusl(files.interpreter.path) ? musl : glibc;
    for (const { path, hostPath } of files.libraries) {
      tree.addFile(path, hostPath);
      libraries.add(path);
    }
  }
  if (glibc.size > 0) tree.addText("/etc/ld.so.cache", ldSoCache([...glibc]));
  if (musl.size > 0) {
    const folders = new Set([...musl].map((path) => path.replace(/\/[^/]*$/, "")));
    tree.addText("/etc/ld-musl-x86_64.path", [...folders].join("\n"));
  }
  return (await composeImage(tree)).path;
}
