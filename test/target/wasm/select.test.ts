import { describe, expect, it } from 'vitest';
import { type Kernel, type Register } from '../../../src/lang/ir.ts';
import { compileWasm, linkWasm, wasmBytes, wasmMachine } from '../../../src/target/wasm/compile.ts';
import { fusedMadd, relaxedSimd } from '../../../src/target/wasm/features.ts';
import { print } from '../../../src/target/wasm/print.ts';
import { selectWasm } from '../../../src/target/wasm/select.ts';
import { Author } from '../author.ts';

const text = (kernel: Kernel, relaxed = false): string => print(selectWasm(kernel, { relaxed }));

/** The function's instructions, without what surrounds them. */
const body = (kernel: Kernel, relaxed = false): string[] =>
  text(kernel, relaxed)
    .split('\n')
    .slice(4, -2)
    .map((line) => line.trim().replace(/\)$/, ''))
    .filter((line) => !line.startsWith('(local'));

/** out[i] = max(x[i], 0) for i in begin … end − 1, four at a time. */
function relu(): Kernel {
  const author = new Author();
  const [x, out] = [author.tensor('f32', 'in'), author.tensor('f32', 'out')];
  const begin = author.make('index', 1, { op: 'begin' });
  const end = author.make('index', 1, { op: 'end' });
  const counter = author.register('index', 1, 'i');
  const inner = author.inside(() => {
    const place = ({ param, address }: typeof x) => ({
      param,
      address: author.binary('add', address, author.make('index', 1, { op: 'shl', a: counter, b: 2 })),
      displacement: 0,
      storage: 'f32' as const,
    });
    const zero = author.constant('f32', 4, 0);
    const positive = author.make('f32', 4, { op: 'max', a: author.load(place(x), 4), b: zero });
    author.store(place(out), positive);
  });
  author.push({ op: 'loop', counter, begin, end, step: 4, body: inner });
  return author.finish('relu.f32');
}

describe('code', () => {
  it('is as short as the kernel: literals in locals before the loop, values used once on the stack', () => {
    expect(text(relu())).toMatchInlineSnapshot(`
      "(module
        (type (;0;) (func (param i32 i32 i32)))
        (import "env" "memory" (memory 0))
        (func $relu.f32 (type 0) (param $args i32) (param $begin i32) (param $end i32)
          (local $p0 i32) (local $p1 i32) (local $i i32)
          (local v128) (local v128)
          v128.const i32x4 0 0 0 0
          local.set 6
          local.get $args
          i32.load
          local.set $p0
          local.get $args
          i32.load offset=8
          local.set $p1
          local.get $begin
          local.tee $i
          local.get $end
          i32.lt_s
          if
            loop
              local.get $p0
              local.get $i
              i32.const 2
              i32.shl
              i32.add
              v128.load
              local.get 6
              f32x4.pmax
              local.get 6
              f32x4.add
              local.set 7
              local.get $p1
              local.get $i
              i32.const 2
              i32.shl
              i32.add
              local.get 7
              v128.store
              local.get $i
              i32.const 4
              i32.add
              local.tee $i
              local.get $end
              i32.lt_s
              br_if 0
            end
          end)
        (export "run" (func 0)))
      "
    `);
  });

  it('tests a loop at its bottom only, when the first turn is sure to be taken', () => {
    const author = new Author();
    const out = author.tensor('i32', 'out');
    const counter = author.register('index', 1, 'i');
    const inner = author.inside(() => {
      const value = author.make('i32', 1, { op: 'convert', a: counter });
      author.store({ param: 0, address: out.address, displacement: 8, storage: 'i32' }, value);
    });
    const [begin, end] = [author.index(0), author.index(9)];
    author.push({ op: 'loop', counter, begin, end, step: 3, body: inner });
    expect(body(author.finish()).join('\n')).toMatchInlineSnapshot(`
      "local.get $args
      i32.load
      local.set $p0
      i32.const 0
      local.set $i
      loop
      local.get $p0
      local.get $i
      i32.store offset=8
      local.get $i
      i32.const 3
      i32.add
      local.tee $i
      i32.const 9
      i32.lt_s
      br_if 0
      end"
    `);
  });

  describe('settling', () => {
    /** Two turns of a loop in which a place to settle follows each of these numbers of additions. */
    const settling = (...additions: readonly number[]): string[] => {
      const author = new Author();
      const { param, address } = author.tensor('f32', 'inout');
      const counter = author.register('index', 1, 'i');
      const sum = author.register('f32', 1, 'sum');
      author.push({ op: 'const', dst: sum, value: 0 });
      const inner = author.inside(() => {
        for (const count of additions) {
          for (let k = 0; k < count; k++) {
            const value = author.load({ param, address, displacement: 0, storage: 'f32' }, 1);
            author.push({ op: 'add', dst: sum, a: sum, b: value });
          }
          author.push({ op: 'settle' });
        }
      });
      const [begin, end] = [author.index(0), author.index(2)];
      author.push({ op: 'loop', counter, begin, end, step: 1, body: inner });
      author.store({ param, address, displacement: 0, storage: 'f32' }, sum);
      return body(author.finish());
    };
    /** How many additions come before each way out of the loop, and behind the last. */
    const parts = (code: readonly string[]): number[] =>
      code
        .join('\n')
        .split('br_if 1')
        .map((part) => part.split('f32.add').length - 1);

    it('is a way out of the loop, past what was pending', () => {
      expect(settling(3, 1).join('\n')).toMatchInlineSnapshot(`
        "local.get $args
        i32.load
        local.set $p0
        f32.const 0
        local.set $sum
        i32.const 0
        local.set $i
        block
        loop
        local.get $sum
        local.get $p0
        f32.load
        f32.add
        local.tee $sum
        local.get $p0
        f32.load
        f32.add
        local.tee $sum
        local.get $p0
        f32.load
        f32.add
        local.set $sum
        local.get $i
        i32.const -1
        i32.eq
        br_if 1
        local.get $sum
        local.get $p0
        f32.load
        f32.add
        local.set $sum
        local.get $i
        i32.const 1
        i32.add
        local.tee $i
        i32.const 2
        i32.lt_s
        br_if 0
        end
        end
        local.get $p0
        local.get $sum
        f32.store"
      `);
    });

    it('waits until there is enough to settle', () => {
      expect(parts(settling(2, 2, 2, 2, 2, 2))).toEqual([4, 4, 4]);
      expect(parts(settling(1, 1, 1, 1))).toEqual([3, 1]);
      expect(parts(settling(4, 3, 5))).toEqual([4, 3, 5]);
    });

    it('does not happen where the loop ends anyhow', () => {
      expect(parts(settling(5))).toEqual([5]);
      expect(parts(settling(3, 3))).toEqual([3, 3]);
    });
  });

  it('multiplies and adds with one instruction where relaxed SIMD is used', () => {
    const kernel = (lanes: number): Kernel => {
      const author = new Author();
      const { address } = author.tensor('f32', 'inout');
      const place = { param: 0, address, displacement: 0, storage: 'f32' as const };
      const x = author.load(place, lanes);
      author.store(place, author.make('f32', lanes, { op: 'fma', a: x, b: x, c: x }));
      return author.finish();
    };
    expect(body(kernel(4), true)).toContain('f32x4.relaxed_madd');
    expect(body(kernel(1), true)).toContain('f32x4.relaxed_madd');
    expect(body(kernel(4))).not.toContain('f32x4.relaxed_madd');
  });

  it('divides by a constant without guarding against 0', () => {
    const author = new Author();
    const { address } = author.tensor('i32', 'inout');
    const place = { param: 0, address, displacement: 0, storage: 'i32' as const };
    const quotient = author.make('i32', 1, {
      op: 'div',
      a: author.load(place, 1),
      b: author.constant('i32', 1, 3),
    });
    author.store(place, quotient);
    expect(body(author.finish())).not.toContain('if (result i32)');
  });

  it('of a long chain of values used once grows no faster than the chain', () => {
    const author = new Author();
    const { address } = author.tensor('f32', 'inout');
    const place = { param: 0, address, displacement: 0, storage: 'f32' as const };
    const x = author.load(place, 4);
    let value = author.make('f32', 4, { op: 'add', a: x, b: x });
    for (let i = 0; i < 5000; i++) value = author.make('f32', 4, { op: 'add', a: value, b: x });
    author.store(place, value);
    const started = performance.now();
    expect(body(author.finish()).length).toBeLessThan(3 * 5000);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('order', () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const words = new Int32Array(memory.buffer);
  const run = (kernel: Kernel, ...values: number[]): number[] => {
    words.fill(0, 0, 128);
    words.set([256, 0]);
    words.set(values, 64);
    compileWasm(kernel, memory, { relaxed: false })(0, 0, 0);
    return [...words.subarray(64, 64 + values.length)];
  };
  const start = () => {
    const author = new Author();
    const { param, address } = author.tensor('i32', 'inout');
    const at = (k: number) => ({ param, address, displacement: 4 * k, storage: 'i32' as const });
    return { author, at, load: (k: number) => author.load(at(k), 1) };
  };

  it('a load comes before the store that follows it, even if its value is used only later', () => {
    const { author, at, load } = start();
    const [first, second] = [load(0), load(1)];
    author.store(at(0), second);
    author.store(at(1), first);
    expect(run(author.finish(), 3, 4)).toEqual([4, 3]);
  });

  it('a copy keeps what its register held, whatever is written afterwards', () => {
    const { author, at, load } = start();
    const variable = author.register('i32');
    author.push({ op: 'copy', dst: variable, a: load(0) });
    const before = author.make('i32', 1, { op: 'copy', a: variable });
    author.push({ op: 'copy', dst: variable, a: load(1) });
    author.store(at(0), author.binary('sub', before, variable));
    expect(run(author.finish(), 3, 10)).toEqual([-7, 10]);
  });

  it('a loop reads its end once, though the body writes that register', () => {
    const { author, at } = start();
    const end = author.register('index');
    author.push({ op: 'copy', dst: end, a: author.index(4) });
    const counter = author.register('index');
    const total = author.register('i32');
    author.push({ op: 'const', dst: total, value: 0 });
    const inner = author.inside(() => {
      author.push({ op: 'add', dst: total, a: total, b: author.constant('i32', 1, 1) });
      author.push({ op: 'copy', dst: end, a: author.index(100) });
    });
    author.push({ op: 'loop', counter, begin: author.index(0), end, step: 1, body: inner });
    author.store(at(0), total);
    expect(run(author.finish(), 0)).toEqual([4]);
  });
});

describe('compiling', () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const floats = new Float32Array(memory.buffer);
  const words = new Uint32Array(memory.buffer);

  it('gives a function of arguments and a range', () => {
    words.set([64, 0, 256, 0]);
    floats.set([-1, 2, NaN, -Infinity, 5, -6, 7, -8], 16);
    floats.fill(77, 64, 80);
    compileWasm(relu(), memory, { relaxed: false })(0, 0, 8);
    expect([...floats.subarray(64, 73)]).toEqual([0, 2, NaN, 0, 5, 0, 7, 0, 77]);
  });

  it('shows the kernel under its name to profilers', () => {
    const module = new WebAssembly.Module(wasmBytes(relu(), { relaxed: false }));
    const names = new TextDecoder().decode(WebAssembly.Module.customSections(module, 'name')[0]);
    expect(names).toContain('relu.f32');
  });

  it('works on memory shared between threads', () => {
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 8, shared: true });
    new Uint32Array(shared.buffer).set([64, 0, 256, 0]);
    new Float32Array(shared.buffer).fill(-3, 16, 20);
    new Float32Array(shared.buffer).fill(77, 64, 68);
    compileWasm(relu(), shared, { relaxed: false })(0, 0, 4);
    expect([...new Float32Array(shared.buffer, 256, 4)]).toEqual([0, 0, 0, 0]);
  });

  it('can be done from bytes elsewhere', () => {
    words.set([64, 0, 256, 0]);
    floats.set([1, -1, 1, -1], 16);
    const bytes = wasmBytes(relu(), { relaxed: relaxedSimd() });
    linkWasm(new WebAssembly.Module(bytes), memory)(0, 0, 4);
    expect([...floats.subarray(64, 68)]).toEqual([1, 0, 1, 0]);
  });

  it('refuses a register that no vector of 16 bytes holds', () => {
    const wide = (element: Register['type']['element'], lanes: number): Kernel => {
      const author = new Author();
      author.register(element, lanes);
      return author.finish('wide');
    };
    const message = (shown: string): string =>
      `wide: register %0 is ${shown}; a vector of WebAssembly has 16 bytes, 2 or 4 lanes`;
    expect(() => selectWasm(wide('f32', 8), { relaxed: false })).toThrow(message('f32x8'));
    expect(() => selectWasm(wide('f64', 4), { relaxed: false })).toThrow(message('f64x4'));
    expect(() => selectWasm(wide('i32', 3), { relaxed: false })).toThrow(message('i32x3'));
  });
});

describe('the machine', () => {
  it('has vectors of 16 bytes, and a multiply-add that is fused only if the processor fuses it', () => {
    expect(wasmMachine(false)).toMatchObject({ name: 'wasm', vectorBytes: 16, fma: false });
    expect(wasmMachine(true)).toMatchObject({ name: 'wasm-relaxed', vectorBytes: 16, fma: fusedMadd() });
    expect(wasmMachine(false).lanes('f32')).toBe(4);
    expect(wasmMachine(false).lanes('i64')).toBe(2);
  });
});
