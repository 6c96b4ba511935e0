/*
 * The libraries a program needs, found as its dynamic loader would find them: breadth first through
 * DT_NEEDED, each name looked up in DT_RPATH (of the object and of those that led to it),
 * LD_LIBRARY_PATH, DT_RUNPATH, and the loader's folders (ld.so(8); musl's ldso/dynlink.c treats
 * both paths alike, which makes no difference here).
 *
 * What a program opens with dlopen() is not found; a recipe lists it. One such library is needed
 * without anybody knowing: to unwind the stack of a thread that ends by pthread_exit() or
 * pthread_cancel(), glibc opens libgcc_s, and aborts when it is not there.
 */
import { basename, dirname, posix } from "node:path";
import { MissingLibraryError, NotAnElfError } from "../errors.ts";
import { type ElfFile, readElf } from "./reader.ts";
import { defaultFolders, type FileSource, isMusl } from "./search-path.ts";

/** A file that goes into the image: its path there, and where its content is on the host. */
export interface FoundFile {
  readonly path: string;
  readonly hostPath: string;
}

export interface ProgramFiles {
  readonly program: FoundFile;
  readonly interpreter: FoundFile | null;
  readonly libraries: readonly FoundFile[];
}

export interface WalkOptions {
  readonly source: FileSource;
  /** The program's path in the root. */
  readonly program: string;
  /** The program's LD_LIBRARY_PATH. */
  readonly libraryPath?: readonly string[];
  /**
   * Called when a file is in none of the folders, to bring it (by unpacking one more package, say).
   * True if the search is to be repeated.
   */
  readonly onMissing?: (file: string, neededBy: FoundFile) => Promise<boolean>;
  /** Further objects to walk from: plugins that the program opens with dlopen(). */
  readonly extra?: readonly string[];
}

interface Loaded {
  readonly file: FoundFile;
  readonly elf: ElfFile;
  readonly loader: Loaded | null;
}

/**
 * The names that musl's loader takes for itself, whatever follows the dot (ldso/dynlink.c,
 * `reserved`).
 */
const MUSL_RESERVED = /^lib(c|pthread|rt|m|dl|util|xnet)\.(so|musl-)/;

/** What of glibc opens UNWINDER (nptl/pthread_exit.c, misc/unwind-link.c). */
const UNWINDING: readonly string[] = ["pthread_exit", "pthread_cancel", "thrd_exit", "backtrace"];
const UNWINDER = "libgcc_s.so.1";
const GLIBC = "libc.so.6";

export async function walkLibraries(options: WalkOptions): Promise<ProgramFiles> {
  const { source } = options;
  const hostPath = source.locate(options.program);
  if (hostPath === null) throw new NotAnElfError(options.program, "there is no such file");
  const program: FoundFile = { path: options.program, hostPath };
  const root: Loaded = { file: program, elf: readElf(hostPath), loader: null };
  if (root.elf.interpreter === null) return { program, interpreter: null, libraries: [] };

  const interpreter = await locateInterpreter(root.elf.interpreter, program, options);
  const folders = (): string[] => defaultFolders(source, interpreter.path);
  const found = new Map<string, Loaded>();
  const queue: Loaded[] = [root];
  for (const path of options.extra ?? []) {
    const at = source.locate(path);
    if (at === null) throw new MissingLibraryError(path, program.path);
    queue.push({ file: { path, hostPath: at }, elf: readElf(at), loader: root });
  }
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const opened = await openedByGlibc(next, interpreter, folders, options);
    for (const name of [...next.elf.needed, ...opened]) {
      if (found.has(name) || isLoaderItself(name, interpreter)) continue;
      const file = await findLibrary(name, next, folders, options);
      const library: Loaded = { file, elf: readElf(file.hostPath), loader: next };
      found.set(name, library);
      queue.push(library);
    }
  }
  return { program, interpreter, libraries: [...found.values()].map((each) => each.file) };
}

/** The library that glibc opens for what `object` calls, if it can be had. */
async function openedByGlibc(
  object: Loaded,
  interpreter: FoundFile,
  folders: () => string[],
  options: WalkOptions,
): Promise<string[]> {
  if (isMusl(interpreter.path) || object.elf.soname === GLIBC) return [];
  if (!UNWINDING.some((symbol) => object.elf.mentions(symbol))) return [];
  try {
    await findLibrary(UNWINDER, object, folders, options);
    return [UNWINDER];
  } catch (error) {
    if (error instanceof MissingLibraryError) return [];
    throw error;
  }
}

async function locateInterpreter(
  path: string,
  program: FoundFile,
  options: WalkOptions,
): Promise<FoundFile> {
  let hostPath = options.source.locate(path);
  if (hostPath === null && (await options.onMissing?.(path, program))) {
    hostPath = options.source.locate(path);
  }
  if (hostPath === null) throw new MissingLibraryError(path, program.path);
  return { path, hostPath };
}

function isLoaderItself(name: string, interpreter: FoundFile): boolean {
  if (name === basename(interpreter.path)) return true;
  return isMusl(interpreter.path) && MUSL_RESERVED.test(name);
}

function search(
  name: string,
  from: Loaded,
  folders: () => string[],
  options: WalkOptions,
): FoundFile | null {
  const places = name.includes("/")
    ? [posix.resolve(name)]
    : searchFolders(from, folders(), options.libraryPath ?? []).map((at) => posix.join(at, name));
  for (const path of places) {
    const hostPath = options.source.locate(path);
    if (hostPath !== null) return { path, hostPath };
  }
  return null;
}

async function findLibrary(
  name: string,
  from: Loaded,
  folders: () => string[],
  options: WalkOptions,
): Promise<FoundFile> {
  const file = search(name, from, folders, options);
  if (file !== null) return file;
  if (await options.onMissing?.(name, from.file)) {
    const second = search(name, from, folders, options);
    if (second !== null) return second;
  }
  throw new MissingLibraryError(name, from.file.path);
}

/** The folders to look in for what `from` needs, in the loader's order. */
function searchFolders(
  from: Loaded,
  defaults: readonly string[],
  libraryPath: readonly string[],
): string[] {
  const folders: string[] = [];
  // DT_RPATH counts only where the object has no DT_RUNPATH, and is inherited along the chain of
  // loaders.
  if (from.elf.runpath.length === 0) {
    for (let each: Loaded | null = from; each !== null; each = each.loader) {
      if (each.elf.runpath.length === 0) folders.push(...expandAll(each.elf.rpath, each.file));
    }
  }
  folders.push(...libraryPath, ...expandAll(from.elf.runpath, from.file), ...defaults);
  return [...new Set(folders)];
}

function expandAll(paths: readonly string[], file: FoundFile): string[] {
  return paths.map((path) => expandTokens(path, dirname(file.path)));
}

/** Replaces $ORIGIN, $LIB and $PLATFORM (ld.so(8), "Dynamic string tokens"). */
export function expandTokens(path: string, origin: string): string {
  const values: Record<string, string> = {
    ORIGIN: origin,
    LIB: "lib/x86_64-linux-gnu",
    PLATFORM: "x86_64",
  };
  const text = path.replace(
    /\$(?:\{(ORIGIN|LIB|PLATFORM)\}|(ORIGIN|LIB|PLATFORM))/g,
    (_match, braced: string | undefined, bare: string | undefined) =>
      values[braced ?? bare ?? ""] ?? "",
  );
  return posix.normalize(text);
}
