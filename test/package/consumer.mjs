/** What a first user of the installed package writes: a convolution, forward and backward, by hand-checked numbers. */
import assert from 'node:assert/strict';
import * as flow from 'millrace';
import { nn } from 'millrace';

const input = flow.arange(9, { dtype: 'float32' }).view([1, 1, 3, 3]).requiresGrad_();
const output = nn.functional.conv2d(input, flow.ones([1, 1, 2, 2]));
assert.deepEqual(output.shape, [1, 1, 2, 2]);
assert.deepEqual(output.tolist(), [[[[8, 12], [20, 24]]]]); // prettier-ignore

output.sum().backward();
assert.deepEqual(input.grad.tolist(), [[[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]]); // prettier-ignore

const conv = new nn.Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1] });
assert.deepEqual(conv(flow.randn([20, 16, 50, 100])).shape, [20, 33, 26, 100]);
assert.deepEqual(Object.keys(Object.fromEntries(conv.stateDict())), ['weight', 'bias']);
console.log(conv);
