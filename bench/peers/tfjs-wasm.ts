import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type * as Tf from '@tensorflow/tfjs-core';
import {
  Refusal,
  timeSync,
  type Contender,
  type Conv2dTask,
  type HostTensor,
  type Peer,
  type Task,
} from '../task.ts';

/**
 * TensorFlow.js on its WebAssembly backend (XNNPACK). Its layout is N H W C: images and weights are brought
 * there before the clock runs, outputs are brought back after. In Node it keeps to one thread.
 */
export const tfjsWasm: Peer = {
  name: 'tfjs-wasm',
  async open({ threads }) {
    if (threads > 1) throw new Error('in Node it has one thread');
    const tf = await import('@tensorflow/tfjs-core');
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(`${dirname(entry)}/`);
    wasm.setThreadsCount(1);
    if (!(await tf.setBackend('wasm'))) throw new Error('its wasm backend does not start');
    return {
      version: `tfjs-core ${tf.version_core}, wasm`,
      prepare: (task) => prepare(tf, task),
      close: () => tf.removeBackend('wasm'),
    };
  },
};

type Image = Tf.Tensor4D;
type Axes = [number, number, number, number];

function prepare(tf: typeof Tf, task: Task): Contender {
  const constants: Tf.Tensor[] = [];
  const keep = <T extends Tf.Tensor>(tensor: T): T => {
    constants.push(tensor);
    return tensor;
  };
  /** A tensor as it is. */
  const plain = ({ data, shape }: HostTensor): Tf.Tensor => keep(tf.tensor(data, [...shape]));
  /** A tensor of rank 4 with its axes in another order. */
  const permuted = ({ data, shape }: HostTensor, order: Axes): Image =>
    keep(tf.tidy(() => tf.transpose(tf.tensor4d(data, shape as Axes), order)));
  const image = (tensor: HostTensor): Image => permuted(tensor, [0, 2, 3, 1]);
  const toPyTorch = (y: Tf.Tensor): Tf.Tensor => tf.transpose(y, [0, 3, 1, 2]);

  const contender = (run: () => Tf.Tensor, layout: (y: Tf.Tensor) => Tf.Tensor = (y) => y): Contender => ({
    time: timeSync(() => run().dispose()),
    output: () => tf.tidy(() => layout(run())).dataSync() as Float32Array,
    dispose: () => tf.dispose(constants),
  });

  switch (task.op) {
    case 'conv2d':
      return contender(convolution(tf, task, { plain, permuted, image }), toPyTorch);
    case 'matmul': {
      const [a, b] = values(task.inputs).map(plain) as [Tf.Tensor, Tf.Tensor];
      return contender(() => tf.matMul(a, b));
    }
    case 'add': {
      const [a, b] = values(task.inputs).map(plain) as [Tf.Tensor, Tf.Tensor];
      return contender(() => tf.add(a, b));
    }
    case 'relu': {
      const [x] = values(task.inputs).map(plain) as [Tf.Tensor];
      return contender(() => tf.relu(x));
    }
    case 'sigmoid': {
      const [x] = values(task.inputs).map(plain) as [Tf.Tensor];
      return contender(() => tf.sigmoid(x));
    }
    case 'mean': {
      const [x] = values(task.inputs).map(plain) as [Tf.Tensor];
      return contender(() => tf.mean(x, -1));
    }
    case 'transpose': {
      const [x] = values(task.inputs).map(plain) as [Tf.Tensor];
      return contender(() => tf.transpose(x));
    }
    case 'sum': {
      const [x] = values(task.inputs).map(plain) as [Tf.Tensor];
      return contender(() => tf.sum(x));
    }
    case 'softmax': {
      const [x] = values(task.inputs).map(plain) as [Tf.Tensor];
      return contender(() => tf.softmax(x));
    }
    case 'maxPool2d': {
      const [x] = values(task.inputs).map(image) as [Image];
      return contender(() => tf.maxPool(x, 2, 2, 'valid'), toPyTorch);
    }
    case 'avgPool2d': {
      const [x] = values(task.inputs).map(image) as [Image];
      return contender(() => tf.avgPool(x, 2, 2, 'valid'), toPyTorch);
    }
    case 'batchNorm': {
      const [x, ...vectors] = values(task.inputs);
      const input = image(x as HostTensor);
      const [mean, variance, weight, bias] = vectors.map(plain) as [
        Tf.Tensor1D,
        Tf.Tensor1D,
        Tf.Tensor1D,
        Tf.Tensor1D,
      ];
      return contender(() => tf.batchNorm(input, mean, variance, bias, weight, 1e-5), toPyTorch);
    }
    case 'batchNormTraining':
      throw new Refusal('has no such operation');
    case 'trainStep':
      throw new Refusal('lacks gradients on its wasm backend');
    default:
      throw new TypeError(`no such task: ${(task satisfies never as Task).op}`);
  }
}

const values = (inputs: Readonly<Record<string, HostTensor>>): HostTensor[] => Object.values(inputs);

interface Layouts {
  plain(tensor: HostTensor): Tf.Tensor;
  permuted(tensor: HostTensor, order: Axes): Image;
  image(tensor: HostTensor): Image;
}

function convolution(tf: typeof Tf, task: Conv2dTask, { plain, permuted, image }: Layouts): () => Tf.Tensor {
  const { n, c, h, w, o, s, p, d, g } = task.shape;
  const { input, weight, bias, grad } = task.inputs;
  const strides: [number, number] = [...s];
  const dilations: [number, number] = [...d];
  const pad: Tf.backend_util.ExplicitPadding = [
    [0, 0],
    [p[0], p[0]],
    [p[1], p[1]],
    [0, 0],
  ];
  const depthwise = g > 1 && g === c;

  if (g > 1 && !depthwise) throw new Refusal('has no grouped convolution');
  if (Math.max(...s) > 1 && Math.max(...d) > 1) throw new Refusal('has no stride together with dilation');

  if (task.direction === 'forward') {
    const x = image(input);
    const b = plain(bias);
    if (depthwise) {
      if (p[0] !== p[1]) throw new Refusal('pads both axes of a depthwise convolution alike');
      // [O, 1, kH, kW], O = C · multiplier with the channel outermost, becomes [kH, kW, C, multiplier].
      const [kH, kW] = task.shape.k;
      const split = { data: weight.data, shape: [c, o / c, kH, kW] };
      const filter = permuted(split, [2, 3, 0, 1]);
      return () => tf.fused.depthwiseConv2d({ x, filter, strides, pad: p[0], dilations, bias: b });
    }
    const filter = permuted(weight, [2, 3, 1, 0]);
    return () => tf.fused.conv2d({ x, filter, strides, pad, dilations, bias: b });
  }
  if (task.direction === 'input-grad' && g === 1 && Math.max(...d) === 1) {
    const dy = image(grad);
    const filter = permuted(weight, [2, 3, 1, 0]);
    return () => tf.conv2dTranspose(dy, filter, [n, h, w, c], strides, pad);
  }
  throw new Refusal('lacks this gradient on its wasm backend');
}
