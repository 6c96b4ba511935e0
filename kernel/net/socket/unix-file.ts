/**
 * The file that a unix(7) socket with a path has: bind makes it, connect finds its inode, and
 * unlink(2) takes it away as any other.
 */
import { inodeGet } from "../../fs/inode";
import { WALK_FOLLOW, Walk, walkGet, walkPut } from "../../fs/path-walk";
import { S_IFMT, S_IFSOCK } from "../../fs/stat";
import { currentDirectory, vfsMakeNode, vfsResolve } from "../../fs/vfs";
import { EADDRINUSE, ECONNREFUSED, EEXIST, ENOMEM } from "../../lib/errno";

function failed(walk: Walk, error: i32): usize {
  walkPut(walk);
  return error;
}

/** The inode a walk has led to, with a reference. */
function found(walk: Walk): usize {
  const inode = walk.dentry!.inode!;
  inodeGet(inode);
  walkPut(walk);
  return changetype<usize>(inode);
}

/** Makes a socket file; its inode, with a reference, or a negative errno. May sleep. */
export function socketFileCreate(path: usize, length: u32): usize {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  let error = walk.loadKernel(path, length);
  if (error == 0) error = vfsMakeNode(walk, currentDirectory(), S_IFSOCK | 0o777, 0);
  if (error != 0) return failed(walk, error == -EEXIST ? -EADDRINUSE : error);
  return found(walk);
}

/** The inode of the socket file at a path, with a reference, or a negative errno. May sleep. */
export function socketFileFind(path: usize, length: u32): usize {
  const walk = walkGet();
  if (!walk) return -ENOMEM;
  let error = walk.loadKernel(path, length);
  if (error == 0) error = vfsResolve(walk, currentDirectory(), WALK_FOLLOW);
  if (error != 0) return failed(walk, error);
  if ((walk.dentry!.inode!.mode & S_IFMT) != S_IFSOCK) return failed(walk, -ECONNREFUSED);
  return found(walk);
}
