/*
 * Redis: an in-memory store, without persistence, since the root is read-only and the rest is
 * memory.
 */
import type { Recipe } from "./recipe.ts";

export const redis: Recipe = {
  name: "redis",
  summary: "Redis, the in-memory data store (Debian's redis-server)",
  packages: ["redis-server", "redis-tools"],
  program: "/usr/bin/redis-server",
  args: [
    ...["--port", "6379", "--bind", "0.0.0.0", "--protected-mode", "no"],
    ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
  ],
  ports: [6379],
  memory: "128M",
  folders: ["/var/lib/redis"],
};
