/*
 * Requests to the kernel of a running machine: the host's end of the control port
 * (docs/boot-protocol.md). QEMU listens on a UNIX socket in the machine's folder, for one
 * connection at a time; a request is one line of text.
 */
import { connect } from "node:net";
import { ToolFailedError } from "../errors.ts";

/**
 * Sends the program a signal. Resolves when the machine has taken the request, which a kernel that
 * hangs never does, or when the machine is gone; rejects when there is nobody to ask.
 */
export function sendSignal(socket: string, signal: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let isConnected = false;
    connection.once("connect", () => {
      isConnected = true;
    });
    connection.once("error", (error) => {
      // A connection that breaks means that QEMU has ended; `close` follows.
      if (!isConnected) reject(new ToolFailedError("the machine's control port", error.message));
    });
    // QEMU closes its side when it has read to the end of ours, and it reads only what the kernel
    // has room for.
    connection.once("close", () => resolve());
    connection.resume();
    connection.end(`signal ${signal}\n`);
  });
}
