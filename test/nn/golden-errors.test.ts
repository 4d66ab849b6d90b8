import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import type { DType } from '../../src/dtype.ts';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { conv2dOf, type PythonConv2dArgs } from '../golden/conv2d-args.ts';
import { goldenJson } from '../golden/golden.ts';
import { inJavaScript } from '../golden/python-texts.ts';

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: string;
  readonly message?: string;
  readonly warnings?: readonly string[];
}
interface ConvOutcome extends Outcome {
  readonly args: PythonConv2dArgs;
  readonly input?: { readonly shape: readonly number[]; readonly dtype: string };
  readonly output_shape?: readonly number[];
}
const golden = goldenJson<{ conv2d: readonly ConvOutcome[]; module: readonly Outcome[] }>('errors.json');

/** Python prints a KeyError's text as it would print a string: in quotes. */
const unquoted = (text: string): string =>
  text.slice(1, -1).replaceAll(text.startsWith("'") ? "\\'" : '\\"', text[0]!);

const expected = ({ error, message = '' }: Outcome): [kind: string, text: string] => [
  error!,
  inJavaScript(error === 'KeyError' ? unquoted(message) : message),
];

const thrownBy = (call: () => unknown): [kind: string, text: string] => {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return [(error as Error).name, (error as Error).message];
  }
  return ['nothing', 'was thrown'];
};

const any = (value: unknown): never => value as never;
const loose = (module: nn.AnyModule): Record<string, unknown> => module as unknown as Record<string, unknown>;
const zeros = (...shape: number[]): Tensor => flow.zeros(shape);
const wanted = (...shape: number[]): Tensor => flow.ones(shape, { requiresGrad: true });
const parameter = (...shape: number[]): nn.Parameter => new nn.Parameter(zeros(...shape));
const conv = (): nn.Conv2d => new nn.Conv2d(1, 2, 3);
const trio = (): nn.Sequential =>
  new nn.Sequential(conv(), new nn.Conv2d(2, 2, 1, { bias: false }), new nn.ReLU());
const nested = (): nn.AnyModule => {
  const net = new nn.Module();
  loose(net)['b'] = new nn.Sequential(conv());
  return net;
};
const buffered = (): nn.AnyModule => {
  const net = new nn.Module();
  net.registerBuffer('a', zeros(1));
  return net;
};
/** A state dictionary of `trio` with some entries replaced, or (by null) left out. */
const state = (changes: Readonly<Record<string, unknown>>): never => {
  const dict = new Map<string, unknown>(trio().stateDict());
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) dict.delete(key);
    else dict.set(key, value);
  }
  return any(dict);
};

/** The calls that make_golden.py names. */
const moduleCalls: Readonly<Record<string, () => unknown>> = {
  'addModule(name, 3)': () => conv().addModule('name', any(3)),
  'addModule(3, module)': () => conv().addModule(any(3), conv()),
  "addModule('a.b', module)": () => conv().addModule('a.b', conv()),
  "addModule('', module)": () => conv().addModule('', conv()),
  "addModule('stride', module): plain attribute exists": () => conv().addModule('stride', conv()),
  "addModule('weight', module): parameter exists": () => conv().addModule('weight', conv()),
  "addModule('forward', module): method exists": () => conv().addModule('forward', conv()),
  "addModule('a', null)": () => conv().addModule('a', null),
  "registerParameter('a', 3)": () => conv().registerParameter('a', any(3)),
  "registerParameter('a', plain tensor)": () => conv().registerParameter('a', any(zeros(1))),
  'registerParameter(3, parameter)': () => conv().registerParameter(any(3), parameter(1)),
  "registerParameter('a.b', parameter)": () => conv().registerParameter('a.b', parameter(1)),
  "registerParameter('', parameter)": () => conv().registerParameter('', parameter(1)),
  "registerParameter('stride', parameter)": () => conv().registerParameter('stride', parameter(1)),
  "registerParameter('a', null)": () => conv().registerParameter('a', null),
  "registerBuffer('a', 3)": () => conv().registerBuffer('a', any(3)),
  'registerBuffer(3, tensor)': () => conv().registerBuffer(any(3), zeros(1)),
  "registerBuffer('a.b', tensor)": () => conv().registerBuffer('a.b', zeros(1)),
  "registerBuffer('', tensor)": () => conv().registerBuffer('', zeros(1)),
  "registerBuffer('stride', tensor)": () => conv().registerBuffer('stride', zeros(1)),
  "registerBuffer('weight', tensor)": () => conv().registerBuffer('weight', zeros(1)),
  'assign a tensor to a parameter name': () => (loose(conv())['weight'] = zeros(1)),
  'assign a number to a parameter name': () => (loose(conv())['weight'] = 3),
  'assign a number to a buffer name': () => (loose(buffered())['a'] = 3),
  'assign a number to a child name': () => (loose(trio())['0'] = 3),
  'read a missing attribute': () => conv().getAttribute('foo'),
  'delete a missing attribute': () => conv().deleteAttribute('foo'),
  'call a module without forward': () => new nn.Module()(zeros(1)),
  "train('x')": () => conv().train(any('x')),
  'train(null)': () => conv().train(any(null)),
  'load: one key missing': () => trio().loadStateDict(state({ '0.bias': null })),
  'load: {}': () => trio().loadStateDict({}),
  'load: three unexpected keys': () =>
    trio().loadStateDict(state({ zz: zeros(1), '0.q': zeros(1), '1.bias': zeros(2) })),
  'load: missing and unexpected': () =>
    trio().loadStateDict(state({ '0.bias': null, '1.weight': null, zz: zeros(1) })),
  'load: shape mismatch': () => trio().loadStateDict(state({ '0.weight': zeros(2, 1, 3, 2) })),
  'load: shape mismatch, strict=false': () =>
    trio().loadStateDict(state({ '0.weight': zeros(2, 1, 3, 2) }), false),
  'load: all three kinds': () =>
    trio().loadStateDict(
      state({ '0.weight': zeros(2, 1, 3, 2), '0.bias': null, u: zeros(1), '1.weight': zeros(3) }),
    ),
  'load: value is a number': () => trio().loadStateDict(state({ '0.weight': 3 })),
  'load: a list in place of the dictionary': () => trio().loadStateDict(any([])),
  'to(int32)': () => conv().to('int32'),
  "to('foo')": () => conv().to('foo'),
  'cuda() without CUDA': () => conv().cuda(),
  "getSubmodule('b.9')": () => nested().getSubmodule('b.9'),
  "getSubmodule('b.0.weight')": () => nested().getSubmodule('b.0.weight'),
  "getParameter('0.foo')": () => trio().getParameter('0.foo'),
  "getParameter('0.stride')": () => trio().getParameter('0.stride'),
  'regular hook after full backward hook': () => {
    const relu = new nn.ReLU();
    relu.registerFullBackwardHook(() => null);
    relu.registerBackwardHook(() => null);
  },
  'full backward hook returns two gradients for one input': () => {
    const relu = new nn.ReLU();
    relu.registerFullBackwardHook((_, [gradient]) => [gradient!, gradient!]);
    relu(wanted(2)).sum().backward();
  },
  'backward of a non-scalar': () => {
    wanted(2).mul(2).backward();
  },
  'backward without a graph': () => {
    zeros(1).backward();
  },
  'backward with a wrong-shaped gradient': () => {
    wanted(2).mul(2).backward(zeros(3));
  },
  'backward twice': () => {
    const x = wanted(2);
    const y = x.mul(x).sum();
    y.backward();
    y.backward();
  },
  'in-place on a leaf that requires grad': () => wanted(2).add_(1),
  'requires_grad=false on a non-leaf': () => wanted(2).mul(2).requiresGrad_(false),
  'requires_grad on an integer tensor': () => flow.zeros([2], { dtype: 'int64' }).requiresGrad_(),
  'Parameter of an integer tensor': () => new nn.Parameter(flow.zeros([1], { dtype: 'int64' })),
  'weight changed in place between forward and backward': () => {
    const module = new nn.Conv2d(1, 1, 1);
    module.weight = parameter(1, 1, 1, 1);
    const y = module(wanted(1, 1, 2, 2)).sum();
    flow.noGrad(() => module.weight.add_(1));
    y.backward();
  },
  'grad of another shape': () => (wanted(2).grad = zeros(3)),
  'grad of another dtype': () => (wanted(2).grad = flow.zeros([2], { dtype: 'float64' })),
  'copy_ of an unbroadcastable shape': () => zeros(2).copy_(zeros(3)),
  'autograd.grad of an unused input': () => flow.autograd.grad(wanted(2).sum(), wanted(2)),
};

/** Where we say something else, and why. */
const otherwise: Readonly<Record<string, readonly [kind: string, text: string]>> = {
  // The devices are ours.
  "to('foo')": [
    'RuntimeError',
    'Expected one of cpu, cuda, webgpu device type at start of device string: foo',
  ],
  // A device that is not there is no failed assertion.
  'cuda() without CUDA': [
    'RuntimeError',
    'device cuda is not available: this version of Millrace computes on the CPU',
  ],
  // There are no complex numbers.
  'float32 module, complex64 input': ['TypeError', expect.stringContaining('complex64') as string],
  'float32 module without bias, complex64 input': [
    'TypeError',
    expect.stringContaining('complex64') as string,
  ],
};

describe.each(availableTargets())("all of PyTorch's complaints, on %s", (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  const runConv = ({ args, input, name }: ConvOutcome): readonly number[] | null => {
    // JavaScript does not tell 3.0 from 3; 3.5 is as little an integer.
    const module = conv2dOf(name === 'float kernel' ? { ...args, kernel_size: 3.5 } : args);
    return input ? module(flow.zeros(input.shape, { dtype: input.dtype as DType })).shape : null;
  };

  it.each(golden.conv2d.map((c) => [c.name, c] as const))('Conv2d: %s', (name, c) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    try {
      if (name === 'float in_channels') {
        // 4.0 is the integer 4 here, and no other multiple of the groups is a fraction.
        expect(runConv(c)).toBeNull();
      } else if (!c.ok) {
        expect(thrownBy(() => runConv(c))).toEqual(otherwise[name] ?? expected(c));
      } else {
        const shape = runConv(c);
        // Of no channels PyTorch makes none; we make what the bias says.
        const quirk = name === 'zero in_channels with zero channels';
        if (c.output_shape) expect(shape).toEqual(quirk ? [2, 4, 4, 5] : c.output_shape);
        expect(warn.mock.calls.map(([text]) => text as unknown)).toEqual(c.warnings);
      }
    } finally {
      warn.mockRestore();
    }
  });

  it.each(golden.module.map((c) => [c.name, c] as const))('Module: %s', (name, c) => {
    const call = moduleCalls[name]!;
    if (c.ok) expect(call).not.toThrow();
    else expect(thrownBy(call)).toEqual(otherwise[name] ?? expected(c));
  });
});

describe('The golden complaints', () => {
  it('are 130, and each call is one of them', () => {
    expect(golden.conv2d.length + golden.module.length).toBe(130);
    expect(Object.keys(moduleCalls).sort()).toEqual(golden.module.map((c) => c.name).sort());
  });
});
