/*
 * Whether the host's ports are free, asked before anything starts: QEMU's own message comes late
 * and names no remedy.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { PortDeniedError, PortInUseError } from "../errors.ts";
import type { Forward } from "../qemu/index.ts";

const LOOPBACK = "127.0.0.1";

export async function checkPorts(forwards: readonly Forward[]): Promise<void> {
  await Promise.all(forwards.map(checkPort));
}

async function checkPort({ hostPort, protocol }: Forward): Promise<void> {
  try {
    await (protocol === "tcp" ? tryTcp(hostPort) : tryUdp(hostPort));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EACCES") throw new PortDeniedError(hostPort);
    throw new PortInUseError(hostPort, protocol);
  }
}

function tryTcp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve()));
  });
}

function tryUdp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind({ port, address: LOOPBACK, exclusive: true }, () => socket.close(() => resolve()));
  });
}
