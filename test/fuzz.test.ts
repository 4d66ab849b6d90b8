import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { setTarget, targetNames } from '../src/device/target.ts';
import { difference, tensorDifference } from './fuzz/compare.ts';
import { boundOf, convCases, convProgram, type ConvCase, type Operand } from './fuzz/conv.ts';
import { byDefinition } from './fuzz/definition.ts';
import { runHere, runnableLine, type Program, type ShownTensor, type Transcript } from './fuzz/program.ts';

/** The interpreter runs every product as statements. */
const effort = (target: string): { readonly numRuns: number; readonly most: number } =>
  target === 'interpret' ? { numRuns: 40, most: 300 } : { numRuns: 200, most: 5000 };

/** The first difference between the program and the definition, or null. */
const against = (c: ConvCase): string | null => {
  const transcript = runHere(convProgram(c));
  const failed = transcript.find(([, shown]) => 'error' in shown);
  if (failed) return JSON.stringify(failed);
  const shown = new Map(transcript) as ReadonlyMap<string, ShownTensor>;
  const drawn = (operand: Operand | 'cotangent'): ShownTensor | null =>
    shown.get(`operand ${operand}`) ?? null;
  const { output, gradient } = byDefinition(c, {
    input: drawn('input')!,
    weight: drawn('weight')!,
    bias: drawn('bias'),
    cotangent: drawn('cotangent'),
  });
  const expected = new Map<string, Float64Array>([
    ['output', output],
    ...Object.entries(gradient).map(([operand, data]) => [`gradient of ${operand}`, data] as const),
  ]);
  for (const [label, ours] of shown) {
    const data = expected.get(label);
    if (data === undefined) continue;
    const found = tensorDifference(ours, { ...ours, data }, boundOf(c, label));
    if (found !== null) return `${label}: ${found}`;
  }
  return null;
};

describe.each(targetNames)('random convolutions on %s', (target) => {
  afterAll(() => {
    setTarget('wasm');
  });

  it('are what the definition says, forward and backward, in every layout and float dtype', () => {
    setTarget(target);
    const { numRuns, most } = effort(target);
    const cases = convCases({ most, dtypes: ['float32', 'float64', 'float16', 'bfloat16'], faults: false });
    fc.assert(
      fc.property(cases, (c) => {
        const found = against(c);
        expect(found, found === null ? '' : `${found}\n${runnableLine(convProgram(c))}`).toBeNull();
      }),
      { seed: 20260101, numRuns },
    );
  }, 120_000);
});

describe('transcripts are compared', () => {
  const program = { bound: () => ({ relative: 0, absolute: 0 }) } as unknown as Program;
  const ends = (text: string): Transcript => [['output', { error: 'RuntimeError', text }]];
  const goesOn: Transcript = [['output', { value: 1 }]];

  it('up to where PyTorch stops because it cannot', () => {
    expect(difference(program, goesOn, ends('slow_conv2d: grad_weight must be contiguous'))).toBeNull();
  });

  it('where PyTorch refuses, as that is what we must do', () => {
    expect(difference(program, goesOn, ends('weight must be contiguous'))).toContain('PyTorch refuses');
  });
});
