/*
 * Names of functions for addresses in the program and its libraries: from .symtab of the file in
 * the image; if that was stripped, of its separate debug file, in the image or on this host
 * (/usr/lib/debug/.build-id, as Debian's -dbg and -dbgsym packages have it); else from .dynsym. C++
 * and Rust names are demangled if c++filt is installed.
 *
 * Nothing is read until a crash asks for it, and whatever goes wrong only means that there is no
 * name.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readBuildId, SymbolTable } from "../../toolchain/symbol-table.ts";
import { readImageFile } from "../image/erofs-reader.ts";

const DEBUG_FOLDER = "/usr/lib/debug/.build-id";

export class ProgramNames {
  readonly #image: string;
  readonly #tables = new Map<string, SymbolTable>();
  readonly #demangled = new Map<string, string>();

  constructor(image: string) {
    this.#image = image;
  }

  /**
   * The function that has the address of a file in the image, with the offset in it. A return
   * address belongs to the call before it, which may be its function's last instruction.
   */
  find(path: string, address: bigint, isReturn: boolean): string | null {
    try {
      const table = this.#tableOf(path);
      // What a signal's handler returns to was never called: it begins with the address.
      const caller = isReturn ? table.find(address - 1n) : null;
      const found = caller ?? table.find(address);
      if (found === null) return null;
      const offset = found.offset + (caller === null ? 0n : 1n);
      return `${this.#demangle(found.name)}+0x${offset.toString(16)}`;
    } catch {
      return null;
    }
  }

  #tableOf(path: string): SymbolTable {
    let table = this.#tables.get(path);
    if (table === undefined) {
      table = this.#load(path);
      this.#tables.set(path, table);
    }
    return table;
  }

  #load(path: string): SymbolTable {
    const file = readImageFile(this.#image, path) ?? Buffer.alloc(0);
    const own = new SymbolTable(file);
    const buildId = own.isFull ? null : readBuildId(file);
    if (buildId === null) return own;
    const debugPath = `${DEBUG_FOLDER}/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
    const debug =
      readImageFile(this.#image, debugPath) ??
      (existsSync(debugPath) ? readFileSync(debugPath) : null);
    const table = debug === null ? own : new SymbolTable(debug);
    return table.isFull ? table : own;
  }

  #demangle(symbol: string): string {
    const name = symbol.replace(/@.*$/, ""); // the version of a library's symbol
    if (!/^_[ZR]/.test(name)) return name;
    let plain = this.#demangled.get(name);
    if (plain === undefined) {
      try {
        plain = execFileSync("c++filt", [name], { encoding: "utf8" }).trim() || name;
      } catch {
        plain = name; // it is not installed
      }
      this.#demangled.set(name, plain);
    }
    return plain;
  }
}
