/**
 * Runs a tool of the build and turns its failure into one error that shows the command and what it
 * said.
 */
import { spawn } from "node:child_process";

export class ToolError extends Error {
  readonly code = "tool-failed";
}

/** Runs `command`; resolves with its standard output, rejects with a `ToolError` when it fails. */
export function runTool(command: string, args: string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on("error", (error) => {
      reject(new ToolError(`${command} could not be started: ${error.message}`));
    });
    child.on("close", (status) => {
      if (status === 0) {
        resolve(output);
        return;
      }
      const said = `${errors}${output}`.trim().split("\n").slice(0, 60).join("\n");
      reject(new ToolError(`${command} ${args.join(" ")}\nended with status ${status}:\n${said}`));
    });
  });
}
