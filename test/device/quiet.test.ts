import v8 from 'node:v8';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type * as Quiet from '../../src/device/quiet.ts';

const flags: string[] = [];
beforeEach(() => {
  flags.length = 0;
  vi.resetModules();
  vi.spyOn(v8, 'setFlagsFromString').mockImplementation((flag) => {
    flags.push(flag);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const { v8: version } = process.versions;
const execArgv = [...process.execArgv];
/** As on a V8 of that version. */
const load = async (running: string): Promise<typeof Quiet> => {
  Object.defineProperty(process, 'versions', { value: { ...process.versions, v8: running } });
  return await import('../../src/device/quiet.ts');
};
afterEach(() => {
  Object.defineProperty(process, 'versions', { value: { ...process.versions, v8: version } });
  process.execArgv = execArgv;
});

it('V8 11 optimizes nothing meanwhile, and is told to go on afterwards, whatever happens', async () => {
  const { quietly } = await load('11.3.244.8-node.38');
  expect(quietly(() => [...flags])).toEqual(['--no-opt']);
  expect(flags).toEqual(['--no-opt', '--opt']);
  expect(() =>
    quietly(() => {
      throw new Error('no kernel');
    }),
  ).toThrow('no kernel');
  expect(flags).toEqual(['--no-opt', '--opt', '--no-opt', '--opt']);
});

it('V8 11 optimizes what runs often', async () => {
  const { quietly } = await load('11.3.244.8-node.38');
  for (let i = 0; i < 200; i++) quietly(() => i);
  expect(flags.length).toBeLessThan(200);
  expect(flags.at(-1)).toBe('--opt');
});

it('other versions are told nothing, nor where somebody has switched the optimizer off', async () => {
  const { quietly } = await load('12.4.254.21-node.33');
  expect(quietly(() => 5)).toBe(5);
  vi.resetModules();
  process.execArgv = [...execArgv, '--no-opt'];
  const again = await load('11.3.244.8-node.38');
  expect(again.quietly(() => 6)).toBe(6);
  expect(flags).toEqual([]);
});
