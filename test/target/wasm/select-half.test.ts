import { beforeAll, describe, expect, it } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../../src/half.ts';
import { compileWasm } from '../../../src/target/wasm/compile.ts';
import { Author } from '../author.ts';

/** A kernel that copies `turns · lanes` elements from one storage type to the other. */
function copyKernel(from: 'f16' | 'bf16' | 'f32', to: 'f16' | 'bf16' | 'f32', lanes: number) {
  const author = new Author();
  const [x, out] = [author.tensor(from, 'in'), author.tensor(to, 'out')];
  author.turns((turn) => {
    const access = (storage: typeof from, { param, address }: typeof x) => ({
      param,
      storage,
      displacement: 0,
      address: author.at(address, turn, lanes * (storage === 'f32' ? 4 : 2)),
    });
    author.store(access(to, out), author.load(access(from, x), lanes));
  });
  return author.finish(`copy-${from}-${to}-${lanes}`);
}

const INPUT = 64;
const OUTPUT = 1 << 20;
const memory = new WebAssembly.Memory({ initial: 32 });
new BigUint64Array(memory.buffer).set([BigInt(INPUT), BigInt(OUTPUT)]);

const convert = {
  f16: { widen: f16ToF32, narrow: f32ToF16 },
  bf16: { widen: bf16ToF32, narrow: f32ToBf16 },
};

/** Every 16-bit pattern, and on both sides of every midpoint between neighbours, and the midpoint. */
function interestingFloats(storage: 'f16' | 'bf16'): Float32Array {
  const { widen } = convert[storage];
  const bits: number[] = [];
  const view = new DataView(new ArrayBuffer(4));
  const bitsOf = (value: number): number => {
    view.setFloat32(0, value);
    return view.getUint32(0);
  };
  const infinity = storage === 'f16' ? 0x7c00 : 0x7f80;
  for (let half = 0; half < infinity; half++) {
    const low = bitsOf(widen(half));
    // Beyond the largest finite half the grid goes on to where infinity would be.
    const high =
      half + 1 < infinity ? bitsOf(widen(half + 1)) : storage === 'f16' ? bitsOf(65536) : 0x7f800000;
    const middle = low + (high - low) / 2;
    for (const b of [low, low + 1, middle - 1, middle, middle + 1]) bits.push(b, (b | 0x80000000) >>> 0);
  }
  const floats = new Float32Array(Math.ceil(bits.length / 4) * 4);
  new Uint32Array(floats.buffer).set(bits.map(Math.floor));
  return floats;
}

describe.each(['f16', 'bf16'] as const)('%s', (storage) => {
  const { widen, narrow } = convert[storage];
  // Which NaN a NaN becomes is nobody's business.
  const same = (bits: number, value: number): boolean =>
    Number.isNaN(value) ? Number.isNaN(widen(bits)) : bits === narrow(value);

  it.each([1, 2, 4])('is widened exactly: all 65536 patterns, %i at a time', (lanes) => {
    const input = new Uint16Array(memory.buffer, INPUT, 65536);
    for (let bits = 0; bits < 65536; bits++) input[bits] = bits;
    compileWasm(copyKernel(storage, 'f32', lanes), memory, { relaxed: false })(0, 0, 65536 / lanes);
    const output = new Float32Array(memory.buffer, OUTPUT, 65536);
    const wrong: number[] = [];
    for (let bits = 0; bits < 65536; bits++) if (!Object.is(output[bits], widen(bits))) wrong.push(bits);
    expect(wrong).toEqual([]);
  });

  describe('is narrowed to nearest, ties to even', () => {
    let floats: Float32Array;
    const random = new Float32Array(1 << 16);

    beforeAll(() => {
      floats = interestingFloats(storage);
      let state = 12345;
      const bits = new Uint32Array(random.buffer);
      for (let i = 0; i < bits.length; i++) bits[i] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      random.set([NaN, -NaN, Infinity, -Infinity, 3.4028234663852886e38, 1e-45, -1e-45, 65519.996, 65520]);
    });

    it.each([1, 2, 4])('values, midpoints and their neighbours, random bits, %i at a time', (lanes) => {
      const run = compileWasm(copyKernel('f32', storage, lanes), memory, { relaxed: false });
      for (const values of [floats, random]) {
        for (let from = 0; from < values.length; from += 1 << 16) {
          const part = values.subarray(from, from + (1 << 16));
          new Uint8Array(memory.buffer, INPUT).set(
            new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
          );
          run(0, 0, part.length / lanes);
          const output = new Uint16Array(memory.buffer, OUTPUT, part.length);
          const wrong: number[] = [];
          for (let i = 0; i < part.length; i++) if (!same(output[i]!, part[i]!)) wrong.push(part[i]!);
          expect(wrong).toEqual([]);
        }
      }
    });
  });
});
