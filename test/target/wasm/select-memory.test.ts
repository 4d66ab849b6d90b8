import { describe, expect, it } from 'vitest';
import { loadedElement, elementBytes, storageBytes, type StorageType } from '../../../src/lang/types.ts';
import { compileWasm } from '../../../src/target/wasm/compile.ts';
import { Author } from '../author.ts';

const PAGE = 65536;
const cases = (Object.keys(storageBytes) as StorageType[]).flatMap((storage) =>
  [1, 2, 4].flatMap((lanes) =>
    lanes * elementBytes[loadedElement[storage] as 'f32'] <= 16 ? [{ storage, lanes }] : [],
  ),
);

/** Bytes of which every element of every storage type is a number: none is a NaN when it is read as a float. */
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 37 + 11) % 120);

/**
 * A kernel (x, out, count, stride) that copies one vector: loads as much as it is told, and stores as much. Elements
 * are copied as they are, since what a load widens the store narrows again.
 */
function copyKernel(
  storage: StorageType,
  lanes: number,
  load: { count?: 'given' | number; stride?: boolean; splat?: boolean },
  store: { count?: 'given' | number; stride?: boolean },
) {
  const author = new Author();
  const [x, out] = [author.tensor(storage, 'in'), author.tensor(storage, 'out')];
  const [count, stride] = [author.number('index'), author.number('index')];
  const access = ({ param, address }: typeof x, how: typeof store, displacement: number) => ({
    param,
    address,
    displacement,
    storage,
    ...(how.count !== undefined && { count: how.count === 'given' ? count : author.index(how.count) }),
    ...(how.stride && { stride }),
  });
  const from = access(x, load, 3 * storageBytes[storage]);
  const value = load.splat
    ? author.make(loadedElement[storage], lanes, { op: 'loadSplat', ...from })
    : author.load(from, lanes);
  author.store(access(out, store, 5 * storageBytes[storage]), value);
  return author.finish();
}

/** Runs a kernel on fresh memory; `end` is where the input ends, which is where memory ends. */
function run(
  kernel: ReturnType<typeof copyKernel>,
  { input, count = 0, stride = 0 }: { input: number; count?: number; stride?: number },
): Uint8Array {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(pattern(PAGE));
  new Uint32Array(memory.buffer).set([input, 0, OUTPUT, 0, count, 0, stride, 0]);
  compileWasm(kernel, memory, { relaxed: false })(0, 0, 0);
  return bytes;
}

const OUTPUT = 1024;

describe.each(cases)('$storage × $lanes', ({ storage, lanes }) => {
  const bytes = storageBytes[storage];
  const counts = Array.from({ length: lanes + 1 }, (_, count) => count);
  const before = pattern(PAGE);
  const element = (memory: Uint8Array, at: number): number[] => [...memory.subarray(at, at + bytes)];
  const none = Array<number>(bytes).fill(0);

  it.each(counts)('loads %i lanes from the end of memory, and 0 in the others', (count) => {
    for (const how of ['given', count] as const) {
      const input = PAGE - (3 + count) * bytes; // a byte more would trap
      const after = run(copyKernel(storage, lanes, { count: how }, {}), { input, count });
      for (let lane = 0; lane < lanes; lane++) {
        const expected = lane < count ? element(before, input + (3 + lane) * bytes) : none;
        expect(element(after, OUTPUT + (5 + lane) * bytes)).toEqual(expected);
      }
    }
  });

  it.each(counts)('stores %i lanes and leaves all other bytes alone', (count) => {
    for (const how of ['given', count] as const) {
      const after = run(copyKernel(storage, lanes, {}, { count: how }), { input: 2048, count });
      const expected = before.slice();
      new Uint32Array(expected.buffer).set([2048, 0, OUTPUT, 0, count, 0, 0, 0]);
      const to = OUTPUT + 5 * bytes;
      expected.copyWithin(to, 2048 + 3 * bytes, 2048 + (3 + count) * bytes);
      expect(after.findIndex((byte, at) => byte !== expected[at])).toBe(-1);
    }
  });

  it('loads and stores lanes apart, together, and backwards', () => {
    for (const step of [3, 1, 0, -2]) {
      for (const count of ['all', ...counts] as const) {
        const how = { stride: true, ...(count !== 'all' && { count: 'given' as const }) };
        const touched = count === 'all' ? lanes : count;
        const [input, stride] = [4096, step * bytes];
        const options = { input, stride, count: touched };

        const loaded = run(copyKernel(storage, lanes, how, {}), options);
        for (let lane = 0; lane < lanes; lane++) {
          const from = input + 3 * bytes + lane * stride;
          const expected = lane < touched ? element(before, from) : none;
          expect(element(loaded, OUTPUT + (5 + lane) * bytes)).toEqual(expected);
        }

        const stored = run(copyKernel(storage, lanes, {}, how), options);
        const expected = before.slice();
        new Uint32Array(expected.buffer).set([input, 0, OUTPUT, 0, touched, 0, stride, 0]);
        for (let lane = 0; lane < touched; lane++) {
          expected.set(element(before, input + (3 + lane) * bytes), OUTPUT + 5 * bytes + lane * stride);
        }
        expect(stored.findIndex((byte, at) => byte !== expected[at])).toBe(-1);
      }
    }
  });

  it('loads one element, the last of memory, into every lane', () => {
    const input = PAGE - 4 * bytes;
    const after = run(copyKernel(storage, lanes, { splat: true }, {}), { input });
    for (let lane = 0; lane < lanes; lane++) {
      expect(element(after, OUTPUT + (5 + lane) * bytes)).toEqual(element(before, PAGE - bytes));
    }
  });
});
