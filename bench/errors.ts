// A benchmark that cannot go on: one line for the person who started it, no stack.

import { VirgaError } from "../cli/errors.ts";

export class BenchError extends VirgaError {
  constructor(message: string) {
    super("bench", message);
  }
}
