/**
 * Extended attributes of EROFS inodes (https://erofs.docs.kernel.org/en/latest/core_ondisk.html),
 * little-endian. Behind the inode:
 *
 *     | header: name filter u32, shared count u8, 7 bytes | shared ids u32 … | inline entries … |
 *
 * and an entry, also the shared ones, which lie at 4 * id behind `xattr_blkaddr`:
 *
 *     | name length u8, name index u8, value size u16 | name without prefix | value | to 4 bytes |
 *
 * All of it is claims: what reaches out of its place is -EUCLEAN. Names of an index that has no
 * meaning here (ACLs, Lustre, long prefixes) are left out.
 */
import { addressOf, copy } from "../arch/hw";
import { EEXIST, ENOMEM, EUCLEAN } from "../lib/errno";
import { PAGE_SIZE } from "../mem/page-allocator";
import { heapAlloc, heapFree } from "../runtime/heap";
import { ErofsFileSystem, MetaView } from "./erofs";
import { EROFS_XATTR_HEADER } from "./erofs-format";
import { isError } from "./inode";
import { XATTR_CREATE, XATTR_NAME_MAX, XattrList } from "./xattr";

const SHARED_COUNT: usize = 4;
const ENTRY_HEADER: u32 = 4;
const ENTRY_NAME_INDEX: usize = 1;
const ENTRY_VALUE_SIZE: usize = 2;

const EROFS_XATTR_INDEX_USER: u32 = 1;
const EROFS_XATTR_INDEX_TRUSTED: u32 = 4;
const EROFS_XATTR_INDEX_SECURITY: u32 = 6;

/** What a name of that index begins with; empty: it has no meaning here. */
function prefixOf(index: u32): string {
  if (index == EROFS_XATTR_INDEX_USER) return "user.";
  if (index == EROFS_XATTR_INDEX_TRUSTED) return "trusted.";
  return index == EROFS_XATTR_INDEX_SECURITY ? "security." : "";
}

/** Copies [offset, offset + n) of the image to linear memory: 0 or -errno. May sleep. */
function copyMeta(fileSystem: ErofsFileSystem, offset: u64, to: usize, n: u64): i32 {
  for (let done: u64 = 0; done < n; ) {
    const at = offset + done;
    const piece = min(n - done, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
    const view = fileSystem.view(at, piece);
    if (isError(view)) return <i32>view;
    const seen = changetype<MetaView>(view);
    copy(addressOf(to) + done, seen.address, piece);
    seen.done();
    done += piece;
  }
  return 0;
}

/** Bytes that an entry takes, without the padding. */
function entrySize(entry: usize): u32 {
  return ENTRY_HEADER + load<u8>(entry) + load<u16>(entry, ENTRY_VALUE_SIZE);
}

/** Puts an entry, which is in linear memory as a whole, into the list. 0 or -errno. */
function addEntry(entry: usize, list: XattrList): i32 {
  const prefix = prefixOf(load<u8>(entry, ENTRY_NAME_INDEX));
  const prefixLength = <u32>prefix.length;
  const rest = <u32>load<u8>(entry);
  if (prefixLength == 0) return 0;
  if (rest == 0 || prefixLength + rest > XATTR_NAME_MAX) return -EUCLEAN;
  const name = heapAlloc(XATTR_NAME_MAX);
  if (name == 0) return -ENOMEM;
  for (let i: u32 = 0; i < prefixLength; i++) {
    store<u8>(name + <usize>i, <u8>prefix.charCodeAt(i));
  }
  const text = entry + <usize>ENTRY_HEADER;
  memory.copy(name + <usize>prefixLength, text, rest);
  const size = load<u16>(entry, ENTRY_VALUE_SIZE);
  const error = list.set(name, prefixLength + rest, text + <usize>rest, size, XATTR_CREATE);
  heapFree(name);
  // The first of two that have the same name counts.
  return error == -EEXIST ? 0 : error;
}

/** Reads the entry at an offset of the image: 0 or -errno. May sleep. */
function addShared(fileSystem: ErofsFileSystem, offset: u64, list: XattrList): i32 {
  const header = heapAlloc(ENTRY_HEADER);
  if (header == 0) return -ENOMEM;
  let error = copyMeta(fileSystem, offset, header, ENTRY_HEADER);
  const size = error == 0 ? entrySize(header) : 0;
  heapFree(header);
  if (error != 0) return error;
  const entry = heapAlloc(size);
  if (entry == 0) return -ENOMEM;
  error = copyMeta(fileSystem, offset, entry, size);
  // The disk may say something else than the first time.
  if (error == 0 && entrySize(entry) != size) error = -EUCLEAN;
  if (error == 0) error = addEntry(entry, list);
  heapFree(entry);
  return error;
}

/** Reads the attributes in `bytes` bytes of linear memory, as they lie behind the inode. */
function addAll(fileSystem: ErofsFileSystem, body: usize, bytes: u32, list: XattrList): i32 {
  const shared = <u32>load<u8>(body, SHARED_COUNT);
  let at = <u32>EROFS_XATTR_HEADER + shared * 4;
  if (at > bytes) return -EUCLEAN;
  while (at < bytes) {
    const entry = body + <usize>at;
    if (bytes - at < ENTRY_HEADER || bytes - at < entrySize(entry)) return -EUCLEAN;
    const error = addEntry(entry, list);
    if (error != 0) return error;
    at += (entrySize(entry) + 3) & ~(<u32>3);
  }
  for (let i: u32 = 0; i < shared; i++) {
    const id = <u64>load<u32>(body + <usize>EROFS_XATTR_HEADER + ((<usize>i) << 2));
    const error = addShared(fileSystem, fileSystem.sharedXattrStart + id * 4, list);
    if (error != 0) return error;
  }
  return 0;
}

/**
 * Reads the attributes in [offset, offset + bytes) of the image into a list, as far as there is no
 * error: 0 or -errno. May sleep.
 */
export function erofsReadXattrs(
  fileSystem: ErofsFileSystem,
  offset: u64,
  bytes: u32,
  list: XattrList,
): i32 {
  if (<u64>bytes < EROFS_XATTR_HEADER) return -EUCLEAN;
  const body = heapAlloc(bytes);
  if (body == 0) return -ENOMEM;
  let error = copyMeta(fileSystem, offset, body, bytes);
  if (error == 0) error = addAll(fileSystem, body, bytes, list);
  heapFree(body);
  return error;
}
