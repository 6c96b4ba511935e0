/**
 * /proc/self/fd, /proc/self/exe, cwd and root: links that lead straight to an open file's place.
 */

import { addressOf } from "../arch/hw";
import { ENOENT, ENOMEM } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";
import { Dentry, dentryPut } from "./dentry";
import { DIRECTORY_START, DirectorySink, DT_LNK } from "./directory-sink";
import { File } from "./file";
import { FileSystem, Inode, resultOf } from "./inode";
import { dentryPath, PATH_MAX, rootDirectory } from "./mount";
import { targetCreate } from "./proc/fd-target";
import { ProcLink } from "./proc-node";
import { processInfo } from "./process-info";
import { S_IFDIR, S_IFIFO, S_IFMT, S_IFSOCK, Stat } from "./stat";
import { currentDirectory } from "./vfs";
import { DirectoryFile, placeOf } from "./vfs-file";

/** Inode numbers of /proc/self/fd/N are this + N. */
const FD_NUMBERS: u64 = 0x10000;

/** The path of a dentry, as /proc shows it. */
export function putPath(out: TextBuffer, dentry: Dentry): void {
  const path = heapAlloc(PATH_MAX);
  if (path == 0) {
    out.cut = true;
    return;
  }
  const length = dentryPath(dentry, path, PATH_MAX);
  if (length > 0) out.bytes(path, length);
  heapFree(path);
  if (dentry.isDeleted()) out.put(" (deleted)");
}

function putFile(out: TextBuffer, file: File): void {
  const place = placeOf(file);
  if (place) {
    putPath(out, place.dentry);
    return;
  }
  const stat = attempt(new Stat());
  if (!stat) {
    out.cut = true;
    return;
  }
  stat.reset(0);
  file.stat(stat);
  const type = stat.mode & S_IFMT;
  if (type == S_IFSOCK || type == S_IFIFO) {
    out.put(type == S_IFSOCK ? "socket:[" : "pipe:[");
    out.decimal(stat.ino).put("]");
  } else {
    out.put("anon_inode:").put(file.anonymousName());
  }
  free(stat);
}

function fdText(out: TextBuffer, descriptor: u32): void {
  const file = processInfo().file(descriptor);
  if (file) putFile(out, file);
}

class FdLink extends ProcLink {
  /** Where it leads when the file has no place; owned, made when somebody follows the link. */
  private target: Dentry | null = null;

  constructor(
    fileSystem: FileSystem,
    private descriptor: u32,
  ) {
    super(fileSystem, FD_NUMBERS + <u64>descriptor, fdText, descriptor);
  }

  jump(): Dentry | null {
    const file = processInfo().file(this.descriptor);
    if (!file) return null;
    const place = placeOf(file);
    if (place) return place.dentry;
    if (!this.target) this.target = targetCreate(file);
    return this.target;
  }

  destroy(): void {
    const target = this.target;
    if (target) dentryPut(target);
    super.destroy();
  }
}

/** Links to a place that the kernel knows. */
export const PLACE_PROGRAM: u32 = 0;
export const PLACE_CURRENT: u32 = 1;
export const PLACE_ROOT: u32 = 2;

function placeDentry(place: u32): Dentry | null {
  if (place == PLACE_PROGRAM) return processInfo().program();
  return place == PLACE_CURRENT ? currentDirectory() : rootDirectory();
}

function placeText(out: TextBuffer, place: u32): void {
  const dentry = placeDentry(place);
  if (dentry) putPath(out, dentry);
}

export class PlaceLink extends ProcLink {
  constructor(
    fileSystem: FileSystem,
    number: u64,
    private place: u32,
  ) {
    super(fileSystem, number, placeText, place);
  }

  jump(): Dentry | null {
    return placeDentry(this.place);
  }
}

/** A decimal number without leading zeros, from a name; -1 when it is none. */
export function parseNumber(name: usize, length: u32): i32 {
  if (length == 0 || length > 9) return -1;
  if (length > 1 && load<u8>(name) == 48) return -1;
  let value: i32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const digit = <i32>load<u8>(name + <usize>i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Digits of a u32, which a sink has copied before it sleeps. */
const DIGITS_MAX: usize = 10;
const digits: usize = memory.data(10);

/** Puts a number as a directory entry. */
export function putNumber(sink: DirectorySink, value: u32, inode: u64, type: u32, next: u64): bool {
  let start = DIGITS_MAX;
  let rest = value;
  do {
    store<u8>(digits + --start, <u8>(48 + (rest % 10)));
    rest /= 10;
  } while (rest != 0);
  return sink.put(addressOf(digits + start), <u32>(DIGITS_MAX - start), inode, type, next);
}

export class FdDirectory extends Inode {
  constructor(fileSystem: FileSystem, number: u64) {
    super(fileSystem, number, S_IFDIR | 0o500);
    this.nlink = 2;
    this.uncachedNames = true;
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new DirectoryFile(dentry, this, flags)));
  }

  lookup(dentry: Dentry): i32 {
    const descriptor = parseNumber(dentry.name, dentry.nameLength);
    if (descriptor < 0 || !processInfo().file(descriptor)) return -ENOENT;
    dentry.inode = attempt(new FdLink(this.fileSystem, descriptor));
    return dentry.inode ? 0 : -ENOMEM;
  }

  list(position: u64, sink: DirectorySink): i64 {
    let fd = processInfo().nextDescriptor(<i32>(position - DIRECTORY_START));
    while (fd >= 0) {
      const next = <u64>fd + 1 + DIRECTORY_START;
      if (!putNumber(sink, fd, FD_NUMBERS + <u64>fd, DT_LNK, next)) break;
      fd = processInfo().nextDescriptor(fd + 1);
    }
    return fd >= 0 ? <i64>(<u64>fd + DIRECTORY_START) : <i64>0x7fffffff;
  }
}
