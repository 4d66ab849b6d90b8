/**
 * A program: runs kernels of every kind natively, each operand directly before, or directly after, a page that nobody
 * may touch. An access one byte outside of an operand ends it.
 *
 *     tsx guarded.ts avx2|avx512 before|after [what]
 *
 * It says what it begins with. `what` chooses one part; `astray` is a kernel that does go astray, to see that it ends.
 */
import { call, definedOps } from '../../src/autograd/op.ts';
import { launch } from '../../src/device/launch.ts';
import type { Block, BlockSource } from '../../src/device/native/blocks.ts';
import { NativeMemory } from '../../src/device/native/memory.ts';
import { processor } from '../../src/device/native/processor.ts';
import { allocate, releaseWorkspaces } from '../../src/device/memory.ts';
import { Scope } from '../../src/device/scope.ts';
import { currentTarget, setTarget } from '../../src/device/target.ts';
import { setNumThreads } from '../../src/device/threads/number.ts';
import { withGrain } from '../../src/device/threads/share.ts';
import type { View } from '../../src/device/view.ts';
import { dtypes, type DType } from '../../src/dtype.ts';
import { RuntimeError } from '../../src/errors.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { cpu } from '../../src/kernels/cpu.ts';
import * as math from '../../src/kernels/math/index.ts';
import { input, kernel, output } from '../../src/lang/index.ts';
import '../../src/methods.ts';
import '../../src/ops/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { sampleTensor, uniforms } from '../ops/cases.ts';
import { cases, outcomes } from '../kernels/conv-cases.ts';
import { everything } from '../kernels/everything.ts';
import { withSmallCaches } from '../kernels/small-caches.ts';
import { laidOut, write, type Layout } from '../kernels/tensors.ts';
import { cases as winogradCases, rounds as winogradRounds } from '../kernels/winograd-cases.ts';

const [target, side, what] = process.argv.slice(2) as ['avx2' | 'avx512', 'before' | 'after', string?];
const PAGE = 4096;

/** Blocks of exactly as many bytes as were asked for, between two pages that nobody may touch. */
class Guarded implements BlockSource {
  readonly keptBytes = 0;
  private readonly free = new Map<number, Block[]>();
  private readonly exact = new Map<number, number>();

  take(bytes: number): Block {
    const kept = this.free.get(bytes)?.pop();
    if (kept !== undefined) return kept;
    const { system } = processor();
    const inside = Math.max(Math.ceil(bytes / PAGE), 1) * PAGE;
    const region = system.map(inside + 2 * PAGE);
    if (region === 0) throw new RangeError('no room');
    const buffer = system.view(region + PAGE, inside);
    for (const guard of [region, region + PAGE + inside]) {
      if (!system.protect(guard, PAGE, 'none')) throw new Error('the page cannot be protected');
    }
    const begin = side === 'before' ? inside - bytes : 0;
    this.exact.set(region + PAGE + begin, bytes);
    return { buffer, begin, address: region + PAGE + begin };
  }

  give(block: Block): void {
    const bytes = this.exact.get(block.address)!;
    const blocks = this.free.get(bytes);
    if (blocks === undefined) this.free.set(bytes, [block]);
    else blocks.push(block);
  }
}

/** Runs `work` as one part, and gives back what it allocated. */
const part = (name: string, work: () => void): void => {
  if (what !== undefined && !name.startsWith(what)) return;
  console.log(name);
  {
    using _ = new Scope();
    work();
  }
  releaseWorkspaces();
};

setTarget(target);
const { pool } = currentTarget();
const guarded = new Guarded();
setTarget({
  ...currentTarget(),
  kernels: new Map(),
  memory: new NativeMemory(guarded, guarded, null),
  pool: null,
});
const lanes = currentTarget().machine.lanes('f32');

if (what === 'astray') {
  const astray = kernel('astray', { x: input('f32'), out: output('f32') }, ({ x, out }) => {
    out.set(0, x.scalar(side === 'before' ? 5 : -1));
  });
  const x = allocate(20);
  const out = allocate(20);
  console.log('astray');
  launch(astray, { x, out }, 0, 1);
}

const layouts: readonly Layout[] = [
  {},
  { offset: 1 },
  { gaps: [1, 1] },
  { gaps: [3, 0] },
  { order: [1, 0] },
  { repeated: [0] },
  { repeated: [1] },
];
const shapes = [
  [1, 1],
  [1, lanes - 1],
  [1, lanes],
  [1, lanes + 1],
  [3, 2 * lanes + 5],
  [2 * lanes + 3, 9],
] as const;
const filled = (dtype: DType, shape: readonly number[], layout: Layout): View => {
  const view = laidOut(dtype, shape, layout);
  const count = shape.reduce((a, b) => a * b, 1);
  write(
    view,
    Array.from({ length: count }, (_, i) => i % 5),
  );
  return view;
};

const names = Object.keys(dtypes) as DType[];
for (const from of names) {
  part(`copies from ${from}`, () => {
    for (const to of names)
      for (const shape of shapes)
        for (const layout of layouts) {
          const source = filled(from, shape, layout);
          cpu.copy(laidOut(to, shape, {}), source);
          if (layout.repeated === undefined) cpu.copy(laidOut(to, shape, layout), filled(from, shape, {}));
        }
  });
  part(`maps of ${from}`, () => {
    for (const shape of shapes)
      for (const layout of layouts) {
        const out = laidOut(from, shape, layout.repeated === undefined ? layout : {});
        cpu.map(math.add, from, out, [filled(from, shape, layout), filled(from, shape, { offset: 3 })]);
        cpu.map(math.lt, from, laidOut('bool', shape, {}), [
          filled(from, shape, layout),
          filled(from, shape, {}),
        ]);
        cpu.fill(out, 3);
        cpu.arange(laidOut(from, shape, { offset: 1 }), 1, 1);
      }
  });
}

for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const) {
  part(`products of ${dtype}`, () => {
    for (const m of [1, 2, 7, 13])
      for (const k of [1, 3, lanes + 1])
        for (const n of [1, 5, lanes, 2 * lanes + 3])
          for (const order of [
            [0, 1, 2],
            [0, 2, 1],
          ]) {
            const a = filled(dtype, [2, m, k], { order });
            const b = filled(dtype, [2, k, n], { order, gaps: [0, 0, 1] });
            cpu.matmul(laidOut(dtype, [2, m, n], {}), a, b, filled(dtype, [n], {}));
            cpu.matmul(laidOut(dtype, [2, m, n], { order }), a, b);
          }
  });
  part(`reductions, softmax, pooling and indexing of ${dtype}`, () => {
    everything(dtype);
  });
}

/** Ops that check in the function which users call what their inputs have in common. */
const unchecked = new Set(['matmul', 'conv2d']);

const algorithms: Readonly<Record<Algorithm, true>> = {
  implicit: true,
  direct: true,
  depthwise: true,
  channels: true,
  across: true,
  winograd2: true,
  winograd4: true,
};
for (const algorithm of Object.keys(algorithms) as Algorithm[])
  for (const test of algorithm.startsWith('winograd') ? winogradCases : cases)
    part(`convolution, ${algorithm}: ${test.name}`, () => {
      withAlgorithm(algorithm, () => {
        outcomes(test, 'float32', 'integers');
        outcomes(test, 'float64', 'integers');
      });
    });

/** Ops on their samples, and where the inputs have one last axis in common, on longer ones. */
for (const op of definedOps()) {
  op.samples?.forEach((sample, k) => {
    const described = Object.entries(sample.inputs).flatMap(([name, x]) =>
      x === null ? [] : [{ name, ...('shape' in x ? x : { shape: x }) }],
    );
    const common = new Set(described.map(({ shape }) => shape.at(-1))).size === 1 && !unchecked.has(op.name);
    for (const dtype of ['float32', 'float64'] as const)
      for (const times of common ? [1, 2 * lanes + 1] : [1])
        part(`${op.name} ${k} of ${dtype}, ${times} times as long`, () => {
          const random = uniforms(7);
          const inputs: Record<string, Tensor | null> = Object.fromEntries(
            Object.keys(sample.inputs).map((name) => [name, null]),
          );
          for (const { name, shape, ...rest } of described) {
            const longer = shape.map((size, axis) => (axis === shape.length - 1 ? size * times : size));
            const x = sampleTensor({ ...rest, shape: longer }, random).detach();
            inputs[name] = x.isFloatingPoint() ? x.to(dtype).requiresGrad_() : x;
          }
          try {
            const out = call(op, inputs, sample.params);
            if (out.requiresGrad) out.sum().backward();
          } catch (error) {
            // Not every op takes longer axes with the same parameters.
            if (times === 1 || !(error instanceof RuntimeError)) throw error;
          }
        });
  });
}
/** In many blocks, whose chunks threads take: packed where they are multiplied, and in pieces of threads' own. */
setTarget({ ...withSmallCaches(currentTarget()), pool });
setNumThreads(2);
withGrain(1, () => {
  part('products in small caches', () => {
    for (const [m, k, n] of [
      [61, 43, 131],
      [7, 90, 101],
      [90, 37, 45],
    ] as const)
      for (const order of [
        [0, 1],
        [1, 0],
      ]) {
        const [a, b] = [filled('float32', [m, k], { order }), filled('float32', [k, n], { order })];
        cpu.matmul(laidOut('float32', [m, n], {}), a, b, filled('float32', [n], {}));
        cpu.matmul(laidOut('float32', [m, n], { order }), a, b);
      }
  });
  for (const algorithm of Object.keys(algorithms) as Algorithm[])
    for (const test of algorithm.startsWith('winograd') ? winogradRounds : cases)
      part(`convolution in small caches, ${algorithm}: ${test.name}`, () => {
        withAlgorithm(algorithm, () => {
          outcomes(test, 'float32', 'integers');
        });
      });
});
console.log('done');
