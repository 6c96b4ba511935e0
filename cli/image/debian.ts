/*
 * Debian packages as the source of a root, without installing anything and without being root.
 *
 *   PackageSet.open(names)  resolves the closure of the named packages for an empty system, fetches and
 *                           unpacks the named ones
 *   .source                 the unpacked packages laid over each other; grows
 *   .bring(file, neededBy)  fetches the package that `neededBy`'s package depends on and that has `file`
 *
 * The closure of redis-server has 41 packages, from adduser to perl; the program's libraries are in
 * 7. Debian policy (8.6) has every package depend directly on those that have the libraries it
 * links with, so only direct dependencies are tried, best guess first (libssl.so.3 → libssl3).
 *
 * Package files and their unpacked trees stay in build/packages under the file name, which has the
 * version in it. A package file that was damaged since is fetched again.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { isWhole, writeStamp } from "../../toolchain/cache.ts";
import { markUsed, prune } from "../../toolchain/prune.ts";
import { type FileSource, readElf } from "../elf/index.ts";
import { layeredSource } from "../elf/source.ts";
import { NoPackagesError, NotFetchedError, ToolFailedError, ToolMissingError } from "../errors.ts";
import { buildFolder } from "../paths.ts";
import { runTool } from "../process.ts";

/** Package files and unpacked packages: two of each package. */
const PACKAGES_KEPT = 400;

interface Unpacked {
  readonly name: string;
  readonly folder: string;
  readonly depends: readonly string[];
}

export class PackageSet {
  /** Package name → version, as apt would install them. */
  readonly #closure: ReadonlyMap<string, string>;
  readonly #apt: Apt;
  readonly #unpacked = new Map<string, Unpacked>();
  readonly #layers: string[] = [];
  readonly source: FileSource = layeredSource(this.#layers);

  private constructor(apt: Apt, closure: ReadonlyMap<string, string>) {
    this.#apt = apt;
    this.#closure = closure;
  }

  /** With `isFresh` the lists are fetched anew, otherwise those of this host are used. */
  static async open(names: readonly string[], isFresh: boolean): Promise<PackageSet> {
    const apt = new Apt();
    if (isFresh) await apt.useOwnLists();
    const set = new PackageSet(apt, await apt.resolve(names));
    await set.#fetch(names);
    return set;
  }

  /** The versions that went in, as `name_version`. */
  get versions(): string[] {
    return [...this.#unpacked.keys()].map((name) => `${name}_${this.#closure.get(name) ?? ""}`);
  }

  async bring(file: string, neededByHostPath: string): Promise<boolean> {
    const owner = [...this.#unpacked.values()].find((each) =>
      neededByHostPath.startsWith(`${each.folder}/`),
    );
    if (owner === undefined) return false;
    // One call of apt costs most of a second, so the guesses for all that the same file needs come
    // along.
    const wanted = [file, ...readElf(neededByHostPath).needed];
    const guesses = wanted.flatMap((name) => guessPackages(name, owner.depends));
    const candidates = owner.depends.filter((name) => this.#isMissing(name));
    const first = [...new Set(guesses)].filter((name) => this.#isMissing(name));
    if (first.length > 0) {
      await this.#fetch(first);
      if (this.#holds(file)) return true;
    }
    for (const name of candidates.filter((each) => this.#isMissing(each))) {
      await this.#fetch([name]);
      if (this.#holds(file)) return true;
    }
    return false;
  }

  #isMissing(name: string): boolean {
    return this.#closure.has(name) && !this.#unpacked.has(name);
  }

  #holds(file: string): boolean {
    if (file.startsWith("/")) return this.source.locate(file) !== null;
    return this.#layers.some((layer) =>
      readdirSync(layer, { recursive: true }).some((path) => basename(path.toString()) === file),
    );
  }

  async #fetch(names: readonly string[]): Promise<void> {
    const chosen = names.flatMap((name): [string, string][] => {
      const version = this.#closure.get(name);
      return version === undefined || this.#unpacked.has(name) ? [] : [[name, version]];
    });
    const files = await this.#apt.download(chosen);
    const unpacking = [...files].map(async ([name, deb]) => ({ name, ...(await unpack(deb)) }));
    for (const each of await Promise.all(unpacking)) {
      this.#unpacked.set(each.name, each);
      this.#layers.push(each.folder);
    }
  }
}

/**
 * Which of `packages` have names that `file` suggests, by Debian's rule for library packages
 * (policy 8.1).
 */
export function guessPackages(file: string, packages: readonly string[]): string[] {
  const name = basename(file);
  if (/^(ld-linux|lib(c|m|dl|rt|pthread|resolv|util|anl)\.so)/.test(name)) {
    return packages.filter((each) => each === "libc6");
  }
  if (name === "libz.so.1") return packages.filter((each) => each === "zlib1g");
  const match = /^(.+)-([0-9.]+)\.so$/.exec(name) ?? /^(.+?)\.so(?:\.([0-9]+))?/.exec(name);
  if (match === null) return [];
  const stem = (match[1] ?? "").toLowerCase().replaceAll("_", "-");
  const version = match[2] ?? "";
  // A name that ends in a digit takes a dash: libfoo2.so.3 → libfoo2-3.
  const wanted = /[0-9]$/.test(stem) && version !== "" ? `${stem}-${version}` : stem + version;
  const isVariant = (each: string): boolean =>
    [wanted, `${stem}-${version}`, `${wanted}t64`, `${wanted}debian`].includes(each);
  return packages.filter(isVariant);
}

/** Unpacks a package beside its file, once; many runs may do so at the same time. */
export async function unpack(deb: string): Promise<{ folder: string; depends: string[] }> {
  const folder = deb.replace(/\.deb$/, "");
  markUsed(deb);
  if (!existsSync(folder)) {
    const work = mkdtempSync(`${folder}.work-`);
    // A level below: dpkg-deb gives the folder that it extracts to the package's time, years ago,
    // and what is old others take for left behind.
    const extracted = join(work, "root");
    await runTool("dpkg-deb", ["--extract", deb, extracted], { debianPackage: "dpkg" });
    markUsed(extracted);
    try {
      renameSync(extracted, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error; // otherwise another run was faster
    }
    rmSync(work, { recursive: true, force: true });
    tidy(dirname(folder));
  }
  markUsed(folder);
  const fields = await runTool("dpkg-deb", ["--field", deb, "Depends", "Pre-Depends"]);
  return { folder, depends: parseDepends(fields) };
}

/** After an `apt update` packages have other versions, and nobody asks for the old ones. */
function tidy(folder: string): void {
  const isWork = (name: string): boolean => /(^|\.)work-/.test(name);
  // Of runs that were killed.
  prune(folder, { accept: isWork, countMax: 0 });
  prune(folder, {
    accept: (name) => !isWork(name) && !name.endsWith(".hash"),
    countMax: PACKAGES_KEPT,
  });
}

/** A recipe's files come from these packages: they are used, though nothing is unpacked. */
export function markPackagesUsed(hostPaths: readonly string[]): void {
  const folder = buildFolder("packages");
  const names = hostPaths.map((path) => relative(folder, path).split(sep)[0] ?? "..");
  for (const name of new Set(names.filter((each) => each !== ".."))) {
    markUsed(join(folder, name));
    markUsed(join(folder, `${name}.deb`));
  }
}

/** Package names of `Depends:` lines: all alternatives, without versions and architectures. */
export function parseDepends(fields: string): string[] {
  const names = fields
    .replace(/^[A-Za-z-]+:/gm, ",")
    .split(/[,|\n]/)
    .map((part) => part.trim().replace(/[ (:].*$/, ""));
  return [...new Set(names.filter((name) => name !== ""))];
}

const notFetched =
  (what: string) =>
  (error: unknown): never => {
    throw error instanceof ToolFailedError ? new NotFetchedError(what, error.message) : error;
  };

/** apt-get with an empty package status, on the host's package lists or on our own. */
class Apt {
  #options: string[] = [
    ...["-o", "Dir::State::status=/dev/null", "-o", "APT::Architecture=amd64"],
    // Without a network apt would try for 7 s, and again for each server.
    ...["-o", "Acquire::Retries=1"],
    // The host's parsed lists are for the host's package status, so apt would parse all anew each
    // time: 0.5 s.
    ...["pkgcache", "srcpkgcache"].flatMap((name) => [
      "-o",
      `Dir::Cache::${name}=${join(buildFolder("apt"), `${name}.bin`)}`,
    ]),
  ];

  async resolve(names: readonly string[]): Promise<Map<string, string>> {
    const args = ["--simulate", "--no-install-recommends", "install", ...names];
    const output = await this.#run(args);
    const closure = new Map<string, string>();
    for (const match of output.matchAll(/^Inst (\S+) \((\S+) /gm)) {
      closure.set(match[1] ?? "", match[2] ?? "");
    }
    for (const name of names) {
      if (!closure.has(name)) throw new ToolFailedError("apt-get", `there is no package ${name}`);
    }
    return closure;
  }

  /** Fetches what is not there yet; package name → .deb file. */
  async download(packages: readonly [string, string][]): Promise<Map<string, string>> {
    const folder = buildFolder("packages");
    const find = (name: string, version: string): string | undefined => {
      const prefix = `${name}_${version.replaceAll(":", "%3a")}_`;
      const file = readdirSync(folder).find(
        (each) =>
          each.startsWith(prefix) && each.endsWith(".deb") && isWhole(join(folder, each), each),
      );
      return file === undefined ? undefined : join(folder, file);
    };
    const missing = packages.filter(([name, version]) => find(name, version) === undefined);
    if (missing.length > 0) {
      const work = mkdtempSync(join(folder, "work-"));
      try {
        const wanted = missing.map(([name, version]) => `${name}=${version}`);
        // apt compares each package with the checksum in the lists.
        const names = missing.map(([name]) => name).join(", ");
        await this.#run(["download", ...wanted], work).catch(notFetched(names));
        for (const file of readdirSync(work)) {
          renameSync(join(work, file), join(folder, file));
          writeStamp(join(folder, file), file);
        }
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    }
    const files = new Map<string, string>();
    for (const [name, version] of packages) {
      const file = find(name, version);
      if (file === undefined) throw new ToolFailedError("apt-get", `did not fetch ${name}`);
      files.set(name, file);
    }
    return files;
  }

  async #run(args: readonly string[], cwd?: string): Promise<string> {
    return await runTool("apt-get", [...this.#options, ...args], {
      env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
      ...(cwd === undefined ? {} : { cwd }),
    }).catch((error: unknown) => {
      if (error instanceof ToolMissingError) throw new NoPackagesError();
      throw error;
    });
  }

  /** Fresh lists of our own need no root, and nothing else on this host sees them. */
  async useOwnLists(): Promise<void> {
    const state = buildFolder("apt", "state");
    const cache = buildFolder("apt", "cache");
    mkdirSync(join(state, "lists", "partial"), { recursive: true });
    mkdirSync(join(cache, "archives", "partial"), { recursive: true });
    this.#options = [
      ...["-o", `Dir::State=${state}`, "-o", `Dir::Cache=${cache}`],
      ...["-o", "APT::Sandbox::User=root", ...this.#options],
    ];
    // Without a word of ours apt goes on with what lists there are, of which there are none.
    const strict = ["-o", "APT::Update::Error-Mode=any"];
    await this.#run([...strict, "update"]).catch(notFetched("Debian's package lists"));
  }
}
