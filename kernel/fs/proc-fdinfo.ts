/**
 * /proc/self/fdinfo: per descriptor the position, flags, mount and inode, what the file's kind adds
 * (`File.describe`), and the locks that it stands for (proc_pid_fdinfo(5)).
 */
import { ENOENT, ENOMEM } from "../lib/errno";
import { TextBuffer } from "../lib/text-buffer";
import { attempt } from "../runtime/attempt";
import { free } from "../runtime/free";
import { Dentry } from "./dentry";
import { DIRECTORY_START, DirectorySink, DT_REG } from "./directory-sink";
import { O_CLOEXEC } from "./file";
import { putLocks } from "./file-lock";
import { FileSystem, Inode } from "./inode";
import { mountIdOf } from "./mount";
import { parseNumber, putNumber } from "./proc-fd";
import { ProcText } from "./proc-node";
import { processInfo } from "./process-info";
import { S_IFDIR, Stat } from "./stat";
import { DirectoryFile, placeOf, SEEK_CUR } from "./vfs-file";

/** Inode numbers of /proc/self/fdinfo/N are this + N. */
const FDINFO_NUMBERS: u64 = 0x20000;

function putOctal(out: TextBuffer, value: u32): void {
  out.byte(48);
  let shift = 30;
  while (shift > 0 && value >> shift == 0) shift -= 3;
  for (; shift >= 0; shift -= 3) out.byte(48 + ((value >> shift) & 7));
}

function fdInfoText(out: TextBuffer, descriptor: u32): void {
  const info = processInfo();
  const file = info.file(descriptor);
  if (!file) return;
  const place = placeOf(file);
  const stat = attempt(new Stat());
  if (!stat) {
    out.cut = true;
    return;
  }
  stat.reset(0);
  if (place) place.inode.stat(stat);
  else file.stat(stat);
  out.put("pos:\t").signed(max(file.seek(0, SEEK_CUR), 0));
  out.put("\nflags:\t");
  putOctal(out, file.flags | (info.closesOnExec(descriptor) ? O_CLOEXEC : 0));
  out.put("\nmnt_id:\t").decimal(place ? mountIdOf(place.dentry) : 0);
  out.put("\nino:\t").decimal(stat.ino).put("\n");
  free(stat);
  putLocks(out, "lock:\t", file);
  file.describe(out);
}

export class FdInfoDirectory extends Inode {
  constructor(fileSystem: FileSystem, number: u64) {
    super(fileSystem, number, S_IFDIR | 0o555);
    this.nlink = 2;
    this.uncachedNames = true;
  }

  open(dentry: Dentry, flags: u32): usize {
    const file = attempt(new DirectoryFile(dentry, this, flags));
    return file ? changetype<usize>(file) : -ENOMEM;
  }

  lookup(dentry: Dentry): i32 {
    const descriptor = parseNumber(dentry.name, dentry.nameLength);
    if (descriptor < 0 || !processInfo().file(descriptor)) return -ENOENT;
    const number = FDINFO_NUMBERS + <u64>descriptor;
    const text = attempt(new ProcText(this.fileSystem, number, 0o444, fdInfoText, descriptor));
    if (!text) return -ENOMEM;
    dentry.inode = text;
    return 0;
  }

  list(position: u64, sink: DirectorySink): i64 {
    let fd = processInfo().nextDescriptor(<i32>(position - DIRECTORY_START));
    while (fd >= 0) {
      const next = <u64>fd + 1 + DIRECTORY_START;
      if (!putNumber(sink, fd, FDINFO_NUMBERS + <u64>fd, DT_REG, next)) break;
      fd = processInfo().nextDescriptor(fd + 1);
    }
    return fd >= 0 ? <i64>(<u64>fd + DIRECTORY_START) : <i64>0x7fffffff;
  }
}
