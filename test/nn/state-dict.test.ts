import { describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn } from '../../src/index.ts';

const keys = (map: ReadonlyMap<string, unknown>): string[] => [...map.keys()];
const net = (): nn.Sequential =>
  new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.ReLU(), new nn.Linear(2, 1));

describe('a state dictionary', () => {
  it('shares memory with the module, in tensors of its own that require no gradient', () => {
    const module = new nn.Linear(2, 1);
    const state = module.stateDict();
    const weight = state.get('weight');
    expect(weight).not.toBe(module.weight);
    expect(weight).not.toBeInstanceOf(nn.Parameter);
    expect([weight.requiresGrad, weight.isLeaf]).toEqual([false, true]);
    weight.fill_(3);
    expect(module.weight.tolist()).toEqual([[3, 3]]);
    expect(module.weight.version).toBe(weight.version);
  });

  it('holds the very parameters and buffers when they are to be kept', () => {
    const module = net();
    const state = module.stateDict({ keepVars: true });
    expect(state.get('0.weight')).toBe(module.getParameter('0.weight'));
    expect(state.get('1.running_mean')).toBe(module.getBuffer('1.running_mean'));
  });

  it("has PyTorch's keys, and the version of each module's saved form", () => {
    const state = net().stateDict();
    expect(keys(state)).toEqual([
      '0.weight',
      '0.bias',
      '1.weight',
      '1.bias',
      '1.running_mean',
      '1.running_var',
      '1.num_batches_tracked',
      '3.weight',
      '3.bias',
    ]);
    expect([...state.metadata]).toEqual([
      ['', { version: 1 }],
      ['0', { version: 1 }],
      ['1', { version: 2 }],
      ['2', { version: 1 }],
      ['3', { version: 1 }],
    ]);
    expect(state.get('1.num_batches_tracked')!.dtype).toBe('int64');
    expect(state.get('1.num_batches_tracked')!.shape).toEqual([]);
  });

  it('puts a prefix before the keys as it is', () => {
    const module = new nn.Linear(1, 1);
    const state = module.stateDict({ prefix: 'net' });
    expect(keys(state)).toEqual(['netweight', 'netbias']);
    expect(keys(state.metadata)).toEqual(['ne']);
  });

  it('fills a given map', () => {
    const destination = new nn.StateDict();
    const module = new nn.Linear(1, 1);
    expect(module.stateDict({ destination, prefix: 'a.' })).toBe(destination);
    module.stateDict({ destination, prefix: 'b.' });
    expect(keys(destination)).toEqual(['a.weight', 'a.bias', 'b.weight', 'b.bias']);
    expect(keys(destination.metadata)).toEqual(['a', 'b']);
  });

  it('keeps the order of names that look like numbers, as a plain object would not', () => {
    const module = new nn.Module();
    for (const name of ['10', '2', '01']) module.addModule(name, new nn.Linear(1, 1, { bias: false }));
    expect(keys(module.stateDict())).toEqual(['10.weight', '2.weight', '01.weight']);
  });
});

describe('loading a state dictionary', () => {
  it('copies into the same objects, keeps their dtype and counts the change', () => {
    const module = new nn.Linear(2, 1);
    const { weight, bias } = module;
    const { storage } = weight;
    const before = weight.version;
    const result = module.loadStateDict({
      weight: flow.tensor([[1.5, 2.5]], { dtype: 'float64' }),
      bias: flow.tensor([7], { dtype: 'int64' }),
    });
    expect(module.weight).toBe(weight);
    expect(weight.storage).toBe(storage);
    expect(weight.dtype).toBe('float32');
    expect([weight.tolist(), bias!.tolist()]).toEqual([[[1.5, 2.5]], [7]]);
    expect(weight.version).toBe(before + 1);
    expect([weight.requiresGrad, weight.isLeaf]).toEqual([true, true]);
    expect(String(result)).toBe('<All keys matched successfully>');
  });

  it('gives one module the values of another', () => {
    const [a, b] = [net(), net()];
    b.loadStateDict(a.stateDict());
    for (const [key, tensor] of a.stateDict()) expect(b.stateDict().get(key)!.equal(tensor)).toBe(true);
  });

  it('tells the keys that found no counterpart when they are allowed', () => {
    const module = new nn.Sequential(new nn.Linear(1, 1));
    const result = module.loadStateDict({ '0.weight': flow.ones([1, 1]), zz: flow.ones([1]) }, false);
    expect(result.missingKeys).toEqual(['0.bias']);
    expect(result.unexpectedKeys).toEqual(['zz']);
    expect(String(result)).toBe("_IncompatibleKeys(missing_keys=['0.bias'], unexpected_keys=['zz'])");
  });

  it('has copied all that fits when it complains about the rest', () => {
    const module = new nn.Linear(1, 1);
    expect(() => module.loadStateDict({ weight: flow.full([1, 1], 5), bias: flow.ones([2]) })).toThrow(
      new flow.RuntimeError(
        'Error(s) in loading state_dict for Linear:\n\tsize mismatch for bias: copying a param with shape torch.Size([2]) from checkpoint, the shape in current model is torch.Size([1]).',
      ),
    );
    expect(module.weight.item()).toBe(5);
  });

  it('takes a vector of one element for a scalar, as old checkpoints have it', () => {
    const module = new nn.Module();
    module.registerBuffer('count', flow.zeros([]));
    module.loadStateDict({ count: flow.tensor([4]) });
    expect(module.getBuffer('count').item()).toBe(4);
  });

  it('does not expect buffers that are not persistent, nor names registered as null', () => {
    const module = new nn.Module();
    module.registerBuffer('scratch', flow.zeros([1]), false);
    module.registerParameter('none', null);
    module.loadStateDict({});
    expect(() => module.loadStateDict({ scratch: flow.ones([1]), none: flow.ones([1]) })).toThrow(
      'Unexpected key(s) in state_dict: "scratch", "none". ',
    );
  });

  it('lets what follows a known name pass, as PyTorch does', () => {
    const module = new nn.Linear(1, 1);
    const state = new Map(module.stateDict());
    state.set('weight.more', flow.ones([1]));
    expect(module.loadStateDict(state).unexpectedKeys).toEqual([]);
  });

  it('starts the count of batches at zero where an old checkpoint has none', () => {
    const module = new nn.Sequential(new nn.BatchNorm2d(2));
    module.getBuffer('0.num_batches_tracked').fill_(5);
    const state = module.stateDict();
    const old = new Map([...state].filter(([key]) => key !== '0.num_batches_tracked'));
    expect(module.loadStateDict(old).missingKeys).toEqual([]);
    expect(module.getBuffer('0.num_batches_tracked').item()).toBe(0);
    state.delete('0.num_batches_tracked');
    expect(() => module.loadStateDict(state)).toThrow(
      'Missing key(s) in state_dict: "0.num_batches_tracked". ',
    );
  });

  it('never looks into prototypes: a key may be called __proto__', () => {
    const module = new nn.Linear(1, 1);
    const state = Object.fromEntries([...module.stateDict(), ['__proto__', flow.ones([1])]]) as Record<
      string,
      flow.Tensor
    >;
    expect(() => module.loadStateDict(state)).toThrow('Unexpected key(s) in state_dict: "__proto__". ');
    expect(() => module.loadStateDict({})).toThrow('Missing key(s) in state_dict: "weight", "bias". ');
  });
});
