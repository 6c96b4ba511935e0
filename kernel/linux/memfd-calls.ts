/**
 * memfd_create(2): a file of tmpfs without a place in the tree, gone with its last descriptor or mapping.
 */
import { dentryCreate, dentryDrop, dentryPut, nameHash } from "../fs/dentry";
import { File, O_RDWR } from "../fs/file";
import { isError } from "../fs/inode";
import { rootDirectory } from "../fs/mount";
import { S_IFREG } from "../fs/stat";
import { TmpFileSystem } from "../fs/tmpfs";
import { TmpFile } from "../fs/tmpfs-file";
import { EFAULT, EINVAL, ENOMEM } from "../lib/errno";
import { totalPageCount } from "../mem/page-allocator";
import { fdInstall } from "./descriptors";
import { copyStringFromUser } from "./user-memory";

// include/uapi/linux/memfd.h
const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;
const MFD_KNOWN: u32 = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;

/** What /proc/self/fd shows in front of the name. */
const PREFIX: usize = memory.data<u8>([109, 101, 109, 102, 100, 58]);
const PREFIX_LENGTH: u32 = 6;
/** Longest name, terminator included: 255 less the prefix. */
const NAME_SIZE: u64 = 250;
const name: usize = memory.data(256);

/** All such files; at most all memory's pages. Made with the first. */
let fileSystem: TmpFileSystem | null = null;

export function sys_memfd_create(nameFrom: u64, flags: u32): i64 {
  if ((flags & ~MFD_KNOWN) != 0) return -EINVAL;
  memory.copy(name, PREFIX, PREFIX_LENGTH);
  const length = copyStringFromUser(name + PREFIX_LENGTH, nameFrom, NAME_SIZE);
  if (length < 0) return length == -EFAULT ? -EFAULT : -EINVAL;
  const whole = PREFIX_LENGTH + <u32>length;
  let files = fileSystem;
  if (!files) {
    files = new TmpFileSystem("tmpfs", totalPageCount());
    fileSystem = files;
  }
  const dentry = dentryCreate(rootDirectory(), nameHash(name, whole), name, whole);
  if (!dentry) return -ENOMEM;
  const inode = new TmpFile(files, S_IFREG | 0o777);
  inode.nlink = 0;
  dentry.inode = inode;
  dentryDrop(dentry);
  const file = inode.open(dentry, O_RDWR);
  // The file holds the dentry, and the dentry the inode.
  dentryPut(dentry);
  if (isError(file)) return <i32>file;
  return fdInstall(changetype<File>(file), (flags & MFD_CLOEXEC) != 0);
}
