/**
 * A lock between processes that dies with its holder, whatever becomes of it: no file has to be
 * tidied up, and no process id can be taken for another's.
 *
 *     await withLock(file, { onWait }, work)     runs `work` while nobody else holds `file`'s lock
 *
 * Node has no flock(2), so flock(1) holds the lock for us: it becomes `cat`, which ends with its
 * standard input, and that is a pipe whose other end is ours. The kernel closes it when we end by
 * whatever way, and the lock goes with the last descriptor of the file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { ToolError } from "./process.ts";

export interface LockOptions {
  /** Somebody else holds the lock, so there is a wait. */
  readonly onWait?: () => void;
}

/** What flock(1) is to end with when somebody else holds the lock: EX_TEMPFAIL of sysexits.h. */
const CONFLICT = 75;

/**
 * Rejects with a `ToolError` when `file` can't be opened for writing or made, or when there is no
 * flock(1).
 */
export async function withLock<T>(
  file: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  let holder = await take(file, ["--nonblock", "--conflict-exit-code", String(CONFLICT)]);
  if (holder === null) {
    options.onWait?.();
    holder = await take(file, []);
  }
  try {
    return await work();
  } finally {
    const ended = new Promise((resolve) => holder?.once("close", resolve));
    holder?.stdin?.end();
    await ended;
  }
}

/** The process that holds the lock; null when it was not to wait and somebody else has it. */
function take(file: string, options: readonly string[]): Promise<ChildProcess | null> {
  // In a session of its own: an interrupt at the terminal is not to free the lock before we end.
  const holder = spawn("flock", ["--exclusive", "--no-fork", ...options, file, "cat"], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  let said = "";
  holder.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    holder.once("error", (error: NodeJS.ErrnoException) => {
      const missing = "flock is missing; install it (Debian package: util-linux)";
      reject(new ToolError(error.code === "ENOENT" ? missing : `flock failed: ${error.message}`));
    });
    holder.once("close", (status) => {
      if (status === CONFLICT) resolve(null);
      else reject(new ToolError(`can't lock ${file}: ${said.trim() || `flock: status ${status}`}`));
    });
    holder.stdin.on("error", () => {}); // it has ended; `close` follows
    // What `cat` gives back says that it runs, so that the lock is ours.
    holder.stdout.once("data", () => resolve(holder));
    holder.stdin.write("\n");
  });
}
