/*
 * What the command is doing, on stderr, and only when it takes long enough to be worth a line. At a
 * terminal a step is one line that changes in place; elsewhere it is two plain lines, when it is
 * known to take time and when it is done.
 *
 *   withProgress(what, work)     runs `work`; says `what`, and in the end the time it took
 *   note(text)                   a line of ours, at any time
 *
 * Colour: only at a terminal, and not if NO_COLOR is set (no-color.org).
 */

/** A step that ends sooner than this leaves no trace: an incremental build says nothing. */
const QUIET_MS = 250;
/** How often a line that changes in place is drawn anew. */
const REDRAW_MS = 200;

const CLEAR_LINE = "\r\x1b[K";
const DIM = "\x1b[2m";
const PLAIN = "\x1b[0m";

/** Where lines go; tests give their own. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Draws the step that is under way, below all that is told; null: none is, or no terminal is. */
let redraw: (() => void) | null = null;

export async function withProgress<T>(
  what: string,
  work: () => Promise<T>,
  terminal: Terminal = process.stderr,
): Promise<T> {
  const begin = performance.now();
  const seconds = (): string => `${((performance.now() - begin) / 1000).toFixed(1)} s`;
  let isTold = false;
  const tell = (): void => {
    isTold = true;
    if (!terminal.isTTY) {
      note(`${what} …`, terminal);
      return;
    }
    redraw = () => terminal.write(`${CLEAR_LINE}${prefix(terminal)}${what} … ${seconds()}`);
    redraw();
    timer = setInterval(() => redraw?.(), REDRAW_MS);
  };
  let timer = setTimeout(tell, QUIET_MS);
  const stop = (): void => {
    clearTimeout(timer);
    if (redraw !== null) terminal.write(CLEAR_LINE);
    redraw = null;
  };
  try {
    const result = await work();
    stop();
    if (isTold) note(`${what}: done in ${seconds()}`, terminal);
    return result;
  } finally {
    stop();
  }
}

/** One line on stderr, marked as ours. */
export function note(text: string, terminal: Terminal = process.stderr): void {
  terminal.write(`${redraw === null ? "" : CLEAR_LINE}${prefix(terminal)}${text}\n`);
  redraw?.();
}

function prefix(terminal: Terminal): string {
  const isColoured = terminal.isTTY === true && !process.env.NO_COLOR;
  return isColoured ? `${DIM}virga:${PLAIN} ` : "virga: ";
}
