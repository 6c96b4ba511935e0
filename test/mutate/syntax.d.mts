/*
 * What is used of the AssemblyScript compiler: its parser and the nodes of its syntax tree
 * (assemblyscript/src/ast.ts).
 */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export class Node {
  readonly range: Range;
}

export class IdentifierExpression extends Node {
  readonly text: string;
}
export class NullExpression extends Node {}
export class InstanceOfExpression extends Node {}
export class ParenthesizedExpression extends Node {
  readonly expression: Node;
}
export class AssertionExpression extends Node {
  readonly expression: Node;
}
export class PropertyAccessExpression extends Node {
  readonly expression: Node;
  readonly property: IdentifierExpression;
}
export class CallExpression extends Node {
  readonly expression: Node;
  readonly args: readonly Node[];
}
export class TernaryExpression extends Node {
  readonly condition: Node;
  readonly ifThen: Node;
  readonly ifElse: Node;
}
export class BinaryExpression extends Node {
  readonly operator: number;
  readonly left: Node;
  readonly right: Node;
}
export class UnaryPrefixExpression extends Node {
  readonly operand: Node;
}
export class UnaryPostfixExpression extends Node {
  readonly operand: Node;
}

export class BlockStatement extends Node {
  readonly statements: readonly Node[];
}
export class ExpressionStatement extends Node {
  readonly expression: Node;
}
export class IfStatement extends Node {
  readonly condition: Node;
  readonly ifTrue: Node;
  readonly ifFalse: Node | null;
}
export class ReturnStatement extends Node {
  readonly value: Node | null;
}
export class BreakStatement extends Node {}
export class ContinueStatement extends Node {}
export class WhileStatement extends Node {
  readonly condition: Node;
  readonly body: Node;
}
export class DoStatement extends Node {
  readonly condition: Node;
  readonly body: Node;
}
export class ForStatement extends Node {
  readonly condition: Node | null;
  readonly body: Node;
}
export class SwitchStatement extends Node {
  readonly cases: readonly { readonly statements: readonly Node[] }[];
}
export class VariableStatement extends Node {
  readonly declarations: readonly { readonly initializer: Node | null }[];
}

export class FunctionDeclaration extends Node {
  readonly name: IdentifierExpression;
  readonly body: Node | null;
}
export class MethodDeclaration extends FunctionDeclaration {}
export class ClassDeclaration extends Node {
  readonly name: IdentifierExpression;
  readonly members: readonly Node[];
}

export interface Source {
  readonly normalizedPath: string;
  readonly statements: readonly Node[];
}

export interface Program {
  readonly sources: readonly Source[];
}

export function newOptions(): object;
export function newProgram(options: object): Program;
export function parse(program: Program, text: string, path: string, isEntry: boolean): void;
export function operatorTokenToString(token: number): string;
