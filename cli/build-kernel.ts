/* `virga build-kernel`: compiles the kernel and prints where it is. */
import { parseOptions } from "./arguments.ts";
import { UsageError } from "./errors.ts";
import { loadToolchain } from "./modules.ts";
import { withProgress } from "./progress.ts";

export async function buildKernelCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, { debug: { type: "boolean" } });
  if (positionals.length > 0) throw new UsageError(`unexpected argument: ${positionals[0]}`);
  const profile = values.debug ? "debug" : "release";
  const { buildKernel } = await loadToolchain();
  const { elfPath } = await withProgress(`building the kernel (${profile})`, () =>
    buildKernel({ profile }),
  );
  process.stdout.write(`${elfPath}\n`);
  return 0;
}
