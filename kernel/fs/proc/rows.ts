/**
 * Directories of texts whose names are known beforehand, as a table: /proc/PID and
 * /proc/PID/task/TID. An inode is made when its name is looked up and goes when nobody has it any
 * more, so a directory costs nothing by having many files.
 *
 *     const rows: StaticArray<ProcRow> = [new ProcRow("stat", 0o444, procStat), …];
 *     new RowDirectory(fileSystem, number, permissions, rows, rowCount, subject)
 *
 * A subclass adds what is no text: links and directories.
 */
import { addressOf } from "../../arch/hw";
import { ENOENT, ENOMEM } from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { Dentry } from "../dentry";
import { DIRECTORY_START, DirectorySink, DT_REG } from "../directory-sink";
import { FileSystem, Inode, resultOf } from "../inode";
import { Generator, ProcText, Taker } from "../proc-node";
import { S_IFDIR } from "../stat";
import { DirectoryFile } from "../vfs-file";

export class ProcRow {
  constructor(
    public name: string,
    public permissions: u32,
    public generator: Generator,
    public taker: Taker | null = null,
  ) {}
}

/** Longest name of a row. */
const NAME_MAX = 32;
const nameBytes: usize = memory.data(32);

/** An ASCII name as bytes; valid until the next call. */
export function asciiBytes(name: string): usize {
  assert(name.length <= NAME_MAX, "a short name");
  for (let i = 0; i < name.length; i++) store<u8>(nameBytes + <usize>i, <u8>name.charCodeAt(i));
  return nameBytes;
}

/** Whether a dentry has this name. */
export function isNamed(dentry: Dentry, name: string): bool {
  if (dentry.nameLength != <u32>name.length) return false;
  return memory.compare(dentry.name, asciiBytes(name), dentry.nameLength) == 0;
}

export class RowDirectory extends Inode {
  /** Of the rows it has the first `rowCount`. Inode numbers of its files begin behind its own. */
  constructor(
    fileSystem: FileSystem,
    number: u64,
    permissions: u32,
    protected rows: StaticArray<ProcRow>,
    protected rowCount: i32,
    private subject: u32,
  ) {
    super(fileSystem, number, S_IFDIR | permissions);
    this.nlink = 2;
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new DirectoryFile(dentry, this, flags)));
  }

  /** What can be written to is a matter of each file. */
  prepareWrite(dentry: Dentry, keepData: bool): i32 {
    return 0;
  }

  lookup(dentry: Dentry): i32 {
    for (let i = 0; i < this.rowCount; i++) {
      const row = this.rows[i];
      if (!isNamed(dentry, row.name)) continue;
      const text = attempt(
        new ProcText(
          this.fileSystem,
          this.number + 1 + <u64>i,
          row.permissions,
          row.generator,
          this.subject,
          row.taker,
        ),
      );
      if (!text) return -ENOMEM;
      dentry.inode = text;
      return 0;
    }
    return -ENOENT;
  }

  /** How many entries it lists, and name, DT_* and number of each; a subclass has more. */
  protected entryCount(): i32 {
    return this.rowCount;
  }

  protected entryName(index: i32): string {
    return this.rows[index].name;
  }

  protected entryType(index: i32): u32 {
    return DT_REG;
  }

  /** The inode number that its lookup gives. */
  protected entryNumber(index: i32): u64 {
    return this.number + 1 + <u64>index;
  }

  list(position: u64, sink: DirectorySink): i64 {
    const count = this.entryCount();
    let index = <i32>min<u64>(position - DIRECTORY_START, count);
    while (index < count) {
      const number = this.entryNumber(index);
      if (!putListed(sink, index, this.entryName(index), number, this.entryType(index))) break;
      index++;
    }
    return <i64>(DIRECTORY_START + <u64>index);
  }
}

/** Puts the i-th entry of a directory; false when it was not taken. */
export function putListed(
  sink: DirectorySink,
  index: i32,
  name: string,
  number: u64,
  type: u32,
): bool {
  const next = DIRECTORY_START + <u64>index + 1;
  return sink.put(addressOf(asciiBytes(name)), name.length, number, type, next);
}
