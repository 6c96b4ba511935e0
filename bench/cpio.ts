// Writer of the cpio "newc" format, which Linux unpacks as its initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's tree).
//
//   newc(entries)        the whole archive, TRAILER included
//   entriesOf(folder)    the entries of a folder on disk
//
// Each entry is a header of 6 magic characters and 13 fields of 8 hexadecimal digits, the name with
// its terminating zero, and the data; name and data are each padded so that the next part begins at
// a multiple of 4. Times and owners are zero, so the same input always gives the same bytes.

import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

export type CpioEntry =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly data: Buffer }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | {
      readonly kind: "device";
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

function pad4(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

interface Header {
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly rmajor: number;
  readonly rminor: number;
}

function record(path: string, header: Header, data: Buffer): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    header.ino,
    header.mode,
    0, // uid
    0, // gid
    header.nlink,
    0, // mtime
    data.length,
    0, // major and minor of the disk the file came from
    0,
    header.rmajor,
    header.rminor,
    name.length,
    0, // checksum, used by the "crc" variant only
  ];
  const head = Buffer.from(
    `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`,
  );
  return [head, name, pad4(head.length + name.length), data, pad4(data.length)];
}

function content(entry: CpioEntry): { header: Omit<Header, "ino">; data: Buffer } {
  const none = { nlink: 1, rmajor: 0, rminor: 0 };
  switch (entry.kind) {
    case "directory":
      return { header: { ...none, mode: S_IFDIR | 0o755, nlink: 2 }, data: Buffer.alloc(0) };
    case "file":
      return { header: { ...none, mode: S_IFREG | entry.mode }, data: entry.data };
    case "link":
      return { header: { ...none, mode: S_IFLNK | 0o777 }, data: Buffer.from(entry.target) };
    case "device":
      return {
        header: { ...none, mode: S_IFCHR | 0o600, rmajor: entry.major, rminor: entry.minor },
        data: Buffer.alloc(0),
      };
  }
}

export function newc(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => {
    const { header, data } = content(entry);
    parts.push(...record(entry.path, { ...header, ino: index + 1 }, data));
  });
  const trailer = { ino: 0, mode: 0, nlink: 1, rmajor: 0, rminor: 0 };
  parts.push(...record("TRAILER!!!", trailer, Buffer.alloc(0)));
  return Buffer.concat(parts);
}

/** Parents before children, names sorted; anything but files, folders and links is left out. */
export function entriesOf(folder: string, prefix = ""): CpioEntry[] {
  const entries: CpioEntry[] = [];
  for (const name of readdirSync(folder).sort()) {
    const full = join(folder, name);
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const stat = lstatSync(full);
    if (stat.isDirectory()) {
      entries.push({ kind: "directory", path }, ...entriesOf(full, path));
    } else if (stat.isSymbolicLink()) {
      entries.push({ kind: "link", path, target: readlinkSync(full) });
    } else if (stat.isFile()) {
      entries.push({ kind: "file", path, mode: stat.mode & 0o777, data: readFileSync(full) });
    }
  }
  return entries;
}
