/*
 * All mutants of a file in one text: each place asks at run time whether it is the active one. So
 * one compilation serves thousands of mutants.
 *
 *     applyMutants(text, mutants, first)      the text; its mutants have the numbers from `first` on
 *
 * Places lie inside one another as expressions do. Only one mutant is active at a time, so within
 * a place's changed form the text is the original.
 */
import type { Mutant } from "./operators.ts";

/** What the changed text calls; lib/mutant.ts in the tree of mutants (tree.ts). */
export const IS_ACTIVE = "isMutant";

interface Place {
  readonly mutant: Mutant;
  readonly number: number;
  readonly inside: Place[];
}

/** Mutants are sorted by where they begin, the outer first. */
function nest(mutants: readonly Mutant[], first: number): Place[] {
  const outermost: Place[] = [];
  const open: Place[] = [];
  mutants.forEach((mutant, index) => {
    const place = { mutant, number: first + index, inside: [] };
    while (open.length > 0 && (open.at(-1)?.mutant.end ?? 0) < mutant.end) open.pop();
    while (open.length > 0 && (open.at(-1)?.mutant.end ?? 0) <= mutant.start) open.pop();
    (open.at(-1)?.inside ?? outermost).push(place);
    open.push(place);
  });
  return outermost;
}

function render(text: string, start: number, end: number, places: readonly Place[]): string {
  let result = "";
  let at = start;
  for (const { mutant, number, inside } of places) {
    const inner = render(text, mutant.start, mutant.end, inside);
    result += text.slice(at, mutant.start) + mutant.render(`${IS_ACTIVE}(${number})`, inner);
    at = mutant.end;
  }
  return result + text.slice(at, end);
}

export function applyMutants(text: string, mutants: readonly Mutant[], first: number): string {
  return render(text, 0, text.length, nest(mutants, first));
}
