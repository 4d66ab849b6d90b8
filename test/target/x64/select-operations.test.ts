import { describe, expect, it } from 'vitest';
import { x64Runners } from '../both.ts';
import { testOperations } from '../operations.ts';

const runners = x64Runners();

describe.each(runners)('on $name', ({ runner, vectorBytes }) => {
  testOperations(runner, vectorBytes);
});

it.skipIf(runners.length === 0)(
  'runs here: the processor is an x86-64 one with AVX2, and koffi is there',
  () => {
    expect(runners.length).toBeGreaterThan(0);
  },
);
