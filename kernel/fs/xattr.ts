/**
 * Extended attributes of an inode: names and values, in a list in memory (xattr(7)).
 *
 *     list.get(name, length, to, size)          the value's length; copied when there is room
 *     list.set(name, length, value, size, flags)
 *     list.remove(name, length)
 *     list.names(to, size)                      all names, each with a zero byte behind it
 *
 * Names and values are in linear memory, and are copied. A size of 0 asks for the length alone.
 * Which names a program may use is the system calls' affair (linux/xattr-calls.ts).
 */
import { EEXIST, ENODATA, ENOMEM, ERANGE } from "../lib/errno";
import { free } from "../runtime/free";
import { heapAlloc, heapFree } from "../runtime/heap";

/** Longest name of an attribute. */
export const XATTR_NAME_MAX: u32 = 255;

// setxattr(2)
export const XATTR_CREATE: u32 = 1;
export const XATTR_REPLACE: u32 = 2;

@unmanaged
class Xattr {
  next: Xattr | null;
  nameLength: u32;
  valueLength: u32;

  /** Pointer at the name, which follows the object; the value follows the name. */
  @inline
  get name(): usize {
    return changetype<usize>(this) + offsetof<Xattr>();
  }

  @inline
  get value(): usize {
    return this.name + <usize>this.nameLength;
  }
}

@unmanaged
export class XattrList {
  private first: Xattr | null;

  constructor() {
    this.first = null;
  }

  /** The attribute of that name, or null. */
  private find(name: usize, length: u32): Xattr | null {
    let at = this.first;
    while (at && !(at.nameLength == length && memory.compare(at.name, name, length) == 0)) {
      at = at.next;
    }
    return at;
  }

  private unlink(attribute: Xattr): void {
    const first = this.first!;
    if (first == attribute) {
      this.first = attribute.next;
      return;
    }
    let before = first;
    while (before.next != attribute) before = before.next!;
    before.next = attribute.next;
  }

  /** The length of the value, -ENODATA, or -ERANGE: `size` is not 0 and too small. */
  get(name: usize, length: u32, to: usize, size: u32): i32 {
    const found = this.find(name, length);
    if (!found) return -ENODATA;
    if (size == 0) return found.valueLength;
    if (size < found.valueLength) return -ERANGE;
    memory.copy(to, found.value, found.valueLength);
    return found.valueLength;
  }

  /** 0, -EEXIST (XATTR_CREATE), -ENODATA (XATTR_REPLACE), -ENOMEM. */
  set(name: usize, length: u32, value: usize, size: u32, flags: u32): i32 {
    const old = this.find(name, length);
    if (old && (flags & XATTR_CREATE) != 0) return -EEXIST;
    if (!old && (flags & XATTR_REPLACE) != 0) return -ENODATA;
    const pointer = heapAlloc(offsetof<Xattr>() + <usize>length + <usize>size);
    if (pointer == 0) return -ENOMEM;
    const made = changetype<Xattr>(pointer);
    made.nameLength = length;
    made.valueLength = size;
    memory.copy(made.name, name, length);
    memory.copy(made.value, value, size);
    if (old) {
      this.unlink(old);
      heapFree(changetype<usize>(old));
    }
    made.next = this.first;
    this.first = made;
    return 0;
  }

  /** 0 or -ENODATA. */
  remove(name: usize, length: u32): i32 {
    const found = this.find(name, length);
    if (!found) return -ENODATA;
    this.unlink(found);
    heapFree(changetype<usize>(found));
    return 0;
  }

  /** The length of all names, or -ERANGE: `size` is not 0 and too small. */
  names(to: usize, size: u32): i32 {
    let length: u32 = 0;
    for (let at = this.first; at; at = nextOf(at)) length += at.nameLength + 1;
    if (size == 0) return length;
    if (size < length) return -ERANGE;
    let out = to;
    for (let at = this.first; at; at = nextOf(at)) {
      memory.copy(out, at.name, at.nameLength);
      out += <usize>at.nameLength;
      store<u8>(out++, 0);
    }
    return length;
  }

  /** Copies all attributes of another list into this one, which is empty. 0 or -ENOMEM. */
  copyFrom(other: XattrList): i32 {
    for (let at = other.first; at; at = nextOf(at)) {
      const error = this.set(at.name, at.nameLength, at.value, at.valueLength, 0);
      if (error != 0) return error;
    }
    return 0;
  }

  /** Frees the list with all that is in it. */
  destroy(): void {
    let at = this.first;
    while (at) {
      const next = at.next;
      heapFree(changetype<usize>(at));
      at = next;
    }
    free(this);
  }
}

/** For a loop's step, where the compiler forgets that the attribute is there. */
function nextOf(attribute: Xattr | null): Xattr | null {
  return attribute ? attribute.next : null;
}
