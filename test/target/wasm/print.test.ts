import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Instruction } from '../../../src/target/wasm/instructions.ts';
import { type WasmModule } from '../../../src/target/wasm/module.ts';
import { print } from '../../../src/target/wasm/print.ts';
import { bothAssemblers } from './wabt.ts';

/** at[0 … 4n) ×= 0.1, in float32. */
const scale: WasmModule = {
  memory: { import: { module: 'env', name: 'memory' }, min: 1, max: 65536, shared: true },
  imports: [{ import: { module: 'env', name: 'trace' }, name: 'trace', params: ['i32'], results: [] }],
  functions: [
    {
      name: 'scale',
      export: 'scale "by" 0.1\n',
      params: [
        { type: 'i32', name: 'at' },
        { type: 'i32', name: 'n' },
      ],
      results: ['i32'],
      locals: ['i32', { type: 'v128', name: 'x' }, 'v128'],
      body: [
        ['block', { label: 'done' }],
        ['loop', { label: 'next' }],
        ['local.get', 1],
        ['i32.eqz'],
        ['br_if', 'done'],
        ['local.get', 0],
        ['local.get', 0],
        ['v128.load', { align: 4 }],
        ['v128.const', new Float32Array([0.1, -0, NaN, 1e-8])],
        ['f32x4.mul'],
        ['local.tee', 3],
        ['v128.store', { offset: 16, align: 4 }],
        ['local.get', 0],
        ['call', 0],
        ['local.get', 1],
        ['i32.const', -1],
        ['i32.add'],
        ['local.set', 1],
        ['br', 'next'],
        ['end'],
        ['end'],
        ['local.get', 2],
        ['if', { type: 'i32' }],
        ['i32.const', 1],
        ['else'],
        ['i32.const', 0],
        ['end'],
      ],
    },
  ],
};

describe('print', () => {
  it('indents by nesting and uses the names given', () => {
    expect(print(scale)).toMatchInlineSnapshot(`
      "(module
        (type (;0;) (func (param i32)))
        (type (;1;) (func (param i32 i32) (result i32)))
        (import "env" "memory" (memory 1 65536 shared))
        (import "env" "trace" (func $trace (type 0)))
        (func $scale (type 1) (param $at i32) (param $n i32) (result i32)
          (local i32)
          (local $x v128) (local v128)
          block $done
            loop $next
              local.get $n
              i32.eqz
              br_if $done
              local.get $at
              local.get $at
              v128.load align=4
              v128.const f32x4 0.1 -0 nan 1e-8
              f32x4.mul
              local.tee $x
              v128.store offset=16 align=4
              local.get $at
              call $trace
              local.get $n
              i32.const -1
              i32.add
              local.set $n
              br $next
            end
          end
          local.get 2
          if (result i32)
            i32.const 1
          else
            i32.const 0
          end)
        (export "scale \\22by\\22 0.1\\0a" (func 1)))
      "
    `);
  });

  it('gives text of which wabt makes the bytes that we make', () => {
    const { ours, wabt } = bothAssemblers(scale, { names: true });
    expect(ours).toBe(wabt);
  });

  it('writes float32 in decimals that are read back bit for bit', () => {
    const bits = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 200, maxLength: 200 });
    const edges = [0, 1, 0x7fffff, 0x800000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff];
    const inBothSigns = edges.flatMap((b) => [b, (b | 0x80000000) >>> 0]);
    fc.assert(
      fc.property(bits, (values) => {
        const constants = values.flatMap((b): Instruction[] => [['f32.const', { bits: b }], ['drop']]);
        const { ours, wabt } = bothAssemblers({ functions: [{ body: constants }] });
        expect(ours).toBe(wabt);
      }),
      { numRuns: 20, examples: [[inBothSigns]] },
    );
  });

  it('writes float64 in decimals that are read back bit for bit', () => {
    const bits = fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 200, maxLength: 200 });
    const edges = [0n, 1n, 0xfffffffffffffn, 1n << 52n, 0x7fefffffffffffffn, 0x7ff0000000000000n];
    const nans = [0x7ff0000000000001n, 0x7ff8000000000000n, 0x7fffffffffffffffn];
    const inBothSigns = [...edges, ...nans].flatMap((b) => [b, b | (1n << 63n)]);
    fc.assert(
      fc.property(bits, (values) => {
        const constants = values.flatMap((b): Instruction[] => [['f64.const', { bits: b }], ['drop']]);
        const { ours, wabt } = bothAssemblers({ functions: [{ body: constants }] });
        expect(ours).toBe(wabt);
      }),
      { numRuns: 20, examples: [[inBothSigns]] },
    );
  });

  it('writes short float32 constants short', () => {
    const text = (value: number): string | undefined =>
      /f32\.const ([^\s)]+)/.exec(print({ functions: [{ body: [['f32.const', value]] }] }))?.[1];
    expect([0.1, 1 / 3, 1e10, 2 ** -149, -0, -Infinity, NaN].map(text)).toEqual([
      '0.1',
      '0.33333334',
      '10000000000',
      '1e-45',
      '-0',
      '-inf',
      'nan',
    ]);
  });

  it('writes globals, and memory and table of the module itself', () => {
    const module: WasmModule = {
      memory: { min: 1, max: 2, shared: true, export: 'memory' },
      table: { min: 0, max: 9, export: 'Tafel für λ' },
      globals: [
        { type: 'i32', value: -5, export: 'a' },
        { type: 'i64', value: 1n << 63n, mutable: true },
        { type: 'f32', value: 0.1, export: 'b' },
        { type: 'f64', value: { bits: 0xfff0000000000001n }, mutable: true },
      ],
      functions: [{ export: 'f', body: [['return']] }],
    };
    const { ours, wabt } = bothAssemblers(module);
    expect(ours).toBe(wabt);
    expect(print(module)).toMatchInlineSnapshot(`
      "(module
        (type (;0;) (func))
        (table 0 9 funcref)
        (memory 1 2 shared)
        (global i32 (i32.const -5))
        (global (mut i64) (i64.const 9223372036854775808))
        (global f32 (f32.const 0.1))
        (global (mut f64) (f64.const -nan:0x1))
        (func (type 0)
          return)
        (export "f" (func 0))
        (export "Tafel für λ" (table 0))
        (export "memory" (memory 0))
        (export "a" (global 0))
        (export "b" (global 2)))
      "
    `);
  });
});
