/** The example of PyTorch's and OneFlow's documentation of Conv2d, with PyTorch's numbers beside ours. */
import { readFileSync } from 'node:fs';
import * as flow from 'millrace';
import { nn } from 'millrace';

interface Golden {
  readonly documentation_example: {
    readonly output_shape: readonly number[];
    readonly sum: number;
    readonly sum_of_squares: number;
    readonly flat_indices: readonly number[];
    readonly values: readonly number[];
  };
}

/** @returns whether our numbers are PyTorch's */
export const documentationExample = (): boolean => {
  flow.manualSeed(0);
  const input = flow.randn([20, 16, 50, 100]);
  const m = new nn.Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1] });
  const output = flow.noGrad(() => m(input));

  console.log("The documentation's example, from seed 0:\n");
  console.log(`  ${String(m)}`);
  console.log(`  input [${input.shape.join(', ')}] -> output [${output.shape.join(', ')}]\n`);

  // The stored checksums are those of float64, from the same float32 input and weights.
  const path = new URL('../test/golden/conv2d.json', import.meta.url);
  const golden = (JSON.parse(readFileSync(path, 'utf8')) as Golden).documentation_example;
  const exact = flow.noGrad(() => m.double()(input.to('float64'))).reshape(-1);
  const picked = exact.indexSelect(0, flow.tensor(BigInt64Array.from(golden.flat_indices, BigInt)));
  const worst = picked
    .sub(flow.tensor(Float64Array.from(golden.values)))
    .abs()
    .max()
    .item();

  const rows: [string, number, number][] = [
    ['sum', exact.sum().item(), golden.sum],
    ['sum of squares', exact.square().sum().item(), golden.sum_of_squares],
  ];
  let same = worst < 1e-12 && String(output.shape) === String(golden.output_shape);
  for (const [name, ours, theirs] of rows) {
    const agrees = Math.abs(ours - theirs) <= 1e-9 * Math.abs(theirs);
    same &&= agrees;
    console.log(
      `  ${name.padEnd(16)} ${ours.toFixed(6).padStart(16)}   PyTorch ${theirs.toFixed(6).padStart(16)}   ${agrees ? 'same' : 'DIFFERENT'}`,
    );
  }
  console.log(
    `  ${String(golden.values.length)} single values   largest difference ${worst.toExponential(1)}\n`,
  );
  return same;
};
