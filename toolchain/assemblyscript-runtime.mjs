/**
 * A transform for the AssemblyScript compiler, with the two things that the kernel's runtime
 * (kernel/runtime/) needs from it.
 *
 * A custom runtime is taken for one with the incremental collector, which keeps a shadow stack of
 * managed references. The kernel has no collector: every object is freed by its owner. So the
 * runtime is declared to be of the stub kind, and the shadow stack is left out.
 *
 * `attempt(new X(a, b))` is null when memory is out (kernel/runtime/attempt.ts). A constructor
 * can't return null, so the call is compiled as
 *
 *     __attempt() ? attempt(new X(a, b)) : null
 *
 * and neither the constructor nor the arguments run when the answer is no.
 */
import { Compiler, DiagnosticCode, NodeKind } from "assemblyscript";

const RUNTIME_STUB = 0;
const ATTEMPT = "attempt";
/** The runtime's answer whether a constructor may run (kernel/runtime/index.ts). */
const IS_READY = "__attempt";

function isAttempt(call) {
  return call.expression.kind === NodeKind.Identifier && call.expression.text === ATTEMPT;
}

const compileCall = Compiler.prototype.compileCallExpression;

function compileCallOrAttempt(call, contextualType, constraints) {
  const made = compileCall.call(this, call, contextualType, constraints);
  if (!isAttempt(call)) return made;
  if (call.args.length !== 1 || call.args[0].kind !== NodeKind.New) {
    this.error(DiagnosticCode.User_defined_0, call.range, "attempt takes a `new` expression");
    return made;
  }
  const isReady = this.program.requireFunction(IS_READY);
  const typeAfter = this.currentType;
  this.compileFunction(isReady);
  this.currentType = typeAfter;
  const { module } = this;
  const isReadyCall = module.call(isReady.internalName, [], isReady.signature.returnType.toRef());
  return module.if(isReadyCall, made, module.i32(0));
}

Compiler.prototype.compileCallExpression = compileCallOrAttempt;

export default class KernelRuntime {
  afterParse() {
    this.program.options.stackSize = 0;
    this.program.options.runtime = RUNTIME_STUB;
    this.program.module.useShadowStack = false;
  }
}
