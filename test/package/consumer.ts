/** What the types of the installed package must allow and refuse; it is checked, not run. */
import * as flow from 'millrace';
import { nn, type Tensor } from 'millrace';

const conv = new nn.Conv2d(3, 4, [3, 2], { stride: 2, padding: [1, 0], bias: false });
const input: Tensor = flow.randn([2, 3, 7, 6], { dtype: flow.float32, requiresGrad: true });
const output: Tensor = conv(input).relu();
output.square().mean().backward();
export const loss: number = output.sum().item();
export const shape: readonly number[] = output.shape;
export const gradient: Tensor | null | undefined = input.grad;

// @ts-expect-error -- the option is called stride
new nn.Conv2d(3, 4, 3, { strides: 2 });
// @ts-expect-error -- there is no such padding mode
new nn.Conv2d(3, 4, 3, { paddingMode: 'mirror' });
// @ts-expect-error -- a convolution takes a tensor
conv([1, 2, 3]);
// @ts-expect-error -- there is no such dtype
flow.zeros([2], { dtype: 'float23' });
