/**
 * Names for the simulator of sleeps (test/sim/sleep); nothing of this is part of the kernel.
 *
 * The root is a union over a directory of a slow disk, played here: whoever asks that for anything
 * may sleep. It has, in each directory but the lowest,
 *
 *     a  b          files           d  e      directories
 *     l             a link to `a`
 *
 * `simCheckNames` looks at the whole tree: nothing is in it twice or nowhere, counts are right, and
 * the name cache says what the directories do.
 */
import { addressOf, fill } from "../arch/hw";
import { Dentry, dentryFind, nameHash } from "../fs/dentry";
import { DirectorySink, directoryType } from "../fs/directory-sink";
import { FileSystem, Inode, resultOf } from "../fs/inode";
import { mountAt, rootDirectory } from "../fs/mount";
import { PageSource } from "../fs/page-source";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../fs/stat";
import { TmpDirectory } from "../fs/tmpfs";
import { TmpEntry } from "../fs/tmpfs-entry";
import { TmpFileSystem } from "../fs/tmpfs-inode";
import { RegularFile } from "../fs/vfs-file";
import { ENOMEM } from "../lib/errno";
import { fail, othersRun } from "../lib/sim";
import { allocPages, directMap, PAGE_SIZE } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { AT_FDCWD } from "./at-path";
import { sys_getdents64 } from "./file-calls";
import {
  sys_link,
  sys_mkdir,
  sys_open,
  sys_rename,
  sys_renameat,
  sys_rmdir,
  sys_unlink,
} from "./path-calls";
import { sys_lchown, sys_readlink } from "./stat-calls";

const NAMES: usize = memory.data<u8>([97, 98, 100, 101, 108]);
const NAME_COUNT: u64 = 5;
const NAME_D = 100;
const NAME_E = 101;
const NAME_L = 108;
/** How many directories deep the disk's tree is. */
const DEPTH = 2;
const PAGES: u64 = 64;

class SlowFileSystem extends FileSystem {
  constructor() {
    super("slow");
    this.readOnly = true;
  }
}

/** The pages of a file of the slow disk: zeros. */
class SlowPages extends PageSource {
  constructor(private inode: SlowInode) {
    super();
  }

  size(): u64 {
    return this.inode.size();
  }

  getPage(index: u64): i64 {
    this.inode.wait();
    const page = allocPages(0);
    if (page == 0) return -ENOMEM;
    fill(directMap(page), 0, PAGE_SIZE);
    this.inode.wait();
    return page;
  }

  peekPage(index: u64): u64 {
    return 0;
  }

  release(): void {
    this.inode.destroy();
  }
}

/** A file, directory or link of the slow disk. */
class SlowInode extends Inode {
  private isGone: bool = false;

  constructor(
    fileSystem: FileSystem,
    number: u64,
    mode: u32,
    private depth: i32,
  ) {
    super(fileSystem, number, mode);
    if (this.isDirectory()) this.nlink = depth > 0 ? 4 : 2;
  }

  /** The disk takes its time. */
  wait(): void {
    othersRun();
    if (this.isGone) fail("an inode is destroyed while it is read");
  }

  lookup(dentry: Dentry): i32 {
    this.wait();
    for (let i: u64 = 0; i < NAME_COUNT && this.depth > 0; i++) {
      const name = load<u8>(NAMES + <usize>i);
      if (dentry.nameLength != 1 || load<u8>(dentry.name) != name) continue;
      let mode = S_IFREG | 0o644;
      if (name == NAME_D || name == NAME_E) mode = S_IFDIR | 0o755;
      if (name == NAME_L) mode = S_IFLNK | 0o777;
      const number = this.number * (NAME_COUNT + 1) + i + 1;
      const child = attempt(new SlowInode(this.fileSystem, number, mode, this.depth - 1));
      dentry.inode = child;
    }
    this.wait();
    return 0;
  }

  list(position: u64, sink: DirectorySink): i64 {
    this.wait();
    let at = position;
    for (; at - 2 < NAME_COUNT && this.depth > 0; at++) {
      this.wait();
      const name = NAMES + <usize>(at - 2);
      if (!sink.put(addressOf(name), 1, at, directoryType(S_IFREG), at + 1)) break;
    }
    return at;
  }

  readLink(to: usize, size: u32): i32 {
    this.wait();
    store<u8>(to, load<u8>(NAMES));
    this.wait();
    return 1;
  }

  size(): u64 {
    return 1;
  }

  pages(): PageSource | null {
    if (this.isRegular() && !this.source) this.source = attempt(new SlowPages(this));
    return this.source;
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new RegularFile(dentry, this, flags)));
  }

  /** It stays in memory, to tell of its use. */
  destroy(): void {
    this.isGone = true;
  }
}

/** Makes the union the root. */
export function simNames(): void {
  const below = new SlowInode(new SlowFileSystem(), 1, S_IFDIR | 0o755, DEPTH);
  mountAt(null, new TmpDirectory(new TmpFileSystem("tmpfs", PAGES), 0o755, below), "tmpfs");
}

// ---- What must hold -----------------------------------------------------------------------------

let entriesSeen: u32 = 0;

/** Looks at all that is below a directory. */
function checkDirectory(directory: TmpDirectory, depth: i32): void {
  if (depth > 8) {
    fail("a directory is in itself");
    return;
  }
  for (let entry = directory.firstEntry(); entry; entry = nextOf(entry)) {
    entriesSeen++;
    const inode = entry.inode;
    if (!inode) continue;
    if (inode.nlink == 0) fail("a name stands for a file that has been removed");
    if (inode instanceof TmpDirectory) {
      checkDirectory(<TmpDirectory>inode, depth + 1);
    }
  }
  if (directory.nlink == 0) fail("a directory that has been removed is in another");
}

function nextOf(entry: TmpEntry | null): TmpEntry | null {
  return entry ? entry.next : null;
}

/** The cache agrees with the directories, as far as it knows names at all. */
function checkCache(dentry: Dentry, depth: i32): void {
  const directory = dentry.inode;
  if (depth > DEPTH + 2 || !directory || !(directory instanceof TmpDirectory)) return;
  for (let entry = (<TmpDirectory>directory).firstEntry(); entry; entry = nextOf(entry)) {
    const hash = nameHash(entry.name, entry.nameLength);
    const child = dentryFind(dentry, hash, entry.name, entry.nameLength);
    if (!child) continue;
    if (child.inode != entry.inode) fail("the name cache says another file than the directory");
    checkCache(child, depth + 1);
  }
}

/** Looks at the tree, when nobody is at work. */
export function simCheckNames(): void {
  const root = rootDirectory();
  entriesSeen = 0;
  const directory = <TmpDirectory>root.inode!;
  checkDirectory(directory, 0);
  checkCache(root, 0);
  if (entriesSeen != directory.tmpfs.entries.count)
    fail("names are in directories that are in none");
}

// ---- System calls -------------------------------------------------------------------------------

export function simOpenPath(path: u32, flags: u32): i32 {
  return <i32>sys_open(path, flags, 0o600);
}

export function simRename(from: u32, to: u32): i32 {
  return <i32>sys_rename(from, to);
}

/** renameat: the second path starts at a directory that is open. */
export function simRenameInto(from: u32, fd: i32, to: u32): i32 {
  return <i32>sys_renameat(AT_FDCWD, from, fd, to);
}

export function simUnlink(path: u32): i32 {
  return <i32>sys_unlink(path);
}

export function simMkdir(path: u32): i32 {
  return <i32>sys_mkdir(path, 0o700);
}

export function simRmdir(path: u32): i32 {
  return <i32>sys_rmdir(path);
}

export function simLink(from: u32, to: u32): i32 {
  return <i32>sys_link(from, to);
}

export function simReadlink(path: u32, buffer: u32, n: u32): i32 {
  return <i32>sys_readlink(path, buffer, n);
}

export function simLchown(path: u32, uid: u32): i32 {
  return <i32>sys_lchown(path, uid, uid);
}

export function simGetdents(fd: i32, buffer: u32, n: u32): i32 {
  return <i32>sys_getdents64(fd, buffer, n);
}
