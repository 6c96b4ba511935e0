// Root folders of the measured programs, composed from the host: the program, the libraries that ldd
// names, and the empty folders a system mounts things on. Both guests get this very folder.
//
//   redisProgram(build, gateway)   Debian's redis-server with a configuration for measuring
//   callsProgram(build)            guest/calls.c, static

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { BenchError } from "./errors.ts";
import type { Program } from "./guest.ts";

const MOUNT_POINTS = ["dev", "proc", "sys", "tmp", "etc"];

/** No snapshots: a fork in the middle of a run would be measured, and Virga is one process. */
const REDIS_CONF = `save ""
appendonly no
protected-mode no
bind 0.0.0.0
loglevel warning
`;

export function librariesOf(program: string): string[] {
  const text = execFileSync("ldd", [program], { encoding: "utf8" });
  return parseLdd(text);
}

/** Paths in ldd's output: "name => /path (address)" or "/path (address)". */
export function parseLdd(text: string): string[] {
  const paths: string[] = [];
  for (const line of text.split("\n")) {
    if (/=>\s+not found/.test(line)) throw new BenchError(`missing library: ${line.trim()}`);
    const match = /(?:=>\s*)?(\/\S+)\s+\(0x[0-9a-f]+\)\s*$/.exec(line);
    if (match?.[1] !== undefined) paths.push(match[1]);
  }
  return paths;
}

function install(root: string, hostPath: string, guestPath: string): number {
  const target = join(root, guestPath);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(hostPath), target);
  return statSync(target).size;
}

function freshRoot(root: string): void {
  rmSync(root, { recursive: true, force: true });
  for (const name of MOUNT_POINTS) mkdirSync(join(root, name), { recursive: true });
}

function makeErofs(root: string, image: string): void {
  rmSync(image, { force: true });
  const args = ["--quiet", "--all-root", "-T0", "-E", "noinline_data", image, root];
  execFileSync("mkfs.erofs", args, { stdio: ["ignore", "ignore", "pipe"] });
}

export function redisProgram(build: string): Program {
  const binary = "/usr/bin/redis-server";
  if (!existsSync(binary))
    throw new BenchError(`${binary} is missing: apt-get install redis-server`);
  const root = join(build, "redis-root");
  const erofs = join(build, "redis-root.erofs");
  freshRoot(root);
  let payloadBytes = install(root, binary, binary);
  for (const library of librariesOf(binary)) payloadBytes += install(root, library, library);
  mkdirSync(join(root, "etc/redis"), { recursive: true });
  writeFileSync(join(root, "etc/redis/redis.conf"), REDIS_CONF);
  makeErofs(root, erofs);
  const argv = [binary, "/etc/redis/redis.conf"];
  return { name: "redis", root, erofs, argv, payloadBytes, needsNetwork: true };
}

export function callsProgram(build: string, source: string): Program {
  const root = join(build, "calls-root");
  const erofs = join(build, "calls-root.erofs");
  freshRoot(root);
  const binary = join(root, "calls");
  const flags = ["-static", "-O2", "-pthread", "-s", "-Wall", "-Werror"];
  execFileSync("gcc", [...flags, "-o", binary, source], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  makeErofs(root, erofs);
  const payloadBytes = statSync(binary).size;
  return { name: "calls", root, erofs, argv: ["/calls"], payloadBytes, needsNetwork: false };
}
