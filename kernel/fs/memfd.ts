/**
 * Files in memory without a name: memfd_create(2).
 */
import { ENOMEM } from "../lib/errno";
import { totalPageCount } from "../mem/page-allocator";
import { dentryCreate, dentryDrop, dentryPut, NAME_HASH_START } from "./dentry";
import { O_RDWR } from "./file";
import { S_IFREG } from "./stat";
import { TmpFile } from "./tmpfs-file";
import { TmpFileSystem } from "./tmpfs-inode";

let fileSystem: TmpFileSystem | null = null;

function memoryFiles(): TmpFileSystem {
  const made = fileSystem;
  if (made) return made;
  const created = new TmpFileSystem("tmpfs", totalPageCount() / 2);
  fileSystem = created;
  return created;
}

/**
 * An open, empty file: a File or -ENOMEM. `name` (`length` bytes) is what /proc shows, after
 * "memfd:".
 */
export function memfdCreate(name: usize, length: u32): usize {
  const dentry = dentryCreate(null, NAME_HASH_START, name, length);
  if (!dentry) return -ENOMEM;
  const inode = new TmpFile(memoryFiles(), S_IFREG | 0o777);
  inode.nlink = 0;
  dentry.inode = inode;
  dentryDrop(dentry);
  const file = inode.open(dentry, O_RDWR);
  dentryPut(dentry);
  return file;
}
