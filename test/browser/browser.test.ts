import { afterAll, beforeAll, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { describeInPage, openPage, type TestPage } from './page.ts';

type Flow = typeof flow;

/** Runs here and, as text, in the page. No two axes alike. */
function trainOneStep(flow: Flow) {
  flow.manualSeed(3);
  const input = flow.randn([2, 6, 9, 7], { requiresGrad: true });
  const conv = new flow.nn.Conv2d(6, 4, [3, 2], { stride: [2, 1], padding: [1, 2], groups: 2 });
  const output = conv(input);
  output.square().mean().backward();
  return {
    output: output.toTypedArray(),
    inputGrad: input.grad!.toTypedArray(),
    weightGrad: conv.weight.grad!.toTypedArray(),
    biasGrad: conv.bias!.grad!.toTypedArray(),
  };
}

describeInPage('in a page', () => {
  let page: TestPage;
  beforeAll(async () => {
    page = await openPage();
  });
  afterAll(() => page[Symbol.asyncDispose]());

  it('a convolution and its gradients are those that Node computes', async () => {
    const here = trainOneStep(flow);
    const there = await page.evaluate(trainOneStep);
    for (const name of ['output', 'inputGrad', 'weightGrad', 'biasGrad'] as const) {
      expect(there[name], name).toBeAllclose(here[name], { rtol: 1e-5, atol: 1e-6 });
    }
  });

  it('random numbers are, bit for bit, those that Node draws', async () => {
    const draw = (flow: Flow) => {
      flow.manualSeed(7);
      return { normal: flow.randn([37]).toTypedArray(), uniform: flow.rand([5, 3]).toTypedArray() };
    };
    const there = await page.evaluate(draw);
    const here = draw(flow);
    expect(there.normal).toEqualBits(here.normal);
    expect(there.uniform).toEqualBits(here.uniform);
  });

  it('an error arrives with its text', async () => {
    await expect(page.evaluate((flow) => flow.ones([2, 3]).add(flow.ones([4])).shape)).rejects.toThrow(
      'The size of tensor a (3) must match the size of tensor b (4)',
    );
  });

  it('nothing is complained about on the console', () => {
    expect(page.errors).toEqual([]);
  });

  it('a page without shared memory computes the same', async () => {
    await using plain = await openPage({ isolated: false });
    const there = await plain.evaluate(trainOneStep);
    expect(there.output).toBeAllclose(trainOneStep(flow).output, { rtol: 1e-5, atol: 1e-6 });
  });
});
