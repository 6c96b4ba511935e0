/**
 * Step 1: AssemblyScript to WebAssembly. The same step makes the kernel and the modules of the unit
 * tests.
 */
import path from "node:path";
import { modulesBin, repositoryRoot } from "./paths.ts";
import { runTool } from "./process.ts";

export interface WasmOptions {
  /** Entry files, absolute. */
  entries: string[];
  output: string;
  /** Keeps assertions and the `VERIFY` checks. */
  debug: boolean;
  /** False: as asc writes it down, which takes a third of the time, and runs slower. */
  optimize?: boolean;
  /** The folder with `kernel/` in it; the repository unless set. */
  root?: string;
}

/**
 * Where static data begins in linear memory. Below it lie the unmapped first page (a null
 * dereference faults), the guard, the boot stack and the boot CPU's page: see
 * kernel/arch/x86_64/boot.S.
 */
export const MEMORY_BASE = 0x9000;

export async function compileWasm(options: WasmOptions): Promise<void> {
  const root = options.root ?? repositoryRoot;
  const args = [
    ...options.entries.map((entry) => path.relative(root, entry)),
    "--runtime",
    path.join("kernel", "runtime", "index"),
    "--transform",
    path.join(repositoryRoot, "toolchain", "assemblyscript-runtime.mjs"),
    "--exportStart",
    "initializeGlobals",
    // Exported, the function table counts as called from outside. Otherwise the optimizer takes it
    // that a function is called indirectly only with its own type and empties the others; but the
    // system call table is called with six arguments whatever a handler takes
    // (kernel/linux/syscall-table.ts).
    "--exportTable",
    "--memoryBase",
    String(MEMORY_BASE),
    "--enable",
    "threads",
    "--debug",
    "--outFile",
    path.relative(root, options.output),
  ];
  if (!options.debug) args.push("--noAssert");
  if (options.optimize === false) {
    // wasm2c validates, too.
    args.push("-O0", "--noValidate");
  } else {
    const inlining = path.join(repositoryRoot, "toolchain", "assemblyscript-inlining.mjs");
    args.push("-O2", "--transform", inlining);
  }
  await runTool(path.join(modulesBin, "asc"), args, root);
}
