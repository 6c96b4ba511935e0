/*
 * A reporter for node:test: one JSON object per finished test on a line, for node-tests.ts to read.
 * Plain JavaScript, because node loads it before anything that understands TypeScript.
 */
export default async function* report(source) {
  for await (const event of source) {
    const { type, data } = event;
    if (type === "test:stdout" || type === "test:stderr") {
      yield `${JSON.stringify({ kind: "output", text: data.message })}\n`;
    } else if (type === "test:pass" || type === "test:fail") {
      // A suite, and the file itself, are reported like a test; what counts is what is in them.
      const isLeaf = data.details?.type !== "suite";
      const error = data.details?.error;
      yield `${JSON.stringify({
        kind: "test",
        name: data.name,
        file: data.file ?? "",
        nesting: data.nesting,
        isLeaf,
        isSkipped: data.skip !== undefined || data.todo !== undefined,
        failureType: error?.failureType ?? "",
        hasPassed: type === "test:pass",
        ms: data.details?.duration_ms ?? 0,
        error: error === undefined ? "" : describe(error),
      })}\n`;
    }
  }
}

function describe(error) {
  const cause = error.cause ?? error;
  return typeof cause === "string" ? cause : (cause?.stack ?? String(cause?.message ?? cause));
}
