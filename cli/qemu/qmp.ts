/*
 * Just enough of QMP, QEMU's control protocol: connect, negotiate, one command, its answer.
 */
import { connect } from "node:net";
import { ToolFailedError } from "../errors.ts";

const TIMEOUT_MS = 3_000;

/** Runs `command` on the QEMU behind `socket` and returns what it answered. */
export function qmp(
  socket: string,
  command: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let rest = "";
    let answers = 0;
    const fail = (detail: string): void => {
      connection.destroy();
      reject(new ToolFailedError(`QMP ${command}`, detail));
    };
    connection.setTimeout(TIMEOUT_MS, () => fail("no answer"));
    connection.once("error", (error) => fail(error.message));
    connection.once("close", () => fail("connection closed"));
    connection.setEncoding("utf8");
    connection.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const message = JSON.parse(line) as Record<string, unknown>;
        if ("error" in message) return fail(JSON.stringify(message.error));
        if (!("return" in message)) continue; // the greeting, or an event
        if (++answers < 2) continue; // capabilities
        resolve(message.return);
        connection.end();
      }
    });
    connection.write('{"execute":"qmp_capabilities"}\n');
    connection.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
  });
}
