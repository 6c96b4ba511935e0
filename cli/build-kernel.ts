/* `virga build-kernel`: compiles the kernel and prints where it is. */
import { parseOptions } from "./arguments.ts";
import { UsageError } from "./errors.ts";
import { buildKernel } from "./modules.ts";

export async function buildKernelCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, { debug: { type: "boolean" } });
  if (positionals.length > 0) throw new UsageError(`unexpected argument: ${positionals[0]}`);
  const elfPath = await buildKernel(values.debug ?? false);
  process.stdout.write(`${elfPath}\n`);
  return 0;
}
