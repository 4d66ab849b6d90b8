/** What onnxruntime-web and onnxruntime-node have in common: the model of a task, and how it is run. */
import type * as Common from 'onnxruntime-common';
import { Refusal, timeAsync, type Contender, type SimpleTask, type Task } from '../task.ts';
import { onnxModel, type OnnxInput, type OnnxNode } from './onnx.ts';

type Runtime = Pick<typeof Common, 'InferenceSession' | 'Tensor'>;

export async function prepareOrt(
  { InferenceSession, Tensor }: Runtime,
  task: Task,
  options: Common.InferenceSession.SessionOptions,
): Promise<Contender> {
  const node = nodeOf(task);
  const start = performance.now();
  const session = await InferenceSession.create(onnxModel(node), options);
  const setupMs = performance.now() - start;
  const feeds = Object.fromEntries(
    node.inputs
      .filter(({ kind }) => kind === 'variable')
      .map(({ name, tensor }) => [name, new Tensor('float32', tensor.data, tensor.shape)]),
  );
  const run = (): Promise<Common.InferenceSession.OnnxValueMapType> => session.run(feeds);
  return {
    setupMs,
    time: timeAsync(run),
    output: async () => (await run())['output']?.data as Float32Array,
    dispose: () => session.release(),
  };
}

function nodeOf(task: Task): OnnxNode {
  switch (task.op) {
    case 'conv2d': {
      if (task.direction !== 'forward') throw new Refusal('has no gradients');
      const { k, s, p, d, g } = task.shape;
      const { input, weight, bias } = task.inputs;
      return {
        opType: 'Conv',
        inputs: [
          { name: 'x', kind: 'variable', tensor: input },
          { name: 'weight', kind: 'constant', tensor: weight },
          { name: 'bias', kind: 'constant', tensor: bias },
        ],
        attributes: { kernel_shape: k, strides: s, pads: [...p, ...p], dilations: d, group: g },
      };
    }
    case 'matmul':
      return { opType: 'MatMul', inputs: variables(task) };
    case 'add':
      return { opType: 'Add', inputs: variables(task) };
    case 'relu':
      return { opType: 'Relu', inputs: variables(task) };
    case 'sigmoid':
      return { opType: 'Sigmoid', inputs: variables(task) };
    case 'sum':
      return { opType: 'ReduceSum', inputs: variables(task), attributes: { keepdims: 0 } };
    case 'mean':
      return { opType: 'ReduceMean', inputs: variables(task), attributes: { keepdims: 0, axes: [-1] } };
    case 'transpose':
      return { opType: 'Transpose', inputs: variables(task), attributes: { perm: [1, 0] } };
    case 'softmax':
      return { opType: 'Softmax', inputs: variables(task) };
    case 'maxPool2d':
    case 'avgPool2d':
      return {
        opType: task.op === 'maxPool2d' ? 'MaxPool' : 'AveragePool',
        inputs: variables(task),
        attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      };
    case 'batchNorm': {
      const { x, mean, variance, weight, bias } = task.inputs;
      if (!x || !mean || !variance || !weight || !bias) throw new TypeError('batchNorm: an input is missing');
      return {
        opType: 'BatchNormalization', // epsilon is 1e-5 by default
        inputs: [
          { name: 'x', kind: 'variable', tensor: x },
          ...Object.entries({ weight, bias, mean, variance }).map(([name, tensor]): OnnxInput => ({
            name,
            kind: 'constant',
            tensor,
          })),
        ],
      };
    }
    case 'batchNormTraining':
      throw new Refusal('has no such operation');
    case 'trainStep':
      throw new Refusal('does not train');
    default:
      throw new TypeError(`no such task: ${(task satisfies never as Task).op}`);
  }
}

const variables = (task: SimpleTask): OnnxInput[] =>
  Object.entries(task.inputs).map(([name, tensor]) => ({ name, kind: 'variable', tensor }));
