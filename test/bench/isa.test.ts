import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readOptions } from '../../bench/options.ts';
import { page } from '../../bench/page.ts';
import type { ContenderInfo, Report } from '../../bench/results.ts';

const setupsOf = (...words: string[]) => {
  const options = readOptions(['conv2d', ...words]);
  if (options.kind !== 'run') throw new TypeError(options.kind);
  return options.setups.map(({ peer, target }) => `${peer} ${target ?? ''}`.trim());
};

describe('--isa avx2', () => {
  it('limits native libraries, and is the target of Millrace', () => {
    expect(setupsOf('--isa', 'avx2')).toEqual([
      'millrace avx2',
      'ort-node avx2',
      'ort-web',
      'tfjs-wasm',
      'torch avx2',
    ]);
    expect(setupsOf()).toEqual(['millrace', 'ort-node', 'ort-web', 'tfjs-wasm', 'torch']);
    expect(setupsOf('--isa', 'avx2', '--targets', 'wasm', '--peers', 'none')).toEqual(['millrace wasm']);
  });

  it('is refused beside a target above it', () => {
    expect(() => setupsOf('--isa', 'avx2', '--targets', 'avx2,avx512')).toThrow(
      '--targets avx512 is above --isa avx2',
    );
    expect(() => setupsOf('--isa', 'sse2')).toThrow("--isa 'sse2' is none of avx2");
  });

  const contender = (peer: ContenderInfo['peer'], target?: string): ContenderInfo => {
    const name = target === undefined ? peer : `${peer}-${target}`;
    return {
      id: name,
      name,
      peer,
      version: '1',
      threads: 1,
      node: '20.1.0',
      ...(target === undefined ? {} : { target }),
    };
  };
  const reportOf = (...contenders: ContenderInfo[]): Report => ({
    date: '2026-11-25T12:00:00.000Z',
    machine: '2 × a processor',
    command: 'conv2d',
    words: ['conv2d'],
    direction: 'forward',
    contenders,
    tasks: [
      {
        name: 'a',
        what: '2×3',
        flops: 8e7,
        bytes: 0,
        absences: [],
        results: contenders.map(({ id }, i) => ({
          contender: id,
          min: i + 1,
          median: i + 1,
          samples: 15,
          repeats: 1,
          error: 0,
        })),
      },
    ],
  });
  const limited = reportOf(
    contender('millrace', 'avx2'),
    contender('ort-node', 'avx2'),
    contender('torch', 'avx2'),
  );
  const unlimited = reportOf(contender('millrace', 'avx2'), contender('ort-node'), contender('torch'));
  const note = 'Limited to AVX2, as on a processor that has nothing above it: ort-node, torch.';

  it('is said on the page, and the limited are rivals still', () => {
    const { text } = page([limited]);
    expect(text).toContain('## Convolution, forward, AVX2 at most');
    expect(text).toContain(note);
    expect(text).toContain('| ort-node-avx2 | torch-avx2 | × avx2 |');
    expect(text).toContain('| **2.00** (2.00) |');
    expect(page([unlimited]).text).not.toMatch(/Limited|at most/);
  });
});

const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(' '));
const script = fileURLToPath(new URL('cpuid-program.ts', import.meta.url));
const run = (part: string) =>
  spawnSync(process.execPath, ['--import', 'tsx', script, part], { encoding: 'utf8', timeout: 60_000 });

type Leaves = Readonly<Record<string, readonly [number, number, number, number]>>;

describe.skipIf(process.arch !== 'x64' || !flags.has('cpuid_fault'))('A limit on CPUID', () => {
  it('hides AVX-512 and AMX and nothing else, from this thread and those that it starts', () => {
    const { stdout, stderr } = run('ask');
    expect(stderr).toBe('');
    const found = JSON.parse(stdout) as Record<
      'before' | 'during' | 'after' | 'older' | 'younger',
      Leaves
    > & {
      answered: number;
      stays: boolean;
    };
    const { before, during } = found;
    // The kernel asked by itself, and kept what it was told.
    expect((before['7.0']![1] >>> 16) & 1).toBe(Number(flags.has('avx512f')));
    expect((during['7.0']![1] >>> 5) & 1).toBe(Number(flags.has('avx2')));

    // Intel SDM volume 2, CPUID, leaf 7: what AVX-512, AVX10 and AMX have there.
    const without = (leaf: string, ...masks: number[]) =>
      before[leaf]!.map((word, i) => (word & ~masks[i]!) >>> 0);
    expect(during).toEqual({
      ...before,
      '7.0': without('7.0', 0, 0xdc230000, 0x5842, 0x03c0010c),
      '7.1': without('7.1', 0x200020, 0, 0, 0x80100),
    });
    expect(found.after).toEqual(before);
    expect(found.older).toEqual(before);
    expect(found.younger).toEqual(during);
    expect(found.answered).toBeGreaterThanOrEqual(Object.keys(during).length);
    expect(found.stays).toBe(true);
  });

  it('leaves exceptions of WebAssembly as they are, and goes on', () => {
    const { stdout, stderr } = run('webAssembly');
    expect({ stdout, stderr }).toEqual({
      stdout: 'memory access out of bounds; then answered 1\n',
      stderr: '',
    });
  });

  it.each(['data', 'code'])('lets a real fault end the process: no %s at an address', (part) => {
    const { signal, stdout } = run(part);
    expect({ signal, stdout }).toEqual({ signal: 'SIGSEGV', stdout: '' });
  });
});
