import { describe, expect, it } from 'vitest';

const tensor = (shape: number[], values: number[]) => ({
  shape,
  toTypedArray: () => new Float32Array(values),
});

describe('toBeAllclose', () => {
  it('takes typed arrays, arrays, nested arrays, numbers and tensors', () => {
    expect(new Float32Array([1, 2])).toBeAllclose([1, 2]);
    expect([[1, 2, 3]]).toBeAllclose(tensor([1, 3], [1, 2, 3]));
    expect(tensor([2, 1], [1, 2])).toBeAllclose(new Float64Array([1, 2]));
    expect(tensor([], [0.5])).toBeAllclose(0.5);
    expect(new Float32Array()).toBeAllclose([]);
  });

  it('allows atol plus rtol times the expected value, and no more', () => {
    expect([1.0099]).toBeAllclose([1], { rtol: 0.01, atol: 0 });
    expect([1.0101]).not.toBeAllclose([1], { rtol: 0.01, atol: 0 });
    expect([0.1]).toBeAllclose([0], { atol: 0.1 });
    expect([0.1]).not.toBeAllclose([0], { rtol: 1 });
  });

  it('holds NaN equal to NaN and to nothing else, and an infinity equal to itself', () => {
    expect([NaN, Infinity, -Infinity]).toBeAllclose([NaN, Infinity, -Infinity]);
    expect([NaN]).not.toBeAllclose([0], { atol: Infinity });
    expect([0]).not.toBeAllclose([NaN], { atol: Infinity });
    expect([Infinity]).not.toBeAllclose([-Infinity], { rtol: 1 });
    expect([1e30]).not.toBeAllclose([Infinity], { rtol: 1 });
  });

  it('names the worst element by its coordinates', () => {
    expect(() => {
      expect(tensor([2, 3], [1, 2, 3, 4, 5.5, 6.25])).toBeAllclose([1, 2, 3, 4, 5, 6]);
    }).toThrow(
      '2 of 6 elements differ; worst at [1, 1]: got 5.5, expected 5, difference 0.500, ' +
        'allowed 0.0000500 (rtol 0.00001, atol 1e-8)',
    );
  });

  it('refuses another shape or another length', () => {
    expect(() => {
      expect(tensor([2, 3], [1, 2, 3, 4, 5, 6])).toBeAllclose(tensor([3, 2], [1, 2, 3, 4, 5, 6]));
    }).toThrow('shape is [2, 3], expected [3, 2]');
    expect(() => {
      expect([1, 2]).toBeAllclose([1, 2, 3]);
    }).toThrow('has 2 elements, expected 3');
  });

  it('refuses what holds no numbers', () => {
    expect(() => {
      expect('1').toBeAllclose([1]);
    }).toThrow('received must be a number, an array of numbers, a typed array or a tensor, got string');
    expect(() => {
      expect([[1], [2, 3]]).toBeAllclose([1, 2, 3]);
    }).toThrow('every row has the same length');
  });
});

describe('toEqualBits', () => {
  it('tells 0 from −0 and holds NaN equal to NaN', () => {
    expect(new Float32Array([0, NaN])).toEqualBits(new Float32Array([0, NaN]));
    expect(new Float32Array([0])).not.toEqualBits(new Float32Array([-0]));
    expect(new BigInt64Array([1n])).not.toEqualBits(new BigInt64Array([2n]));
  });

  it('shows the bits of the first difference', () => {
    expect(() => {
      expect(new Float32Array([1, -0, 1])).toEqualBits(new Float32Array([1, 0, 2]));
    }).toThrow('2 of 3 elements differ; first at [1]: got -0 (0x80000000), expected 0 (0x00000000)');
  });

  it('refuses another kind of array', () => {
    expect(() => {
      expect(new Float32Array([1])).toEqualBits(new Float64Array([1]));
    }).toThrow('is a Float32Array, expected a Float64Array');
    expect(() => {
      expect([1]).toEqualBits(new Float64Array([1]));
    }).toThrow('toEqualBits: received must be a typed array or a tensor');
  });
});
