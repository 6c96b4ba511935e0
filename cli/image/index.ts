/*
 * Images of root file systems, from the three kinds of things that can be run:
 *
 *   imageOfRecipe(recipe)     the program of a recipe, from Debian packages
 *   imageOfProgram(path)      a program of this host with the libraries it needs
 *   imageOfFolder(folder)     a folder, as it is
 *
 * Each returns an EROFS image (built only if something changed) and the program's path in it.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Recipe } from "../../apps/recipe.ts";
import { writeWhole } from "../../toolchain/cache.ts";
import { prune } from "../../toolchain/prune.ts";
import {
  type FileSource,
  isMusl,
  type ProgramFiles,
  readElf,
  walkLibraries,
} from "../elf/index.ts";
import { hostSource, layeredSource } from "../elf/source.ts";
import {
  NotAnElfError,
  NotExecutableError,
  NotFetchedError,
  ProgramNotFoundError,
  ToolFailedError,
  VirgaError,
} from "../errors.ts";
import { buildFolder } from "../paths.ts";
import { isExecutable } from "../process.ts";
import { withProgress } from "../progress.ts";
import { markPackagesUsed, PackageSet } from "./debian.ts";
import { composeImage, type Image } from "./erofs.ts";
import { ldSoCache } from "./ld-so-cache.ts";
import { readScript, type Script } from "./script.ts";
import { addBasics, Tree } from "./tree.ts";

export type { Image } from "./erofs.ts";

export interface RootImage extends Image {
  /** The program's path in the root; of a script, its interpreter's. */
  readonly program: string;
  /** What stands before the program's own arguments: for a script's interpreter, the script. */
  readonly scriptArguments: readonly string[];
  /** The sum of the sizes of the program, its interpreter and its libraries. */
  readonly programBytes: number;
}

/** What recipes led to, by the state of the package lists: a few KiB each. */
const RESOLVED_KEPT = 50;

/** What a recipe led to, kept so that the next run need not ask apt. */
interface RecipeFiles {
  readonly files: ProgramFiles;
  readonly more: readonly (readonly [path: string, hostPath: string])[];
}

export async function imageOfRecipe(recipe: Recipe): Promise<RootImage> {
  const found =
    readResolved(recipe) ??
    (await withProgress(`fetching ${recipe.packages.join(", ")} and libraries`, async () => {
      // The host's package lists may be missing, or so old that the packages in them are gone.
      const result = await resolveRecipe(recipe, false).catch((error: unknown) => {
        const isOfLists = error instanceof ToolFailedError || error instanceof NotFetchedError;
        if (isOfLists) return resolveRecipe(recipe, true);
        throw error;
      });
      writeWhole(resolvedPath(recipe), JSON.stringify(result));
      prune(buildFolder("recipes"), { accept: () => true, countMax: RESOLVED_KEPT });
      return result;
    }));
  markPackagesUsed(hostPathsOf(found));
  const tree = new Tree();
  for (const [path, hostPath] of found.more) {
    if (statSync(hostPath).isDirectory()) tree.addAll(path, hostPath);
    else tree.addFile(path, hostPath);
  }
  for (const folder of recipe.folders ?? []) tree.addFolder(folder);
  for (const [path, text] of Object.entries(recipe.texts ?? {})) tree.addText(path, text);
  return await finish(tree, found.files);
}

export async function imageOfProgram(
  path: string,
  libraryPath: readonly string[] = [],
): Promise<RootImage> {
  if (!existsSync(path)) throw new ProgramNotFoundError(path, "no such file");
  if (!statSync(path).isFile()) throw new NotAnElfError(path, "it is not a file");
  if (!isExecutable(path)) throw new NotExecutableError(path);
  const script = readScript(path);
  if (script !== null) {
    const called = resolve(path);
    const files = await walkScript(hostSource, script, called, libraryPath);
    const tree = new Tree();
    tree.addFile(called, path, 0o755);
    const scriptArguments = [...script.argument, called];
    const { path: program } = files.program;
    return { ...(await finish(tree, files)), program, scriptArguments };
  }
  readElf(path); // for an error that has the path as the user gave it
  const program = realpathSync(path);
  const files = await walkLibraries({ source: hostSource, program, libraryPath });
  // Programs look at the name they were called by (busybox, redis-server), and at where they really
  // are ($ORIGIN).
  const called = resolve(path);
  const tree = new Tree();
  if (called !== program) tree.addLink(called, program);
  return { ...(await finish(tree, files)), program: called };
}

export async function imageOfFolder(folder: string, program: string): Promise<RootImage> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new VirgaError("no-such-root", `--root ${folder}: there is no such folder`);
  }
  const source = layeredSource([realpathSync(folder)]);
  const hostPath = source.locate(program);
  if (hostPath === null) throw new ProgramNotFoundError(program, `not in ${folder}`);
  if (!isExecutable(hostPath)) throw new NotExecutableError(program);
  const script = readScript(hostPath);
  // Walked only to find out now, and not in the guest, that a library is missing.
  const files =
    script === null
      ? await walkLibraries({ source, program })
      : await walkScript(source, script, program, []);
  const tree = new Tree();
  tree.addAll("/", realpathSync(folder));
  addBasics(tree);
  return {
    ...(await composeImage(tree)),
    program: script === null ? program : files.program.path,
    scriptArguments: script === null ? [] : [...script.argument, program],
    programBytes: sizeOf(files),
  };
}

/** A script's interpreter with its libraries. */
async function walkScript(
  source: FileSource,
  script: Script,
  path: string,
  libraryPath: readonly string[],
): Promise<ProgramFiles> {
  if (source.locate(script.interpreter) === null) {
    throw new ProgramNotFoundError(script.interpreter, `the interpreter of ${path}`);
  }
  return await walkLibraries({ source, program: script.interpreter, libraryPath });
}

async function finish(tree: Tree, files: ProgramFiles): Promise<RootImage> {
  const { program, interpreter, libraries } = files;
  addBasics(tree);
  tree.addFile(program.path, program.hostPath, 0o755);
  for (const library of libraries) tree.addFile(library.path, library.hostPath);
  if (interpreter !== null) {
    tree.addFile(interpreter.path, interpreter.hostPath, 0o755);
    if (isMusl(interpreter.path)) addMuslPath(tree, files);
    else tree.addText("/etc/ld.so.cache", ldSoCache(libraries.map((each) => each.path)));
  }
  return {
    ...(await composeImage(tree)),
    program: program.path,
    scriptArguments: [],
    programBytes: sizeOf(files),
  };
}

/**
 * musl has no cache; it reads its list of folders, which is to have those the libraries are in, and
 * no others.
 */
function addMuslPath(tree: Tree, files: ProgramFiles): void {
  const folders = new Set(files.libraries.map((each) => each.path.replace(/\/[^/]*$/, "")));
  if (folders.size > 0) tree.addText("/etc/ld-musl-x86_64.path", [...folders].join("\n"));
}

function sizeOf(files: ProgramFiles): number {
  const all = [files.program, files.interpreter, ...files.libraries];
  return all.reduce((sum, each) => sum + (each === null ? 0 : statSync(each.hostPath).size), 0);
}

async function resolveRecipe(recipe: Recipe, isFresh: boolean): Promise<RecipeFiles> {
  const packages = await PackageSet.open(recipe.packages, isFresh);
  const files = await walkLibraries({
    source: packages.source,
    program: recipe.program,
    extra: recipe.plugins ?? [],
    onMissing: (file, neededBy) => packages.bring(file, neededBy.hostPath),
  });
  const more = (recipe.files ?? []).map((path): [string, string] => {
    const hostPath = packages.source.locate(path);
    if (hostPath === null) throw new ProgramNotFoundError(path, `recipe ${recipe.name}`);
    return [path, hostPath];
  });
  for (const path of recipe.plugins ?? []) {
    const hostPath = packages.source.locate(path);
    if (hostPath !== null) more.push([path, hostPath]);
  }
  return { files, more };
}

/**
 * The key has the recipe and the state of the host's package lists: after `apt update` versions are
 * looked up anew.
 */
function resolvedPath(recipe: Recipe): string {
  const lists = "/var/lib/apt/lists";
  const state = existsSync(lists)
    ? readdirSync(lists)
        .filter((name) => name.includes("_dists_"))
        .map((name) => `${name} ${statSync(join(lists, name)).mtimeMs}`)
    : [];
  const key = createHash("sha256")
    .update(JSON.stringify([1, recipe, state]))
    .digest("hex");
  return join(buildFolder("recipes"), `${recipe.name}-${key.slice(0, 16)}.json`);
}

function readResolved(recipe: Recipe): RecipeFiles | null {
  let found: RecipeFiles;
  try {
    found = JSON.parse(readFileSync(resolvedPath(recipe), "utf8")) as RecipeFiles;
  } catch {
    return null; // not there, or damaged
  }
  return hostPathsOf(found).every(existsSync) ? found : null;
}

function hostPathsOf(found: RecipeFiles): string[] {
  const { program, interpreter, libraries } = found.files;
  const all = [program, interpreter, ...libraries].flatMap((each) => each?.hostPath ?? []);
  return [...all, ...found.more.map(([, hostPath]) => hostPath)];
}
