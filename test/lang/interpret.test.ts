import { describe, expect, it } from 'vitest';
import {
  accumulator,
  constant,
  eachLane,
  index,
  inout,
  input,
  iota,
  kernel,
  loop,
  output,
  scalar,
  variable,
  when,
  type StorageType,
} from '../../src/lang/index.ts';
import { compileInterpreted } from '../../src/lang/interpret.ts';
import { apply, column, machine, run } from './apply.ts';

describe('lanes', () => {
  it('are counted by iota, filled by splat, read by extract', () => {
    const out = column('i32', Array<number>(4).fill(0));
    run({ out: output('i32'), x: scalar('i32') }, [out, 100], ({ out, x }) =>
      out.set(0, iota('i32').mul(x.splat()).add(iota('i32').lane(2))),
    );
    expect([...out]).toEqual([2, 102, 202, 302]);
  });

  it('reduce by halving', () => {
    // (1e8 + 1) loses the 1; lane 0 goes with lane 2, lane 1 with lane 3.
    const x = Float32Array.of(1e8, 1, -1e8, 3);
    const out = new Float32Array(4);
    run({ x: input('f32'), out: output('f32') }, [x, out], ({ x, out }) => {
      const v = x.vector();
      [v.reduceAdd(), v.reduceMul(), v.reduceMin(), v.reduceMax()].forEach((r, i) => out.set(i, r));
    });
    expect([...out]).toEqual([4, Math.fround(Math.fround(-1e16) * 3), -1e8, 1e8]);
    const inOrder = new Float32Array(1);
    run({ x: input('f32'), out: output('f32') }, [Float32Array.of(1e8, -1e8, 1, 3), inOrder], ({ x, out }) =>
      out.set(0, x.vector().reduceAdd()),
    );
    expect([...inOrder]).toEqual([Math.fround(1e8 + 1) + Math.fround(-1e8 + 3)]);
  });

  it('reduce integers with wrapping, and floats with NaN', () => {
    const out = new BigInt64Array(2);
    run(
      { x: input('i64'), out: output('i64') },
      [BigInt64Array.of(2n ** 63n - 1n, 2n), out],
      ({ x, out }) => {
        out.set(0, x.vector().reduceAdd());
        out.set(1, x.vector().reduceMul());
      },
    );
    expect([...out]).toEqual([-(2n ** 63n) + 1n, -2n]);
    const max = new Float32Array(1);
    run({ x: input('f32'), out: output('f32') }, [Float32Array.of(1, NaN, 5, 2), max], ({ x, out }) =>
      out.set(0, x.vector().reduceMax()),
    );
    expect([...max]).toEqual([NaN]);
  });

  it('of a mask are asked together by any', () => {
    const any = (values: number[]): number => {
      const out = new Int32Array(1);
      run({ x: input('f32'), out: output('i32') }, [Float32Array.from(values), out], ({ x, out }) =>
        when(
          x.vector().gt(0),
          () => out.set(0, constant(1, 'i32')),
          () => out.set(0, constant(2, 'i32')),
        ),
      );
      return out[0]!;
    };
    expect(any([0, 0, 0, 0])).toBe(2);
    expect(any([0, 0, 0, 3])).toBe(1);
    expect(any([NaN, 1, 1, 1])).toBe(1);
  });
});

describe('memory', () => {
  const copy = (storage: StorageType, values: readonly (number | bigint)[]): (number | bigint)[] => [
    ...apply(storage, [[storage, values]], (x) => x),
  ];

  it('keeps what every storage type holds', () => {
    expect(copy('f32', [1.5, -0, Infinity])).toEqual([1.5, -0, Infinity]);
    expect(copy('f64', [1e300, -0, 5e-324])).toEqual([1e300, -0, 5e-324]);
    expect(copy('i32', [-1, 2 ** 31 - 1])).toEqual([-1, 2 ** 31 - 1]);
    expect(copy('i64', [-1n, 2n ** 63n - 1n])).toEqual([-1n, 2n ** 63n - 1n]);
    expect(copy('i8', [-128, 127, -1])).toEqual([-128, 127, -1]);
    expect(copy('u8', [0, 255, 128])).toEqual([0, 255, 128]);
    const halves = [0x3c00, 0x8000, 0x7c00, 0x0001, 0xfbff];
    expect(copy('f16', halves)).toEqual(halves);
    expect(copy('bf16', halves)).toEqual(halves);
  });

  it('keeps the bits of a NaN that is only moved', () => {
    const bits = Int32Array.of(0x7f800001, -1, 0x7fffffff, -0x00400001);
    const out = new Float32Array(8);
    run({ x: input('f32'), out: output('f32') }, [new Float32Array(bits.buffer), out], ({ x, out }) => {
      const v = variable(x.vector());
      out.set(0, v.eq(v).select(constant(0, v.type), v));
      for (let lane = 0; lane < 4; lane++) out.set(4 + lane, v.lane(lane));
    });
    expect([...new Int32Array(out.buffer)]).toEqual([...bits, ...bits]);
    const wide = BigInt64Array.of(0x7ff0000000000001n, -1n, 0x7fffffffffffffffn, -0x0007ffffffffffffn);
    const wideOut = new Float64Array(4);
    run(
      { x: input('f64'), out: output('f64') },
      [new Float64Array(wide.buffer), wideOut],
      ({ x, out }, range) => eachLane(range, (i) => out.set(i, variable(x.at(i)))),
      { end: 4 },
    );
    expect([...new BigInt64Array(wideOut.buffer)]).toEqual([...wide]);
  });

  it('widens on loads', () => {
    expect([...apply('i32', [['i8', [-1, -128, 127]]], (x) => x)]).toEqual([-1, -128, 127]);
    expect([...apply('i32', [['u8', [255, 128, 127]]], (x) => x)]).toEqual([255, 128, 127]);
    expect([...apply('f32', [['f16', [0x3555, 0x0001, 0xfc00, 0x7e01]]], (x) => x)]).toEqual([
      1365 * 2 ** -12,
      2 ** -24,
      -Infinity,
      NaN,
    ]);
    expect([...apply('f32', [['bf16', [0x3f81, 0x0001, 0xff80, 0x7fc1]]], (x) => x)]).toEqual([
      1.0078125,
      2 ** -133,
      -Infinity,
      NaN,
    ]);
  });

  it('narrows on stores: floats to nearest even, integers by dropping high bits', () => {
    const floats = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, -(2 ** -25), 2 ** -25 * 1.5, NaN];
    expect([...apply('f16', [['f32', floats]], (x) => x)]).toEqual([
      0x3c00, 0x3c02, 0x7bff, 0x7c00, 0x8000, 0x0001, 0x7e00,
    ]);
    expect([...apply('bf16', [['f32', [1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, NaN]]], (x) => x)]).toEqual([
      0x3f80, 0x3f82, 0x7f80, 0x7fc0,
    ]);
    expect([...apply('i8', [['i32', [128, 255, -129, 0x12345]]], (x) => x)]).toEqual([-128, -1, 127, 0x45]);
    expect([...apply('u8', [['i32', [256, -1, 300]]], (x) => x)]).toEqual([0, 255, 44]);
  });

  it.each([0, 1, 2, 3, 4])('loads the first %i lanes and makes the others 0, and stores no more', (count) => {
    const x = Float32Array.of(1, 2, 3, 4);
    const loaded = new Float32Array(4).fill(9);
    const stored = new Float32Array(4).fill(9);
    const spec = { x: input('f32'), loaded: output('f32'), stored: output('f32'), n: index };
    run(
      spec,
      [x.subarray(0, count), loaded, stored.subarray(0, count), count],
      ({ x, loaded, stored, n }) => {
        const v = x.vector(0, { count: n });
        loaded.set(0, v);
        stored.set(0, v.add(10), { count: n });
      },
    );
    expect([...loaded]).toEqual([1, 2, 3, 4].map((v, i) => (i < count ? v : 0)));
    expect([...stored]).toEqual([11, 12, 13, 14].map((v, i) => (i < count ? v : 9)));
  });

  it('walks with a stride, forwards, backwards or not at all', () => {
    const x = Int32Array.from({ length: 12 }, (_, i) => i);
    const strided = (first: number, stride: number, n: number): number[] => {
      const out = new Int32Array(4);
      run(
        { x: input('i32'), out: output('i32'), s: index, n: index },
        [x, out, stride, n],
        ({ x, out, s, n }) => out.set(0, x.strided(first, s, { count: n })),
      );
      return [...out];
    };
    expect(strided(1, 3, 4)).toEqual([1, 4, 7, 10]);
    expect(strided(11, -3, 4)).toEqual([11, 8, 5, 2]);
    expect(strided(5, 0, 4)).toEqual([5, 5, 5, 5]);
    expect(strided(11, 100, 1)).toEqual([11, 0, 0, 0]);
    const out = new Int32Array(7);
    run({ out: output('i32'), s: index }, [out, 2], ({ out, s }) =>
      out.set(0, iota('i32').add(1), { stride: s }),
    );
    expect([...out]).toEqual([1, 0, 2, 0, 3, 0, 4]);
  });

  it('may be read at places that are not multiples of the element', () => {
    const memory = new Uint8Array(9);
    new DataView(memory.buffer).setFloat32(1, 2.5, true);
    const out = new Float32Array(1);
    run({ x: input('f32'), out: output('f32') }, [memory, out], ({ x, out }) =>
      out.set(0, x.plusBytes(1).scalar()),
    );
    expect(out[0]).toBe(2.5);
  });

  it('spreads one element over all lanes', () => {
    const out = new Float32Array(4);
    run({ x: input('f16'), out: output('f32') }, [Uint16Array.of(0, 0x3800), out], ({ x, out }) =>
      out.set(0, x.splat(1)),
    );
    expect([...out]).toEqual([0.5, 0.5, 0.5, 0.5]);
  });
});

describe('parameters', () => {
  it('arrive as numbers of their type', () => {
    const out = new Float64Array(5);
    const spec = {
      f32: scalar('f32'),
      f64: scalar('f64'),
      i32: scalar('i32'),
      i64: scalar('i64'),
      n: index,
      out: output('f64'),
    };
    run(spec, [0.1, 0.1, -3, -(2n ** 50n), 2 ** 33 + 1, out], ({ f32, f64, i32, i64, n, out }) =>
      [f32, f64, i32, i64, n].forEach((x, i) => out.set(i, x.to('f64'))),
    );
    expect([...out]).toEqual([Math.fround(0.1), 0.1, -3, -(2 ** 50), 2 ** 33 + 1]);
  });

  it('are read from the argument block in linear memory, with the range beside them', () => {
    const scale = kernel('scale', { x: inout('f32'), by: scalar('f32') }, ({ x, by }, range) =>
      eachLane(range, (i) => x.set(i, x.at(i).mul(by))),
    );
    const view = new DataView(new ArrayBuffer(128));
    for (let i = 0; i < 8; i++) view.setFloat32(64 + 4 * i, i + 1, true);
    view.setUint32(16, 64, true); // arguments at 16, x at 64
    view.setFloat32(24, 10, true);
    compileInterpreted(scale.build(machine))({ view }, 16, 1, 7);
    expect(Array.from({ length: 8 }, (_, i) => view.getFloat32(64 + 4 * i, true))).toEqual([
      1, 20, 30, 40, 50, 60, 70, 8,
    ]);
  });
});

describe('control', () => {
  it('loops from begin by step while below the end, perhaps never', () => {
    const visited = (begin: number, end: number, step: number): number[] => {
      const out = new Int32Array(10).fill(-1);
      run({ out: output('i32'), begin: index, end: index }, [out, begin, end], ({ out, begin, end }) => {
        const p = out.walk();
        loop(
          { begin, end },
          (i) => {
            p.set(0, i.to('i32'));
            p.advance(1);
          },
          { step },
        );
      });
      return [...out].filter((x) => x !== -1);
    };
    expect(visited(0, 3, 1)).toEqual([0, 1, 2]);
    expect(visited(2, 9, 3)).toEqual([2, 5, 8]);
    expect(visited(2, 8, 3)).toEqual([2, 5]);
    expect(visited(3, 3, 1)).toEqual([]);
    expect(visited(5, 3, 1)).toEqual([]);
  });

  it('reads the end of a loop once', () => {
    const out = new Int32Array(1);
    run({ out: inout('i32'), n: index }, [out, 3], ({ out, n }) => {
      const end = variable(n);
      loop(end, () => {
        end.update('add', 1);
        out.set(0, out.scalar().add(1));
      });
    });
    expect(out[0]).toBe(3);
  });

  it('nests loops and branches', () => {
    const out = new Int32Array(12);
    run({ out: output('i32'), rows: index, columns: index }, [out, 3, 4], ({ out, rows, columns }) =>
      loop(rows, (r) =>
        loop(columns, (c) => {
          const at = r.mul(columns).add(c);
          when(
            r.eq(c),
            () => out.set(at, constant(1, 'i32')),
            () =>
              when(
                r.gt(c),
                () => out.set(at, r.sub(c).neg().to('i32')),
                () => out.set(at, constant(7, 'i32')),
              ),
          );
        }),
      ),
    );
    expect([...out]).toEqual([1, 7, 7, 7, -1, 1, 7, 7, -2, -1, 1, 7]);
  });

  it.each([0, 1, 3, 4, 5, 8, 11])('covers %i elements with whole and partial vectors', (n) => {
    const x = Float32Array.from({ length: n }, (_, i) => i + 1);
    const out = new Float32Array(1);
    run(
      { x: input('f32'), out: output('f32') },
      [x, out],
      ({ x, out }, range) => {
        const sum = accumulator('f32');
        eachLane(range, (i) => sum.accumulate(x.at(i), x.at(i)));
        out.set(0, sum.reduceAdd());
      },
      { end: n },
    );
    expect(out[0]).toBe([...x].reduce((s, v) => s + v * v, 0));
  });
});
