/** The kernel language: what a kernel's author imports. */
export * from './types.ts';
export * from './kernel.ts';
export { Value, Variable, type Operand } from './value.ts';
export { Pointer, Walker, type LaneIndex } from './pointer.ts';
export type { Kernel, Parameter } from './ir.ts';
