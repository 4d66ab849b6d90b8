import { describe } from 'vitest';
import { x64Runners } from '../both.ts';
import { testOperations } from '../operations.ts';

describe.each(x64Runners())('on $name', ({ runner, vectorBytes }) => {
  testOperations(runner, vectorBytes);
});
