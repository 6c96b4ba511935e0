/**
 * Whether this is a debug build: `assert` is checked, freed objects are poisoned, and the costly
 * invariants that modules guard by `if (VERIFY)` (list membership, tree walks) are looked at.
 */
export const VERIFY: bool = !ASC_NO_ASSERT;
