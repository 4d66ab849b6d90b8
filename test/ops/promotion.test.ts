import { describe, expect, it } from 'vitest';
import { dtypes, type DType } from '../../src/dtype.ts';
import { RuntimeError } from '../../src/errors.ts';
import '../../src/methods.ts';
import { where } from '../../src/ops/compare.ts';
import { ones } from '../../src/tensor/create.ts';
import { golden } from './cases.ts';

const all = Object.keys(dtypes) as DType[];

/** The dtype of a result, or the text of the error. */
const dtypeOf = (f: () => { readonly dtype: string }): string => {
  try {
    return f().dtype;
  } catch (error) {
    return (error as Error).message;
  }
};
/** PyTorch has 16-bit integers where uint8 and int8 meet; the next wider that is here is int32. */
const here = (dtype: string): string => (dtype === 'int16' ? 'int32' : dtype);

describe.each(all)('%s', (a) => {
  const x = ones([2], { dtype: a });

  it.each(all)('and %s meet in PyTorch’s dtype', (b) => {
    const y = ones([2], { dtype: b });
    const z = ones([], { dtype: b });
    const found = [
      dtypeOf(() => x.mul(y)),
      dtypeOf(() => x.mul(z)),
      dtypeOf(() => z.mul(x)),
      dtypeOf(() => x.div(y)),
      dtypeOf(() => where(x.eq(x), x, z)),
    ];
    expect(found).toEqual(golden.promotion[a][b]!.map(here));
  });

  it('and numbers meet in PyTorch’s dtype', () => {
    const found = {
      2: [dtypeOf(() => x.mul(2)), dtypeOf(() => x.div(2)), dtypeOf(() => x.pow(2))],
      1.5: [dtypeOf(() => x.mul(1.5)), dtypeOf(() => x.div(1.5)), dtypeOf(() => x.pow(1.5))],
      true: [dtypeOf(() => x.mul(true)), dtypeOf(() => x.div(true)), dtypeOf(() => where(x.eq(x), x, true))],
    };
    expect(found).toEqual({
      2: golden.promotion[a]['2'],
      1.5: golden.promotion[a]['1.5'],
      true: golden.promotion[a]['true'],
    });
  });

  it.each(all)('takes %s in place as far as PyTorch does', (b) => {
    const target = ones([2], { dtype: a });
    const text = golden.castErrors[`${a} ${b}`];
    const multiply = (): unknown => target.mul_(ones([2], { dtype: b }));
    if (text === undefined) expect(multiply).not.toThrow();
    else expect(multiply).toThrow(new RuntimeError(text));
    expect(target.version).toBe(text === undefined ? 1 : 0);
  });
});
