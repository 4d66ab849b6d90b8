import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ValueError } from '../../../src/errors.ts';
import { encode } from '../../../src/target/wasm/encode.ts';
import { type Instruction } from '../../../src/target/wasm/instructions.ts';
import { type WasmFunction, type WasmModule } from '../../../src/target/wasm/module.ts';
import { type Label, type ValueType } from '../../../src/target/wasm/row.ts';
import { bothAssemblers } from './wabt.ts';

function instantiate(module: WasmModule, imports: WebAssembly.Imports = {}): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(encode(module)), imports).exports;
}

/** The function, ready to be called; a memory of one page comes with it. */
function assemble(f: WasmFunction): (...operands: unknown[]) => unknown {
  const { run } = instantiate({ memory: { min: 1 }, functions: [{ ...f, export: 'run' }] });
  return run as (...operands: unknown[]) => unknown;
}

/** What the instructions leave on the stack. */
const result = (type: ValueType, body: readonly Instruction[]): unknown =>
  assemble({ results: [type], body })();

describe('numbers', () => {
  it('i32.const holds every i32, written signed or unsigned', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.integer({ min: 0, max: 2 ** 32 - 1 })), (value) => {
        expect(result('i32', [['i32.const', value]])).toBe(value | 0);
      }),
    );
    for (const edge of [
      0,
      -0,
      63,
      64,
      -64,
      -65,
      8191,
      8192,
      -8192,
      -8193,
      -(2 ** 31),
      2 ** 31 - 1,
      2 ** 32 - 1,
    ]) {
      expect(result('i32', [['i32.const', edge]])).toBe(edge | 0);
    }
  });

  it('i64.const holds every i64, as a number or a bigint', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }), fc.maxSafeInteger()),
        (value) => {
          expect(result('i64', [['i64.const', value]])).toBe(BigInt.asIntN(64, BigInt(value)));
        },
      ),
    );
    for (const edge of [
      0n,
      63n,
      64n,
      -64n,
      -65n,
      1n << 31n,
      -(1n << 63n),
      (1n << 63n) - 1n,
      (1n << 64n) - 1n,
    ]) {
      expect(result('i64', [['i64.const', edge]])).toBe(BigInt.asIntN(64, edge));
    }
  });

  it('f32.const keeps the payload and sign of a NaN, and the sign of zero', () => {
    const bitsOf = (value: number | { bits: number }): unknown =>
      result('i32', [['f32.const', value], ['i32.reinterpret_f32']]);
    expect(bitsOf({ bits: 0x7f800001 })).toBe(0x7f800001); // signalling
    expect(bitsOf({ bits: 0xffc12345 })).toBe(0xffc12345 | 0);
    expect(bitsOf(-0)).toBe(-0x80000000);
    expect(bitsOf(1 + 2 ** -24 + 2 ** -40)).toBe(0x3f800001); // rounded, to nearest
  });

  it('f64.const keeps the payload and sign of a NaN, and the sign of zero', () => {
    const bitsOf = (value: number | { bits: bigint }): unknown =>
      result('i64', [['f64.const', value], ['i64.reinterpret_f64']]);
    expect(bitsOf({ bits: 0x7ff0000000000001n })).toBe(0x7ff0000000000001n);
    expect(bitsOf({ bits: 0xfff8000000000123n })).toBe(BigInt.asIntN(64, 0xfff8000000000123n));
    expect(bitsOf(-0)).toBe(-(1n << 63n));
    expect(bitsOf(Math.PI)).toBe(0x400921fb54442d18n);
  });

  it('v128.const takes lanes in memory order from any 16 bytes', () => {
    const lane = (instruction: Instruction): unknown =>
      result('i32', [
        ['v128.const', new Int16Array([0, 10, -11, 12, 13, 14, 15, 16, 17]).subarray(1)],
        instruction,
      ]);
    expect(lane(['i16x8.extract_lane_s', 1])).toBe(-11);
    expect(lane(['i8x16.extract_lane_u', 14])).toBe(17);
  });
});

describe('functions', () => {
  it('have their locals after their parameters, zero at first, in the order given', () => {
    const run = assemble({
      params: ['i32'],
      results: ['f64'],
      locals: ['f64', 'f64', 'i64', { type: 'f64', name: 'sum' }, 'f32', 'i32', 'i32'],
      body: [
        ['f64.const', 0.5],
        ['local.set', 4],
        ['local.get', 0],
        ['local.set', 7],
        ['local.get', 4],
        ['local.get', 7],
        ['f64.convert_i32_s'],
        ['f64.add'],
        ['local.get', 2],
        ['f64.add'],
      ],
    });
    expect(run(41)).toBe(41.5);
  });

  it('loop: the sum of i³ below n', () => {
    const [n, i, sum] = [0, 1, 2];
    const run = assemble({
      params: ['i64'],
      results: ['i64'],
      locals: ['i64', 'i64'],
      body: [
        ['block', { label: 'done' }],
        ['loop', { label: 'next' }],
        ['local.get', i],
        ['local.get', n],
        ['i64.ge_s'],
        ['br_if', 'done'],
        ['local.get', sum],
        ['local.get', i],
        ['local.get', i],
        ['i64.mul'],
        ['local.get', i],
        ['i64.mul'],
        ['i64.add'],
        ['local.set', sum],
        ['local.get', i],
        ['i64.const', 1],
        ['i64.add'],
        ['local.set', i],
        ['br', 'next'],
        ['end'],
        ['end'],
        ['local.get', sum],
      ],
    });
    for (const count of [0n, 1n, 2n, 50_000n]) expect(run(count)).toBe(((count - 1n) * count) ** 2n / 4n);
    expect(run(-3n)).toBe(0n);
  });

  it('branch to the innermost block of a label, and by depth', () => {
    const branch = (label: Label): unknown =>
      result('i32', [
        ['block', { label: 'x', type: 'i32' }],
        ['block', { label: 'x', type: 'i32' }],
        ['i32.const', 1],
        ['br', label],
        ['end'],
        ['i32.const', 10],
        ['i32.add'],
        ['end'],
      ]);
    expect(branch('x')).toBe(11);
    expect(branch(0)).toBe(11);
    expect(branch(1)).toBe(1);
    expect(branch(2)).toBe(1); // the function itself
  });

  it('choose by br_table', () => {
    const run = assemble({
      params: ['i32'],
      results: ['i32'],
      body: [
        ['block', { label: 'other' }],
        ['block', { label: 'one' }],
        ['block', { label: 'zero' }],
        ['local.get', 0],
        ['br_table', ['zero', 'one'], 'other'],
        ['end'],
        ['i32.const', 100],
        ['return'],
        ['end'],
        ['i32.const', 101],
        ['return'],
        ['end'],
        ['i32.const', -1],
      ],
    });
    expect([0, 1, 2, -1].map((n) => run(n))).toEqual([100, 101, -1, -1]);
  });

  it('give several results, through if and else with operands', () => {
    const run = assemble({
      params: ['i32', 'i32', 'i32'],
      results: ['i32', 'i32'],
      locals: ['i32'],
      body: [
        ['local.get', 1],
        ['local.get', 2],
        ['local.get', 0],
        ['if', { label: 'swap', type: { params: ['i32', 'i32'], results: ['i32', 'i32'] } }],
        ['local.set', 3],
        ['local.set', 0],
        ['local.get', 3],
        ['local.get', 0],
        ['else'],
        ['end'],
      ],
    });
    expect(run(0, 5, 6)).toEqual([5, 6]);
    expect(run(1, 5, 6)).toEqual([6, 5]);
  });
});

describe('modules', () => {
  it('take memory, table and functions from outside, and number own functions after imported ones', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 3, shared: true });
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 2 });
    const seen: number[] = [];
    const module: WasmModule = {
      memory: { import: { module: 'env', name: 'memory' }, min: 1, max: 3, shared: true },
      table: { import: { module: 'env', name: 'table' }, min: 2 },
      imports: [{ name: 'see', import: { module: 'env', name: 'see' }, params: ['i32'], results: [] }],
      functions: [
        {
          name: 'main',
          export: 'main',
          params: [{ type: 'i32', name: 'at' }],
          body: [
            ['local.get', 0],
            ['i32.const', 5],
            ['i32.atomic.rmw.add', { offset: 8 }],
            ['call', 0],
            ['i32.const', 6],
            ['call', 2],
            ['call', 0],
            ['i32.const', 7],
            ['i32.const', 1],
            ['call_indirect', { params: ['i32'], results: ['i32'] }],
            ['call', 0],
          ],
        },
        {
          name: 'negate',
          export: 'negate',
          params: ['i32'],
          results: ['i32'],
          body: [['i32.const', 0], ['local.get', 0], ['i32.sub']],
        },
      ],
    };
    const exports = instantiate(module, { env: { memory, table, see: (n: number) => seen.push(n) } });
    const words = new Int32Array(memory.buffer);
    words[(100 + 8) / 4] = 37;
    table.set(1, exports['negate']);
    (exports['main'] as (at: number) => void)(100);
    expect(seen).toEqual([37, -6, -7]);
    expect(words[(100 + 8) / 4]).toBe(42);
    const { ours, wabt } = bothAssemblers(module, { names: true });
    expect(ours).toBe(wabt);
  });

  it('export memory, table and globals of their own', () => {
    const { memory, table, count, pi } = instantiate({
      memory: { min: 2, max: 5, export: 'memory' },
      table: { min: 3, export: 'table' },
      globals: [
        { type: 'i64', value: -1n, mutable: true, export: 'count' },
        { type: 'f32', value: Math.PI, export: 'pi' },
      ],
      functions: [],
    });
    expect((memory as WebAssembly.Memory).buffer.byteLength).toBe(2 * 65536);
    expect((table as WebAssembly.Table).length).toBe(3);
    expect((count as WebAssembly.Global).value).toBe(-1n);
    expect((pi as WebAssembly.Global).value).toBe(Math.fround(Math.PI));
  });

  it('copy and fill memory', () => {
    const { memory, run } = instantiate({
      memory: { min: 1, export: 'memory' },
      functions: [
        {
          export: 'run',
          body: [
            ...[10, 0xab, 3].map((n): Instruction => ['i32.const', n]),
            ['memory.fill'],
            ...[20, 9, 4].map((n): Instruction => ['i32.const', n]),
            ['memory.copy'],
          ],
        },
      ],
    });
    (run as () => void)();
    const bytes = new Uint8Array((memory as WebAssembly.Memory).buffer);
    expect([...bytes.subarray(19, 25)]).toEqual([0, 0, 0xab, 0xab, 0xab, 0]);
  });

  it('have a name section that wabt also writes, and none where nothing is named', () => {
    const named: WasmModule = {
      imports: [{ import: { module: 'a', name: 'b' }, params: ['f32'], results: [] }],
      functions: [
        {
          params: [{ type: 'i32', name: 'n' }, 'i32'],
          locals: ['f32', { type: 'f32', name: 'acc' }],
          body: [],
        },
        { name: 'conv2d 3×3', body: [] },
        { name: 'conv2d 3×3', body: [] },
      ],
    };
    const both = bothAssemblers(named, { names: true });
    expect(both.ours).toBe(both.wabt);
    const sections = (module: WasmModule): ArrayBuffer[] =>
      WebAssembly.Module.customSections(new WebAssembly.Module(encode(module)), 'name');
    const text = new TextDecoder().decode(sections(named)[0]);
    expect(text).toContain('conv2d_3_3');
    expect(text).toContain('conv2d_3_3.2');
    expect(sections({ functions: [{ body: [] }] })).toEqual([]);
  });

  it('have sections and functions longer than one byte can say', () => {
    const body = Array.from({ length: 20_000 }, (_, i): Instruction[] => [
      ['i32.const', i],
      ['i32.xor'],
    ]).flat();
    const module: WasmModule = {
      functions: [{ export: 'f', results: ['i32'], body: [['i32.const', 0], ...body] }],
    };
    const { ours, wabt } = bothAssemblers(module);
    expect(ours === wabt).toBe(true);
  });
});

describe('what cannot be encoded', () => {
  const encoding =
    (...body: Instruction[]) =>
    (): unknown =>
      encode({ functions: [{ name: 'f', body: [['nop'], ...body] }] });

  it.each<[Instruction, string]>([
    [['br', 'out'], 'f, instruction 1, br: no enclosing block has the label out'],
    [['v128.load', { align: 3 }], 'f, instruction 1, v128.load: align is 3, expected a power of two'],
    [['f32.load', { offset: -4 }], 'f, instruction 1, f32.load: -4 is not an integer from 0 to 4294967295'],
    [['i32.const', 2 ** 32], 'f, instruction 1, i32.const: 4294967296 is not an integer of 32 bits'],
    [['i32.const', 0.5], 'f, instruction 1, i32.const: 0.5 is not an integer of 32 bits'],
    [
      ['i64.const', 1n << 64n],
      'f, instruction 1, i64.const: 18446744073709551616 is not an integer of 64 bits',
    ],
    [
      ['i64.const', 2 ** 53],
      'f, instruction 1, i64.const: 9007199254740992 is not a safe integer; write it as a bigint',
    ],
    [['local.get', NaN], 'f, instruction 1, local.get: NaN is not an integer from 0 to 4294967295'],
    [['i8x16.shuffle', [0, 1, 2]], 'f, instruction 1, i8x16.shuffle: has 3 lane indices, expected 16'],
    [['v128.const', new Float32Array(3)], 'f, instruction 1, v128.const: has 12 bytes, expected 16'],
    [
      ['f32x4.extract_lane', 256],
      'f, instruction 1, f32x4.extract_lane: lane is 256, expected an integer from 0 to 255',
    ],
  ])('is an error: %s', (instruction, message) => {
    expect(encoding(instruction)).toThrow(new ValueError(message));
  });

  it('is a label whose block has ended', () => {
    expect(encoding(['block', { label: 'out' }], ['end'], ['br', 'out'])).toThrow('f, instruction 3, br: ');
  });
});
