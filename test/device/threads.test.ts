import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call, definedOps, type Inputs, type Op } from '../../src/autograd/op.ts';
import { grad } from '../../src/autograd/backward.ts';
import { launch } from '../../src/device/launch.ts';
import { allocate, bytesOf } from '../../src/device/memory.ts';
import { availableTargets, currentTarget, setTarget, type TargetName } from '../../src/device/target.ts';
import { grainOf } from '../../src/device/threads/grain.ts';
import { getNumThreads, setNumThreads } from '../../src/device/threads/number.ts';
import { withGrain } from '../../src/device/threads/share.ts';
import * as flow from '../../src/index.ts';
import { cpu } from '../../src/kernels/cpu.ts';
import { index, inout, kernel, loop } from '../../src/lang/index.ts';
import { sampleTensor, uniforms } from '../ops/cases.ts';

const initial = getNumThreads();
const withPool = availableTargets().filter((name) => poolOf(name) !== null);

function poolOf(name: TargetName) {
  setTarget(name);
  return currentTarget().pool;
}

afterEach(() => setNumThreads(initial));

/** Starts as many threads, and waits until they run. */
const startThreads = async (threads: number): Promise<void> => {
  const pool = currentTarget().pool;
  if (pool === null) return;
  setNumThreads(threads);
  for (let tries = 0; pool.started < threads; tries++) {
    if (tries > 2000) throw new Error(`${String(pool.started)} of ${String(threads)} threads have started`);
    withGrain(1, () => flow.ones([64]).add(1));
    await sleep(5);
  }
};

/** out[i] += 1 for all positions of the range. */
const count = kernel('test count', { out: inout('i32') }, ({ out }, range) => {
  loop(range, (i) => out.set(i, out.scalar(i).add(1)));
});

/** out[at] = 1, wherever that is. */
const astray = kernel(
  'test astray',
  { out: inout('i32'), at: index, only: index },
  ({ out, at, only }, range) => {
    loop(range, (i) => {
      const there = i.eq(only).select(at, i);
      out.set(there, out.scalar(there).add(1));
    });
  },
);

const integers = (length: number) => {
  const storage = allocate(4 * length);
  bytesOf(storage).fill(0);
  return { storage, values: () => [...new Int32Array(bytesOf(storage).slice().buffer).subarray(0, length)] };
};

describe('The number of threads', () => {
  it('is what was asked for', () => {
    setTarget(withPool[0]!);
    setNumThreads(3);
    expect(flow.getNumThreads()).toBe(3);
    setNumThreads(1);
    expect(flow.getNumThreads()).toBe(1);
  });

  it('is one where kernels are interpreted, whatever was asked for', () => {
    setTarget('interpret');
    setNumThreads(3);
    expect(getNumThreads()).toBe(1);
    setTarget(withPool[0]!);
    expect(getNumThreads()).toBe(3);
  });

  it('must be a positive integer', () => {
    expect(() => setNumThreads(0)).toThrow(
      new flow.RuntimeError('setNumThreads expects a positive integer, got 0'),
    );
    expect(() => setNumThreads(-2)).toThrow('setNumThreads expects a positive integer, got -2');
    expect(() => setNumThreads(1.5)).toThrow('setNumThreads expects a positive integer, got 1.5');
    expect(() => setNumThreads('2' as unknown as number)).toThrow(
      new TypeError('setNumThreads expects an int, but got string'),
    );
    expect(getNumThreads()).toBe(initial);
  });
});

/** All that a sample of an op gives: its value and its gradients, as bytes. */
const resultsOf = (
  op: Op<Inputs, unknown>,
  sample: NonNullable<Op<Inputs, unknown>['samples']>[number],
): Uint8Array[] => {
  const random = uniforms(1234);
  const inputs = Object.fromEntries(
    Object.entries(sample.inputs).map(
      ([name, described]) => [name, described === null ? null : sampleTensor(described, random)] as const,
    ),
  );
  const out = call(op, inputs, sample.params);
  const wanted = Object.values(inputs).filter((x) => x?.requiresGrad === true) as flow.Tensor[];
  const grads =
    out.requiresGrad && wanted.length > 0
      ? grad(out, wanted, { gradOutputs: flow.onesLike(out).mul(0.7), allowUnused: true })
      : [];
  return [out, ...grads].filter((x) => x !== null).map(bitsOf);
};

const bitsOf = (x: flow.Tensor): Uint8Array => {
  const array = x.detach().contiguous().toTypedArray();
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();
};

/** Larger than samples are, and of every algorithm: no two axes alike. */
const workloads: Readonly<Record<string, () => flow.Tensor[]>> = {
  'elementwise, contiguous and not': () => {
    const x = flow.randn([17, 23, 11]);
    return [x.exp().add(x), x.transpose(0, 2).mul(2).sub(1), x.permute(1, 2, 0).contiguous()];
  },
  reductions: () => {
    const x = flow.randn([7, 300, 41]);
    return [x.sum(), x.sum(1), x.mean([0, 2]), x.prod(2), x.var(0), flow.randn([70000]).sum()];
  },
  softmax: () => {
    const x = flow.randn([3, 5, 300]);
    return [0, 1, 2].flatMap((axis) => [x.softmax(axis), x.logSoftmax(axis)]);
  },
  extremes: () => {
    const x = flow.randn([9, 31, 270]);
    return [0, 1, 2].map((axis) => x.argmax(axis));
  },
  'running sums': () => [flow.randn([9, 31, 27]).cumsum(1), flow.randn([4000]).cumsum(0)],
  products: () => [
    flow.randn([45, 300]).matmul(flow.randn([300, 70])),
    flow.randn([3, 7, 33]).matmul(flow.randn([3, 33, 129])),
    flow.randn([1, 500]).matmul(flow.randn([500, 3])),
    flow.randn([21, 70]).matmul(flow.randn([70, 1100])),
    flow.randn([2, 13, 400]).matmul(flow.randn([2, 400, 803])),
  ],
  'positions from a table': () => {
    const x = flow.randn([20, 300]);
    const table = flow.randint(0, 20, [30]);
    const elements = flow.randint(0, 20, [9, 300]);
    const added = flow.zeros([20, 300]);
    cpu.indexAdd(added, 0, table, flow.randn([30, 300]));
    return [
      x.indexSelect(0, table),
      added,
      x.gather(0, elements),
      x.scatterAdd(0, elements, flow.randn([9, 300])),
    ];
  },
  pooling: () => {
    const x = flow.randn([2, 5, 23, 31], { requiresGrad: true });
    const f = flow.nn.functional;
    const outs = [
      f.maxPool2d(x, 3, { stride: 2, padding: 1 }),
      f.avgPool2d(x, [2, 3]),
      f.adaptiveAvgPool2d(x, [5, 7]),
      f.adaptiveAvgPool2d(x, 1),
    ];
    return [...outs, ...outs.map((out) => grad(out.square().sum(), x)[0]!)];
  },
  'batch norm': () => {
    const layer = new flow.nn.BatchNorm2d(6);
    const x = flow.randn([4, 6, 9, 11], { requiresGrad: true });
    const out = layer(x);
    return [out, [...layer.buffers()][1]!, grad(out.square().sum(), x)[0]!];
  },
  ...Object.fromEntries(
    [
      { c: 16, o: 24, k: 3, s: 1, p: 1, d: 1, g: 1, h: 19, w: 14 },
      { c: 16, o: 24, k: 3, s: 2, p: 1, d: 1, g: 1, h: 19, w: 14 },
      { c: 32, o: 16, k: 1, s: 1, p: 0, d: 1, g: 1, h: 13, w: 9 },
      { c: 6, o: 12, k: 3, s: 1, p: 2, d: 2, g: 6, h: 17, w: 21 },
      { c: 8, o: 20, k: 5, s: 1, p: 0, d: 1, g: 4, h: 12, w: 15 },
      { c: 3, o: 10, k: 7, s: 2, p: 3, d: 1, g: 1, h: 31, w: 27 },
    ].map(
      ({ c, o, k, s, p, d, g, h, w }) =>
        [
          `convolution ${String(c)} > ${String(o)}, ${String(k)} wide, stride ${String(s)}, groups ${String(g)}`,
          () => {
            const x = flow.randn([2, c, h, w], { requiresGrad: true });
            const weight = flow.randn([o, c / g, k, k], { requiresGrad: true });
            const out = flow.conv2d(x, weight, flow.randn([o]), {
              stride: s,
              padding: p,
              dilation: d,
              groups: g,
            });
            return [out, ...grad(out.square().sum(), [x, weight])];
          },
        ] as const,
    ),
  ),
};

describe.each(availableTargets())('Results on %s', (target) => {
  beforeAll(async () => {
    setTarget(target);
    await startThreads(5);
  });

  /** The same in one piece, in single positions from the last to the first, and on threads. */
  const agreeing = (work: () => Uint8Array[]): void => {
    setTarget(target);
    setNumThreads(1);
    const whole = work();
    expect(withGrain(1, work), 'from the last position to the first').toEqual(whole);
    if (currentTarget().pool === null) return;
    for (const threads of [2, 5]) {
      setNumThreads(threads);
      expect(withGrain(1, work), `${String(threads)} threads`).toEqual(whole);
    }
  };

  for (const op of definedOps()) {
    op.samples?.forEach((sample, k) => {
      it(`of ${op.name} (${op.node}) do not depend on threads, sample ${String(k)}`, () => {
        agreeing(() => resultsOf(op, sample));
      });
    });
  }

  // They are large, for the interpreter too large.
  const larger = target === 'interpret' ? [] : Object.keys(workloads);
  it.each(larger)('of %s do not depend on threads', (name) => {
    agreeing(() => {
      flow.manualSeed(5);
      return workloads[name]!().map(bitsOf);
    });
  });
});

describe.each(withPool)('A pool for %s', (target) => {
  beforeAll(async () => {
    setTarget(target);
    await startThreads(4);
  });

  it('runs every position of many tiny jobs once', () => {
    setTarget(target);
    const jobs = 100_000;
    const { storage, values } = integers(7);
    setNumThreads(4);
    withGrain(1, () => {
      for (let k = 0; k < jobs; k++) launch(count, { out: storage }, 0, 7);
    });
    expect(values()).toEqual(new Array(7).fill(jobs));
  });

  it('runs every position once, however long the range and its chunks are', () => {
    setTarget(target);
    for (const [threads, grain] of [
      [2, 1],
      [3, 64],
      [4, 999],
      [1, 5],
    ] as const) {
      setNumThreads(threads);
      for (const size of [0, 1, 2, 63, 64, 65, 1000, 20000, 70000]) {
        const { storage, values } = integers(size + 3);
        withGrain(grain, () => launch(count, { out: storage }, 0, size));
        expect(values()).toEqual([...new Array<number>(size).fill(1), 0, 0, 0]);
      }
    }
  });

  it('wakes after a pause, and takes part again when the number changes', async () => {
    setTarget(target);
    const { storage, values } = integers(1000);
    const numbers = [4, 1, 2, 4, 3];
    for (const threads of numbers) {
      setNumThreads(threads);
      await sleep(5);
      launch(count, { out: storage }, 0, 1000, { grain: 10 });
    }
    expect(values()).toEqual(new Array(1000).fill(numbers.length));
    expect(currentTarget().pool!.started).toBeGreaterThanOrEqual(4);
  });

  it('keeps a short job on one thread, and shares a long one', async () => {
    setTarget(target);
    setNumThreads(4);
    const threads = currentTarget().pool!;
    let shared = 0;
    const run = threads.run.bind(threads);
    threads.run = (...job) => {
      shared++;
      run(...job);
    };
    try {
      const { storage } = integers(1000);
      launch(count, { out: storage }, 0, 1000);
      launch(count, { out: storage }, 0, 1000, { grain: 1000 });
      expect(shared).toBe(0);
      launch(count, { out: storage }, 0, 1000, { grain: 10 });
      expect(shared).toBe(1);
      // Of a few positions that take long, though the threads sleep by now, and no job was just before.
      await sleep(20);
      launch(count, { out: storage }, 0, 8, { grain: grainOf({ flops: 20e6 }) });
      expect(shared).toBe(2);
      launch(count, { out: storage }, 0, 1, { grain: grainOf({ flops: 20e6 }) });
      expect(shared).toBe(2);
    } finally {
      Reflect.deleteProperty(threads, 'run');
    }
  });
});

/** Processors that a thread of this process may run on. */
const processorsOf = (thread: string): number[] => {
  const allowed = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync(`${thread}/status`, 'utf8'))![1]!;
  return allowed.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, k) => first + k);
  });
};

describe.skipIf(!existsSync('/proc/thread-self') || availableParallelism() < 2)(
  'Threads for machine code',
  () => {
    const native = withPool.filter((name) => name !== 'wasm');

    it.each(native)('are kept off the processor of their caller, on %s', async (target) => {
      setTarget(target);
      await startThreads(3);
      for (let tries = 0; tries < 20; tries++) {
        await sleep(5);
        withGrain(1, () => flow.ones([64]).add(1));
        const mine = processorsOf('/proc/thread-self');
        const others = readdirSync('/proc/self/task').map((id) => processorsOf(`/proc/self/task/${id}`));
        const kept = others.filter((processors) => processors.length === mine.length - 1);
        expect(kept.length).toBeGreaterThanOrEqual(2);
        for (const processors of kept) expect(mine).toEqual(expect.arrayContaining(processors));
      }
    });
  },
);

describe('A kernel that fails on WebAssembly', () => {
  afterAll(() => {
    setTarget(withPool[0]!);
  });

  it('fails its launch on whichever thread, and the pool goes on', async () => {
    setTarget('wasm');
    await startThreads(3);
    const { storage, values } = integers(40);
    for (let k = 0; k < 200; k++) {
      const only = k % 40;
      expect(() => withGrain(1, () => launch(astray, { out: storage, at: 2 ** 29, only }, 0, 40))).toThrow(
        'a kernel failed in one of the threads',
      );
    }
    // Each position failed five times, and ran otherwise.
    expect(values()).toEqual(new Array(40).fill(195));
    withGrain(1, () => launch(count, { out: storage }, 0, 40));
    expect(values()).toEqual(new Array(40).fill(196));
  });
});

describe('A program', () => {
  const script = fileURLToPath(new URL('threads-program.ts', import.meta.url));
  const run = (part: string, env: Record<string, string>) =>
    spawnSync(process.execPath, ['--import', 'tsx', script, part], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: 60_000,
    });

  it.each(withPool)('ends by itself, with threads asleep or awake, on %s', (target) => {
    const { status, stdout, stderr } = run('end', { MILLRACE_TARGET: target, MILLRACE_NUM_THREADS: '3' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '3 of 3 threads\n', stderr: '' });
  });

  it.each(withPool)('ends when it says so, on %s', (target) => {
    const { status, stderr } = run('exit', { MILLRACE_TARGET: target, MILLRACE_NUM_THREADS: '3' });
    expect({ status, stderr }).toEqual({ status: 7, stderr: '' });
  });

  it.each(withPool)(
    'may use the library in several of its own threads, and end some of them, on %s',
    (target) => {
      const { status, stdout, stderr } = run('users', { MILLRACE_TARGET: target, MILLRACE_NUM_THREADS: '2' });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'all agree\n', stderr: '' });
    },
  );

  it('is told of a number that is none', () => {
    const { stderr } = run('end', { MILLRACE_NUM_THREADS: 'many' });
    expect(stderr).toContain("MILLRACE_NUM_THREADS must be a positive integer, got 'many'");
  });
});
