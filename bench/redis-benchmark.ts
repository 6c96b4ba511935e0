// Debian's redis-benchmark as the client, and the parsing of what it prints.
//
//   await redisBenchmark(target, {test: "get", clients: 50, requests, pipeline: 1})

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { BenchError } from "./errors.ts";
import type { Target } from "./resp.ts";

export interface Load {
  readonly test: "get" | "set";
  readonly clients: number;
  readonly requests: number;
  readonly pipeline: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

const TIMEOUT_MS = 120_000;

/** One line of CSV whose cells are all quoted, as redis-benchmark writes it. */
function cells(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");
}

/** By the names of the header line: the columns have changed between versions. */
export function parseCsv(text: string, test: string): LoadResult {
  const lines = text.split("\n").map(cells);
  const header = lines.find((line) => line[0] === "test");
  const row = lines.find((line) => line[0]?.toLowerCase() === test);
  if (header === undefined || row === undefined) {
    throw new BenchError(`redis-benchmark printed no line for ${test}:\n${text.slice(-500)}`);
  }
  const value = (column: string) => Number(row[header.indexOf(column)] ?? Number.NaN);
  const result = { requestsPerSecond: value("rps"), p99Ms: value("p99_latency_ms") };
  if (!Number.isFinite(result.requestsPerSecond) || !Number.isFinite(result.p99Ms)) {
    throw new BenchError(`redis-benchmark printed no figures for ${test}:\n${text.slice(-500)}`);
  }
  return result;
}

export async function redisBenchmark(target: Target, load: Load): Promise<LoadResult> {
  const args = ["-h", target.host, "-p", String(target.port), "-t", load.test, "--csv"];
  args.push("-c", String(load.clients), "-n", String(load.requests), "-P", String(load.pipeline));
  try {
    const { stdout } = await promisify(execFile)("redis-benchmark", args, { timeout: TIMEOUT_MS });
    return parseCsv(stdout, load.test);
  } catch (error) {
    if (error instanceof BenchError) throw error;
    throw new BenchError(`redis-benchmark ${args.join(" ")}: ${(error as Error).message}`);
  }
}
