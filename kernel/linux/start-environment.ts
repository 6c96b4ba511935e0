/**
 * What a program finds besides its arguments: standard input and output, its working directory.
 *
 *     startEnvironment(line)      as the command line (docs/boot-protocol.md) says
 */

import { Dentry, dentryGet } from "../fs/dentry";
import { File, filePut, O_RDONLY, O_RDWR, O_WRONLY } from "../fs/file";
import { isError } from "../fs/inode";
import { setCurrentDirectory, vfsOpenPath } from "../fs/vfs";
import { directoryOf } from "../fs/vfs-file";
import { CommandLine } from "../lib/command-line";
import { LOG_WARN, logBegin, logEnd, put } from "../lib/log";
import { fdInstall } from "./descriptors";

/** Opens a file as the lowest free descriptor; false when there is no such file. */
function openStandard(path: string, flags: u32): bool {
  const file = vfsOpenPath(path, flags);
  if (isError(file)) return false;
  fdInstall(changetype<File>(file), false);
  return true;
}

/** Descriptors 0, 1 and 2. */
function openStandardFiles(line: CommandLine): void {
  const input = line.value("stdin");
  const output = line.value("stdout");
  const isErrorPipe = line.value("stderr") == "pipe";
  if (input == "null") {
    openStandard("/dev/null", O_RDONLY);
  } else if (input == "pipe") {
    if (!openStandard("/dev/vport0p2", O_RDONLY)) openStandard("/dev/null", O_RDONLY);
  } else {
    openStandard("/dev/console", O_RDWR);
  }
  const isApart =
    (output == "pipe" && openStandard("/dev/vport0p4", O_WRONLY)) ||
    (output == "terminal" && openStandard("/dev/hvc0", O_RDWR));
  if (!isApart) openConsole(isErrorPipe);
  openConsole(isErrorPipe);
}

function openConsole(isPipe: bool): void {
  if (!isPipe || !openStandard("/dev/vport0p3", O_WRONLY)) openStandard("/dev/console", O_RDWR);
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
  openStandardFiles(line);
  const directory = line.value("cwd");
  if (directory) changeDirectory(directory);
}
