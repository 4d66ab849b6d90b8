import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { setDebug } from '../../src/device/debug.ts';
import { heap } from '../../src/device/heap.ts';
import { launch } from '../../src/device/launch.ts';
import {
  availableTargets,
  currentTarget,
  interpreter,
  setTarget,
  targetNames,
  type TargetName,
} from '../../src/device/target.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import * as flow from '../../src/index.ts';
import { eachLane, input, kernel, output } from '../../src/lang/index.ts';

afterEach(() => {
  setTarget('wasm');
  setDebug('');
  vi.restoreAllMocks();
});

/** The current target's name, or the error, in a process of its own with these variables, after some code. */
const inProcess = (variables: Record<string, string>, before = ''): string =>
  execFileSync(
    process.execPath,
    [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      `${before}
      try {
        const { currentTarget } = await import(${JSON.stringify(new URL('../../src/device/target.ts', import.meta.url).href)});
        await import(${JSON.stringify(new URL('../../src/device/debug.ts', import.meta.url).href)});
        console.log(currentTarget().name);
      } catch (error) { console.log(error.name + ': ' + error.message); }`,
    ],
    // What it says beside the name would be more than was expected.
    { env: { ...process.env, ...variables }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  ).trim();

describe('The target', () => {
  it.each<[Record<string, string>, string]>([
    [{ MILLRACE_TARGET: '' }, availableTargets().at(-1)!],
    [{ MILLRACE_TARGET: 'wasm' }, 'wasm'],
    [{ MILLRACE_TARGET: 'interpret' }, 'interpret'],
    [
      { MILLRACE_TARGET: 'cuda' },
      "ValueError: MILLRACE_TARGET: unknown target 'cuda'; known are interpret, wasm, avx2, avx512",
    ],
    [
      { MILLRACE_DEBUG: 'asn' },
      "ValueError: MILLRACE_DEBUG: unknown topic 'asn'; known are kernel, asm, time",
    ],
    [
      { MILLRACE_MEMORY_LIMIT: 'much' },
      "RuntimeError: MILLRACE_MEMORY_LIMIT must be a positive number of bytes, got 'much'",
    ],
  ])('with %o is: %s', (variables, expected) => {
    expect(inProcess(variables)).toBe(expected);
  });

  it('is what was set last, and an unknown one leaves it as it was', () => {
    setTarget('interpret');
    expect(() => {
      setTarget('cuda' as TargetName);
    }).toThrow("setTarget: unknown target 'cuda'; known are interpret, wasm, avx2, avx512");
    expect(currentTarget().name).toBe('interpret');
    expect(targetNames).toEqual(['interpret', 'wasm', 'avx2', 'avx512']);
  });
});

describe('Where code of our own cannot run', () => {
  const koffi = "process.getBuiltinModule('node:module').createRequire(import.meta.url)('koffi')";
  /** Of koffi, with one function of the system replaced. */
  const replacing = (name: string, value: string): string => `({ ...koffi, load(path) {
    const library = koffi.load(path);
    return { func: (name, ...types) => name === '${name}' ? () => ${value} : library.func(name, ...types) };
  } })`;
  const hindrances: readonly (readonly [string, string, string])[] = [
    [
      'koffi is absent',
      `load = () => { throw new Error("Cannot find module 'koffi'\\nRequire stack: ..."); }`,
      "koffi cannot be loaded: Cannot find module 'koffi'",
    ],
    [
      'the system gives no pages',
      `load = () => ${replacing('mmap', '-1')}`,
      'the system has no memory for machine code',
    ],
    [
      'it refuses to make pages executable',
      `load = () => ${replacing('mprotect', '-1')}`,
      'the system refuses to make memory executable',
    ],
    [
      'the processor is another',
      `Object.defineProperty(process, 'arch', { value: 'arm64' })`,
      'the processor is arm64, not x64',
    ],
  ];

  it.runIf(process.arch === 'x64' && process.platform !== 'win32').each(hindrances)(
    'since %s, WebAssembly runs, and who asks for more is told why',
    (_, hinder, reason) => {
      const before = `
        const koffi = ${koffi};
        let load = null;
        const Module = process.getBuiltinModule('node:module');
        const original = Module._load;
        Module._load = (request, ...rest) => (load !== null && request === 'koffi' ? load() : original(request, ...rest));
        ${hinder};`;
      expect(inProcess({ MILLRACE_TARGET: '' }, before)).toBe('wasm');
      for (const name of ['avx2', 'avx512'])
        expect(inProcess({ MILLRACE_TARGET: name }, before)).toBe(
          `RuntimeError: MILLRACE_TARGET: ${name} is not available: ${reason}`,
        );
    },
  );
});

describe.each([16, 32, 64])('Kernels that say lanes and never a number, on vectors of %i bytes', (bytes) => {
  const x = flow.randn([2, 3, 9, 7]);
  const weight = flow.randn([4, 3, 3, 2]);
  const a = flow.randn([7, 13]);
  const b = flow.randn([13, 9]);

  /** The gradients of a convolution, one after the other. */
  const gradients = (): flow.Tensor => {
    const input = x.detach().clone().requiresGrad_(true);
    const filter = weight.detach().clone().requiresGrad_(true);
    conv2d(input, filter, null, { padding: 1 }).square().sum().backward();
    return flow.cat([input.grad!.flatten(), filter.grad!.flatten()]);
  };

  it.each<[string, () => flow.Tensor]>([
    ['a product of matrices', () => flow.matmul(a, b)],
    ['a convolution', () => conv2d(x, weight, null, { padding: 1, stride: [2, 1] })],
    ['the gradients of a convolution', gradients],
    ['sums over axes', () => x.sum([1, 3])],
    ['a softmax', () => a.softmax(1)],
    ['an exponential', () => a.exp()],
    ['doubles', () => a.to('float64').mul(3).sum(1)],
    ['half precision', () => a.to('float16').add(1).to('float32')],
    ['bytes', () => a.mul(10).to('int8').to('float32')],
    ['a transposed copy', () => a.t().contiguous()],
  ])('compute %s as WebAssembly does', (_, compute) => {
    const expected = compute();
    setTarget(interpreter(bytes));
    expect(compute()).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-5 });
  });
});

describe('Debugging', () => {
  const negate = (name: string) =>
    kernel(name, { x: input('f32'), out: output('f32') }, ({ x, out }, range) => {
      eachLane(range, (i) => out.set(i, x.at(i).neg()));
    });
  const printed = (words: string, name: string): string[] => {
    const lines: string[] = [];
    vi.spyOn(console, 'error').mockImplementation((text: string) => void lines.push(text));
    setDebug(words);
    const definition = negate(name);
    const x = heap.allocate(64);
    const out = heap.allocate(64);
    setTarget('wasm');
    launch(definition, { x, out }, 0, 3);
    launch(definition, { x, out }, 3, 5);
    return lines;
  };

  it("prints a kernel's text when it is first built", () => {
    const lines = printed('kernel', 'test told');
    expect(lines.length).toBe(1);
    expect(lines[0]).toMatch(/^kernel test told\(x: in f32, out: out f32\)\n[^]*neg\.f32x4/);
  });

  it('prints the WAT when it is first compiled', () => {
    const lines = printed('asm', 'test assembled');
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain('f32x4.neg');
  });

  it('prints a line per launch', () => {
    const lines = printed(' time ', 'test timed');
    expect(lines.length).toBe(2);
    expect(lines[0]).toMatch(/^test timed \[0, 3\) wasm \d+\.\d{3} ms$/);
    expect(lines[1]).toMatch(/^test timed \[3, 5\) wasm/);
  });

  it('says nothing unless asked', () => {
    expect(printed('', 'test silent')).toEqual([]);
  });

  it('refuses an unknown word', () => {
    expect(() => {
      setDebug('time,asn');
    }).toThrow("MILLRACE_DEBUG: unknown topic 'asn'; known are kernel, asm, time");
  });
});
