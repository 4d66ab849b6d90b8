import { existsSync, readdirSync, statSync } from 'node:fs';
import type * as Millrace from '../../src/index.ts';
import { measurePeak, type Rooms } from '../peak.ts';
import {
  timeSync,
  type Contender,
  type Conv2dTask,
  type HostTensor,
  type Peer,
  type SimpleTask,
  type Task,
  type TrainStepTask,
} from '../task.ts';

type Flow = typeof Millrace;
type Tensor = Millrace.Tensor;

/** Millrace as it was built last, in the folder above; MILLRACE_TARGET pins what it compiles for. */
export const millrace: Peer = {
  name: 'millrace',
  async open({ threads, precision }) {
    const built = (path: string): string => new URL(`../../dist/${path}`, import.meta.url).href;
    if (!existsSync(new URL(built('index.js')))) {
      throw new Error('dist/index.js is missing: npm run build makes it');
    }
    const flow = (await import(built('index.js'))) as Flow;
    flow.setNumThreads(threads);
    if (precision !== undefined) flow.setFloat32ConvPrecision(precision);
    const rooms = Object.assign(
      {},
      ...(await Promise.all(
        ['lang/index.js', 'device/memory.js', 'device/launch.js', 'device/target.js'].map(
          (path) => import(built(path)) as Promise<Partial<Rooms>>,
        ),
      )),
    ) as Rooms;
    const target = rooms.currentTarget().name;
    return {
      version: `dist/${isStale() ? ' (older than src/: npm run build)' : ''}, target ${target}, threads: ${String(flow.getNumThreads())}`,
      target,
      prepare: (task) => prepare(flow, task),
      peak: () => measurePeak(rooms, threads),
      close: () => undefined,
    };
  },
};

/** Whether something in src/ has changed since dist/ was built. */
function isStale(): boolean {
  const changed = (path: string): number => statSync(new URL(path, import.meta.url)).mtimeMs;
  const sources = readdirSync(new URL('../../src', import.meta.url), { recursive: true, encoding: 'utf8' });
  const built = changed('../../dist/index.js');
  return sources.some((path) => path.endsWith('.ts') && changed(`../../src/${path}`) > built);
}

function prepare(flow: Flow, task: Task): Contender {
  const run = runOf(flow, task);
  const steps = task.op === 'trainStep' ? 3 : 1;
  return {
    time: timeSync(run),
    output: () => {
      if (steps === 1) return floats(run());
      return Float32Array.from(Array.from({ length: steps }, () => [...floats(run())]).flat());
    },
    dispose: () => undefined,
  };
}

const floats = (tensor: Tensor): Float32Array => tensor.toTypedArray() as Float32Array;

function runOf(flow: Flow, task: Task): () => Tensor {
  switch (task.op) {
    case 'conv2d':
      return task.direction === 'forward' ? convolution(flow, task) : convolutionGradient(flow, task);
    case 'trainStep':
      return trainStep(flow, task);
    default: {
      const run = simple(flow, task);
      return () => flow.noGrad(run);
    }
  }
}

const load = (flow: Flow, { data, shape }: HostTensor, requiresGrad = false): Tensor =>
  flow.tensor(data, { shape, requiresGrad });

function convolution(flow: Flow, { shape, inputs }: Conv2dTask): () => Tensor {
  const { c, o, k, s, p, d, g } = shape;
  const layer = new flow.nn.Conv2d(c, o, k, { stride: s, padding: p, dilation: d, groups: g });
  flow.noGrad(() => {
    layer.weight.copy_(load(flow, inputs.weight));
    layer.bias?.copy_(load(flow, inputs.bias));
  });
  const x = load(flow, inputs.input);
  return () => flow.noGrad(() => layer(x));
}

/** The graph is made once; a run is the backward pass to the one tensor that requires a gradient. */
function convolutionGradient(flow: Flow, { shape, direction, inputs }: Conv2dTask): () => Tensor {
  const { s, p, d, g } = shape;
  const x = load(flow, inputs.input, direction === 'input-grad');
  const weight = load(flow, inputs.weight, direction === 'weight-grad');
  const gradOutputs = load(flow, inputs.grad);
  const y = flow.conv2d(x, weight, null, { stride: s, padding: p, dilation: d, groups: g });
  const to = direction === 'input-grad' ? x : weight;
  return () => flow.autograd.grad(y, to, { gradOutputs, retainGraph: true })[0]!;
}

function simple(flow: Flow, task: SimpleTask): () => Tensor {
  const tensors = Object.values(task.inputs).map((input) => load(flow, input));
  const [x, y] = tensors as [Tensor, Tensor];
  const functional = flow.nn.functional;
  switch (task.op) {
    case 'matmul':
      return () => flow.matmul(x, y);
    case 'add':
      return () => flow.add(x, y);
    case 'relu':
      return () => flow.relu(x);
    case 'sigmoid':
      return () => flow.sigmoid(x);
    case 'sum':
      return () => flow.sum(x);
    case 'mean':
      return () => flow.mean(x, -1);
    case 'transpose':
      return () => flow.transpose(x, 0, 1).contiguous();
    case 'softmax':
      return () => flow.softmax(x, -1);
    case 'maxPool2d':
      return () => functional.maxPool2d(x, 2, { stride: 2 });
    case 'avgPool2d':
      return () => functional.avgPool2d(x, 2, { stride: 2 });
    case 'batchNormTraining': {
      const [, weight, bias] = tensors as [Tensor, Tensor, Tensor];
      return () => functional.batchNorm(x, null, null, { weight, bias, training: true, eps: 1e-5 });
    }
    case 'batchNorm': {
      const [, mean, variance, weight, bias] = tensors as [Tensor, Tensor, Tensor, Tensor, Tensor];
      return () => functional.batchNorm(x, mean, variance, { weight, bias, eps: 1e-5 });
    }
    default:
      throw new TypeError(`no such operation: ${task.op satisfies never as string}`);
  }
}

function trainStep(flow: Flow, { inputs, learningRate }: TrainStepTask): () => Tensor {
  const { nn, optim } = flow;
  flow.manualSeed(0);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 16, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(32 * 5 * 5, 128),
    new nn.ReLU(),
    new nn.Dropout(0.4),
    new nn.Linear(128, 10),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: learningRate });
  const images = load(flow, inputs.images);
  const labels = flow.tensor(inputs.labels.data, { shape: inputs.labels.shape, dtype: 'int64' });
  return () => {
    optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(model(images), labels);
    loss.backward();
    optimizer.step();
    loss.item();
    return loss;
  };
}
