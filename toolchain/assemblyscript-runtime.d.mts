/** Types of what the tests use of assemblyscript-runtime.mjs, which the compiler loads as it is. */
export function mayBePlain(inFunction: { name: string; internalName: string }): boolean;
