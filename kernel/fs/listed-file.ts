/**
 * Files of a device that has something to tell to all that have it open.
 *
 *     new OpenFiles()                                  one per device; notify(events) tells its files' observers
 *     class … extends ListedFile                       is in that list from its constructor to its release
 */
import { Dentry } from "./dentry";
import { Inode } from "./inode";
import { VfsFile } from "./vfs-file";

export class OpenFiles {
  first: ListedFile | null = null;

  notify(events: u32): void {
    let file = this.first;
    while (file) {
      file.notify(events);
      file = file.nextOpen;
    }
  }
}

export class ListedFile extends VfsFile {
  nextOpen: ListedFile | null = null;

  constructor(
    dentry: Dentry,
    inode: Inode,
    flags: u32,
    private list: OpenFiles,
  ) {
    super(dentry, inode, flags);
    this.nextOpen = list.first;
    list.first = this;
  }

  release(): void {
    if (this.list.first == this) {
      this.list.first = this.nextOpen;
    } else {
      let link = this.list.first;
      while (link) {
        if (link.nextOpen == this) link.nextOpen = this.nextOpen;
        link = link.nextOpen;
      }
    }
    super.release();
  }
}
