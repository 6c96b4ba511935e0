/**
 * Files in memory without a name: memfd_create(2).
 */

import { ENOMEM } from "../lib/errno";
import { totalPageCount } from "../mem/page-allocator";
import { attempt } from "../runtime/attempt";
import { dentryCreate, dentryDrop, dentryPut, NAME_HASH_START } from "./dentry";
import { O_RDWR } from "./file";
import { S_IFREG } from "./stat";
import { TmpFile } from "./tmpfs-file";
import { TmpFileSystem } from "./tmpfs-inode";

let fileSystem: TmpFileSystem | null = null;

function memoryFiles(): TmpFileSystem | null {
  if (!fileSystem) fileSystem = attempt(new TmpFileSystem("tmpfs", totalPageCount() / 2));
  return fileSystem;
}

/**
 * An open, empty file: a File or -ENOMEM. `name` (`length` bytes) is what /proc shows, after
 * "memfd:".
 */
export function memfdCreate(name: usize, length: u32): usize {
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
  dentry.inode = inode;
  dentryDrop(dentry);
  const file = inode.open(dentry, O_RDWR);
  dentryPut(dentry);
  return file;
}
