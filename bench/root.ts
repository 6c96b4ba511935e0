// The root file systems of the measured programs. `virga run` composes the very same images; Linux
// gets the image as it is, or its content unpacked into an initramfs.
//
//   await redisProgram(build)       Debian's redis-server, by the recipe
//   await callsProgram(build)       guest/calls.c, static

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { redis } from "../apps/redis.ts";
import { imageOfProgram, imageOfRecipe, type RootImage } from "../cli/image/index.ts";
import type { Program } from "./guest.ts";

/**
 * Linux cannot have libraries and configuration that Virga has not, so the folder comes out of the
 * image.
 */
function unpack(image: RootImage, folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = [`--extract=${folder}`, "--overwrite", image.path];
  execFileSync("fsck.erofs", args, { stdio: ["ignore", "ignore", "pipe"] });
  return folder;
}

export async function redisProgram(build: string): Promise<Program> {
  const image = await imageOfRecipe(redis);
  return {
    name: "redis",
    erofs: image.path,
    root: unpack(image, join(build, "redis-root")),
    argv: [image.program, ...redis.args],
    payloadBytes: image.programBytes,
    needsNetwork: true,
  };
}

export async function callsProgram(build: string): Promise<Program> {
  const binary = join(build, "calls");
  const source = join(import.meta.dirname, "guest/calls.c");
  const flags = ["-static", "-O2", "-pthread", "-s", "-Wall", "-Werror"];
  const stdio: ["ignore", "inherit", "inherit"] = ["ignore", "inherit", "inherit"];
  execFileSync("gcc", [...flags, "-o", binary, source], { stdio });
  const image = await imageOfProgram(binary);
  return {
    name: "calls",
    erofs: image.path,
    root: unpack(image, join(build, "calls-root")),
    argv: [image.program],
    payloadBytes: image.programBytes,
    needsNetwork: false,
  };
}
