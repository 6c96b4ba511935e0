/* The formatter and linter, and the types: one test each. They run side by side. */
import { execFile } from "node:child_process";
import { isWanted, type TestOptions } from "./options.ts";
import { repositoryRoot } from "./paths.ts";
import type { Tally } from "./tally.ts";

const TOOLS = [
  {
    name: "biome",
    module: "@biomejs/biome/bin/biome",
    args: ["check", "--colors=off"],
  },
  { name: "tsc", module: "typescript/bin/tsc", args: ["--project", ".", "--pretty", "false"] },
] as const;

const OUTPUT_MAX = 6_000;

export async function runLint(options: TestOptions, tally: Tally): Promise<void> {
  const tools = TOOLS.filter(({ name }) => isWanted(options, name));
  await Promise.all(
    tools.map(async ({ name, module, args }) => {
      const complaint = await complaintOf(`${repositoryRoot}/node_modules/${module}`, args);
      if (complaint === null) tally.pass();
      else tally.fail(name, complaint);
    }),
  );
}

/** Runs a checker; null when it is content. Not by runTool, which shows the last lines only. */
function complaintOf(script: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { cwd: repositoryRoot, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(null);
      else resolve(`${stdout}${stderr}`.trim().slice(0, OUTPUT_MAX) || error.message);
    });
  });
}
