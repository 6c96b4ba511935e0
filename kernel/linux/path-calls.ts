/**
 * System calls on names: open, mkdir, unlink, rename, link, chdir and their kin. Each is an
 * AT_FDCWD case of its `at` form.
 */
import { Dentry, dentryGet, dentryPut } from "../fs/dentry";
import { File, O_CLOEXEC, O_CREAT, O_TRUNC, O_WRONLY } from "../fs/file";
import { isError } from "../fs/inode";
import { memfdCreate } from "../fs/memfd";
import { dentryPath, PATH_MAX } from "../fs/mount";
import { WALK_EMPTY, WALK_FOLLOW, Walk } from "../fs/path-walk";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from "../fs/stat";
import { F_SEAL_EXEC, F_SEAL_SEAL } from "../fs/tmpfs-file";
import {
  changeRoot,
  creationMask,
  currentDirectory,
  setCreationMask,
  setCurrentDirectory,
  vfsLink,
  vfsMakeDirectory,
  vfsMakeNode,
  vfsOpen,
  vfsRemoveDirectory,
  vfsRename,
  vfsResolve,
  vfsSymlink,
  vfsTruncate,
  vfsUnlink,
} from "../fs/vfs";
import { directoryOf } from "../fs/vfs-file";
import { EBADF, EFAULT, EINVAL, ENOENT, ENOMEM, ENOTDIR, EPERM, ERANGE } from "../lib/errno";
import { heapAlloc, heapFree } from "../runtime/heap";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  endWalk,
  loadText,
  startWalk,
} from "./at-path";
import { fdFile, fdInstall, fdRoom } from "./descriptors";
import { storeUser } from "./user-memory";

// ---- Opening ------------------------------------------------------------------------------------

function openAt(directory: i32, path: u64, flags: u32, mode: u32): i64 {
  const result = startWalk(directory, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const room = fdRoom();
  if (room != 0) return endWalk(walk, room);
  const file = vfsOpen(walk, walk.base!, flags, mode);
  endWalk(walk, 0);
  if (isError(file)) return <i32>file;
  return fdInstall(changetype<File>(file), (flags & O_CLOEXEC) != 0);
}

export function sys_open(path: u64, flags: u32, mode: u32): i64 {
  return openAt(AT_FDCWD, path, flags, mode);
}

export function sys_openat(directory: i32, path: u64, flags: u32, mode: u32): i64 {
  return openAt(directory, path, flags, mode);
}

export function sys_creat(path: u64, mode: u32): i64 {
  return openAt(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;
const MFD_ALL: u32 = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
const MEMFD_NAME_MAX: u32 = 249;
const MEMFD_PREFIX: string = "memfd:";

export function sys_memfd_create(name: u64, flags: u32): i64 {
  const both = MFD_NOEXEC_SEAL | MFD_EXEC;
  if ((flags & ~MFD_ALL) != 0 || (flags & both) == both) return -EINVAL;
  let seals: u32 = (flags & MFD_ALLOW_SEALING) != 0 ? 0 : F_SEAL_SEAL;
  if ((flags & MFD_NOEXEC_SEAL) != 0) seals = F_SEAL_EXEC;
  const text = loadText(name);
  if (isError(text)) return <i32>text;
  const walk = changetype<Walk>(text);
  const length = walk.textLength();
  if (length > MEMFD_NAME_MAX) return endWalk(walk, -EINVAL);
  const prefix = <u32>MEMFD_PREFIX.length;
  memory.copy(walk.text() + <usize>prefix, walk.text(), length);
  for (let i: u32 = 0; i < prefix; i++) {
    store<u8>(walk.text() + <usize>i, <u8>MEMFD_PREFIX.charCodeAt(i));
  }
  const file = memfdCreate(walk.text(), prefix + length, seals);
  endWalk(walk, 0);
  if (isError(file)) return <i32>file;
  return fdInstall(changetype<File>(file), (flags & MFD_CLOEXEC) != 0);
}

// ---- Making names -------------------------------------------------------------------------------

export function sys_mkdirat(directory: i32, path: u64, mode: u32): i64 {
  const result = startWalk(directory, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  return endWalk(walk, vfsMakeDirectory(walk, walk.base!, mode));
}

export function sys_mkdir(path: u64, mode: u32): i64 {
  return sys_mkdirat(AT_FDCWD, path, mode);
}

export function sys_mknodat(directory: i32, path: u64, mode: u32, device: u64): i64 {
  let type = mode & S_IFMT;
  if (type == 0) type = S_IFREG;
  const known =
    type == S_IFREG || type == S_IFIFO || type == S_IFSOCK || type == S_IFCHR || type == S_IFBLK;
  if (!known) return type == S_IFDIR ? -EPERM : -EINVAL;
  const result = startWalk(directory, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  return endWalk(walk, vfsMakeNode(walk, walk.base!, type | (mode & 0o7777), device));
}

export function sys_mknod(path: u64, mode: u32, device: u64): i64 {
  return sys_mknodat(AT_FDCWD, path, mode, device);
}

export function sys_symlinkat(target: u64, directory: i32, path: u64): i64 {
  const text = loadText(target);
  if (isError(text)) return <i32>text;
  const source = changetype<Walk>(text);
  const result = startWalk(directory, path, 0);
  if (isError(result)) return endWalk(source, <i32>result);
  const walk = changetype<Walk>(result);
  const error = vfsSymlink(walk, walk.base!, source.text(), source.textLength());
  endWalk(walk, 0);
  return endWalk(source, error);
}

export function sys_symlink(target: u64, path: u64): i64 {
  return sys_symlinkat(target, AT_FDCWD, path);
}

export function sys_linkat(from: i32, oldPath: u64, to: i32, newPath: u64, flags: u32): i64 {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  const old = startWalk(from, oldPath, flags);
  if (isError(old)) return <i32>old;
  const source = changetype<Walk>(old);
  let walkFlags: u32 = (flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0;
  if ((flags & AT_SYMLINK_FOLLOW) != 0) walkFlags |= WALK_FOLLOW;
  let error = vfsResolve(source, source.base!, walkFlags);
  if (error != 0) return endWalk(source, error);
  const result = startWalk(to, newPath, 0);
  if (isError(result)) return endWalk(source, <i32>result);
  const walk = changetype<Walk>(result);
  error = vfsLink(source.dentry!, walk, walk.base!);
  endWalk(walk, 0);
  return endWalk(source, error);
}

export function sys_link(oldPath: u64, newPath: u64): i64 {
  return sys_linkat(AT_FDCWD, oldPath, AT_FDCWD, newPath, 0);
}

// ---- Removing and moving names ------------------------------------------------------------------

export function sys_unlinkat(directory: i32, path: u64, flags: u32): i64 {
  if ((flags & ~AT_REMOVEDIR) != 0) return -EINVAL;
  const result = startWalk(directory, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const base = walk.base!;
  if ((flags & AT_REMOVEDIR) != 0) return endWalk(walk, vfsRemoveDirectory(walk, base));
  return endWalk(walk, vfsUnlink(walk, base));
}

export function sys_unlink(path: u64): i64 {
  return sys_unlinkat(AT_FDCWD, path, 0);
}

export function sys_rmdir(path: u64): i64 {
  return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

export function sys_renameat2(from: i32, oldPath: u64, to: i32, newPath: u64, flags: u32): i64 {
  const old = startWalk(from, oldPath, 0);
  if (isError(old)) return <i32>old;
  const source = changetype<Walk>(old);
  // The base is borrowed, and loading the other path may sleep.
  const base = source.base!;
  dentryGet(base);
  const result = startWalk(to, newPath, 0);
  let error: i64 = <i32>result;
  if (!isError(result)) {
    const walk = changetype<Walk>(result);
    // So may the first of the two walks.
    const toBase = walk.base!;
    dentryGet(toBase);
    error = endWalk(walk, vfsRename(source, base, walk, toBase, flags));
    dentryPut(toBase);
  }
  dentryPut(base);
  return endWalk(source, error);
}

export function sys_renameat(from: i32, oldPath: u64, to: i32, newPath: u64): i64 {
  return sys_renameat2(from, oldPath, to, newPath, 0);
}

export function sys_rename(oldPath: u64, newPath: u64): i64 {
  return sys_renameat2(AT_FDCWD, oldPath, AT_FDCWD, newPath, 0);
}

// ---- The current directory and the mask ---------------------------------------------------------

export function sys_chdir(path: u64): i64 {
  const result = startWalk(AT_FDCWD, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const error = vfsResolve(walk, walk.base!, WALK_FOLLOW);
  if (error != 0) return endWalk(walk, error);
  if (!walk.dentry!.inode!.isDirectory()) return endWalk(walk, -ENOTDIR);
  setCurrentDirectory(walk.take());
  return endWalk(walk, 0);
}

/** The current directory stays where it is, also outside of the new root, as on Linux. */
export function sys_chroot(path: u64): i64 {
  const result = startWalk(AT_FDCWD, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const error = vfsResolve(walk, walk.base!, WALK_FOLLOW);
  if (error != 0) return endWalk(walk, error);
  if (!walk.dentry!.inode!.isDirectory()) return endWalk(walk, -ENOTDIR);
  changeRoot(walk.take());
  return endWalk(walk, 0);
}

export function sys_fchdir(fd: i32): i64 {
  const file = fdFile(fd);
  if (!file) return -EBADF;
  const directory = directoryOf(file);
  if (isError(directory)) return <i32>directory;
  const dentry = changetype<Dentry>(directory);
  dentryGet(dentry);
  setCurrentDirectory(dentry);
  return 0;
}

export function sys_getcwd(to: u64, size: u64): i64 {
  const dentry = currentDirectory();
  if (dentry.isDeleted()) return -ENOENT;
  const path = heapAlloc(PATH_MAX);
  if (path == 0) return -ENOMEM;
  let result: i64 = dentryPath(dentry, path, PATH_MAX);
  if (result >= 0) {
    const n = <u64>result + 1;
    if (n > size) result = -ERANGE;
    else result = storeUser(to, path, n) == 0 ? <i64>n : -EFAULT;
  }
  heapFree(path);
  return result;
}

export function sys_umask(mask: u32): i64 {
  const old = creationMask();
  setCreationMask(mask);
  return old;
}

// ---- Others -------------------------------------------------------------------------------------

export function sys_truncate(path: u64, size: i64): i64 {
  if (size < 0) return -EINVAL;
  const result = startWalk(AT_FDCWD, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  let error = vfsResolve(walk, walk.base!, WALK_FOLLOW);
  if (error == 0) error = vfsTruncate(walk.dentry!, size);
  return endWalk(walk, error);
}

/** mount, umount2: the tree is made at boot and stays. */
export function sys_mount(): i64 {
  return -EPERM;
}

/** The root is no mount that could be moved, like a Linux' that runs from its initial RAM disk. */
export function sys_pivot_root(): i64 {
  return -EINVAL;
}
