/**
 * What a futex is known by. The key of a word is its address; of one in a shared mapping of a file,
 * unless the caller says that it is private, its place in the file, which other mappings may show
 * at other addresses.
 *
 *     futexKey(address, op, isWritten)     the key, NO_KEY (-EFAULT), or UNALIGNED (-EINVAL)
 *     futexKeyError(key)                   the errno of a key that is none, else 0
 *
 * A mapping may change while the caller sleeps: a key is asked for where nothing sleeps any more
 * before it is used.
 */
import { EFAULT, EINVAL } from "../lib/errno";
import { PAGE_SHIFT } from "../mem/page-allocator";
import { VMA_SHARED, vmaFind } from "../mem/vma";
import { USER_END } from "./user-memory";
import { userWord, userWordRead } from "./user-word";

export const FUTEX_PRIVATE_FLAG: u32 = 128;

/** Keys that are none; odd, as no key is. */
const NO_KEY: u64 = 1;
const UNALIGNED: u64 = 3;
/** A place in a file, not an address. */
const SHARED_BIT: u64 = 1 << 63;
/** Words of a file that keys can tell apart: 128 GiB. */
const KEY_WORD_BITS: u64 = 35;

/**
 * The key of a word that other mappings may show: SHARED_BIT, where the page source is in linear
 * memory, the word in the file; twice, so that it is even.
 */
function sharedKey(address: u64): u64 {
  const area = vmaFind(address);
  if (!area || (area.flags & VMA_SHARED) == 0) return address;
  const source = area.source;
  if (!source) return address;
  const word = ((address - area.start) >> 2) + (area.pageOffset << (PAGE_SHIFT - 2));
  const place = (<u64>(changetype<usize>(source) >> 3)) << (KEY_WORD_BITS + 1);
  return SHARED_BIT | place | ((word & (((<u64>1) << KEY_WORD_BITS) - 1)) << 1);
}

/**
 * The key of the futex at an address. That of one that may be shared is only given when the word
 * can be read, or with `isWritten` written: then this may sleep.
 */
export function futexKey(address: u64, op: u32, isWritten: bool): u64 {
  const isPlain = (op & FUTEX_PRIVATE_FLAG) != 0 && (address & 3) == 0 && address < USER_END;
  return isPlain ? address : futexKeySlowly(address, isWritten);
}

/** Of an address that can't have a key, or a futex that may be shared. */
function futexKeySlowly(address: u64, isWritten: bool): u64 {
  if ((address & 3) != 0) return UNALIGNED;
  if (address >= USER_END) return NO_KEY;
  const word = isWritten ? userWord(address) : userWordRead(address);
  return word != 0 ? sharedKey(address) : NO_KEY;
}

/** The errno of what `futexKey` returned, or 0 when it is a key. */
export function futexKeyError(key: u64): i32 {
  if ((key & 1) == 0) return 0;
  return key == NO_KEY ? -EFAULT : -EINVAL;
}
