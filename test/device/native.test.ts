/** Code of our own in this process: memory, calls, conventions, what the processor says of itself. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { heap } from '../../src/device/heap.ts';
import { launch } from '../../src/device/launch.ts';
import { allocate, bytesOf, memoryStats } from '../../src/device/memory.ts';
import { askCpu, CPU_BYTES, type Cpu } from '../../src/device/native/cpu.ts';
import { Arenas } from '../../src/device/native/arenas.ts';
import type { Block, BlockSource } from '../../src/device/native/blocks.ts';
import { Buffers } from '../../src/device/native/buffers.ts';
import { NativeMemory } from '../../src/device/native/memory.ts';
import { processor } from '../../src/device/native/processor.ts';
import { collector } from '../../src/device/reclaim.ts';
import { Scope } from '../../src/device/scope.ts';
import type { Storage } from '../../src/device/storage.ts';
import { availableTargets, currentTarget, setTarget } from '../../src/device/target.ts';
import { index, inout, kernel, loop, output } from '../../src/lang/index.ts';
import { assemble } from '../../src/target/x64/encode.ts';
import { cases, outcomes } from '../kernels/conv-cases.ts';
import { everything } from '../kernels/everything.ts';
import { windowsCaller, windowsTarget } from './windows-calls.ts';

const MEBIBYTE = 2 ** 20;
const natives = availableTargets().filter((name) => name === 'avx2' || name === 'avx512');
const before = currentTarget().name;
afterEach(() => {
  setTarget(before);
});

/** Adds one to each number. */
const increment = kernel('test increment', { x: inout('i32') }, ({ x }, range) => {
  loop(range, (i) => x.set(i, x.scalar(i).add(1)));
});

const addressOf = (buffer: ArrayBuffer): number => processor().system.addressOf(buffer);

describe.runIf(natives.length > 0).each([
  ['Buffers', () => new Buffers(addressOf)],
  ['Arenas', () => new Arenas(addressOf, () => undefined)],
] as const)('%s', (_, buffers: () => BlockSource) => {
  it('begin at a cache line, where the processor finds what JavaScript wrote', () => {
    const source = buffers();
    for (const bytes of [0, 1, 63, 64, 65, 1000, 1024, 1025, 5000, 8192, 8193, 123_457, 3 * MEBIBYTE]) {
      const { buffer, begin, address } = source.take(bytes);
      expect(address % 64).toBe(0);
      expect(begin + bytes).toBeLessThanOrEqual(buffer.byteLength);
      expect(processor().system.addressOf(buffer) + begin).toBe(address);
    }
  });

  it('do not overlap, though small ones share a slab', () => {
    const source = buffers();
    const blocks = Array.from({ length: 2000 }, (_, k) => ({ bytes: 1 + ((k * 37) % 9500), k }))
      .map(({ bytes }) => ({ bytes, ...source.take(bytes) }))
      .sort((a, b) => a.address - b.address);
    blocks.slice(1).forEach(({ address }, k) => {
      expect(address).toBeGreaterThanOrEqual(blocks[k]!.address + blocks[k]!.bytes);
    });
  });

  it('are used again after they were given back, if of about that size', () => {
    const source = buffers();
    const block = source.take(100_000);
    source.give(block, 100_000);
    expect(source.keptBytes).toBeGreaterThanOrEqual(100_000);
    expect(source.take(200_000) === block).toBe(false);
    expect(source.take(99_000) === block).toBe(true);
    expect(source.keptBytes).toBe(0);
  });

  it('are kept up to a bound, the last used before the others', () => {
    const source = buffers();
    const blocks = [5, 6].map((size) => Array.from({ length: 35 }, () => source.take(size * MEBIBYTE)));
    blocks[0]!.forEach((block) => source.give(block, 5 * MEBIBYTE));
    blocks[1]!.forEach((block) => source.give(block, 6 * MEBIBYTE));
    expect(source.keptBytes).toBeLessThanOrEqual(256 * MEBIBYTE);
    expect(source.keptBytes).toBeGreaterThan(240 * MEBIBYTE);
    // Of the size that was given back last, all are there.
    const again = new Set(blocks[1]!.map(() => source.take(6 * MEBIBYTE)));
    expect(blocks[1]!.every((block) => again.has(block))).toBe(true);
  });

  it('do not overlap while others come and go', () => {
    const source = buffers();
    const held: { begin: number; end: number; give: () => void }[] = [];
    // Sizes and order by a linear congruential generator.
    let state = 1;
    const random = (n: number): number => (state = (state * 48271) % 2147483647) % n;
    for (let k = 0; k < 3000; k++) {
      if (held.length > 60 || (held.length > 0 && random(3) === 0)) {
        held.splice(random(held.length), 1)[0]!.give();
        continue;
      }
      const bytes = random(10) === 0 ? random(20 * MEBIBYTE) : random(300_000);
      const block = source.take(bytes);
      const begin = block.address;
      expect(block.begin + bytes).toBeLessThanOrEqual(block.buffer.byteLength);
      for (const other of held) expect(begin + bytes <= other.begin || other.end <= begin).toBe(true);
      held.push({ begin, end: begin + bytes, give: () => source.give(block, bytes) });
    }
  });

  it('that are too large for the machine are a clear error', () => {
    expect(() => new NativeMemory(buffers(), buffers(), null).allocate(2 ** 46)).toThrow(
      `out of memory: ${String(2 ** 46)} bytes were asked for`,
    );
    expect(() => new NativeMemory(buffers(), buffers(), null).allocate(-1)).toThrow(
      'cannot allocate -1 bytes: the size must be a non-negative integer',
    );
  });
});

describe.runIf(natives.length > 0)('Arenas that are empty', () => {
  it('go back to the system, but for as many as may soon be used again', async () => {
    const source = new Arenas(addressOf, () => undefined);
    collector!.all();
    const before = process.memoryUsage().arrayBuffers;
    const held = (): number => process.memoryUsage().arrayBuffers - before;
    const blocks = Array.from({ length: 40 }, () => source.take(30 * MEBIBYTE));
    expect(held()).toBeGreaterThan(1200 * MEBIBYTE);
    for (const block of blocks.splice(0)) source.give(block, 30 * MEBIBYTE);
    // V8 may free the buffers of what it collected in a thread of its own.
    for (let turn = 0; turn < 50 && held() > 700 * MEBIBYTE; turn++) {
      collector!.all();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(held()).toBeLessThan(700 * MEBIBYTE);
  });

  it('make room for one block that is larger than what was given back', () => {
    const source = new Arenas(addressOf, () => undefined);
    const blocks = Array.from({ length: 8 }, () => source.take(7 * MEBIBYTE));
    for (const block of blocks) source.give(block, 7 * MEBIBYTE);
    const joined = source.take(50 * MEBIBYTE);
    expect(blocks.some(({ buffer }) => buffer === joined.buffer)).toBe(true);
  });
});

describe.runIf(natives.length > 0)('The memory of native code', () => {
  it('gives each block back to where it came from, whatever its size', () => {
    const recorded = (source: BlockSource) => {
      const out = new Set<ArrayBuffer>();
      let strays = 0;
      return {
        take: (bytes: number) => {
          const block = source.take(bytes);
          out.add(block.buffer);
          return block;
        },
        give: (block: Block, bytes: number) => {
          if (!out.has(block.buffer)) strays++;
          source.give(block, bytes);
        },
        get keptBytes() {
          return source.keptBytes;
        },
        strays: () => strays,
      };
    };
    const small = recorded(new Buffers(addressOf));
    const large = recorded(new Arenas(addressOf, () => undefined));
    const memory = new NativeMemory(small, large, collector);
    for (let bytes = 16_200; bytes < 16_600; bytes++) memory.allocate(bytes).dispose();
    expect([small.strays(), large.strays()]).toEqual([0, 0]);
    expect(small.keptBytes).toBeGreaterThan(0);
    expect(large.keptBytes).toBeGreaterThan(0);
  });
});

describe.each(natives)('A storage on %s', (target) => {
  const filled = (bytes: number, value: number): Storage => {
    const storage = allocate(bytes);
    bytesOf(storage).fill(value);
    return storage;
  };

  it('keeps its bytes when the target is changed, to and fro', () => {
    setTarget(target);
    const storages = [10, 1000, 100_000].map((bytes) => filled(bytes, 1));
    for (const name of ['wasm', target, 'interpret', target] as const) {
      setTarget(name);
      for (const storage of storages) {
        launch(increment, { x: storage }, 0, 1);
        expect(storage.slot.address === 0).toBe(name === target);
        expect(storage.slot.native !== 0).toBe(name === target);
      }
    }
    for (const storage of storages) {
      const bytes = bytesOf(storage);
      expect([...bytes.subarray(0, 5)]).toEqual([5, 1, 1, 1, 1]);
      expect(bytes.subarray(5).every((byte) => byte === 1)).toBe(true);
    }
  });

  it('that was moved out of the heap of WebAssembly is brought from there', () => {
    setTarget('wasm');
    const storage = filled(MEBIBYTE, 3);
    heap.setLimit(heap.stats().heapBytes);
    const others: Storage[] = [];
    while (storage.slot.address !== 0) others.push(allocate(MEBIBYTE));
    setTarget(target);
    launch(increment, { x: storage }, 0, 1);
    expect([...bytesOf(storage).subarray(0, 5)]).toEqual([4, 3, 3, 3, 3]);
    for (const other of others) other.dispose();
    heap.setLimit(512 * MEBIBYTE);
  });

  it('is refused after it was given back, and its memory is used again', () => {
    setTarget(target);
    const storage = filled(300_000, 1);
    const { native } = storage.slot;
    storage.dispose();
    storage.dispose();
    expect(storage.disposed).toBe(true);
    expect(() => bytesOf(storage)).toThrow(/^this tensor's memory was given back/);
    expect(() => {
      launch(increment, { x: storage }, 0, 1);
    }).toThrow(/^this tensor's memory was given back/);
    const { keptBytes } = memoryStats();
    expect(allocate(300_000).slot.native).toBe(native);
    expect(memoryStats().keptBytes).toBeLessThan(keptBytes);
  });

  it('of a scope is used again after its end, wherever it was meanwhile', () => {
    setTarget(target);
    let inside: Storage;
    let moved: Storage;
    let address: number;
    {
      using scope = new Scope();
      inside = filled(400_000, 1);
      address = inside.slot.native;
      moved = filled(10_000, 1);
      setTarget('wasm');
      launch(increment, { x: moved }, 0, 1);
      expect(scope.slots.size).toBe(2);
    }
    setTarget(target);
    expect([inside.disposed, moved.disposed]).toEqual([true, true]);
    expect(allocate(400_000).slot.native).toBe(address);
  });

  it('of a scope is left to the collector where there are many', () => {
    setTarget(target);
    using scope = new Scope();
    const storages = Array.from({ length: 15_000 }, () => allocate(10_000));
    expect(scope.slots.size).toBeLessThan(14_000);
    scope[Symbol.dispose]();
    expect(storages.every(({ disposed }) => disposed)).toBe(true);
  });

  it('can be indexed beyond 32 bits', () => {
    setTarget(target);
    const tell = kernel('test tell index', { n: index, out: output('i64') }, ({ n, out }, { begin, end }) => {
      [n, begin, end].forEach((value, k) => {
        out.set(k, value.to('i64'));
      });
    });
    const out = allocate(24);
    launch(tell, { n: 2 ** 53 - 1, out }, 2 ** 40 + 3, 2 ** 52 + 5);
    const { buffer, byteOffset } = bytesOf(out);
    expect([...new BigInt64Array(buffer, byteOffset, 3)].map(Number)).toEqual([
      2 ** 53 - 1,
      2 ** 40 + 3,
      2 ** 52 + 5,
    ]);
    expect(() => {
      launch(tell, { n: 2 ** 53, out }, 0, 1);
    }).toThrow('n = 9007199254740992 is no index: an integer from 0 to 9007199254740991');
  });

  it('may be larger than 4 GiB', () => {
    setTarget(target);
    const storage = allocate(5 * 2 ** 30);
    // Only the pages that are touched take memory.
    const far = 2 ** 32 + 4096;
    const numbers = new Int32Array(storage.slot.outside!, storage.slot.begin + far, 3);
    numbers.set([1, 2, 3]);
    launch(increment, { x: { storage, byteOffset: far } }, 0, 3);
    expect([...numbers]).toEqual([2, 3, 4]);
  });
});

describe.each(natives)('A kernel on %s', (target) => {
  it('has its code in pages that can be executed and not written', () => {
    setTarget(target);
    const x = allocate(4);
    launch(increment, { x }, 0, 1);
    const { address } = currentTarget().kernels.get('test increment')!;
    if (process.platform !== 'linux') return;
    const line = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .map((text) => /^([0-9a-f]+)-([0-9a-f]+) (....)/.exec(text))
      .find((parts) => parts && parseInt(parts[1]!, 16) <= address! && address! < parseInt(parts[2]!, 16));
    expect(line![3]).toBe('r-xp');
  });

  it('is called by its address, with numbers of 53 bits', () => {
    setTarget(target);
    const x = allocate(8);
    bytesOf(x).fill(0);
    launch(increment, { x }, 0, 1);
    const { call, memory } = processor();
    call(currentTarget().kernels.get('test increment')!.address!, memory.argumentBlock().address, 1, 2);
    expect([...bytesOf(x)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
  });

  it.runIf(process.platform !== 'win32')(
    "preserves what Windows' convention says, and gives the same results by it",
    { timeout: 120_000 },
    () => {
      setTarget(target);
      const results = (): unknown => [
        everything('float32'),
        everything('float16'),
        ...cases.map((test) => outcomes(test, 'float32', 'integers').map(({ actual }) => actual)),
      ];
      const expected = results();
      setTarget(windowsTarget(target));
      expect(results()).toEqual(expected);
    },
  );
});

it.runIf(natives.length > 0 && process.platform !== 'win32')(
  "A function that does not keep Windows' convention is caught",
  () => {
    const xmm15 = { kind: 'vector', number: 15, bits: 128 } as const;
    const rsi = { kind: 'gpr', number: 6, bits: 64 } as const;
    const call = windowsCaller();
    for (const [instruction, register] of [
      [{ mnemonic: 'vxorps', operands: [xmm15, xmm15, xmm15] }, 26],
      [{ mnemonic: 'inc', operands: [rsi] }, 2],
    ] as const) {
      const code = assemble([instruction, { mnemonic: 'ret', operands: [] }]).bytes;
      expect(() => call(processor().place(code), 0, 0, 0)).toThrow(`saved register ${register} is not`);
    }
  },
);

describe.runIf(natives.length > 0)('A processor', () => {
  /** What is found when CPUID and XGETBV say this: leaf, or leaf.subleaf, to [eax, ebx, ecx, edx]. */
  const found = (leaves: Record<string, readonly number[]>, xcr0: number): Cpu => {
    const buffer = new ArrayBuffer(CPU_BYTES);
    let pages = 0;
    const system = {
      ...processor().system,
      map: (): number => (pages += 4096),
      copy: (): void => undefined,
      protect: (): boolean => true,
    };
    return askCpu(
      system,
      (code, _, leaf, subleaf) => {
        const name = leaf.toString(16);
        const registers =
          code === 4096 ? (leaves[`${name}.${String(subleaf)}`] ?? leaves[name] ?? []) : [xcr0];
        new Uint32Array(buffer).fill(0);
        new Uint32Array(buffer).set(registers);
      },
      { buffer, begin: 0, address: 4096 },
    );
  };
  const bits = (...positions: number[]): number => positions.reduce((word, k) => word | (1 << k), 0);
  const haswell = {
    '0': [13],
    '80000000': [0x80000008],
    '1': [0, 0, bits(12, 27, 28, 29)],
    '7': [0, bits(3, 5, 8)],
    '80000001': [0, 0, bits(5)],
    '4': [0],
    '4.0': [bits(0, 5), (7 << 22) | 63, 63],
    '4.1': [bits(1, 5), (7 << 22) | 63, 63],
    '4.2': [bits(0, 1, 6), (7 << 22) | 63, 511],
    '4.3': [bits(0, 1, 5, 6), (15 << 22) | 63, 8191],
  };
  const skylake = { ...haswell, '7': [0, bits(3, 5, 8, 16, 17, 30, 31)] };
  const zen = {
    ...skylake,
    '4.0': [0],
    '80000000': [0x8000001f],
    '80000001': [0, 0, bits(5, 22)],
    '8000001d': [0],
    '8000001d.0': [bits(0, 5), (11 << 22) | 63, 63],
    '8000001d.2': [bits(0, 1, 6), (15 << 22) | 63, 1023],
    '8000001d.1': [bits(1, 5), (7 << 22) | 63, 63],
  };

  it.each<[string, Record<string, readonly number[]>, number, Cpu]>([
    ['Haswell', haswell, 7, { avx2: true, avx512: false, l1: 32768, l2: 262144 }],
    ['Skylake with AVX-512', skylake, 0xe7, { avx2: true, avx512: true, l1: 32768, l2: 262144 }],
    [
      'AMD, whose caches are in another leaf',
      zen,
      0xe7,
      { avx2: true, avx512: true, l1: 49152, l2: 1048576 },
    ],
    [
      'a system that does not keep the masks',
      skylake,
      7,
      { avx2: true, avx512: false, l1: 32768, l2: 262144 },
    ],
    [
      'a system that does not keep wide vectors',
      skylake,
      3,
      { avx2: false, avx512: false, l1: 32768, l2: 262144 },
    ],
    [
      'a processor without FMA',
      { ...haswell, '1': [0, 0, bits(27, 28, 29)] },
      7,
      { avx2: false, avx512: false, l1: 32768, l2: 262144 },
    ],
    [
      'a processor of before AVX',
      { '0': [4], '80000000': [0x80000000], '1': [0, 0, 0] },
      0,
      { avx2: false, avx512: false, l1: 32768, l2: 524288 },
    ],
  ])('is recognised: %s', (_, leaves, xcr0, expected) => {
    expect(found(leaves, xcr0)).toEqual(expected);
  });

  it.runIf(process.platform === 'linux')('says the same of this machine as Linux', () => {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.split(' ');
    const { avx2, avx512 } = processor().cpu;
    const all = (...names: string[]): boolean => names.every((name) => flags.includes(name));
    expect(avx2).toBe(all('avx2', 'fma', 'f16c', 'bmi1', 'bmi2', 'abm'));
    expect(avx512).toBe(avx2 && all('avx512f', 'avx512vl', 'avx512bw', 'avx512dq'));
  });
});
