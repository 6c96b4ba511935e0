/*
 * Our end of the events' socket: QEMU connects to it when it starts.
 *
 *   const events = await listenForEvents(path, onText)
 *   await events.drained()      QEMU's process is gone: returns when all that it sent has been seen
 *   events.close()
 */
import { rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";

export interface EventListener {
  drained(): Promise<void>;
  close(): void;
}

export async function listenForEvents(
  path: string,
  onText: (text: string) => void,
): Promise<EventListener> {
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  let isDraining = false;
  let onClose = (): void => {};
  const server = createServer((socket) => {
    open.add(socket);
    socket.setEncoding("utf8");
    socket.on("data", onText);
    socket.on("error", () => {}); // QEMU was killed; `close` follows
    socket.once("close", () => {
      open.delete(socket);
      onClose();
    });
    if (isDraining) socket.end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    async drained() {
      isDraining = true;
      // A machine may have come and gone before we got to accept its connection. They are accepted
      // in their order: when one of our own has come and gone, QEMU's has at least come.
      await new Promise<void>((resolve) => {
        const own = connect(path);
        own.on("error", () => {}); // the folder is gone: somebody stopped the machine
        own.once("close", () => resolve());
        own.resume().end();
      });
      while (open.size > 0) {
        await new Promise<void>((resolve) => {
          onClose = resolve;
        });
      }
    },
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
