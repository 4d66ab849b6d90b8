import { describe } from 'vitest';
import { onWasm } from '../both.ts';
import { testOperations } from '../operations.ts';

describe.each([false, true])('on WebAssembly, with relaxed SIMD: %s', (relaxed) => {
  testOperations(onWasm(relaxed), 16);
});
