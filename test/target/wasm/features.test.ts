import { describe, expect, it } from 'vitest';
import { encode } from '../../../src/target/wasm/encode.ts';
import { fusedMadd, relaxedSimd, simd, threads } from '../../../src/target/wasm/features.ts';

describe('features on Node', () => {
  it('has vectors and threads', () => {
    expect(simd()).toBe(true);
    expect(threads()).toBe(true);
  });

  it('has relaxed SIMD, which Node 20 is told to switch on', () => {
    expect(relaxedSimd()).toBe(true);
    expect(relaxedSimd()).toBe(true);
  });

  it('knows whether relaxed_madd is fused: over many products it rounds as the answer says', () => {
    const n = 4096;
    const [a, b, c, out] = [0, 1, 2, 3].map((i) => 4 * n * i);
    const { memory, run } = new WebAssembly.Instance(
      new WebAssembly.Module(
        encode({
          memory: { min: 1, export: 'memory' },
          functions: [
            {
              export: 'run',
              params: [{ type: 'i32', name: 'at' }],
              body: [
                ['local.get', 0],
                ...[a!, b!, c!].flatMap(
                  (offset) =>
                    [
                      ['local.get', 0],
                      ['v128.load', { offset }],
                    ] as const,
                ),
                ['f32x4.relaxed_madd'],
                ['v128.store', { offset: out! }],
              ],
            },
          ],
        }),
      ),
    ).exports as { memory: WebAssembly.Memory; run: (at: number) => void };
    const arrays = [a!, b!, c!, out!].map((offset) => new Float32Array(memory.buffer, offset, n));
    const [as, bs, cs, outs] = arrays as [Float32Array, Float32Array, Float32Array, Float32Array];
    for (let i = 0; i < n; i++) {
      as[i] = 1 + ((i * 2654435761) % 4096) / 4096;
      bs[i] = 1 + ((i * 40503) % 4093) / 4096;
      cs[i] = -as[i]! * bs[i]!; // rounded: the sum is what the product loses
    }
    for (let at = 0; at < 4 * n; at += 16) run(at);
    // A product of two 12-bit significands is exact in float64, and so is the difference.
    const once = Float32Array.from(as, (x, i) => x * bs[i]! + cs[i]!);
    const twice = Float32Array.from(as, (x, i) => Math.fround(x * bs[i]!) + cs[i]!);
    expect(once).not.toEqual(twice);
    expect(outs).toEqualBits(fusedMadd() ? once : twice);
  });
});
