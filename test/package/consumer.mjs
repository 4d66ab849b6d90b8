/**
 * What a first user of the installed package writes: a convolution, forward and backward, by hand-checked numbers, a
 * file, threads. MILLRACE_EXPECT is a pattern of the targets that must be running.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as flow from 'millrace';
import { nn } from 'millrace';

const wanted = process.env.MILLRACE_EXPECT ?? '.';
assert.match(flow.getTarget(), new RegExp(`^(?:${wanted})$`));

// Names are those of the source, though its files were joined.
for (const exported of [flow, nn, nn.functional, nn.init, flow.optim, flow.data, flow.autograd]) {
  for (const [name, value] of Object.entries(exported)) {
    if (typeof value !== 'function') continue;
    if (/^[A-Z]/.test(name)) assert.equal(value.name, name);
    else assert.ok(!value.name.includes('$'), `${name} is named ${value.name}`);
  }
}

const input = flow.arange(9, { dtype: 'float32' }).view([1, 1, 3, 3]).requiresGrad_();
const output = nn.functional.conv2d(input, flow.ones([1, 1, 2, 2]));
assert.deepEqual(output.shape, [1, 1, 2, 2]);
assert.deepEqual(output.tolist(), [[[[8, 12], [20, 24]]]]); // prettier-ignore

output.sum().backward();
assert.deepEqual(input.grad.tolist(), [[[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]]); // prettier-ignore

const conv = new nn.Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1] });
assert.deepEqual(Object.keys(Object.fromEntries(conv.stateDict())), ['weight', 'bias']);
const images = flow.randn([20, 16, 50, 100]);
flow.setNumThreads(2);
const threaded = conv(images);
assert.deepEqual(threaded.shape, [20, 33, 26, 100]);
flow.setNumThreads(1);
assert.ok(flow.equal(conv(images), threaded), 'the number of threads changes results');

await flow.save(conv, 'conv.pt');
assert.equal(readFileSync('conv.pt').subarray(0, 2).toString(), 'PK');
assert.equal(String(conv.loadStateDict(await flow.load('conv.pt'))), '<All keys matched successfully>');
console.log(`  ${flow.getTarget()}: ${conv}`);
