/**
 * Standard output or error that the host does not show on a terminal: to the program it is the
 * writing end of a pipe. The nodes /dev/vport0p3 (to the console's place) and /dev/vport0p4
 * (standard output apart from it) open it, so that /proc/self/fd/1 and /dev/stdout lead there.
 */
import { EBADF, ENOTTY } from "../lib/errno";
import { ConsoleFile } from "./console-file";
import { IoVector } from "./io-vector";

export class StandardOutputFile extends ConsoleFile {
  read(io: IoVector): i64 {
    return -EBADF;
  }

  poll(): u32 {
    return this.pollOutput();
  }

  ioctl(request: u32, argument: u64): i64 {
    return -ENOTTY;
  }
}
