/**
 * Every operand of every kernel directly before and directly after a protected page: a read or write one byte outside
 * ends the program that runs them, which is another process, so that this one can tell.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { availableTargets } from '../../src/device/target.ts';

const natives = availableTargets().filter((name) => name === 'avx2' || name === 'avx512');
const program = fileURLToPath(new URL('guarded.ts', import.meta.url));

/** How the program ended: its code or signal, and the last that it said. */
const guarded = async (...args: string[]): Promise<{ end: number | string | null; last: string }> => {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const end = await new Promise<number | string | null>((resolve) => {
    child.on('close', (code, signal) => {
      resolve(code ?? signal);
    });
  });
  return { end, last: said.trimEnd().split('\n').at(-1)! };
};

describe.each(natives)('Natively on %s', (target) => {
  it.each(['before', 'after'])(
    'no kernel touches the page that its operands lie directly %s',
    { timeout: 300_000 },
    async (side) => {
      expect(await guarded(target, side)).toEqual({ end: 0, last: 'done' });
    },
  );

  it.each(['before', 'after'])(
    'a kernel that touches the page which its operand lies directly %s is caught',
    async (side) => {
      const { end, last } = await guarded(target, side, 'astray');
      expect(last).toBe('astray');
      // A fault: a signal, or on Windows an exit code.
      expect(end).not.toBe(0);
    },
  );
});
