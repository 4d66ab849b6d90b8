/** The runs behind docs/benchmarks.md: the name of the file of each, and the words that make it. */
export const suite: readonly (readonly [string, string])[] = [
  ['conv2d-forward', 'conv2d --targets avx512,avx2,wasm --threads 1,2'],
  [
    'conv2d-highest',
    'conv2d --filter 3x3 --precision highest --targets avx512,avx2 --threads 1,2 --peers ort-node,torch',
  ],
  // What a processor without AVX-512 would show.
  ['conv2d-avx2', 'conv2d --isa avx2 --threads 1,2 --peers ort-node,torch'],
  ['conv2d-random', 'conv2d --random 10 --seed 7 --targets avx512,avx2,wasm --threads 1,2'],
  [
    'conv2d-input-grad',
    'conv2d --direction input-grad --targets avx512,avx2,wasm --threads 1,2 --peers torch,tfjs-wasm',
  ],
  [
    'conv2d-weight-grad',
    'conv2d --direction weight-grad --targets avx512,avx2,wasm --threads 1,2 --peers torch',
  ],
  ['matmul', 'matmul --targets avx512,avx2,wasm --threads 1,2'],
  ['ops', 'ops --targets avx512,avx2,wasm --threads 1,2'],
  ['train-step', 'train-step --targets avx512,avx2,wasm --threads 1,2 --peers torch'],
  ['overhead', 'overhead --targets avx512,avx2,wasm'],
  ['first-call', 'first-call --targets avx512,avx2,wasm --peers ort-node,torch'],
];

/** WebAssembly alone, where a second Node is given: in each. */
export const suiteInNodes: readonly [string, string] = [
  'conv2d-wasm',
  'conv2d --targets wasm --peers ort-web,tfjs-wasm',
];
