/**
 * Names across the pipeline: wasm2c turns what C identifiers can't hold into `0xHH`, and adds a
 * prefix.
 *
 *     kernel/net/tcp/connection/Connection#input
 *     w2c_kernel_kernel0x2Fnet0x2Ftcp0x2Fconnection0x2FConnection0x23input
 */

/** Undoes wasm2c's mangling of an internal function name. */
export function demangle(mangled: string): string {
  const body = mangled.replace(/^w2c_kernel_/, "");
  return body.replace(/0x([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/**
 * The name that people read: without the leading folder, and without quotes a linker could trip
 * over.
 */
export function readableName(mangled: string): string {
  return demangle(mangled)
    .replace(/^kernel\//, "")
    .replace(/["\\]/g, "'");
}
