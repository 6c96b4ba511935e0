// A benchmark that cannot go on: one line for the person who started it, no stack.

export class BenchError extends Error {
  readonly code = "BENCH";
}
