/**
 * A transform for the AssemblyScript compiler. A custom runtime is taken for one with the
 * incremental collector, which keeps a shadow stack of managed references. The kernel has no
 * collector: every object is freed by its owner. So the runtime is declared to be of the stub kind,
 * and the shadow stack is left out.
 */
const RUNTIME_STUB = 0;

export default class KernelRuntime {
  afterParse() {
    this.program.options.stackSize = 0;
    this.program.options.runtime = RUNTIME_STUB;
    this.program.module.useShadowStack = false;
  }
}
