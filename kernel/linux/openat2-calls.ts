/**
 * openat2(2): open with rules for the way there (`resolve`), which fs/path-walk.ts keeps. Unlike
 * open(2) it refuses flags that it does not know, and those that make no sense together.
 */
import { dentryGet, dentryPut } from "../fs/dentry";
import {
  File,
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_UNNAMED,
} from "../fs/file";
import { isError } from "../fs/inode";
import {
  RESOLVE_BENEATH,
  RESOLVE_CACHED,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  Walk,
} from "../fs/path-walk";
import { vfsOpen } from "../fs/vfs";
import { E2BIG, EAGAIN, EFAULT, EINVAL, ENOMEM, EXDEV } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { endWalk, startWalk, startWalkBelow } from "./at-path";
import { fdInstall, fdRoom } from "./descriptors";
import { loadUser } from "./user-memory";

/** struct open_how. */
@unmanaged
class OpenHow {
  flags: u64;
  mode: u64;
  resolve: u64;

  /** Empty: `loadHow` fills it. */
  constructor() {}
}

/** A longer struct, of a later Linux, is at most a page. */
const HOW_SIZE_MAX: u64 = 4096;
const RESOLVE_ALL: u64 =
  RESOLVE_NO_XDEV |
  RESOLVE_NO_MAGICLINKS |
  RESOLVE_NO_SYMLINKS |
  RESOLVE_BENEATH |
  RESOLVE_IN_ROOT |
  RESOLVE_CACHED;
/** All O_* that there are, O_LARGEFILE included. */
const OPEN_FLAGS_ALL: u64 = 0o37777703;
/** What goes with O_PATH. */
const PATH_FLAGS: u64 = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/** Loads the struct: 0, -EINVAL (too short), -E2BIG (more than is known here), -EFAULT. */
function loadHow(how: OpenHow, from: u64, size: u64): i32 {
  if (size < offsetof<OpenHow>()) return -EINVAL;
  if (size > HOW_SIZE_MAX) return -E2BIG;
  // What is behind the known fields has to be zero: read it through them.
  let at = from + size;
  let left = size - <u64>offsetof<OpenHow>();
  while (left > 0) {
    const n = min<u64>(left, offsetof<OpenHow>());
    at -= n;
    left -= n;
    memory.fill(changetype<usize>(how), 0, offsetof<OpenHow>());
    if (loadUser(changetype<usize>(how), at, n) != 0) return -EFAULT;
    if ((how.flags | how.mode | how.resolve) != 0) return -E2BIG;
  }
  return loadUser(changetype<usize>(how), from, offsetof<OpenHow>());
}

/** Whether flags, mode and rules go together: 0, -EINVAL or -EAGAIN. */
function checkHow(how: OpenHow): i32 {
  const flags = how.flags;
  if ((flags & ~OPEN_FLAGS_ALL) != 0 || (how.resolve & ~RESOLVE_ALL) != 0) return -EINVAL;
  const scoped = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
  if ((how.resolve & scoped) == scoped) return -EINVAL;
  const creates = (flags & (O_CREAT | O_UNNAMED)) != 0;
  if (creates ? (how.mode & ~0o7777) != 0 : how.mode != 0) return -EINVAL;
  if ((flags & O_CREAT) != 0 && (flags & O_DIRECTORY) != 0) return -EINVAL;
  if ((flags & O_UNNAMED) != 0) {
    if ((flags & O_DIRECTORY) == 0 || (flags & O_ACCMODE) == O_RDONLY) return -EINVAL;
  }
  if ((flags & O_PATH) != 0 && (flags & ~PATH_FLAGS) != 0) return -EINVAL;
  const writes = creates || (flags & O_TRUNC) != 0;
  return writes && (how.resolve & RESOLVE_CACHED) != 0 ? -EAGAIN : 0;
}

function openHow(directory: i32, path: u64, how: OpenHow): i64 {
  const scoped = (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0;
  const result = scoped ? startWalkBelow(directory, path) : startWalk(directory, path, 0);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  const room = fdRoom();
  if (room != 0) return endWalk(walk, room);
  if (walk.isAbsolute() && scoped) {
    if ((how.resolve & RESOLVE_BENEATH) != 0) return endWalk(walk, -EXDEV);
    walk.makeRelative();
  }
  // The walk may sleep and come back to where it began.
  const scope = walk.base!;
  dentryGet(scope);
  walk.scope = scope;
  walk.resolve = <u32>how.resolve;
  const file = vfsOpen(walk, scope, <u32>how.flags, <u32>how.mode);
  walk.resolve = 0;
  walk.scope = null;
  dentryPut(scope);
  endWalk(walk, 0);
  if (isError(file)) return <i32>file;
  return fdInstall(changetype<File>(file), (how.flags & O_CLOEXEC) != 0);
}

export function sys_openat2(directory: i32, path: u64, from: u64, size: u64): i64 {
  const how = attempt(new OpenHow());
  if (!how) return -ENOMEM;
  let result: i64 = loadHow(how, from, size);
  if (result == 0) result = checkHow(how);
  if (result == 0) result = openHow(directory, path, how);
  free(how);
  return result;
}
