import { afterEach, describe, expect, it } from 'vitest';
import type { DType } from '../../src/dtype.ts';
import { formatTensor, type PrintedTensor } from '../../src/tensor/print.ts';
import { printOptions, setPrintOptions } from '../../src/tensor/printoptions.ts';
import { goldenJson } from '../golden/golden.ts';

afterEach(() => setPrintOptions({ profile: 'default' }));

type StoredValue = number | string | boolean;

function valueOf(x: StoredValue, dtype: DType): number | bigint | boolean {
  if (typeof x !== 'string') return x;
  return dtype === 'int64' ? BigInt(x) : { nan: NaN, inf: Infinity, '-inf': -Infinity }[x]!;
}

function printed(values: readonly StoredValue[], rest: Omit<PrintedTensor, 'read'>): string {
  return formatTensor({ ...rest, read: (index) => valueOf(values[index]!, rest.dtype) });
}

const vector = (values: readonly StoredValue[], dtype: DType = 'float32') =>
  printed(values, { shape: [values.length], dtype });

interface ReprCase {
  name: string;
  dtype: DType;
  shape: number[];
  values: StoredValue[] | null;
  requires_grad: boolean;
  repr: string;
}

describe('a tensor prints as in PyTorch', () => {
  it.each(goldenJson<{ tensors: ReprCase[] }>('repr.json').tensors)('$name', (stored) => {
    const count = stored.shape.reduce((product, size) => product * size, 1);
    // The two summarized ones are 0, 1, 2, …
    const values = stored.values ?? Array.from({ length: count }, (_, i) => i);
    const rest = {
      shape: stored.shape,
      dtype: stored.dtype,
      requiresGrad: stored.requires_grad,
      gradFn: stored.name === 'grad_fn' ? 'MulBackward0' : null,
      parameter: stored.name === 'parameter',
    };
    expect(printed(values, rest)).toBe(stored.repr);
  });

  interface PrintCase {
    shape: number[];
    dtype: DType;
    values: StoredValue[];
    options: Record<string, never>;
    requires_grad: boolean;
    grad_fn: string | null;
    parameter: boolean;
    text: string;
  }
  const cases = goldenJson<PrintCase[]>('print.json');

  it.each(cases.map((stored, i) => ({ i, ...stored })))(
    'whatever its numbers and the options: case $i, $dtype $shape $options',
    ({ values, options: { sci_mode, ...options }, ...stored }) => {
      setPrintOptions({ ...options, sciMode: sci_mode ?? null });
      const { shape, dtype, parameter } = stored;
      const rest = { shape, dtype, requiresGrad: stored.requires_grad, gradFn: stored.grad_fn, parameter };
      expect(printed(values, rest)).toBe(stored.text);
    },
  );

  it('with the device where it is not the CPU, before the dtype', () => {
    const rest = { shape: [1], dtype: 'float64', device: 'webgpu:1', requiresGrad: true } as const;
    expect(printed([0.5], rest)).toBe(
      "tensor([0.5000], device='webgpu:1', dtype=torch.float64, requires_grad=True)",
    );
  });

  it('without the dtype where that is the default one', () => {
    const rest = { shape: [1], defaultDtype: 'float64' } as const;
    expect(printed([0.5], { ...rest, dtype: 'float64' })).toBe('tensor([0.5000])');
    expect(printed([0.5], { ...rest, dtype: 'float32' })).toBe('tensor([0.5000], dtype=torch.float32)');
  });

  it('with int64 and bool named only where there are no elements to show them', () => {
    expect(vector([], 'int64')).toBe('tensor([], dtype=torch.int64)');
    expect(vector([], 'bool')).toBe('tensor([], dtype=torch.bool)');
    expect(vector(['-9223372036854775808'], 'int64')).toBe('tensor([-9223372036854775808])');
  });

  it('reading only the elements it shows', () => {
    const reads: number[] = [];
    const read = (index: number) => {
      reads.push(index);
      return index;
    };
    formatTensor({ shape: [1000, 2000, 3000], dtype: 'int64', read });
    expect(reads.length).toBe(6 ** 3);
    expect(new Set(reads).size).toBe(6 ** 3);
  });
});

describe('setPrintOptions', () => {
  it('keeps what is not named, except sciMode, which goes back to automatic', () => {
    setPrintOptions({ precision: 2, sciMode: true });
    expect(vector([1.25])).toBe('tensor([1.25e+00])');
    setPrintOptions({ edgeitems: 1 });
    expect(vector([1.25])).toBe('tensor([1.25])');
    expect(printOptions()).toEqual({
      precision: 2,
      threshold: 1000,
      edgeitems: 1,
      linewidth: 80,
      sciMode: null,
    });
  });

  it('starts from a profile and lets single options override it', () => {
    setPrintOptions({ profile: 'short', precision: 3 });
    expect(printOptions()).toEqual({
      precision: 3,
      threshold: 1000,
      edgeitems: 2,
      linewidth: 80,
      sciMode: null,
    });
    setPrintOptions({ profile: 'full' });
    expect(printOptions().threshold).toBe(Infinity);
  });

  it.each([
    [{ precision: 1.5 }, 'setPrintOptions: precision is 1.5, expected a whole number from 0 to 99'],
    [{ threshold: NaN }, 'setPrintOptions: threshold is NaN, expected a number that is not negative'],
    [{ edgeitems: 0 }, 'setPrintOptions: edgeitems is 0, expected a positive whole number'],
    [{ linewidth: 0 }, 'setPrintOptions: linewidth is 0, expected a positive number'],
    [{ sciMode: 1 as never }, 'setPrintOptions: sciMode is 1, expected true, false or null'],
    [
      { profile: 'long' as never },
      "setPrintOptions: profile is 'long', expected 'default', 'short' or 'full'",
    ],
  ])('refuses %o and changes nothing', (options, message) => {
    const before = printOptions();
    expect(() => setPrintOptions({ precision: 7, ...options })).toThrow(message);
    expect(printOptions()).toBe(before);
  });
});
