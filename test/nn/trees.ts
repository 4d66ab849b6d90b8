/** Modules built from the trees of repr.json and orders.json (see golden/README.md). */
import * as flow from '../../src/index.ts';
import { nn } from '../../src/index.ts';
import { conv2dOf, type PythonConv2dArgs } from '../golden/conv2d-args.ts';

export type Tree =
  | null
  | { readonly ref: string }
  | {
      readonly class: string;
      readonly args?: PythonConv2dArgs;
      readonly id?: string;
      readonly extra_repr?: string;
      readonly members?: readonly Member[];
    };

type Member =
  | { readonly kind: 'module'; readonly name: string; readonly node: Tree }
  | { readonly kind: 'parameter'; readonly name: string; readonly shape: readonly number[] | null }
  | {
      readonly kind: 'buffer';
      readonly name: string;
      readonly shape: readonly number[] | null;
      readonly persistent?: boolean;
    }
  | { readonly kind: 'share_parameter'; readonly name: string; readonly from: string };

/** An empty class of a name that is known only now. */
const named = (name: string, extraRepr: string): nn.AnyModule => {
  const classes: Record<string, new () => nn.AnyModule> = {
    [name]: class extends nn.Module {
      override extraRepr(): string {
        return extraRepr;
      }
    },
  };
  return new classes[name]!();
};

export const buildTree = (tree: Tree, known = new Map<string, nn.AnyModule>()): nn.AnyModule | null => {
  if (tree === null) return null;
  if ('ref' in tree) return known.get(tree.ref)!;
  const { members = [], extra_repr = '' } = tree;
  const module: nn.AnyModule =
    tree.class === 'Conv2d'
      ? conv2dOf(tree.args!)
      : tree.class === 'Sequential'
        ? new nn.Sequential()
        : tree.class === 'ReLU'
          ? new nn.ReLU()
          : named(tree.class, extra_repr);
  if (tree.id !== undefined) known.set(tree.id, module);
  const zeros = (shape: readonly number[] | null): flow.Tensor | null => shape && flow.zeros(shape);
  for (const member of members) {
    switch (member.kind) {
      case 'module':
        module.addModule(member.name, buildTree(member.node, known));
        break;
      case 'parameter': {
        const data = zeros(member.shape);
        module.registerParameter(member.name, data && new nn.Parameter(data));
        break;
      }
      case 'buffer':
        module.registerBuffer(member.name, zeros(member.shape), member.persistent ?? true);
        break;
      case 'share_parameter': {
        const [id, name] = member.from.split('.') as [string, string];
        Reflect.set(module, member.name, known.get(id)!.getParameter(name));
        break;
      }
    }
  }
  return module;
};
