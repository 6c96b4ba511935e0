/**
 * A transform for the AssemblyScript compiler: which functions the optimizer must not put into
 * their callers.
 *
 *  - A virtual call goes through a stub (`File#read@override`) that looks at the object's class and
 *    calls the method of that class. Nobody else calls those methods, so they would become a part of
 *    the stub; then whatever class an object has, its call would save the registers and make the
 *    stack frame of the most demanding of all. Apart from them, a stub is a look and a jump.
 *  - `somethingSlowly` is what a fast path leaves for. In its caller it would cost the fast path
 *    registers to be saved.
 *
 * wasm-to-c.ts tells clang the same.
 */
import binaryen from "assemblyscript/binaryen";

const STUB = /@override$/;

/** The functions that the stubs call. */
export function dispatched(module) {
  const names = new Set();
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const { name, body } = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (!STUB.test(name) || body === 0) continue;
    for (const [, callee] of binaryen.emitText(body).matchAll(/\(call \$("[^"]+"|\S+)/g)) {
      names.add(callee.replaceAll('"', ""));
    }
  }
  return [...names];
}

/** Called with the module before it is optimized. */
export default class KeptApart {
  afterCompile(module) {
    for (const pattern of [...dispatched(module), "*Slowly"]) {
      binaryen.setPassArgument("no-inline", pattern);
      module.runPasses(["no-inline"]);
    }
  }
}
