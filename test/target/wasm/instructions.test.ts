import { describe, expect, it } from 'vitest';
import { encode } from '../../../src/target/wasm/encode.ts';
import { relaxedSimd } from '../../../src/target/wasm/features.ts';
import {
  type Instruction,
  type InstructionWith,
  instructions,
  type Mnemonic,
  signature,
} from '../../../src/target/wasm/instructions.ts';
import { coreInstructions } from '../../../src/target/wasm/instructions-core.ts';
import { relaxedInstructions } from '../../../src/target/wasm/instructions-relaxed.ts';
import { simdInstructions } from '../../../src/target/wasm/instructions-simd.ts';
import { threadInstructions } from '../../../src/target/wasm/instructions-threads.ts';
import { type WasmModule } from '../../../src/target/wasm/module.ts';
import { type ImmediateKind, type MemArg, type Row, type ValueType } from '../../../src/target/wasm/row.ts';
import { bothAssemblers } from './wabt.ts';

const mnemonics = Object.keys(instructions) as Mnemonic[];

describe('the instruction table', () => {
  it('has every instruction of the specification and its proposals', () => {
    const count = (table: object): number => Object.keys(table).length;
    const [mvp, signExtension, saturating, bulk] = [172, 5, 8, 2];
    expect(count(coreInstructions)).toBe(mvp + signExtension + saturating + bulk);
    expect(count(simdInstructions)).toBe(236);
    expect(count(relaxedInstructions)).toBe(20);
    expect(count(threadInstructions)).toBe(67);
  });

  it('gives every instruction the bytes and the types that wabt gives it', () => {
    const disagreeing = mnemonics.filter((mnemonic) =>
      modulesWith(mnemonic).some((module) => {
        const { ours, wabt } = bothAssemblers(module);
        return ours !== wabt;
      }),
    );
    expect(disagreeing).toEqual([]);
  });

  it('gives every instruction bytes and types that the engine at hand finds valid', () => {
    expect(relaxedSimd(), 'relaxed SIMD').toBe(true);
    const invalid = mnemonics.filter((mnemonic) =>
      modulesWith(mnemonic).some((module) => !WebAssembly.validate(encode(module))),
    );
    expect(invalid).toEqual([]);
  });

  it('knows the natural alignment: twice that much is not valid', () => {
    const wrong = mnemonics.filter((mnemonic) => {
      const { align, immediate }: Row = instructions[mnemonic];
      if (immediate !== 'memarg' && immediate !== 'memarg lane') return false;
      const lane = immediate === 'memarg' ? [] : [0];
      return WebAssembly.validate(encode(moduleWith(mnemonic, { align: 2 * align }, ...lane)));
    });
    expect(wrong).toEqual([]);
  });

  it('has no signature for control instructions only', () => {
    const without = mnemonics.filter((mnemonic) => signature(mnemonic) === undefined);
    expect(without.sort()).toEqual(Object.keys(control).sort());
  });

  it('spells types as the specification does', () => {
    expect(signature('i64.atomic.rmw8.cmpxchg_u')).toEqual({
      params: ['i32', 'i64', 'i64'],
      results: ['i64'],
    });
    expect(signature('v128.store32_lane')).toEqual({ params: ['i32', 'v128'], results: [] });
    expect(signature('nop')).toEqual({ params: [], results: [] });
  });
});

/** Immediates of each kind to try. Those of memory instructions are made to fit the row. */
const samples: Readonly<Record<Exclude<ImmediateKind, 'memarg' | 'memarg lane'>, readonly unknown[][]>> = {
  none: [[]],
  lane: [[0], [1]],
  shuffle: [[[31, 1, 2, 17, 4, 5, 6, 7, 8, 9, 30, 11, 12, 13, 14, 15]]],
  local: [[]], // the index depends on the operands
  global: [[0]],
  function: [[0]],
  type: [[{ params: ['i32'], results: ['v128'] }]],
  block: [[]],
  label: [[]],
  labels: [[]],
  i32: [0, -1, 63, 64, -64, -65, 127, 128, 0x7fffffff, -0x80000000, 0xffffffff].map((n) => [n]),
  i64: [0, -1, 63, -65, 2 ** 53 - 1, 1n << 62n, -(1n << 63n), (1n << 64n) - 1n].map((n) => [n]),
  f32: [0, -0, 0.1, -1e-45, 3.4028234663852886e38, Infinity, NaN, { bits: 0xffc00001 }].map((n) => [n]),
  f64: [0, -0, 0.1, 5e-324, 1e300, -Infinity, NaN, { bits: 0x7ff0000000000001n }].map((n) => [n]),
  v128: [
    [new Int8Array([-128, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 127])],
    [new Uint16Array([0, 1, 2, 3, 4, 5, 6, 65535])],
    [new Int32Array([1, -2, 3, -4]).subarray(0, 4)],
    [new BigUint64Array([1n, (1n << 64n) - 1n])],
    [new Float32Array([9, 0.1, -0, NaN, 1e-8]).subarray(1)],
    [new Float64Array([Math.PI, -Infinity])],
  ],
};

function memargs(natural: number, atomic: boolean): MemArg[] {
  const offsets = [{}, { offset: 0 }, { offset: 127 }, { offset: 128 }, { offset: 2 ** 32 - 1 }];
  if (atomic) return offsets;
  return [...offsets, ...[1, 2, 4, 8, 16].filter((a) => a <= natural).map((align) => ({ align, offset: 3 }))];
}

const page = { memory: { min: 1 }, table: { min: 1 } } as const;

/** Control instructions stand in a context of their own. */
const control: Partial<Record<Mnemonic, Instruction[]>> = {
  unreachable: [['unreachable']],
  block: [['block'], ['end']],
  loop: [['loop', { label: 'again' }], ['end']],
  if: [
    ['i32.const', 1],
    ['if', { type: 'f64' }],
    ['f64.const', 1],
    ['else'],
    ['f64.const', 2],
    ['end'],
    ['drop'],
  ],
  else: [['i32.const', 1], ['if', { label: 'out' }], ['br', 'out'], ['else'], ['nop'], ['end']],
  end: [
    ['i32.const', 7],
    ['block', { type: { params: ['i32'], results: ['i32', 'i64'] } }],
    ['i64.const', 1],
    ['end'],
    ['drop'],
    ['drop'],
  ],
  br: [['block', { label: 'out' }], ['loop'], ['br', 'out'], ['end'], ['end']],
  br_if: [['loop', { label: 'l' }], ['block'], ['i32.const', 0], ['br_if', 'l'], ['end'], ['end']],
  br_table: [
    ['block', { label: 'a' }],
    ['block', { label: 'b' }],
    ['i32.const', 1],
    ['br_table', ['a', 'b', 2], 'a'],
    ['end'],
    ['end'],
  ],
  return: [['return']],
  call: [['call', 0]],
  call_indirect: [
    ['f32.const', 1],
    ['i32.const', 0],
    ['call_indirect', { params: ['f32'], results: ['v128'] }],
    ['drop'],
  ],
};

/** Small modules with nothing in them but the instruction and what it needs. */
function modulesWith(mnemonic: Mnemonic): WasmModule[] {
  const body = control[mnemonic];
  if (body) return [{ ...page, functions: [{ body }] }];
  const { immediate, align }: Row = instructions[mnemonic];
  let immediates: readonly (readonly unknown[])[];
  if (immediate === 'memarg' || immediate === 'memarg lane') {
    const lanes = immediate === 'memarg' ? [[]] : [[0], [16 / align - 1]];
    const all = memargs(align, mnemonic.includes('atomic'));
    immediates = all.flatMap((memarg) => lanes.map((lane) => [memarg, ...lane]));
  } else if (immediate === 'local') {
    immediates = [[signature(mnemonic)!.params.length]];
  } else {
    immediates = samples[immediate];
  }
  return immediates.map((values) => moduleWith(mnemonic, ...values));
}

/** A function that takes the instruction's operands and returns its results; a type that may be any is f64. */
function moduleWith(mnemonic: Mnemonic, ...immediates: readonly unknown[]): WasmModule {
  const instruction = [mnemonic, ...immediates] as unknown as Instruction; // of the kind that the table says
  const known = (type: string): ValueType => (type === 't' ? 'f64' : (type as ValueType));
  const { params, results } = signature(mnemonic)!;
  return {
    ...page,
    globals: [{ type: 'f64', value: -0, mutable: true }],
    functions: [
      {
        params: params.map(known),
        results: results.map(known),
        locals: ['f64'],
        body: [...params.map((_, i): InstructionWith<'local'> => ['local.get', i]), instruction],
      },
    ],
  };
}
