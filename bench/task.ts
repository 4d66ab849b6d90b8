/** What is measured (a Task) and by whom (a Peer, which makes a Contender of a task). */

/** Numbers on their way into a contender: float32, row-major, in PyTorch's layout (images are N C H W). */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Direction = 'forward' | 'input-grad' | 'weight-grad';

/** A 2-D convolution; kernel, stride, padding and dilation are [vertical, horizontal]. */
export interface ConvShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly o: number;
  readonly k: readonly [number, number];
  readonly s: readonly [number, number];
  readonly p: readonly [number, number];
  readonly d: readonly [number, number];
  readonly g: number;
}

export interface Conv2dTask {
  readonly op: 'conv2d';
  readonly direction: Direction;
  readonly shape: ConvShape;
  /** [N, C, H, W], [O, C / groups, kH, kW], [O], and the output's gradient [N, O, H', W']. */
  readonly inputs: {
    readonly input: HostTensor;
    readonly weight: HostTensor;
    readonly bias: HostTensor;
    readonly grad: HostTensor;
  };
}

/**
 * Operations without constants of their own.
 *
 * - `matmul` a [M, K], b [K, N]
 * - `add` a, b of one shape
 * - `relu`, `sigmoid`, and `sum` (of all elements) x
 * - `mean` x, over the last axis
 * - `softmax` x, over the last axis
 * - `transpose` x [M, N]: a copy with the axes exchanged
 * - `maxPool2d`, `avgPool2d` x [N, C, H, W], kernel 2, stride 2
 * - `batchNorm` x [N, C, H, W], mean, variance, weight, bias [C], as in inference, eps 1e-5
 * - `batchNormTraining` x [N, C, H, W], weight, bias [C]: by the batch's own mean and variance, eps 1e-5
 */
export const simpleOps = [
  'matmul',
  'add',
  'relu',
  'sigmoid',
  'sum',
  'mean',
  'softmax',
  'transpose',
  'maxPool2d',
  'avgPool2d',
  'batchNorm',
  'batchNormTraining',
] as const;
export type SimpleOp = (typeof simpleOps)[number];

export interface SimpleTask {
  readonly op: SimpleOp;
  readonly inputs: Readonly<Record<string, HostTensor>>;
}

/**
 * One step of training the LeNet of examples/mnist: convolutions of 5×5 to 16 and 32 channels, the first padded by
 * 2, each with ReLU and max pooling, then 128 and 10 features with dropout between; forward, cross entropy, backward,
 * Adam, and a look at the loss. Initial weights are those of seed 0; the output is the loss of three successive steps.
 */
export interface TrainStepTask {
  readonly op: 'trainStep';
  /** images [N, 1, 28, 28]; labels [N], whole numbers 0 … 9. */
  readonly inputs: { readonly images: HostTensor; readonly labels: HostTensor };
  readonly learningRate: number;
}

export type Task = (Conv2dTask | SimpleTask | TrainStepTask) & {
  readonly name: string;
  /** Floating-point operations of the definition (a multiply and an add are two); 0 where they say nothing. */
  readonly flops: number;
  /** Bytes of the inputs and of the output, where memory bounds the speed; else 0. */
  readonly bytes: number;
  /** Element `index` of the output by the definition, in float64, where the task can tell. */
  readonly expected?: (index: number) => number;
};

/** What crosses to a contender's process. */
export type TaskMessage = Task extends infer T ? (T extends Task ? Omit<T, 'expected'> : never) : never;

/** A task made ready in one library: constants are where that library wants them, the graph is built. */
export interface Contender {
  /** Milliseconds that the library needed to build something for just this task, as a part of its first call. */
  readonly setupMs?: number;
  /** Milliseconds per run, one figure for each of `samples`; a sample is `repeats` runs in a row. */
  time(samples: number, repeats: number): number[] | Promise<number[]>;
  /** Runs anew and gives the result in PyTorch's layout. */
  output(): Float32Array | Promise<Float32Array>;
  dispose(): void | Promise<void>;
}

/** A library that takes part. */
export interface Peer {
  readonly name: PeerName;
  /** @throws where the library is not there, with a message that says so. */
  open(options: PeerOptions): Promise<OpenPeer>;
}

/** What `--isa` limits native libraries to. */
export type Isa = 'avx2';

export const peerNames = ['millrace', 'ort-node', 'torch', 'ort-web', 'tfjs-wasm'] as const;
export type PeerName = (typeof peerNames)[number];

export type Precision = 'high' | 'highest';

export interface PeerOptions {
  readonly threads: number;
  /** Millrace's `setFloat32ConvPrecision`. */
  readonly precision?: Precision;
  /** What Millrace assembles for, and what a native library is limited to; by default, all that there is. */
  readonly target?: string;
}

export interface OpenPeer {
  /** The version, and what else decides about speed (instruction set, BLAS). */
  readonly version: string;
  /** What Millrace's kernels are assembled for, or what a native library is limited to. */
  readonly target?: string;
  /** @throws Refusal where the library cannot do this task. */
  prepare(task: Task): Contender | Promise<Contender>;
  /** GFLOP/s of multiply-adds on registers, right now, where the library can measure it. */
  peak?(): number | Promise<number>;
  close(): void | Promise<void>;
}

/** A library cannot do a task; the message says why. */
export class Refusal extends Error {}

/** Times a run that returns when it is finished. */
export function timeSync(run: () => unknown): Contender['time'] {
  return (samples, repeats) =>
    Array.from({ length: samples }, () => {
      const start = performance.now();
      for (let i = 0; i < repeats; i++) run();
      return (performance.now() - start) / repeats;
    });
}

/** Times a run that returns a promise: from the call to the moment the promise is settled, nothing else. */
export function timeAsync(run: () => Promise<unknown>): Contender['time'] {
  return async (samples, repeats) => {
    const times: number[] = [];
    for (let sample = 0; sample < samples; sample++) {
      const start = performance.now();
      for (let i = 0; i < repeats; i++) await run();
      times.push((performance.now() - start) / repeats);
    }
    return times;
  };
}
