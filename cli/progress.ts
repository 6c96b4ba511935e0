/*
 * What the command is doing, on stderr, and only when it takes long enough to be worth a line.
 */

/** A step that ends sooner than this leaves no trace: an incremental build says nothing. */
const QUIET_MS = 250;

/**
 * Runs `work` and says `what` on stderr if it takes longer than a moment, with the time it took.
 */
export async function withProgress<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  let told = false;
  const timer = setTimeout(() => {
    told = true;
    note(`${what} …`);
  }, QUIET_MS);
  try {
    const result = await work();
    if (told) note(`${what}: done in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    return result;
  } finally {
    clearTimeout(timer);
  }
}

/** One line on stderr, marked as ours. */
export function note(text: string): void {
  process.stderr.write(`virga: ${text}\n`);
}
