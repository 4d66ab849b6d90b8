/** What files hold, as JavaScript has it. */
import { FileFormatError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Python's complex number. */
export interface Complex {
  readonly real: number;
  readonly imag: number;
}

/**
 * What comes out of a file, and can be put into one: Python's None, bool, int (bigint where a number is not exact) and
 * float, str, bytes, list and tuple (a frozen array), dict (a Map, so that no name can do harm) and set, and tensors.
 */
export type SavedValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tensor
  | Complex
  | readonly SavedValue[]
  | ReadonlyMap<SavedValue, SavedValue>
  | ReadonlySet<SavedValue>;

/** How deep containers may lie in one another. Python's own pickler gives up at a third of this. */
export const MAX_DEPTH = 1000;

/** A complex number that was read. */
export class PickledComplex implements Complex {
  constructor(
    readonly real: number,
    readonly imag: number,
  ) {}
}

/** The values directly inside; null where a value is no container. */
const itemsOf = (value: unknown): Iterator<unknown> | null => {
  if (Array.isArray(value)) return (value as unknown[]).values();
  if (value instanceof Set) return value.values();
  if (value instanceof Map) return [...value.keys(), ...value.values()].values();
  return null;
};

const isLeaf = (value: unknown): boolean =>
  value === null ||
  ['boolean', 'number', 'bigint', 'string'].includes(typeof value) ||
  value instanceof Tensor ||
  value instanceof Uint8Array ||
  value instanceof PickledComplex;

/**
 * Goes through what a file has built, without recursion, so that those who use it may recurse.
 *
 * @param describe  names a thing that must not remain, such as a class
 * @throws FileFormatError for what is no value, containers nested too deep, and a container inside itself
 */
export const checkValue = (root: unknown, describe: (thing: unknown) => string): SavedValue => {
  /** Levels in and under a container; 0 while it is being gone through. */
  const heights = new Map<unknown, number>();
  const path: { readonly container: unknown; readonly items: Iterator<unknown>; height: number }[] = [];

  /** Enters a container, or tells its height if that is known. */
  const visit = (value: unknown): number | null => {
    const items = itemsOf(value);
    if (items === null) {
      if (!isLeaf(value)) throw new FileFormatError(`${describe(value)} stands where a value is expected`);
      return 0;
    }
    const known = heights.get(value);
    if (known === 0) throw new FileFormatError('a container lies inside itself');
    if (known !== undefined) return known;
    heights.set(value, 0);
    path.push({ container: value, items, height: 1 });
    return null;
  };

  visit(root);
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    const next = step.items.next();
    let below: number | null;
    if (next.done === true) {
      heights.set(step.container, step.height);
      path.pop();
      below = step.height;
      step = path.at(-1);
    } else below = visit(next.value);
    if (below !== null && step !== undefined) step.height = Math.max(step.height, below + 1);
    if (path.length + (below ?? 0) > MAX_DEPTH) {
      throw new FileFormatError(`containers nested more than ${MAX_DEPTH} deep`);
    }
  }
  return root as SavedValue;
};
