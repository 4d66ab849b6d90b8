/** The library, and what its tests look into. */
export * from '../../src/index.ts';
export { currentTarget } from '../../src/device/target.ts';
export { withGrain } from '../../src/device/threads/share.ts';
