/**
 * The file that a unix(7) socket with a path has: bind makes it, connect finds its inode, and
 * unlink(2) takes it away as any other.
 */
import { Inode, inodeGet } from "../../fs/inode";
import { WALK_FOLLOW, Walk, walkGet, walkPut } from "../../fs/path-walk";
import { S_IFMT, S_IFSOCK } from "../../fs/stat";
import { currentDirectory, vfsMakeNode, vfsResolve } from "../../fs/vfs";
import { EADDRINUSE, ECONNREFUSED, EEXIST, ENOMEM } from "../../lib/errno";

/** Why the last function here returned null: a negative errno. */
export let socketFileError: i32 = 0;

function failed(walk: Walk | null, error: i32): Inode | null {
  if (walk) walkPut(walk);
  socketFileError = error;
  return null;
}

/** Makes a socket file; its inode, with a reference. May sleep. */
export function socketFileCreate(path: usize, length: u32): Inode | null {
  const walk = walkGet();
  if (!walk) return failed(null, -ENOMEM);
  let error = walk.loadKernel(path, length);
  if (error == 0) error = vfsMakeNode(walk, currentDirectory(), S_IFSOCK | 0o777, 0);
  if (error != 0) return failed(walk, error == -EEXIST ? -EADDRINUSE : error);
  const inode = walk.dentry!.inode!;
  inodeGet(inode);
  walkPut(walk);
  return inode;
}

/** The inode of the socket file at a path, with a reference. May sleep. */
export function socketFileFind(path: usize, length: u32): Inode | null {
  const walk = walkGet();
  if (!walk) return failed(null, -ENOMEM);
  let error = walk.loadKernel(path, length);
  if (error == 0) error = vfsResolve(walk, currentDirectory(), WALK_FOLLOW);
  if (error != 0) return failed(walk, error);
  const inode = walk.dentry!.inode!;
  if ((inode.mode & S_IFMT) != S_IFSOCK) return failed(walk, -ECONNREFUSED);
  inodeGet(inode);
  walkPut(walk);
  return inode;
}
