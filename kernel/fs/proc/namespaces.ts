/**
 * /proc/self/ns: which namespaces the process is in (namespaces(7)). There is one of each kind, the
 * first one, which has a fixed number on Linux, too (include/linux/proc_ns.h): by these numbers
 * programs see that they are in no container. There are no calls that make or enter another.
 */
import { ENOENT, ENOMEM } from "../../lib/errno";
import { TextBuffer } from "../../lib/text-buffer";
import { attempt } from "../../runtime/attempt";
import { Dentry, dentryCreate, NAME_HASH_START } from "../dentry";
import { DIRECTORY_START, DirectorySink, DT_LNK } from "../directory-sink";
import { FileSystem, Inode, resultOf } from "../inode";
import { ProcLink } from "../proc-node";
import { S_IFDIR, S_IFREG } from "../stat";
import { DirectoryFile, VfsFile } from "../vfs-file";
import { isNamed, putListed } from "./rows";

const NSFS_MAGIC: u64 = 0x6e736673;

class Namespace {
  /** Where a link to it leads; made when somebody first follows one. */
  dentry: Dentry | null = null;

  constructor(
    public kind: string,
    public number: u32,
  ) {}
}

// PROC_*_INIT_INO. Linux gives those of mnt and net out by chance.
const CGROUP = new Namespace("cgroup", 0xeffffffb);
const IPC = new Namespace("ipc", 0xefffffff);
const MOUNT = new Namespace("mnt", 0xeffffff8);
const NET = new Namespace("net", 0xeffffff9);
const PID = new Namespace("pid", 0xeffffffc);
const TIME = new Namespace("time", 0xeffffffa);
const USER = new Namespace("user", 0xeffffffd);
const UTS = new Namespace("uts", 0xeffffffe);

const NAMES: StaticArray<string> = [
  "cgroup",
  "ipc",
  "mnt",
  "net",
  "pid",
  "pid_for_children",
  "time",
  "time_for_children",
  "user",
  "uts",
];
const NAMESPACES: StaticArray<Namespace> = [
  CGROUP,
  IPC,
  MOUNT,
  NET,
  PID,
  PID,
  TIME,
  TIME,
  USER,
  UTS,
];

class NamespaceFileSystem extends FileSystem {
  constructor() {
    super("nsfs");
    this.magic = NSFS_MAGIC;
    this.readOnly = true;
  }
}

const nsfs = new NamespaceFileSystem();

/** A namespace as a file: it can be compared, and nothing else. */
class NamespaceFile extends VfsFile {}

class NamespaceInode extends Inode {
  constructor(number: u64) {
    super(nsfs, number, S_IFREG | 0o444);
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new NamespaceFile(dentry, this, flags)));
  }
}

function namespaceText(out: TextBuffer, index: u32): void {
  const namespace = NAMESPACES[index];
  out.put(namespace.kind).put(":[").decimal(namespace.number).put("]");
}

class NamespaceLink extends ProcLink {
  constructor(
    fileSystem: FileSystem,
    number: u64,
    private index: u32,
  ) {
    super(fileSystem, number, namespaceText, index);
  }

  /** Null when memory is short: then the text is followed, which leads nowhere. */
  jump(): Dentry | null {
    const namespace = NAMESPACES[this.index];
    const present = namespace.dentry;
    if (present) return present;
    const text = namespace.kind;
    const inode = attempt(new NamespaceInode(namespace.number));
    if (!inode) return null;
    const made = dentryCreate(null, NAME_HASH_START, changetype<usize>(text), 0);
    if (made) made.inode = inode;
    else inode.destroy();
    namespace.dentry = made;
    return made;
  }
}

export class NamespaceDirectory extends Inode {
  /** Inode numbers of its links begin behind its own. */
  constructor(fileSystem: FileSystem, number: u64) {
    super(fileSystem, number, S_IFDIR | 0o511);
    this.nlink = 2;
  }

  open(dentry: Dentry, flags: u32): usize {
    return resultOf(attempt(new DirectoryFile(dentry, this, flags)));
  }

  lookup(dentry: Dentry): i32 {
    for (let i = 0; i < NAMES.length; i++) {
      if (!isNamed(dentry, NAMES[i])) continue;
      const link = attempt(new NamespaceLink(this.fileSystem, this.number + 1 + <u64>i, i));
      dentry.inode = link;
      return link ? 0 : -ENOMEM;
    }
    return -ENOENT;
  }

  list(position: u64, sink: DirectorySink): i64 {
    let index = <i32>min<u64>(position - DIRECTORY_START, NAMES.length);
    while (index < NAMES.length) {
      const number = this.number + 1 + <u64>index;
      if (!putListed(sink, index, NAMES[index], number, DT_LNK)) break;
      index++;
    }
    return <i64>(DIRECTORY_START + <u64>index);
  }
}
