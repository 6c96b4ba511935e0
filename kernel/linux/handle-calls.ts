/**
 * name_to_handle_at(2) and open_by_handle_at(2): files by handle. fs/file-handle.ts finds them.
 *
 * struct file_handle: handle_bytes u32, handle_type i32, f_handle[handle_bytes]
 */
import { File, O_CLOEXEC, O_CREAT, O_EXCL } from "../fs/file";
import { FileHandle, handleOf, handleOpen } from "../fs/file-handle";
import { isError } from "../fs/inode";
import { Mount, mountIdOf, mountOf } from "../fs/mount";
import { WALK_EMPTY, WALK_FOLLOW, Walk } from "../fs/path-walk";
import { currentDirectory, vfsResolve } from "../fs/vfs";
import { placeOf } from "../fs/vfs-file";
import { EBADF, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, EOVERFLOW, EPERM, ESTALE } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { threadScratch } from "../sched/thread";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, endWalk, startWalk } from "./at-path";
import { CAP_DAC_READ_SEARCH, capable } from "./credentials";
import { fdFile, fdInstall, fdRoom } from "./descriptors";
import { isEmptyPath } from "./stat-calls";
import { loadUser, storeUser, storeUser32 } from "./user-memory";

const MAX_HANDLE_SZ: u32 = 128;
const HEADER_SIZE: usize = 8;
const HANDLE_SIZE: u32 = <u32>offsetof<FileHandle>();
/** Ours; 255 means none. */
const HANDLE_TYPE: i32 = 0x76;
/** The handle in the thread's own memory, behind the header. */
function ownHandle(): FileHandle {
  return changetype<FileHandle>(threadScratch() + HEADER_SIZE);
}

/** Stores the handle of a file that the application has made room for. */
function storeHandle(to: u64, room: u32, mountId: u32, mountIdAt: u64): i64 {
  const at = threadScratch();
  const fits = room >= HANDLE_SIZE;
  store<u32>(at, HANDLE_SIZE);
  store<i32>(at, HANDLE_TYPE, 4);
  const size = fits ? HEADER_SIZE + <usize>HANDLE_SIZE : HEADER_SIZE;
  if (storeUser(to, at, size) != 0 || storeUser32(mountIdAt, mountId) != 0) return -EFAULT;
  return fits ? 0 : -EOVERFLOW;
}

export function sys_name_to_handle_at(
  directory: i32,
  path: u64,
  handle: u64,
  mountIdAt: u64,
  flags: u32,
): i64 {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return -EINVAL;
  // An open file that has no place has no handle.
  if ((flags & AT_EMPTY_PATH) != 0 && directory >= 0 && isEmptyPath(path)) {
    const file = fdFile(directory);
    if (!file) return -EBADF;
    if (!placeOf(file)) return -EOPNOTSUPP;
  }
  const started = startWalk(directory, path, flags);
  if (isError(started)) return <i32>started;
  const walk = changetype<Walk>(started);
  let walkFlags: u32 = (flags & AT_SYMLINK_FOLLOW) != 0 ? WALK_FOLLOW : 0;
  if ((flags & AT_EMPTY_PATH) != 0) walkFlags |= WALK_EMPTY;
  let error: i64 = vfsResolve(walk, walk.base!, walkFlags);
  const at = threadScratch();
  if (error == 0 && loadUser(at, handle, HEADER_SIZE) != 0) error = -EFAULT;
  const room = load<u32>(at);
  if (error == 0 && room > MAX_HANDLE_SZ) error = -EINVAL;
  if (error == 0) error = handleOf(walk.dentry!, ownHandle());
  if (error == 0) error = storeHandle(handle, room, mountIdOf(walk.dentry!), mountIdAt);
  return endWalk(walk, error);
}

/** The mount that a descriptor is in, or null. */
function mountOfDescriptor(fd: i32): Mount | null {
  if (fd == AT_FDCWD) return mountOf(currentDirectory());
  const file = fdFile(fd);
  const place = file ? placeOf(file) : null;
  return place ? mountOf(place.dentry) : null;
}

export function sys_open_by_handle_at(mountFd: i32, handle: u64, flags: u32): i64 {
  if (!capable(CAP_DAC_READ_SEARCH)) return -EPERM;
  if (mountFd != AT_FDCWD && !fdFile(mountFd)) return -EBADF;
  const at = threadScratch();
  if (loadUser(at, handle, HEADER_SIZE) != 0) return -EFAULT;
  const size = load<u32>(at);
  if (size == 0 || size > MAX_HANDLE_SZ) return -EINVAL;
  const isOurs = size == HANDLE_SIZE && load<i32>(at, 4) == HANDLE_TYPE;
  if (loadUser(at + HEADER_SIZE, handle + HEADER_SIZE, size) != 0) return -EFAULT;
  // The copies may have slept.
  const mount = mountOfDescriptor(mountFd);
  if (!mount || !isOurs) return -ESTALE;
  const room = fdRoom();
  if (room != 0) return room;
  const copied = attempt(new FileHandle());
  if (!copied) return -ENOMEM;
  memory.copy(changetype<usize>(copied), at + HEADER_SIZE, HANDLE_SIZE);
  const file = handleOpen(mount, copied, flags & ~(O_CREAT | O_EXCL));
  free(copied);
  if (isError(file)) return <i32>file;
  return fdInstall(changetype<File>(file), (flags & O_CLOEXEC) != 0);
}
