/**
 * What a system call asks of an open file before it uses it: how it was opened, and whether it is a
 * directory.
 */
import { File, O_ACCMODE, O_PATH, O_RDONLY, O_WRONLY } from "../fs/file";
import { placeOf } from "../fs/vfs-file";

export function isReadable(file: File): bool {
  const access = file.flags & (O_ACCMODE | O_PATH);
  return access != O_WRONLY && (access & O_PATH) == 0;
}

export function isWritable(file: File): bool {
  return (file.flags & O_PATH) == 0 && (file.flags & O_ACCMODE) != O_RDONLY;
}

export function isDirectory(file: File): bool {
  const place = placeOf(file);
  return place ? place.inode.isDirectory() : false;
}
