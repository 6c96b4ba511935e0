/*
 * Where a kernel file can be changed so that a test should notice: small faults such as people
 * make, found in the syntax tree of the AssemblyScript compiler.
 *
 *     findMutants(path, text)      the places, in the order of the file
 *
 *     drop call          what a call would have done is not done: a wake-up, a free, an unlock
 *     drop assignment    a field keeps its old value
 *     skip check         `if (bad) return …` lets the bad through
 *     negate             a condition is taken the wrong way round
 *     compare            < for <=, == for !=
 *     arithmetic         + for -
 *     and/or             && for ||
 *     no error           an error's return says 0
 *
 * Left alone is what can't matter or can't compile: assertions and what only debug kernels do, the
 * log, panics, the module level, and conditions by which the compiler knows that a local variable
 * is not null.
 */
import * as asc from "./syntax.mjs";

export interface Mutant {
  readonly operator: string;
  /** Offsets in the text: what is replaced. */
  readonly start: number;
  readonly end: number;
  readonly line: number;
  /** The function it lies in. */
  readonly within: string;
  /**
   * The changed text, which behaves as it was unless `isActive`. `inner` is the original text, in
   * which further places may have been changed.
   */
  readonly render: (isActive: string, inner: string) => string;
  /** For people: what becomes of the text. */
  readonly becomes: string;
}

/** Calls that say or check something and change nothing. */
const SILENT =
  /^(put\w*|log\w*|assert|panic\w*|expect\w*|ERROR|WARNING|INFO|fence|pause|compilerBarrier|lockWanted|lockTaken|lockReleased|lockFree|sleepBegins)$/;
const COMPARISONS: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "==": "!=",
  "!=": "==",
};
/** What the compiler decides, not the machine. */
const STATIC = /\b(sizeof|offsetof|alignof|is[A-Z]\w*<|idof|nameof|VERIFY)\b/;

type AstNode = asc.Node;

class Finder {
  readonly mutants: Mutant[] = [];
  private within = "";
  private isConstructor = false;

  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  private textOf(node: AstNode): string {
    return this.text.slice(node.range.start, node.range.end);
  }

  private add(node: AstNode, operator: string, becomes: string, render: Mutant["render"]): void {
    this.addRange(node.range, operator, becomes, render);
  }

  private addRange(
    { start, end }: asc.Range,
    operator: string,
    becomes: string,
    render: Mutant["render"],
  ): void {
    const line = this.text.slice(0, start).split("\n").length;
    this.mutants.push({ operator, start, end, line, within: this.within, becomes, render });
  }

  /**
   * A statement that is left out, with its semicolon, and in braces: an `else` that follows belongs
   * to the `if` around it.
   */
  private addDropped({ range: { start, end } }: AstNode, operator: string): void {
    const range = { start, end: this.text[end] === ";" ? end + 1 : end };
    this.addRange(range, operator, "(left out)", (active, inner) => {
      return `{ if (!${active}) { ${inner.endsWith(";") ? inner : `${inner};`} } }`;
    });
  }

  module(statements: readonly AstNode[]): void {
    for (const each of statements) {
      if (each instanceof asc.FunctionDeclaration) this.body(each, each.name.text);
      if (each instanceof asc.ClassDeclaration) {
        for (const member of each.members) {
          if (!(member instanceof asc.MethodDeclaration)) continue;
          this.body(member, `${each.name.text}#${member.name.text}`);
        }
      }
    }
  }

  private body(declaration: asc.FunctionDeclaration, name: string): void {
    this.within = name;
    this.isConstructor = name.endsWith("#constructor");
    if (declaration.body) this.statement(declaration.body);
  }

  private statements(all: readonly AstNode[]): void {
    for (const each of all) this.statement(each);
  }

  private statement(node: AstNode | null): void {
    if (node instanceof asc.BlockStatement) this.statements(node.statements);
    else if (node instanceof asc.ExpressionStatement) this.effect(node);
    else if (node instanceof asc.IfStatement) this.branch(node);
    else if (node instanceof asc.ReturnStatement) this.result(node);
    else if (node instanceof asc.WhileStatement || node instanceof asc.DoStatement) {
      this.expression(node.condition);
      this.statement(node.body);
    } else if (node instanceof asc.ForStatement) {
      if (node.condition) this.expression(node.condition);
      this.statement(node.body);
    } else if (node instanceof asc.SwitchStatement) {
      for (const each of node.cases) this.statements(each.statements);
    } else if (node instanceof asc.VariableStatement) {
      for (const each of node.declarations) if (each.initializer) this.expression(each.initializer);
    }
  }

  private effect(node: asc.ExpressionStatement): void {
    const { expression } = node;
    if (expression instanceof asc.CallExpression) {
      const name = calledName(expression);
      if (SILENT.test(name) || name === "super") return;
      this.addDropped(node, "drop call");
      for (const argument of expression.args) this.expression(argument);
    } else if (expression instanceof asc.BinaryExpression) {
      const isField = !(expression.left instanceof asc.IdentifierExpression);
      if (isField && !this.isConstructor) this.addDropped(node, "drop assignment");
      this.expression(expression.right);
    } else if (
      expression instanceof asc.UnaryPostfixExpression ||
      expression instanceof asc.UnaryPrefixExpression
    ) {
      this.addDropped(node, "drop assignment");
    }
  }

  private branch(node: asc.IfStatement): void {
    const { condition, ifTrue, ifFalse } = node;
    const text = this.textOf(condition);
    if (STATIC.test(text) || /\blogBegin\b/.test(text)) return;
    if (!narrows(condition)) {
      const leaves = !ifFalse && endsFlow(ifTrue);
      if (leaves) {
        this.add(condition, "skip check", "false", (active, inner) => `!${active} && (${inner})`);
      }
      if (!leaves || ifFalse) {
        this.add(condition, "negate", `!(${text})`, (active, inner) => `${active} != !!(${inner})`);
      }
    }
    this.expression(condition);
    this.statement(ifTrue);
    this.statement(ifFalse);
  }

  private result(node: asc.ReturnStatement): void {
    const { value } = node;
    if (!value) return;
    const text = this.textOf(value);
    if (/^-E[A-Z0-9]+$/.test(text)) {
      this.add(value, "no error", "0", (active, inner) => `(${active} ? 0 : ${inner})`);
      return;
    }
    this.expression(value);
  }

  private expression(node: AstNode): void {
    if (node instanceof asc.ParenthesizedExpression) this.expression(node.expression);
    else if (node instanceof asc.UnaryPrefixExpression) this.expression(node.operand);
    else if (node instanceof asc.AssertionExpression) this.expression(node.expression);
    else if (node instanceof asc.PropertyAccessExpression) this.expression(node.expression);
    else if (node instanceof asc.CallExpression) {
      if (SILENT.test(calledName(node))) return;
      for (const argument of node.args) this.expression(argument);
    } else if (node instanceof asc.TernaryExpression) {
      if (!narrows(node.condition)) this.expression(node.condition);
      this.expression(node.ifThen);
      this.expression(node.ifElse);
    } else if (node instanceof asc.BinaryExpression) this.binary(node);
  }

  private binary(node: asc.BinaryExpression): void {
    const operator = asc.operatorTokenToString(node.operator);
    const [left, right] = [this.textOf(node.left), this.textOf(node.right)];
    if (STATIC.test(left) || STATIC.test(right) || /["'`]/.test(left + right)) return;
    const swap = (name: string, other: string): void => {
      const changed = `${left} ${other} ${right}`;
      this.add(node, name, changed, (active, inner) => `(${active} ? (${changed}) : (${inner}))`);
    };
    const other = COMPARISONS[operator];
    if (other !== undefined) {
      if (left !== "null" && right !== "null") swap("compare", other);
    } else if (operator === "+") swap("arithmetic", "-");
    else if (operator === "-") swap("arithmetic", "+");
    else if (operator === "&&" || operator === "||") {
      if (!narrows(node.left) && !narrows(node.right)) {
        swap("and/or", operator === "&&" ? "||" : "&&");
      }
    }
    this.expression(node.left);
    this.expression(node.right);
  }
}

function calledName(call: asc.CallExpression): string {
  const { expression } = call;
  if (expression instanceof asc.IdentifierExpression) return expression.text;
  if (expression instanceof asc.PropertyAccessExpression) return expression.property.text;
  return "";
}

/** Whether the compiler may learn from the condition that a local variable is not null. */
function narrows(node: AstNode): boolean {
  if (node instanceof asc.ParenthesizedExpression) return narrows(node.expression);
  if (node instanceof asc.IdentifierExpression)
    return !/^(is|has|can|was|wants)[A-Z]/.test(node.text);
  if (node instanceof asc.InstanceOfExpression) return true;
  if (node instanceof asc.UnaryPrefixExpression) return narrows(node.operand);
  if (node instanceof asc.BinaryExpression) {
    if (node.left instanceof asc.NullExpression || node.right instanceof asc.NullExpression) {
      return true;
    }
    const operator = asc.operatorTokenToString(node.operator);
    if (operator !== "&&" && operator !== "||") return false;
    return narrows(node.left) || narrows(node.right);
  }
  return false;
}

/** Whether a statement leaves the function or the loop. */
function endsFlow(node: AstNode): boolean {
  if (node instanceof asc.BlockStatement) {
    const last = node.statements.at(-1);
    return last !== undefined && endsFlow(last);
  }
  return (
    node instanceof asc.ReturnStatement ||
    node instanceof asc.BreakStatement ||
    node instanceof asc.ContinueStatement
  );
}

export function findMutants(path: string, text: string): Mutant[] {
  const program = asc.newProgram(asc.newOptions());
  asc.parse(program, text, path, true);
  const source = program.sources.find((each) => each.normalizedPath === path);
  if (source === undefined) throw new Error(`${path}: the compiler did not parse it`);
  const finder = new Finder(text);
  finder.module(source.statements);
  return finder.mutants.sort((a, b) => a.start - b.start || b.end - a.end);
}
