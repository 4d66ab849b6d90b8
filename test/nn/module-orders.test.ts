import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import type { nn } from '../../src/index.ts';
import { goldenJson } from '../golden/golden.ts';
import { buildTree, type Tree } from './trees.ts';

describe.each(availableTargets())('on %s', (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  describe('modules print as in PyTorch', () => {
    const { modules } = goldenJson<{
      modules: readonly { readonly name: string; readonly tree: Tree; readonly repr: string }[];
    }>('repr.json');

    it.each(modules.map((m) => [m.name, m] as const))('%s', (_, { tree, repr }) => {
      expect(String(buildTree(tree))).toBe(repr);
    });
  });

  describe('modules are walked in the order of registration, as in PyTorch', () => {
    type Metadata = readonly (readonly [path: string, { readonly version: number }])[];
    interface Orders {
      readonly name: string;
      readonly tree: Tree;
      readonly state_dict: readonly string[];
      readonly state_dict_prefix_net_dot: readonly string[];
      readonly metadata: Metadata;
      readonly metadata_prefix_net_dot: Metadata;
      readonly named_parameters: readonly string[];
      readonly named_parameters_prefix_net: readonly string[];
      readonly named_parameters_no_recurse: readonly string[];
      readonly named_buffers: readonly string[];
      readonly named_modules: readonly (readonly [path: string, name: string])[];
      readonly named_modules_prefix_net: readonly string[];
      readonly named_children: readonly string[];
      readonly apply_class_names: readonly string[];
      readonly apply_first_paths: readonly string[];
    }
    const names = (entries: Iterable<readonly [string, unknown]>): string[] =>
      Array.from(entries, ([name]) => name);

    const { trees } = goldenJson<{ trees: readonly Orders[] }>('orders.json');
    describe.each(trees.map((tree) => [tree.name, tree] as const))('%s', (_, golden) => {
      const module = buildTree(golden.tree)!;

      it('state dictionary', () => {
        const plain = module.stateDict();
        expect([...plain.keys()]).toEqual(golden.state_dict);
        expect([...plain.metadata]).toEqual(golden.metadata);
        const prefixed = module.stateDict({ prefix: 'net.' });
        expect([...prefixed.keys()]).toEqual(golden.state_dict_prefix_net_dot);
        expect([...prefixed.metadata]).toEqual(golden.metadata_prefix_net_dot);
      });

      it('parameters and buffers', () => {
        expect(names(module.namedParameters())).toEqual(golden.named_parameters);
        expect(names(module.namedParameters('net'))).toEqual(golden.named_parameters_prefix_net);
        expect(names(module.namedParameters('', false))).toEqual(golden.named_parameters_no_recurse);
        expect(names(module.namedBuffers())).toEqual(golden.named_buffers);
        expect([...module.parameters()]).toEqual(Array.from(module.namedParameters(), ([, p]) => p));
        expect([...module.buffers()]).toEqual(Array.from(module.namedBuffers(), ([, b]) => b));
      });

      it('modules', () => {
        const found = Array.from(module.namedModules(), ([path, m]) => [path, m._getName()]);
        expect(found).toEqual(golden.named_modules);
        expect(names(module.namedModules(new Set(), 'net'))).toEqual(golden.named_modules_prefix_net);
        expect(names(module.namedChildren())).toEqual(golden.named_children);
        expect(Array.from(module.modules()).length).toBe(golden.named_modules.length);
      });

      it('apply: children first, a shared one once per parent', () => {
        const paths = new Map<nn.AnyModule, string>(
          Array.from(module.namedModules(), ([path, m]) => [m, path]),
        );
        const visits: nn.AnyModule[] = [];
        expect(module.apply((m) => visits.push(m))).toBe(module);
        expect(visits.map((m) => m._getName())).toEqual(golden.apply_class_names);
        expect(visits.map((m) => paths.get(m))).toEqual(golden.apply_first_paths);
      });
    });
  });
});
