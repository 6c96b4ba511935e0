// Statistics of paired runs.
//
//   median(values)                  the middle value, or the mean of the two middle ones
//   timesBetter(better, ours, theirs)   how many times better `ours` is, one pair
//   medianRatio(better, ours, theirs)   the median of timesBetter over the pairs
//
// The machines are shared and noisy. Two guests measured one right after the other meet the same
// neighbours, so the ratio is taken inside each pair and the median over the pairs afterwards; a
// ratio of two medians would mix runs that had different neighbours.

export type Better = "higher" | "lower";

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("median of no values");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

export function timesBetter(better: Better, ours: number, theirs: number): number {
  return better === "higher" ? ours / theirs : theirs / ours;
}

/** Pairs beyond the shorter list are ignored: a run that failed on one side has no partner. */
export function medianRatio(
  better: Better,
  ours: readonly number[],
  theirs: readonly number[],
): number | null {
  const pairs = Math.min(ours.length, theirs.length);
  const ratios: number[] = [];
  for (let i = 0; i < pairs; i++) {
    ratios.push(timesBetter(better, ours[i] as number, theirs[i] as number));
  }
  return ratios.length === 0 ? null : median(ratios);
}
