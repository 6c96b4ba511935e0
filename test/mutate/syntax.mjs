/*
 * The AssemblyScript compiler's parser. Its own declarations redefine global types of TypeScript,
 * so what is used of it is declared in syntax.d.mts.
 */
export * from "assemblyscript";
