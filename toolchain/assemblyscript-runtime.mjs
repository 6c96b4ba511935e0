/**
 * A transform for the AssemblyScript compiler: the three things that the kernel's runtime
 * (kernel/runtime/) needs from it, and a check of types.
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
 *
 * A plain `new` is refused where a program could meet it with memory out: in a function of the
 * kernel that is no constructor, no module-level initializer, no test, and not in plain-new.mjs.
 *
 * `found ? count : -ESRCH` is unsigned when `count` is a u32: the error becomes a number of 32
 * bits, which as the i64 of a system call is no error at all. A negated value in a conditional of
 * an unsigned type, or returned by a function of one, is refused. (A pointer or errno is a
 * `usize`.)
 */
import { Compiler, DiagnosticCode, NodeKind, Token, TypeKind } from "assemblyscript";
import { PLAIN_NEW } from "./plain-new.mjs";

const RUNTIME_STUB = 0;
const ATTEMPT = "attempt";
/** The runtime's answer whether a constructor may run (kernel/runtime/index.ts). */
const IS_READY = "__attempt";

function isAttempt(call) {
  return call.expression.kind === NodeKind.Identifier && call.expression.text === ATTEMPT;
}

/** What of the compiled program is the kernel's own, and not a test's. */
const KERNEL = /^kernel\/(?!.*(\.test|\/testing|\/sim-(exports|names)|\/fixture)\/)/;

/** The `new` expressions that are arguments of `attempt`. */
const attempted = new WeakSet();

/** Whether a plain `new` may stand in a function of the program. */
export function mayBePlain({ name, internalName }) {
  if (name === "constructor" || !KERNEL.test(internalName)) return true;
  return PLAIN_NEW.some((allowed) => internalName.startsWith(allowed.name));
}

const compileNew = Compiler.prototype.compileNewExpression;

function compileCheckedNew(expression, contextualType, constraints) {
  const { sourceFunction } = this.currentFlow;
  if (!attempted.has(expression) && !mayBePlain(sourceFunction)) {
    const why = `a plain new in ${sourceFunction.internalName}: use attempt (docs/contributing.md)`;
    this.error(DiagnosticCode.User_defined_0, expression.range, why);
  }
  return compileNew.call(this, expression, contextualType, constraints);
}

Compiler.prototype.compileNewExpression = compileCheckedNew;

const compileCall = Compiler.prototype.compileCallExpression;

function compileCallOrAttempt(call, contextualType, constraints) {
  if (isAttempt(call)) attempted.add(call.args[0]);
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

function isNegated(expression) {
  let inner = expression;
  while (inner.kind === NodeKind.Parenthesized) inner = inner.expression;
  return inner.kind === NodeKind.UnaryPrefix && inner.operator === Token.Minus;
}

function isUnsigned(type) {
  const { kind } = type;
  return kind === TypeKind.U8 || kind === TypeKind.U16 || kind === TypeKind.U32;
}

function refuseNegated(compiler, expression) {
  const reason = "a negated value (an error?) becomes unsigned here: write its type, <i64>";
  compiler.error(DiagnosticCode.User_defined_0, expression.range, reason);
}

const compileTernary = Compiler.prototype.compileTernaryExpression;

function compileTernaryChecked(expression, contextualType, constraints) {
  const made = compileTernary.call(this, expression, contextualType, constraints);
  if (isUnsigned(this.currentType)) {
    for (const side of [expression.ifThen, expression.ifElse]) {
      if (isNegated(side)) refuseNegated(this, side);
    }
  }
  return made;
}

Compiler.prototype.compileTernaryExpression = compileTernaryChecked;

const compileReturn = Compiler.prototype.compileReturnStatement;

function compileReturnChecked(statement, isLastInBody) {
  const { value } = statement;
  const { returnType } = this.currentFlow;
  if (value && isUnsigned(returnType) && isNegated(value)) refuseNegated(this, value);
  return compileReturn.call(this, statement, isLastInBody);
}

Compiler.prototype.compileReturnStatement = compileReturnChecked;

export default class KernelRuntime {
  afterParse() {
    this.program.options.stackSize = 0;
    this.program.options.runtime = RUNTIME_STUB;
    this.program.module.useShadowStack = false;
  }
}
