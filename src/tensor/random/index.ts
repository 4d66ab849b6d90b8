/** PyTorch's CPU random numbers, bit for bit, into typed arrays. */
export type { ArrayOf, Elements } from './arrays.ts';
export { Generator, defaultGenerator } from './generator.ts';
export { bernoulliFill, randintFill, randperm } from './integers.ts';
export { normalFill } from './normal.ts';
export { uniformFill } from './uniform.ts';
