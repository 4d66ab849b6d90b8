import { describe, expect, it } from 'vitest';
import { chart } from '../../bench/chart.ts';
import { page } from '../../bench/page.ts';
import {
  groupsOf,
  overall,
  shareOfPeak,
  standing,
  type ContenderInfo,
  type Report,
} from '../../bench/results.ts';

const contender = (
  name: string,
  more: Partial<ContenderInfo> & Pick<ContenderInfo, 'peer'>,
): ContenderInfo => ({
  id: name,
  name,
  version: '1',
  threads: 1,
  node: '20.1.0',
  ...more,
});
const avx2 = contender('millrace-avx2', { peer: 'millrace', target: 'avx2', peak: 100 });
const wasm = contender('millrace-wasm', { peer: 'millrace', target: 'wasm', peak: 50 });
const { node: _, ...torch } = contender('torch', { peer: 'torch' });
const web = contender('ort-web', { peer: 'ort-web' });
const elsewhere = contender('ort-node', { peer: 'ort-node', node: '26.1.0' });

const task = (
  name: string,
  times: Readonly<Record<string, readonly [number, number]>>,
): Report['tasks'][number] => ({
  name,
  what: '2×3 & 4',
  flops: 8e7,
  bytes: 0,
  absences: [{ contender: 'ort-web', reason: 'has no <gradients>', failed: false }],
  results: Object.entries(times).map(([id, [min, median]]) => ({
    contender: id,
    min,
    median,
    samples: 15,
    repeats: 1,
    error: 0,
  })),
});
const report: Report = {
  date: '2026-11-25T12:00:00.000Z',
  machine: '2 × a processor',
  command: 'conv2d',
  words: ['conv2d', '--threads', '1'],
  direction: 'forward',
  contenders: [avx2, wasm, web, elsewhere, torch],
  tasks: [
    task('a', {
      'millrace-avx2': [1, 2],
      'millrace-wasm': [4, 4],
      torch: [2, 3],
      'ort-node': [0.1, 0.1],
      'ort-web': [6, 8],
    }),
    task('b', { 'millrace-avx2': [1, 1], torch: [8, 12] }),
  ],
};

describe('what benchmarks find', () => {
  const [group] = groupsOf(report);

  it('is compared with rivals of its own kind, in the same Node', () => {
    expect(standing(avx2, report.tasks[0]!, group!)).toEqual({ rival: 'torch', min: 2, median: 1.5 });
    expect(standing(wasm, report.tasks[0]!, group!)).toEqual({ rival: 'ort-web', min: 1.5, median: 2 });
    expect(standing(wasm, report.tasks[1]!, group!)).toBeUndefined();
  });

  it('has a geometric mean over the tasks that a rival did as well', () => {
    const all = overall(avx2, report.tasks, group!)!;
    expect(all.tasks).toBe(2);
    expect(all.least).toBe(2);
    expect(all.mean).toBeCloseTo(4, 10); // of 2 and 8
    expect(all.meanOfMedians).toBeCloseTo(Math.sqrt(1.5 * 12), 10);
  });

  it('is a share of the peak of its own instructions', () => {
    expect(shareOfPeak(avx2, report.tasks[0]!, 1)).toBe(0.8);
    expect(shareOfPeak(torch, report.tasks[0]!, 1)).toBeUndefined();
  });

  it('becomes a page with figures, medians, ratios and who was not timed', () => {
    const { text } = page([report]);
    expect(text).toContain('| a<br>2×3 & 4 | 80.0 (40.0) 80 % | 20.0 (20.0) 40 % |');
    expect(text).toContain('| **2.00** (1.50) | **1.50** (2.00) |');
    expect(text).toContain('- ort-web has no <gradients>');
    expect(text).toContain('npm run bench -- conv2d --threads 1');
  });

  it('becomes a chart that is well-formed XML', () => {
    const svg = chart(report, 1);
    const tags = Array.from(svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g), ([, end, name, empty]) => ({
      end,
      name,
      empty,
    }));
    const open: string[] = [];
    for (const { end, name, empty } of tags) {
      if (end === '/') expect(open.pop()).toBe(name);
      else if (empty !== '/') open.push(name!);
    }
    expect(open).toEqual([]);
    expect(svg).not.toContain('NaN');
    expect(svg).toContain('a, torch: 40.0');
    expect(() => chart(report, 2)).toThrow('there is nobody with 2 threads in this report');
  });
});
