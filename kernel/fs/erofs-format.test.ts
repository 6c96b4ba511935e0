import { addressOf } from "../arch/hw";
import { expect, expectEqual, test } from "../lib/testing";
import { chunkShift, ErofsFields, isCompressed, parseInode } from "./erofs-format";

// Each field of an inode on the disk, in both forms (EROFS on-disk format).

const raw: usize = memory.data(64, 8);
const AT: u64 = addressOf(raw);
const fields = new ErofsFields();

const COMPACT: u16 = 0;
const EXTENDED: u16 = 1;
const SIZE_END: u64 = (<u64>1) << 44;

/** Bytes of which each differs from its neighbours, so that a field read elsewhere is another. */
function start(format: u16): void {
  for (let i: usize = 0; i < 64; i++) store<u8>(raw + i, <u8>(0x11 + i * 3));
  store<u16>(raw, format);
  // What has its place in the upper bytes of the size would make it too large.
  store<u32>(raw, 0, 12);
}

test("erofs: all fields of a compact inode, which has no time of its own", () => {
  start(COMPACT);
  fields.hasTime = true;
  fields.mtimeNs = 1;
  expect(parseInode(AT, fields), "it makes sense");
  expectEqual(fields.layout, 0, "layout");
  expectEqual(fields.mode, load<u16>(raw, 4), "i_mode");
  expectEqual(fields.nlink, load<u16>(raw, 6), "i_nlink");
  expectEqual(fields.size, load<u32>(raw, 8), "i_size");
  expectEqual(fields.union, load<u32>(raw, 16), "i_u");
  expectEqual(fields.uid, load<u16>(raw, 24), "i_uid");
  expectEqual(fields.gid, load<u16>(raw, 26), "i_gid");
  expect(!fields.hasTime, "the image's time counts");
  expectEqual(fields.mtimeNs, 0, "none");
});

test("erofs: all fields of an extended inode", () => {
  start(EXTENDED);
  store<u64>(raw, 0x123456789, 8);
  store<u64>(raw, 1700000000, 32);
  store<u32>(raw, 123456789, 40);
  expect(parseInode(AT, fields), "it makes sense");
  expectEqual(fields.layout, 0, "layout");
  expectEqual(fields.mode, load<u16>(raw, 4), "i_mode");
  expectEqual(fields.size, 0x123456789, "i_size");
  expectEqual(fields.union, load<u32>(raw, 16), "i_u");
  expectEqual(fields.uid, load<u32>(raw, 24), "i_uid");
  expectEqual(fields.gid, load<u32>(raw, 28), "i_gid");
  expect(fields.hasTime, "a time of its own");
  expectEqual(fields.mtimeNs, 1700000000123456789, "i_mtime and i_mtime_nsec");
  expectEqual(fields.nlink, load<u32>(raw, 44), "i_nlink");
});

test("erofs: attributes lie between the inode and what follows it", () => {
  for (let form: u16 = 0; form < 2; form++) {
    const size: u64 = form == EXTENDED ? 64 : 32;
    const units: StaticArray<u16> = [0, 1, 2, 100, 0xffff];
    const bytes: StaticArray<u64> = [0, 12, 16, 12 + 99 * 4, 12 + 0xfffe * 4];
    for (let i = 0; i < units.length; i++) {
      start(form);
      store<u16>(raw, units[i], 2);
      expect(parseInode(AT, fields), "it makes sense");
      expectEqual(fields.xattrBytes, bytes[i], "bytes of attributes");
      expectEqual(fields.tailOffset, size + bytes[i], "and the tail behind them");
    }
  }
});

test("erofs: an inode of an unknown form, layout or size is none", () => {
  for (let format: u32 = 0; format < 0x10000; format++) {
    start(<u16>format);
    // Bit 0: extended; 1 to 3: the layout, of which there are five.
    const known = format < 0x10 && format >> 1 <= 4;
    if (parseInode(AT, fields) != known) expectEqual(format, -1, "this format");
    if (known) expectEqual(fields.layout, format >> 1, "its layout");
  }
  start(EXTENDED);
  store<u64>(raw, SIZE_END - 1, 8);
  expect(parseInode(AT, fields), "the largest file");
  expectEqual(fields.size, SIZE_END - 1, "its size");
  store<u64>(raw, SIZE_END, 8);
  expect(!parseInode(AT, fields), "is one byte smaller than this");
});

test("erofs: two of the layouts are compressed", () => {
  const compressed: StaticArray<bool> = [false, true, false, true, false];
  for (let layout = 0; layout < 5; layout++) {
    expect(isCompressed(layout) == compressed[layout], "this layout");
  }
});

test("erofs: a chunk format is five bits of size and one of the map's form", () => {
  for (let bits: u32 = 0; bits < 32; bits++) {
    expectEqual(chunkShift(bits), bits, "without indexes");
    expectEqual(chunkShift(bits | 0x20), bits, "with indexes");
    expectEqual(chunkShift(bits | 0x40), -1, "a bit that is not known");
  }
});
