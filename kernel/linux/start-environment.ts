/**
 * What a program finds besides its arguments: standard input and output, its working directory.
 */

import { Dentry, dentryGet } from "../fs/dentry";
import { File, filePut, O_RDWR } from "../fs/file";
import { isError } from "../fs/inode";
import { setCurrentDirectory, vfsOpenPath } from "../fs/vfs";
import { directoryOf } from "../fs/vfs-file";
import { CommandLine } from "../lib/command-line";
import { LOG_WARN, logBegin, logEnd, put } from "../lib/log";
import { fdInstall } from "./descriptors";

const STANDARD_DESCRIPTORS = 3;

/** Opens /dev/console as descriptors 0, 1 and 2. */
function openConsole(): void {
  for (let i = 0; i < STANDARD_DESCRIPTORS; i++) {
    const file = vfsOpenPath("/dev/console", O_RDWR);
    if (!isError(file)) fdInstall(changetype<File>(file), false);
  }
}

function changeDirectory(path: string): void {
  const file = vfsOpenPath(path, 0);
  const directory = isError(file) ? 0 : directoryOf(changetype<File>(file));
  if (directory != 0 && !isError(directory)) {
    dentryGet(changetype<Dentry>(directory));
    setCurrentDirectory(changetype<Dentry>(directory));
  } else if (logBegin(LOG_WARN, "main")) {
    put("cwd= is no directory: ");
    put(path);
    logEnd();
  }
  if (!isError(file)) filePut(changetype<File>(file));
}

export function startEnvironment(line: CommandLine): void {
  openConsole();
  const directory = line.value("cwd");
  if (directory) changeDirectory(directory);
}
