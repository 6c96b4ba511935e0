/* Reading what a guest program of test/guest printed (test/guest/check.h has the format). Pure. */

export interface CheckReport {
  readonly passed: number;
  /** `name: detail` of each check that failed. */
  readonly failed: readonly string[];
  /** The N of `1..N`; null when the program did not come to its end. */
  readonly planned: number | null;
  /** The group that ran last. */
  readonly lastGroup: string;
}

export function readChecks(text: string): CheckReport {
  let passed = 0;
  let planned: number | null = null;
  let lastGroup = "";
  const failed: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("ok ")) passed++;
    else if (line.startsWith("not ok ")) failed.push(line.slice("not ok ".length));
    else if (/^1\.\.\d+$/.test(line)) planned = Number(line.slice(3));
    else if (line.startsWith("# ")) lastGroup = line.slice(2);
  }
  return { passed, failed, planned, lastGroup };
}

/**
 * What is wrong beyond failed checks: the program ended early, or its count does not add up; null
 * if nothing is.
 */
export function incompleteness(report: CheckReport): string | null {
  if (report.planned === null) return `it did not come to its end; last group: ${report.lastGroup}`;
  const seen = report.passed + report.failed.length;
  if (seen !== report.planned) return `${seen} results seen, ${report.planned} announced`;
  return null;
}
