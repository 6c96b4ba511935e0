/**
 * Files in memory without a name: memfd_create(2).
 */

import { ENOMEM } from "../lib/errno";
import { totalPageCount } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { dentryCreate, dentryDrop, dentryPut, NAME_HASH_START } from "./dentry";
import { File, O_RDWR } from "./file";
import { S_IFREG } from "./stat";
import { F_SEAL_EXEC, TmpFile } from "./tmpfs-file";
import { TMPFS_MAGIC, TmpFileSystem } from "./tmpfs-inode";
import { RegularFile } from "./vfs-file";

let fileSystem: TmpFileSystem | null = null;

function memoryFiles(): TmpFileSystem | null {
  if (!fileSystem) fileSystem = attempt(new TmpFileSystem("tmpfs", totalPageCount() / 2));
  return fileSystem;
}

/**
 * An open, empty file: a File or -ENOMEM. `name` (`length` bytes) is what /proc shows, after
 * "memfd:". `seals` (F_SEAL_*) are there from the beginning.
 */
export function memfdCreate(name: usize, length: u32, seals: u32): usize {
  const files = memoryFiles();
  if (!files) return -ENOMEM;
  const dentry = dentryCreate(null, NAME_HASH_START, name, length);
  if (!dentry) return -ENOMEM;
  const inode = attempt(new TmpFile(files, S_IFREG | 0o777));
  if (!inode) {
    dentryPut(dentry);
    return -ENOMEM;
  }
  inode.nlink = 0;
  inode.seals = seals;
  if ((seals & F_SEAL_EXEC) != 0) inode.mode &= ~(<u32>0o111);
  dentry.inode = inode;
  dentryDrop(dentry);
  const file = inode.open(dentry, O_RDWR);
  dentryPut(dentry);
  return file;
}

/** The file whose seals fcntl(2) looks at; null where there are none: it is not a tmpfs' own. */
export function sealable(file: File): TmpFile | null {
  if (!(file instanceof RegularFile)) return null;
  const inode = (<RegularFile>file).inode;
  // The union over the image is no tmpfs to programs.
  if (!(inode instanceof TmpFile) || inode.fileSystem.magic != TMPFS_MAGIC) return null;
  return <TmpFile>inode;
}
