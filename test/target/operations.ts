/** Every operation of the kernel language on awkward values, on a target and in the interpreter. */
import { describe, it } from 'vitest';
import { binaryOps, compareOps, reduceOps, unaryOps, zipOps, type Register } from '../../src/lang/ir.ts';
import {
  elementBytes,
  isFloat,
  isMask,
  maskOf,
  showType,
  type ElementType,
  type MaskType,
  type RegisterElement,
  type Type,
} from '../../src/lang/types.ts';
import { Author, maskAsInteger, withNoiseBeyond, type Rest } from './author.ts';
import { awkward, columns, sequence } from './awkward.ts';
import { expectSame, type Column, type Runner } from './both.ts';

const elements: readonly ElementType[] = ['f32', 'f64', 'i32', 'i64'];
const storedAs = (element: RegisterElement): ElementType =>
  element === 'm32' || element === 'index' ? 'i32' : element === 'm64' ? 'i64' : element;

/**
 * Computes `operation` on tuples of awkward values, as vectors and in a loop, and compares the results. A mask's
 * operands come from integers, as x ≠ 0; what a half-filled vector has beyond its lanes is noise.
 */
function checkOn(
  operands: readonly Type[],
  operation: (author: Author, ...operands: Register[]) => Register,
  runner: Runner,
): void {
  const author = new Author();
  const inputs = operands.map(({ element }) => author.tensor(storedAs(element), 'in'));
  const resultTensor = author.tensor('i64', 'out'); // any storage; the store says which
  let resultType: Type | undefined;
  author.turns((turn) => {
    const values = operands.map(({ element, lanes }, k) => {
      const { param, address } = inputs[k]!;
      const storage = storedAs(element);
      const at = author.at(address, turn, lanes * elementBytes[storage]);
      const loaded = author.load({ param, address: at, displacement: 0, storage }, lanes);
      const zero = (): Register => author.constant(storage, lanes, 0);
      const value = isMask(element)
        ? author.make(element, lanes, { op: 'ne', a: loaded, b: zero() })
        : element === 'index'
          ? author.make('index', 1, { op: 'convert', a: loaded })
          : loaded;
      return withNoiseBeyond(author, value);
    });
    let result = operation(author, ...values);
    if (isMask(result.type.element)) result = maskAsInteger(author, result);
    if (result.type.element === 'index') result = author.make('i32', 1, { op: 'convert', a: result });
    resultType = result.type;
    const storage = storedAs(result.type.element);
    const at = author.at(resultTensor.address, turn, result.type.lanes * elementBytes[storage]);
    author.store({ param: resultTensor.param, address: at, displacement: 0, storage }, result);
  });
  const random = sequence(1);
  const data = columns(operands.map(({ element }) => storedAs(element))).map((column, k) =>
    isMask(operands[k]!.element) ? column.map(() => Math.max(0, random(5) - 2)) : column,
  );
  const lanes = Math.max(...operands.map((type) => type.lanes), 1);
  const turns = Math.floor((data[0]?.length ?? 1) / lanes);
  const storage = storedAs(resultType!.element);
  const tensors: Column[] = [
    ...operands.map(({ element }, k): Column => ({ storage: storedAs(element), values: data[k]! })),
    { storage, values: Array<number>(turns * resultType!.lanes).fill(77) },
  ];
  const parameters = author
    .finish()
    .parameters.map((p, k) => (k === resultTensor.param && p.kind === 'tensor' ? { ...p, storage } : p));
  expectSame({ ...author.finish(), parameters }, tensors, 0, turns, runner);
}

const result = (author: Author, { element, lanes }: Type, rest: Rest): Register =>
  author.make(element, lanes, rest);

/** @param vectorBytes  of the target's widest vectors */
export function testOperations(runner: Runner, vectorBytes: number): void {
  const laneCounts = (element: RegisterElement): number[] =>
    [1, 2, 4, 8, 16].filter((lanes) => element !== 'index' && lanes * elementBytes[element] <= vectorBytes);
  const types: readonly Type[] = elements.flatMap((element) =>
    laneCounts(element).map((lanes) => ({ element, lanes })),
  );
  const masks: readonly Type[] = (['m32', 'm64'] as const).flatMap((element) =>
    laneCounts(element).map((lanes) => ({ element, lanes })),
  );
  const check = (
    operands: readonly Type[],
    operation: (author: Author, ...operands: Register[]) => Register,
  ): void => {
    checkOn(operands, operation, runner);
  };

  describe.each(types.map((type) => [showType(type), type] as const))('%s', (_, type) => {
    const { element, lanes } = type;
    const float = isFloat(element);
    const unary = unaryOps.filter((op) => (float ? op !== 'not' : ['neg', 'abs', 'not'].includes(op)));
    const binary = binaryOps.filter((op) => !(float && ['rem', 'and', 'or', 'xor'].includes(op)));

    it.each(unary)('%s', (op) => {
      check([type], (author, a) => result(author, type, { op, a }));
    });

    it.each(binary)('%s', (op) => {
      check([type, type], (author, a, b) => result(author, type, { op, a, b }));
    });

    it.each(lanes > 1 ? zipOps : [])('%s', (op) => {
      check([type, type], (author, a, b) => result(author, type, { op, a, b }));
      check([type], (author, a) => result(author, type, { op, a, b: a }));
    });

    it.each(['div', 'rem'] as const)('%s by constants', (op) => {
      if (float && op === 'rem') return;
      for (const divisor of [0, 1, -1, 2, -3, 16]) {
        check([type], (author, a) =>
          result(author, type, { op, a, b: author.constant(element, lanes, divisor) }),
        );
      }
    });

    it.each(['min', 'max'] as const)('%s with constants', (op) => {
      for (const value of [...awkward[element as ElementType], ...(float ? [1e-60, -1e-60] : [])]) {
        check([type], (author, a) =>
          result(author, type, { op, a, b: author.constant(element, lanes, value) }),
        );
      }
    });

    it.each(compareOps)('%s', (op) => {
      check([type, type], (author, a, b) =>
        result(author, { element: maskOf(element), lanes }, { op, a, b }),
      );
    });

    it('select', () => {
      check([{ element: maskOf(element), lanes }, type, type], (author, mask, a, b) =>
        result(author, type, { op: 'select', mask, a, b }),
      );
    });

    it('copy, of a register that is overwritten then', () => {
      check([type, type], (author, a, b) => {
        const variable = author.register(element, lanes);
        author.push({ op: 'copy', dst: variable, a });
        const before = result(author, type, { op: 'copy', a: variable });
        author.push({ op: 'add', dst: variable, a: variable, b });
        const sum = result(author, type, { op: 'copy', a: variable });
        return result(author, type, { op: 'sub', a: before, b: sum });
      });
    });

    if (float) {
      it('fma', () => {
        check([type, type, type], (author, a, b, c) => result(author, type, { op: 'fma', a, b, c }));
      });
    } else {
      it.each(['shl', 'shr', 'shru'] as const)('%s by a register and by constants', (op) => {
        check([type, { element: 'i32', lanes: 1 }], (author, a, b) => result(author, type, { op, a, b }));
        for (const b of [0, 1, 7, 31, 32, 63, 64]) {
          check([type], (author, a) => result(author, type, { op, a, b }));
        }
      });
    }

    it.each(elements)('convert to %s', (to) => {
      if (to === element || lanes * elementBytes[to] > vectorBytes) return;
      check([type], (author, a) => author.make(to, lanes, { op: 'convert', a }));
    });

    it('bitcast there and back', () => {
      const other = ({ f32: 'i32', i32: 'f32', f64: 'i64', i64: 'f64' } as const)[element as ElementType];
      check([type], (author, a) => author.make(other, lanes, { op: 'bitcast', a }));
    });

    if (lanes > 1) {
      it.each(reduceOps)('%s', (op) => {
        check([type], (author, a) => author.make(element, 1, { op, a }));
      });

      it('extract, of every lane', () => {
        for (let lane = 0; lane < lanes; lane++) {
          check([type], (author, a) => author.make(element, 1, { op: 'extract', a, lane }));
        }
      });

      it('splat', () => {
        check([{ element, lanes: 1 }], (author, a) => author.make(element, lanes, { op: 'splat', a }));
      });
    }

    if (element === 'i32' || element === 'i64') {
      it('iota', () => {
        if (lanes === 1) return;
        check([type], (author, a) =>
          result(author, type, { op: 'add', a, b: author.make(element, lanes, { op: 'iota' }) }),
        );
      });
    }

    it('constants, in and outside of a loop', () => {
      for (const value of columns([element as ElementType])[0]!) {
        check([type], (author, a) =>
          result(author, type, { op: 'add', a, b: author.constant(element, lanes, value) }),
        );
      }
    });
  });

  describe.each(masks.map((type) => [showType(type), type] as const))('%s', (_, type) => {
    const { element, lanes } = type;

    it('not', () => {
      check([type], (author, a) => result(author, type, { op: 'not', a }));
    });

    it.each(['and', 'or', 'xor'] as const)('%s', (op) => {
      check([type, type], (author, a, b) => result(author, type, { op, a, b }));
    });

    it('convert to the other width', () => {
      const to: MaskType = element === 'm32' ? 'm64' : 'm32';
      if (lanes * elementBytes[to] > vectorBytes) return;
      check([type], (author, a) => author.make(to, lanes, { op: 'convert', a }));
    });

    it('a branch on it, or on any lane of it', () => {
      check([type], (author, a) => {
        const condition = lanes === 1 ? a : author.make('m32', 1, { op: 'any', a });
        const taken = author.register('i32', 1);
        const set =
          (value: number): (() => void) =>
          () =>
            author.push({ op: 'const', dst: taken, value });
        const [then, otherwise] = [author.inside(set(1)), author.inside(set(2))];
        author.push({ op: 'if', condition, then, otherwise });
        return taken;
      });
    });

    it('bitcast to numbers, all bits alike', () => {
      for (const to of element === 'm32' ? (['i32', 'f32'] as const) : (['i64', 'f64'] as const)) {
        check([type], (author, a) => author.make(to, lanes, { op: 'bitcast', a }));
      }
    });

    it('constants', () => {
      for (const value of [0, 1]) {
        check([type], (author, a) =>
          result(author, type, { op: 'xor', a, b: author.constant(element, lanes, value) }),
        );
      }
    });

    if (lanes > 1) {
      it('extract, of every lane', () => {
        for (let lane = 0; lane < lanes; lane++) {
          check([type], (author, a) => author.make(element, 1, { op: 'extract', a, lane }));
        }
      });

      it('splat', () => {
        check([{ element, lanes: 1 }], (author, a) => author.make(element, lanes, { op: 'splat', a }));
      });
    }
  });

  describe('index', () => {
    const type: Type = { element: 'index', lanes: 1 };

    it.each(['add', 'sub', 'mul', 'div', 'rem', 'min', 'max'] as const)('%s', (op) => {
      check([type, type], (author, a, b) => {
        // Within what an address can be.
        const small = (x: Register): Register =>
          author.make('index', 1, { op: 'and', a: x, b: author.index(0x7fff) });
        return author.make('index', 1, { op, a: small(a), b: small(b) });
      });
    });

    it.each(compareOps)('%s', (op) => {
      check([type, type], (author, a, b) => author.make('m32', 1, { op, a, b }));
    });

    it('convert to and from the other integers', () => {
      check([{ element: 'i64', lanes: 1 }], (author, a) => {
        const small = author.make('i64', 1, { op: 'shr', a, b: 33 }); // how wide an index is differs
        return author.make('index', 1, { op: 'convert', a: small });
      });
      check([type], (author, a) => author.make('i64', 1, { op: 'convert', a }));
      check([type], (author, a) => author.make('f64', 1, { op: 'convert', a }));
    });
  });
}
