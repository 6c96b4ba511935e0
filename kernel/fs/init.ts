/**
 * The tree that the application sees: the root image with a writable union over it, /dev, /proc and
 * /sys.
 *
 *     fsInit(device, moduleAddress, moduleBytes)      at boot, when the disk is there. 0 or -errno
 *
 * The root image is an EROFS on a block device, or a boot module in memory (used in place). With
 * neither, the root is an empty tmpfs.
 */
import { BlockDevice } from "../dev/block";
import { MemoryBlockDevice } from "../dev/memory-block";
import { LOG_ERROR, log } from "../lib/log";
import { unmapIdlePages } from "../mem/idle-pages";
import { totalPageCount } from "../mem/page-allocator";
import { addReclaimer, setUnmapper } from "../mem/reclaim";
import { devfsCreate } from "./devfs";
import { DiskCache } from "./disk-cache";
import { erofsMount } from "./erofs";
import { Inode, inodeGet, isError } from "./inode";
import { mountAt, rootDirectory } from "./mount";
import { shrinkPageCache } from "./page-cache";
import { WALK_FOLLOW, walkGet, walkPut } from "./path-walk";
import { procfsCreate } from "./procfs";
import { S_IFDIR } from "./stat";
import { sysfsCreate } from "./sys/tree";
import { TmpDirectory } from "./tmpfs";
import { TmpFileSystem } from "./tmpfs-inode";
import { vfsMakeDirectoryPath, vfsResolve } from "./vfs";

/** Of a union, as Linux has it (include/uapi/linux/magic.h). */
const OVERLAYFS_SUPER_MAGIC: u64 = 0x794c7630;

/** Mounts a file system's root on an existing directory. */
function mountOn(path: string, root: Inode, source: string): i32 {
  const walk = walkGet()!;
  walk.loadString(path);
  let error = vfsResolve(walk, rootDirectory(), WALK_FOLLOW);
  if (error == 0) error = mountAt(walk.dentry!, root, source);
  walkPut(walk);
  return error;
}

/** The root image's root directory; 0: there is no image; or -errno. */
function rootImage(device: BlockDevice | null, moduleAddress: u64, moduleBytes: u64): usize {
  if (moduleBytes >= 4096) {
    if ((moduleAddress & 4095) == 0) {
      return erofsMount(DiskCache.ofMemory(moduleAddress, moduleBytes));
    }
    return diskImage(new MemoryBlockDevice(moduleAddress, moduleBytes));
  }
  return device ? diskImage(device) : 0;
}

function diskImage(device: BlockDevice): usize {
  const cache = new DiskCache(device);
  cache.register();
  addReclaimer(shrinkPageCache);
  setUnmapper(unmapIdlePages);
  return erofsMount(cache);
}

/**
 * A tmpfs of its own, so that programs which ask see that they are on one. What the image has there
 * shows through.
 */
function mountTmpfs(path: string, mode: u32, pagesMax: u64): i32 {
  const fileSystem = new TmpFileSystem("tmpfs", pagesMax);
  const walk = walkGet()!;
  walk.loadString(path);
  let error = vfsResolve(walk, rootDirectory(), WALK_FOLLOW);
  if (error == 0) {
    const there = walk.dentry!.inode;
    const lower = there instanceof TmpDirectory ? (<TmpDirectory>there).shownThrough() : null;
    if (lower) inodeGet(lower);
    const root = new TmpDirectory(fileSystem, mode, lower);
    root.mode = S_IFDIR | mode;
    error = mountAt(walk.dentry!, root, "tmpfs");
  }
  walkPut(walk);
  return error;
}

function makeDirectories(): i32 {
  const error = vfsMakeDirectoryPath("/dev", 0o755);
  if (error != 0) return error;
  vfsMakeDirectoryPath("/proc", 0o555);
  vfsMakeDirectoryPath("/sys", 0o555);
  vfsMakeDirectoryPath("/tmp", 0o1777);
  vfsMakeDirectoryPath("/run", 0o755);
  vfsMakeDirectoryPath("/var", 0o755);
  vfsMakeDirectoryPath("/var/tmp", 0o1777);
  return 0;
}

export function fsInit(device: BlockDevice | null, moduleAddress: u64, moduleBytes: u64): i32 {
  const image = rootImage(device, moduleAddress, moduleBytes);
  if (isError(image)) {
    log(LOG_ERROR, "fs", "the root image can't be mounted");
    return <i32>image;
  }
  const lower = changetype<Inode | null>(image);
  const pagesMax = totalPageCount() / 2;
  const fileSystem = new TmpFileSystem(lower ? "overlay" : "tmpfs", pagesMax);
  if (lower) fileSystem.magic = OVERLAYFS_SUPER_MAGIC;
  const root = new TmpDirectory(fileSystem, 0o755, lower);
  let error = mountAt(null, root, fileSystem.name);
  if (error == 0) error = makeDirectories();
  if (error == 0) error = mountTmpfs("/tmp", 0o1777, pagesMax);
  if (error == 0) error = mountOn("/dev", devfsCreate(pagesMax), "devtmpfs");
  if (error == 0) error = mountOn("/proc", procfsCreate(), "proc");
  if (error == 0) error = mountOn("/sys", sysfsCreate(), "sysfs");
  return error;
}
