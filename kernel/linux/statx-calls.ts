/**
 * statx(2). Told beyond what stat(2) tells: the birth of files that were made in memory, the mount,
 * and whether the file is the root of one.
 */
import { Dentry } from "../fs/dentry";
import { fileGet, filePut } from "../fs/file";
import { isError, NO_TIME } from "../fs/inode";
import { isMountRoot, mountIdOf } from "../fs/mount";
import { Walk } from "../fs/path-walk";
import { Stat } from "../fs/stat";
import { placeOf } from "../fs/vfs-file";
import { EBADF, EINVAL, ENOMEM } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, endWalk } from "./at-path";
import { fdFile } from "./descriptors";
import { isEmptyPath, resolveAt } from "./stat-calls";
import { storeUser } from "./user-memory";

/** AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC, of which there can be one. */
const AT_STATX_SYNC_TYPE: u32 = 0x6000;
const KNOWN_FLAGS: u32 = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;

// include/uapi/linux/stat.h
const STATX_BASIC_STATS: u32 = 0x000007ff;
const STATX_BTIME: u32 = 0x00000800;
const STATX_MNT_ID: u32 = 0x00001000;
const STATX__RESERVED: u32 = 0x80000000;
const STATX_ATTR_MOUNT_ROOT: u64 = 0x00002000;
const NS_PER_SECOND: i64 = 1_000_000_000;

/** struct statx, 256 bytes, of which these are used. */
@unmanaged
class Statx {
  mask: u32;
  blksize: u32;
  attributes: u64;
  nlink: u32;
  uid: u32;
  gid: u32;
  mode: u16;
  spare0: u16;
  ino: u64;
  size: u64;
  blocks: u64;
  attributesMask: u64;
  atime: i64;
  atimeNs: u32;
  spare1: i32;
  btime: i64;
  btimeNs: u32;
  spare2: i32;
  ctime: i64;
  ctimeNs: u32;
  spare3: i32;
  mtime: i64;
  mtimeNs: u32;
  spare4: i32;
  rdevMajor: u32;
  rdevMinor: u32;
  devMajor: u32;
  devMinor: u32;
  mountId: u64;
}
if (offsetof<Statx>() != 0x98) ERROR("the used part of struct statx is 152 bytes");
const STATX_SIZE: usize = 256;

function deviceMajor(device: u64): u32 {
  return <u32>(device >> 8) & 0xfff;
}

function deviceMinor(device: u64): u32 {
  return (<u32>device & 0xff) | (<u32>(device >> 12) & 0xfff00);
}

function fillStatx(out: Statx, stat: Stat): void {
  memory.fill(changetype<usize>(out), 0, STATX_SIZE);
  out.mask = STATX_BASIC_STATS;
  out.blksize = <u32>stat.blksize;
  out.nlink = <u32>stat.nlink;
  out.uid = stat.uid;
  out.gid = stat.gid;
  out.mode = <u16>stat.mode;
  out.ino = stat.ino;
  out.size = stat.size;
  out.blocks = stat.blocks;
  out.atime = stat.atime;
  out.atimeNs = <u32>stat.atimeNs;
  out.ctime = stat.ctime;
  out.ctimeNs = <u32>stat.ctimeNs;
  out.mtime = stat.mtime;
  out.mtimeNs = <u32>stat.mtimeNs;
  out.rdevMajor = deviceMajor(stat.rdev);
  out.rdevMinor = deviceMinor(stat.rdev);
  out.devMajor = deviceMajor(stat.dev);
  out.devMinor = deviceMinor(stat.dev);
}

/** What a file's place adds. */
function fillPlace(out: Statx, dentry: Dentry): void {
  const birthNs = dentry.inode!.birthNs();
  if (birthNs != NO_TIME) {
    out.mask |= STATX_BTIME;
    out.btime = birthNs / NS_PER_SECOND;
    out.btimeNs = <u32>(birthNs % NS_PER_SECOND);
  }
  out.attributesMask = STATX_ATTR_MOUNT_ROOT;
  if (isMountRoot(dentry)) out.attributes = STATX_ATTR_MOUNT_ROOT;
  const mountId = mountIdOf(dentry);
  if (mountId == 0) return;
  out.mask |= STATX_MNT_ID;
  out.mountId = mountId;
}

/** Of an open file, or of a path: 0 or -errno. */
function fill(directory: i32, path: u64, flags: u32, out: Statx, stat: Stat): i32 {
  if ((flags & AT_EMPTY_PATH) != 0 && directory >= 0 && isEmptyPath(path)) {
    const file = fdFile(directory);
    if (!file) return -EBADF;
    fileGet(file);
    const error = file.stat(stat);
    if (error == 0) fillStatx(out, stat);
    const place = placeOf(file);
    if (error == 0 && place) fillPlace(out, place.dentry);
    filePut(file);
    return error;
  }
  const result = resolveAt(directory, path, flags);
  if (isError(result)) return <i32>result;
  const walk = changetype<Walk>(result);
  walk.dentry!.inode!.stat(stat);
  fillStatx(out, stat);
  fillPlace(out, walk.dentry!);
  endWalk(walk, 0);
  return 0;
}

/** `mask` is what is asked for; all that there is costs nothing, and is told. */
export function sys_statx(directory: i32, path: u64, flags: u32, mask: u32, to: u64): i64 {
  if ((mask & STATX__RESERVED) != 0 || (flags & ~KNOWN_FLAGS) != 0) return -EINVAL;
  if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) return -EINVAL;
  const stat = attempt(new Stat());
  if (!stat) return -ENOMEM;
  const out = heapAlloc(STATX_SIZE);
  let error = out == 0 ? -ENOMEM : fill(directory, path, flags, changetype<Statx>(out), stat);
  if (error == 0) error = storeUser(to, out, STATX_SIZE);
  if (out != 0) heapFree(out);
  free(stat);
  return error;
}
