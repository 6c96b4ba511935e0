/**
 * Steps 3 and 4: C and assembly to objects by clang, objects to the kernel's ELF file by lld.
 */
import path from "node:path";
import { machineDirectory, repositoryRoot } from "./paths.ts";
import { runTool } from "./process.ts";

export const CLANG = "clang-19";
export const LLD = "ld.lld-19";

/**
 * No vector registers (a system call then saves none), no red zone (an interrupt pushes on the same
 * stack), the code model of the top 2 GiB, frame pointers for backtraces.
 */
const MACHINE_FLAGS = [
  "--target=x86_64-unknown-none-elf",
  "-ffreestanding",
  "-fno-pic",
  "-fno-stack-protector",
  "-mno-red-zone",
  "-mcmodel=kernel",
  "-mgeneral-regs-only",
  "-fno-strict-aliasing",
  "-fno-omit-frame-pointer",
  "-momit-leaf-frame-pointer",
  "-ffunction-sections",
  "-Wall",
  "-Wno-unused",
  "-DWASM_RT_MEMCHECK_GUARD_PAGES=1",
  "-DWASM_RT_NONCONFORMING_UNCHECKED_STACK_EXHAUSTION=1",
];

/** What a profile's objects are compiled with. */
export function objectFlags(profile: string): string[] {
  return [...MACHINE_FLAGS, ...(profile === "debug" ? ["-O1", "-DVIRGA_DEBUG=1"] : ["-O2"])];
}

/** Compiles to `object`, or to one in `directory` with the source's name; returns it. */
export async function compileObject(
  source: string,
  directory: string,
  profile: string,
  object = path.join(directory, `${path.basename(source).replace(/\.\w+$/, "")}.o`),
): Promise<string> {
  const flags = [...objectFlags(profile), "-I", machineDirectory, "-I", directory];
  await runTool(CLANG, [...flags, "-c", source, "-o", object], repositoryRoot);
  return object;
}

/** The code that the program runs: position-independent, in the lower half. */
const VDSO_FLAGS = [
  "--target=x86_64-unknown-none-elf",
  "-ffreestanding",
  "-fPIC",
  "-O2",
  "-mgeneral-regs-only",
];

/** Makes `vdso.so` in `directory`, which vdso.S takes into the kernel. */
export async function linkVdso(directory: string): Promise<void> {
  const object = path.join(directory, "vdso-code.o");
  const source = path.join(machineDirectory, "vdso.c");
  await runTool(CLANG, [...VDSO_FLAGS, "-c", source, "-o", object], repositoryRoot);
  const script = path.join(machineDirectory, "vdso.ld");
  const output = path.join(directory, "vdso.so");
  const flags = [
    "-shared",
    "--hash-style=both",
    "-Bsymbolic",
    "-soname",
    "linux-vdso.so.1",
    "-z",
    "norelro",
    "-s",
  ];
  await runTool(LLD, [...flags, "-T", script, object, "-o", output], repositoryRoot);
}

/** Which functions lie together. */
export const hotFunctions = path.join(import.meta.dirname, "hot-functions.txt");

export async function linkKernel(objects: string[], output: string): Promise<void> {
  const script = path.join(machineDirectory, "kernel.ld");
  await runTool(
    LLD,
    [
      "-static",
      "--gc-sections",
      `--symbol-ordering-file=${hotFunctions}`,
      "--no-warn-symbol-ordering",
      "-z",
      "max-page-size=4096",
      "-z",
      "norelro",
      "-T",
      script,
      ...objects,
      "-o",
      output,
    ],
    repositoryRoot,
  );
}
