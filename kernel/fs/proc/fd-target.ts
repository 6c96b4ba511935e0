/**
 * Where a link of /proc/self/fd leads when the file has no place in a file system: sockets, pipes,
 * eventfd(2) and their kin. It can be looked at (stat(2), O_PATH), and a pipe be opened anew; the
 * others can't be opened: ENXIO.
 *
 *     const target = targetCreate(file)     a dentry with one reference; null: memory is out
 */
import { ENXIO } from "../../lib/errno";
import { attempt } from "../../runtime/attempt";
import { free } from "../../runtime/free";
import { Dentry, dentryCreate, NAME_HASH_START } from "../dentry";
import { File, fileGet, filePut } from "../file";
import { FileSystem, Inode, inodePut } from "../inode";
import { pipeOf } from "../pipe";
import { pipeOpenAnew } from "../pipe-place";
import { Stat } from "../stat";

class TargetFileSystem extends FileSystem {
  constructor() {
    super("anon_inodefs");
  }
}

const fileSystem = new TargetFileSystem();

class TargetInode extends Inode {
  /** The file comes with a reference of its own. */
  constructor(
    private file: File,
    mode: u32,
    number: u64,
  ) {
    super(fileSystem, number, mode);
  }

  stat(out: Stat): void {
    out.reset(0);
    this.file.stat(out);
  }

  open(dentry: Dentry, flags: u32): usize {
    const pipe = pipeOf(this.file);
    return pipe ? pipeOpenAnew(pipe, flags) : -ENXIO;
  }

  destroy(): void {
    filePut(this.file);
    super.destroy();
  }
}

/** The name is not looked at: it is the link's text that is shown. */
const NO_NAME: usize = memory.data(1);

export function targetCreate(file: File): Dentry | null {
  const stat = attempt(new Stat());
  if (!stat) return null;
  stat.reset(0);
  file.stat(stat);
  const inode = attempt(new TargetInode(file, stat.mode, stat.ino));
  free(stat);
  if (!inode) return null;
  fileGet(file);
  const dentry = dentryCreate(null, NAME_HASH_START, NO_NAME, 0);
  if (dentry) dentry.inode = inode;
  else inodePut(inode);
  return dentry;
}
