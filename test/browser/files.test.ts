import { afterAll, beforeAll, expect, it } from 'vitest';
import { goldenBytes } from '../golden/golden.ts';
import { describeInPage, openPage, type TestPage } from './page.ts';

describeInPage('files in a page', () => {
  let page: TestPage;
  beforeAll(async () => {
    page = await openPage();
  });
  afterAll(() => page[Symbol.asyncDispose]());

  it('are loaded from bytes, a Blob, a Response and an address', async () => {
    const rows = await page.evaluate(
      async (flow, numbers) => {
        const bytes = Uint8Array.from(numbers);
        const address = URL.createObjectURL(new Blob([bytes]));
        const sources = [
          bytes,
          bytes.buffer,
          new Blob([bytes]),
          new Response(bytes),
          address,
          new URL(address),
        ];
        const states = await Promise.all(sources.map((source) => flow.load(source)));
        return states.map((state) => [...state.get('row')!.toTypedArray()]);
      },
      [...new Uint8Array(goldenBytes('files/views_zip.pt'))],
    );
    expect(rows).toEqual(new Array(6).fill([4, 5, 6, 7]));
  });

  it('are saved as bytes', async () => {
    const kept = await page.evaluate(async (flow) => {
      const net = new flow.nn.Linear(3, 2);
      const formats = ['pt', 'safetensors', 'npz'] as const;
      const states = await Promise.all(
        formats.map((format) => flow.load(new Blob([flow.saveBytes(net, { format })]))),
      );
      return states.map((state) => flow.equal(state.get('weight')!, net.weight));
    });
    expect(kept).toEqual([true, true, true]);
  });

  it('have no paths', async () => {
    await expect(page.evaluate((flow) => flow.save(flow.ones([1]), 'x.pt'))).rejects.toThrow(
      'there are no files here; load bytes, a Blob or a URL, and save with saveBytes',
    );
  });

  it('are refused by name when they ask for a call', async () => {
    const evil = [...new Uint8Array(goldenBytes('files/evil_eval_zip.pt'))];
    await expect(
      page.evaluate((flow, numbers) => flow.loadBytes(Uint8Array.from(numbers)), evil),
    ).rejects.toThrow('asks for "__builtin__.eval"');
  });

  it('cause no complaints on the console', () => expect(page.errors).toEqual([]));
});
