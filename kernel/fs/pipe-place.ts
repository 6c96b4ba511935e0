/**
 * A pipe(2) that is opened anew, by its link in /proc/self/fd: a place in no directory that the new
 * file has, and by which it can be opened once more.
 *
 *     pipeOpenAnew(pipe, flags)      a File, or -EBADF, -ENOMEM; does not sleep
 */
import { ENOMEM, ENXIO } from "../lib/errno";
import { attempt } from "../runtime/attempt";
import { Dentry, dentryCreate, dentryPut, NAME_HASH_START } from "./dentry";
import { fifoOpenPipe, fifoPipeAt } from "./fifo";
import { FileSystem, Inode, inodePut } from "./inode";
import { Pipe } from "./pipe";
import { S_IFIFO } from "./stat";

class PipeFileSystem extends FileSystem {
  constructor() {
    super("pipefs");
  }
}

const pipefs = new PipeFileSystem();
const NO_NAME: usize = memory.data(1);

/** Keeps no end of the pipe open: it may outlive all of them, and finds none then. */
class PipePlace extends Inode {
  private key: usize;

  constructor(pipe: Pipe) {
    super(pipefs, pipe.inode, S_IFIFO | 0o600);
    this.key = changetype<usize>(pipe);
  }

  open(dentry: Dentry, flags: u32): usize {
    const pipe = fifoPipeAt(this.key, this.number);
    return pipe ? fifoOpenPipe(pipe, this, dentry, flags) : -ENXIO;
  }
}

export function pipeOpenAnew(pipe: Pipe, flags: u32): usize {
  const inode = attempt(new PipePlace(pipe));
  if (!inode) return -ENOMEM;
  const dentry = dentryCreate(null, NAME_HASH_START, NO_NAME, 0);
  if (!dentry) {
    inodePut(inode);
    return -ENOMEM;
  }
  dentry.inode = inode;
  const file = fifoOpenPipe(pipe, inode, dentry, flags);
  dentryPut(dentry);
  return file;
}
