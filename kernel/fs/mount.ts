/**
 * Which file system is where, and the path of a dentry.
 *
 * Mounts are made at boot and stay. A dentry that has something mounted on it points at the root
 * dentry of that, which points back by `covers`.
 */
import { ENAMETOOLONG, ENOMEM } from "../lib/errno";
import { Dentry, dentryCreate, dentryGet, dentryPut, NAME_HASH_START } from "./dentry";
import { FileSystem, Inode } from "./inode";

/** Linux's PATH_MAX: the terminator included. */
export const PATH_MAX: u32 = 4096;
const SLASH: u8 = 47;

export class Mount {
  next: Mount | null = null;
  /** As in /proc/self/mountinfo, statx(2) and name_to_handle_at(2). */
  id: u32 = 0;

  /** `source` is the first column of /proc/mounts. */
  constructor(
    public root: Dentry,
    public fileSystem: FileSystem,
    public source: string,
  ) {}
}

/** The root's. On Linux, too, the numbers below are the kernel's own mounts. */
const FIRST_MOUNT_ID: u32 = 21;

let firstMount: Mount | null = null;
let lastMount: Mount | null = null;
let rootDentry: Dentry | null = null;

/** The process' root directory. There is one from `fsInit` on. */
export function rootDirectory(): Dentry {
  return rootDentry!;
}

/** chroot(2): takes over the caller's reference. */
export function setRootDirectory(dentry: Dentry): void {
  const old = rootDentry!;
  rootDentry = dentry;
  dentryPut(old);
}

/** The mounts in the order they were made, the root first; linked by `next`. */
export function mountList(): Mount | null {
  return firstMount;
}

/**
 * Mounts a file system, whose root directory is `root` (the reference is taken over), on `point`;
 * null: as the root.
 */
export function mountAt(point: Dentry | null, root: Inode, source: string): i32 {
  const dentry = dentryCreate(null, NAME_HASH_START, 0, 0);
  if (!dentry) return -ENOMEM;
  dentry.inode = root;
  if (point) {
    assert(point.mounted == null, "one mount on a directory");
    dentryGet(point);
    dentry.covers = point;
    point.mounted = dentry;
  } else {
    dentryGet(dentry);
    rootDentry = dentry;
  }
  const mount = new Mount(dentry, root.fileSystem, source);
  const last = lastMount;
  mount.id = last ? last.id + 1 : FIRST_MOUNT_ID;
  if (last) last.next = mount;
  else firstMount = mount;
  lastMount = mount;
  return 0;
}

/** The mount that a dentry is in; null for what is in none, as a memfd. */
export function mountOf(dentry: Dentry): Mount | null {
  let root = dentry;
  for (let above = root.parent; above; above = root.parent) root = above;
  let mount = firstMount;
  while (mount && mount.root != root) mount = mount.next;
  return mount;
}

/** The id of that mount; 0 for none. */
export function mountIdOf(dentry: Dentry): u32 {
  const mount = mountOf(dentry);
  return mount ? mount.id : 0;
}

/** Whether a dentry is the root of a mount. */
export function isMountRoot(dentry: Dentry): bool {
  const mount = mountOf(dentry);
  return mount != null && mount.root == dentry;
}

/** As `directoryAbove`, but the process' root is above itself, too: where `..` leads. */
export function parentDirectory(dentry: Dentry): Dentry {
  return dentry == rootDentry ? dentry : directoryAbove(dentry);
}

/** The directory above, across mounts; the root of all is above itself. */
export function directoryAbove(dentry: Dentry): Dentry {
  let at = dentry;
  let covers = at.covers;
  while (covers) {
    at = covers;
    covers = at.covers;
  }
  const parent = at.parent;
  return parent ? parent : at;
}

/** The dentry that stands for the same place outside of what is mounted there. */
function outside(dentry: Dentry): Dentry {
  let at = dentry;
  let covers = at.covers;
  while (covers && at != rootDentry) {
    at = covers;
    covers = at.covers;
  }
  return at;
}

/**
 * Writes the absolute path of a dentry as the process sees it (of one that is in no directory, as a
 * memfd's, its name as if it were in the root) to `to`, zero-terminated. Returns its length without
 * the terminator, or -ENAMETOOLONG.
 */
export function dentryPath(dentry: Dentry, to: usize, size: u32): i32 {
  let length: u32 = 0;
  let at = dentry;
  for (;;) {
    at = outside(at);
    const parent = at.parent;
    if (at == rootDentry) break;
    length += at.nameLength > 0 ? at.nameLength + 1 : 0;
    if (!parent) break;
    at = parent;
  }
  if (length + 2 > size) return -ENAMETOOLONG;
  if (length == 0) {
    store<u16>(to, SLASH);
    return 1;
  }
  let end = to + <usize>length;
  store<u8>(end, 0);
  at = dentry;
  for (;;) {
    at = outside(at);
    const parent = at.parent;
    if (at == rootDentry) break;
    if (at.nameLength > 0) {
      end -= <usize>at.nameLength;
      memory.copy(end, at.name, at.nameLength);
      end--;
      store<u8>(end, SLASH);
    }
    if (!parent) break;
    at = parent;
  }
  return length;
}
