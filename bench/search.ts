// Binary search for the smallest number that will do.

/**
 * The smallest integer of [low, high] for which `works` is true, or null when not even `high`
 * works. Expects that whatever is above a working number works too.
 */
export async function smallest(
  low: number,
  high: number,
  works: (value: number) => Promise<boolean>,
): Promise<number | null> {
  let bad = low - 1;
  let good = high + 1;
  while (good - bad > 1) {
    const middle = bad + Math.floor((good - bad) / 2);
    if (await works(middle)) good = middle;
    else bad = middle;
  }
  return good > high ? null : good;
}
