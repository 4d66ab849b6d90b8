import { describe, expect, it } from 'vitest';
import type { Kernel, Parameter, Register, Statement } from '../../src/lang/ir.ts';
import type { RegisterElement } from '../../src/lang/types.ts';
import { verify } from '../../src/lang/verify.ts';

const parameters: readonly Parameter[] = [
  { kind: 'tensor', name: 'x', storage: 'f32', access: 'in' },
  { kind: 'tensor', name: 'out', storage: 'f32', access: 'out' },
  { kind: 'tensor', name: 'half', storage: 'f16', access: 'inout' },
  { kind: 'number', name: 'n', element: 'index' },
];

/** Declares registers, and sets them by one statement each before the statements under test. */
class Draft {
  readonly registers: Register[] = [];
  private readonly preamble: Statement[] = [];

  /** A register that nothing has written. */
  unset(element: RegisterElement, lanes = 1): Register {
    const register = { id: this.registers.length, type: { element, lanes } };
    this.registers.push(register);
    return register;
  }
  /** A register that has been written, by a constant. */
  set(element: RegisterElement, lanes = 1): Register {
    const dst = this.unset(element, lanes);
    this.preamble.push({ op: 'const', dst, value: 0 });
    return dst;
  }
  kernel(...statements: Statement[]): Kernel {
    return { name: 'draft', parameters, registers: this.registers, body: [...this.preamble, ...statements] };
  }
}

const verified = (write: (d: Draft) => Statement | Statement[]) => (): void => {
  const draft = new Draft();
  verify(draft.kernel(...[write(draft)].flat()));
};

/** Each: what is wrong, how it looks, and what the error says of it. */
type Case = [string, (d: Draft) => Statement | Statement[], string];

describe('declarations', () => {
  const kernel: Kernel = { name: 'k', parameters, registers: [], body: [] };
  const register = (id: number, element: RegisterElement, lanes: number): Register => ({
    id,
    type: { element, lanes },
  });

  it.each<[string, Partial<Kernel>, string]>([
    ['a kernel without a name', { name: '' }, 'kernel : a kernel needs a name'],
    [
      'a parameter without a name',
      { parameters: [{ ...parameters[0]!, name: '' }] },
      'kernel k: parameter 0 needs a name',
    ],
    [
      'two parameters of one name',
      { parameters: [parameters[0]!, parameters[0]!] },
      'kernel k: two parameters are named x',
    ],
    [
      'a register out of order',
      { registers: [register(1, 'f32', 1)] },
      'kernel k: register number 0 has id 1',
    ],
    [
      'three lanes',
      { registers: [register(0, 'f32', 3)] },
      'kernel k: register %0 has 3 lanes, must have 1, 2, 4, 8 …',
    ],
    [
      'no lanes',
      { registers: [register(0, 'f32', 0)] },
      'kernel k: register %0 has 0 lanes, must have 1, 2, 4, 8 …',
    ],
    [
      'half a lane',
      { registers: [register(0, 'f32', 0.5)] },
      'kernel k: register %0 has 0.5 lanes, must have 1, 2, 4, 8 …',
    ],
    [
      'a vector of indices',
      { registers: [register(0, 'index', 4)] },
      'kernel k: register %0 is an index of 4 lanes, an index is scalar',
    ],
  ])('refuse %s', (_, change, message) => {
    expect(() => verify({ ...kernel, ...change })).toThrow(new Error(message));
  });

  it('must cover every register that is used, with its type', () => {
    expect(verified(() => ({ op: 'iota', dst: register(7, 'i32', 4) }))).toThrow(
      new Error('kernel draft: %7 = iota.i32x4: register %7 is not declared'),
    );
    expect(
      verified((d) => ({
        op: 'const',
        dst: { ...d.unset('f32', 4), type: { element: 'f32', lanes: 8 } },
        value: 1,
      })),
    ).toThrow('%0 is declared as f32x4, not f32x8');
  });
});

describe('a register', () => {
  it('must be written before it is read', () => {
    expect(verified((d) => ({ op: 'neg', dst: d.unset('f32'), a: d.unset('f32') }))).toThrow(
      new Error('kernel draft: %0 = neg.f32 %1: %1 is not written on every path that leads here'),
    );
  });

  it.each<Case>([
    [
      'count of a load',
      (d) => ({ op: 'load', dst: d.unset('f32', 4), ...place(d), count: d.unset('index') }),
      '%2 is not written',
    ],
    [
      'stride of a load',
      (d) => ({ op: 'load', dst: d.unset('f32', 4), ...place(d), stride: d.unset('index') }),
      '%2 is not written',
    ],
    [
      'address of a store',
      (d) => ({ op: 'store', src: d.set('f32'), ...place(d), param: 1, address: d.unset('index') }),
      '%2 is not written',
    ],
    [
      'source of a store',
      (d) => ({ op: 'store', src: d.unset('f32'), ...place(d), param: 1 }),
      '%0 is not written',
    ],
    [
      'amount of a shift',
      (d) => ({ op: 'shl', dst: d.unset('i32'), a: d.set('i32'), b: d.unset('i32') }),
      '%2 is not written',
    ],
    [
      'summand of an fma',
      (d) => ({ op: 'fma', dst: d.unset('f32'), a: d.set('f32'), b: d.set('f32'), c: d.unset('f32') }),
      '%3 is not written',
    ],
    [
      'mask of a select',
      (d) => ({ op: 'select', dst: d.unset('f32'), mask: d.unset('m32'), a: d.set('f32'), b: d.set('f32') }),
      '%1 is not written',
    ],
    [
      'condition of an if',
      (d) => ({ op: 'if', condition: d.unset('m32'), then: [], otherwise: [] }),
      '%0 is not written',
    ],
    [
      'end of a loop',
      (d) => ({
        op: 'loop',
        counter: d.unset('index'),
        begin: d.set('index'),
        end: d.unset('index'),
        step: 1,
        body: [],
      }),
      '%2 is not written',
    ],
  ])('is read as the %s', (_, write, message) => {
    expect(verified(write)).toThrow(message);
  });

  const branch = (then: 'writes' | 'does not', otherwise: 'writes' | 'does not') =>
    verified((d) => {
      const [condition, dst, after] = [d.set('m32'), d.unset('f32'), d.unset('f32')];
      const write: Statement = { op: 'const', dst, value: 1 };
      return [
        {
          op: 'if',
          condition,
          then: then === 'writes' ? [write] : [],
          otherwise: otherwise === 'writes' ? [write] : [],
        },
        { op: 'copy', dst: after, a: dst },
      ];
    });

  it('counts as written after a branch only if both sides write it', () => {
    expect(branch('writes', 'does not')).toThrow('%1 is not written on every path');
    expect(branch('does not', 'writes')).toThrow('%1 is not written on every path');
    expect(branch('writes', 'writes')).not.toThrow();
  });

  const aroundLoop = (
    inside: (dst: Register, other: Register) => Statement[],
    after: (dst: Register, other: Register, counter: Register) => Statement[],
  ) =>
    verified((d) => {
      const [begin, end, counter] = [d.set('index'), d.set('index'), d.unset('index')];
      const [dst, other] = [d.unset('f32'), d.unset('f32')];
      return [
        { op: 'loop', counter, begin, end, step: 1, body: inside(dst, other) },
        ...after(dst, other, counter),
      ];
    });

  it('counts as written by a loop only within its body, which may never run', () => {
    const write = (dst: Register): Statement => ({ op: 'const', dst, value: 1 });
    expect(
      aroundLoop(
        (dst, other) => [write(dst), { op: 'copy', dst: other, a: dst }],
        () => [],
      ),
    ).not.toThrow();
    expect(
      aroundLoop(
        (dst) => [write(dst)],
        (dst, other) => [{ op: 'copy', dst: other, a: dst }],
      ),
    ).toThrow('%3 is not written');
    expect(
      aroundLoop(
        (dst, other) => [{ op: 'copy', dst: other, a: dst }, write(dst)],
        () => [],
      ),
    ).toThrow('%3 is not written');
  });

  it('that counts a loop is written there and afterwards, but not by the body', () => {
    expect(
      aroundLoop(
        () => [],
        (_, __, counter) => [{ op: 'add', dst: counter, a: counter, b: counter }],
      ),
    ).not.toThrow();
    expect(
      verified((d) => {
        const [begin, end, counter] = [d.set('index'), d.set('index'), d.unset('index')];
        const nested: Statement = {
          op: 'if',
          condition: d.set('m32'),
          then: [{ op: 'copy', dst: counter, a: begin }],
          otherwise: [],
        };
        return { op: 'loop', counter, begin, end, step: 1, body: [nested] };
      }),
    ).toThrow('%2 = copy.index 0: %2 counts a loop, whose body must not write it');
  });
});

/** Where x begins. */
const place = (d: Draft) => ({ param: 0, address: d.set('index'), displacement: 0, storage: 'f32' as const });

const unary =
  (op: 'neg' | 'sqrt' | 'not', from: RegisterElement, to = from, lanes = 4) =>
  (d: Draft): Statement => ({ op, dst: d.unset(to, lanes), a: d.set(from, 4) });
const binary =
  (op: 'add' | 'rem' | 'and' | 'min' | 'lt', a: RegisterElement, b = a, to = a) =>
  (d: Draft): Statement => ({ op, dst: d.unset(to), a: d.set(a), b: d.set(b) });
const change =
  (op: 'convert' | 'bitcast' | 'copy', from: RegisterElement, to: RegisterElement, lanes = 1) =>
  (d: Draft): Statement => ({ op, dst: d.unset(to, lanes), a: d.set(from) });
const literal =
  (element: RegisterElement, value: number | bigint) =>
  (d: Draft): Statement => ({ op: 'const', dst: d.unset(element), value });
const load =
  (fields: object, element: RegisterElement = 'f32', op: 'load' | 'loadSplat' = 'load') =>
  (d: Draft): Statement => ({ op, dst: d.unset(element, 4), ...place(d), ...fields });

describe('an operation', () => {
  it.each<Case>([
    ['neg of a mask', unary('neg', 'm32'), 'a is m32x4, must be a number'],
    ['neg into another type', unary('neg', 'f32', 'i32'), 'the result is i32x4, must be f32x4'],
    ['neg into other lanes', unary('neg', 'f32', 'f32', 2), 'the result is f32x2, must be f32x4'],
    ['sqrt of integers', unary('sqrt', 'i32'), 'a is i32x4, must be a float'],
    ['not of floats', unary('not', 'f32'), 'a is f32x4, must be an integer or a mask'],
    ['add of masks', binary('add', 'm32'), 'a is m32, must be a number'],
    ['add of two types', binary('add', 'f32', 'f64'), 'b is f64, must be f32'],
    ['add into another type', binary('add', 'f32', 'f32', 'f64'), 'the result is f64, must be f32'],
    ['rem of floats', binary('rem', 'f32'), 'a is f32, must be an integer'],
    ['and of floats', binary('and', 'f64'), 'a is f64, must be an integer or a mask'],
    ['min of masks', binary('min', 'm64'), 'a is m64, must be a number'],
    ['a comparison into a number', binary('lt', 'f32'), 'the result is f32, must be m32'],
    [
      'a comparison into the other width',
      binary('lt', 'i64', 'i64', 'm32'),
      'the result is m32, must be m64',
    ],
    ['a comparison of masks', binary('lt', 'm32'), 'a is m32, must be a number'],
    [
      'a shift of floats',
      (d) => ({ op: 'shl', dst: d.unset('f32'), a: d.set('f32'), b: 1 }),
      'a is f32, must be an integer',
    ],
    [
      'a shift by less than nothing',
      (d) => ({ op: 'shr', dst: d.unset('i32'), a: d.set('i32'), b: -1 }),
      'the amount -1 must be an integer ≥ 0',
    ],
    [
      'a shift by a vector',
      (d) => ({ op: 'shl', dst: d.unset('i32', 4), a: d.set('i32', 4), b: d.set('i32', 4) }),
      'the amount is i32x4, must be i32',
    ],
    [
      'shru of an index',
      (d) => ({ op: 'shru', dst: d.unset('index'), a: d.set('index'), b: 1 }),
      'how wide an index is depends on the machine',
    ],
    [
      'fma of integers',
      (d) => ({ op: 'fma', dst: d.unset('i32'), a: d.set('i32'), b: d.set('i32'), c: d.set('i32') }),
      'a is i32, must be a float',
    ],
    [
      'fma with another summand',
      (d) => ({ op: 'fma', dst: d.unset('f32'), a: d.set('f32'), b: d.set('f32'), c: d.set('f64') }),
      'c is f64, must be f32',
    ],
    [
      'select by a mask of the other width',
      (d) => ({ op: 'select', dst: d.unset('f64'), mask: d.set('m32'), a: d.set('f64'), b: d.set('f64') }),
      'the mask is m32, must be m64',
    ],
    [
      'select among masks',
      (d) => ({ op: 'select', dst: d.unset('m32'), mask: d.set('m32'), a: d.set('m32'), b: d.set('m32') }),
      'a is m32, must be a number',
    ],
    ['a copy into another type', change('copy', 'f32', 'i32'), 'the result is i32, must be f32'],
    ['a conversion to the same type', change('convert', 'f32', 'f32'), 'both are f32; that is a copy'],
    [
      'a conversion of a mask to a number',
      change('convert', 'm32', 'i32'),
      'masks and numbers do not convert into each other',
    ],
    ['a conversion to other lanes', change('convert', 'f32', 'i32', 2), 'the result is i32x2, must be i32'],
    ['a bitcast to another width', change('bitcast', 'f32', 'i64'), 'f32 and i64 are not of one width'],
    [
      'a bitcast to a mask',
      change('bitcast', 'i32', 'm32'),
      'the result is m32, must be f32, f64, i32 or i64',
    ],
    [
      'a bitcast of an index',
      change('bitcast', 'index', 'i32'),
      'how wide an index is depends on the machine; convert it',
    ],
    ['a bitcast to the same type', change('bitcast', 'i32', 'i32'), 'both are i32; that is a copy'],
    [
      'iota of floats',
      (d) => ({ op: 'iota', dst: d.unset('f32', 4) }),
      'the result is f32x4, must be an i32 or i64',
    ],
    ['a scalar iota', (d) => ({ op: 'iota', dst: d.unset('i32') }), 'the result is i32, must be a vector'],
    [
      'splat to a scalar',
      (d) => ({ op: 'splat', dst: d.unset('f32'), a: d.set('f32') }),
      'the result is f32, must be a vector',
    ],
    [
      'splat of a vector',
      (d) => ({ op: 'splat', dst: d.unset('f32', 4), a: d.set('f32', 4) }),
      'a is f32x4, must be f32',
    ],
    [
      'extract of a lane that is not there',
      (d) => ({ op: 'extract', dst: d.unset('f32'), a: d.set('f32', 4), lane: 4 }),
      'lane 4 is not one of the 4 of %1',
    ],
    [
      'extract from a scalar',
      (d) => ({ op: 'extract', dst: d.unset('f32'), a: d.set('f32'), lane: 0 }),
      'a is f32, must be a vector',
    ],
    [
      'extract into a vector',
      (d) => ({ op: 'extract', dst: d.unset('f32', 2), a: d.set('f32', 4), lane: 0 }),
      'the result is f32x2, must be f32',
    ],
    [
      'a reduction of a scalar',
      (d) => ({ op: 'reduceAdd', dst: d.unset('f32'), a: d.set('f32') }),
      'a is f32, must be a vector',
    ],
    [
      'a reduction of masks',
      (d) => ({ op: 'reduceMax', dst: d.unset('m32'), a: d.set('m32', 4) }),
      'a is m32x4, must be a number',
    ],
    [
      'a reduction to a vector',
      (d) => ({ op: 'reduceMul', dst: d.unset('f32', 2), a: d.set('f32', 4) }),
      'the result is f32x2, must be f32',
    ],
    [
      'any of numbers',
      (d) => ({ op: 'any', dst: d.unset('m32'), a: d.set('i32', 4) }),
      'a is i32x4, must be a mask',
    ],
    [
      'any of a scalar',
      (d) => ({ op: 'any', dst: d.unset('m32'), a: d.set('m32') }),
      'a is m32, must be a vector',
    ],
    [
      'any into the other width',
      (d) => ({ op: 'any', dst: d.unset('m64'), a: d.set('m64', 2) }),
      'the result is m64, must be m32',
    ],
    [
      'an operation that is not there',
      (d) => ({ op: 'tan', dst: d.unset('f32'), a: d.set('f32') }) as unknown as Statement,
      'there is no operation tan',
    ],
  ])('is refused: %s', (_, write, message) => {
    expect(verified(write)).toThrow(message);
  });

  it.each<Case>([
    ['a float by a bigint', literal('f32', 1n), 'an f32 is given by a number, not by the bigint 1'],
    ['an i32 by a bigint', literal('i32', 1n), 'only an i64 is given by a bigint, not this i32'],
    [
      'a fraction',
      literal('i32', 0.5),
      '0.5 is not an integer from -2147483648 to 2147483647, as an i32 must be',
    ],
    ['more than an i32 holds', literal('i32', 2 ** 31), '2147483648 is not an integer from'],
    ['more than an i64 holds', literal('i64', 2n ** 63n), '9223372036854775808 is not an integer from'],
    [
      'an unsafe integer as an i64',
      literal('i64', 2 ** 60),
      '1152921504606847000 may have been rounded; an i64 so large is given by a bigint',
    ],
    ['an unsafe integer as an index', literal('index', 2 ** 53), '9007199254740992 is not an integer from'],
    [
      'a mask that is neither 0 nor 1',
      literal('m32', -1),
      '-1 is not an integer from 0 to 1, as an m32 must be',
    ],
  ])('cannot have a literal: %s', (_, write, message) => {
    expect(verified(write)).toThrow(message);
  });

  it.each<Case>([
    [
      'the address of a tensor as a number',
      (d) => ({ op: 'param', dst: d.unset('f32'), param: 0 }),
      'the result is f32, must be index',
    ],
    [
      'a number as another',
      (d) => ({ op: 'param', dst: d.unset('i32'), param: 3 }),
      'the result is i32, must be index',
    ],
    [
      'a parameter that is not there',
      (d) => ({ op: 'param', dst: d.unset('index'), param: 4 }),
      '%0 = param #4: there is no parameter 4, only 4',
    ],
    [
      'the beginning of the range as an i32',
      (d) => ({ op: 'begin', dst: d.unset('i32') }),
      'the result is i32, must be index',
    ],
    [
      'the end of the range as an i64',
      (d) => ({ op: 'end', dst: d.unset('i64') }),
      'the result is i64, must be index',
    ],
  ])('cannot read %s', (_, write, message) => {
    expect(verified(write)).toThrow(message);
  });
});

describe('an access', () => {
  it.each<Case>([
    ['a parameter that is not there', load({ param: 9 }), 'there is no parameter 9, only 4'],
    ['a number', load({ param: 3 }), 'parameter n is a number, not a tensor'],
    ['an output for reading', load({ param: 1 }), "the statement reads out, which is declared as 'out'"],
    [
      'an input for writing',
      (d) => ({ op: 'store', src: d.set('f32', 4), ...place(d) }),
      "the statement writes x, which is declared as 'in'",
    ],
    ['another storage type', load({ storage: 'f16' }), 'x holds f32, but is accessed as f16'],
    [
      'halves into doubles',
      load({ param: 2, storage: 'f16' }, 'f64'),
      'the value is f64x4, must be f32, as a load of f16 gives',
    ],
    [
      'a negative displacement',
      load({ displacement: -4 }),
      'the displacement -4 must be an integer from 0 to 2³¹ − 1',
    ],
    ['a broken displacement', load({ displacement: 0.5 }), 'the displacement 0.5 must be an integer'],
    [
      'a displacement too far',
      load({ displacement: 2 ** 31 }),
      'the displacement 2147483648 must be an integer',
    ],
    ['an i32 as address', (d) => load({ address: d.set('i32') })(d), 'the address is i32, must be index'],
    ['an i32 as count', (d) => load({ count: d.set('i32') })(d), 'count is i32, must be index'],
    ['an i32 as stride', (d) => load({ stride: d.set('i32') })(d), 'stride is i32, must be index'],
    [
      'one element by count',
      (d) => load({ count: d.set('index') }, 'f32', 'loadSplat')(d),
      'one element is read, so neither count nor stride has a meaning',
    ],
  ])('is refused: %s', (_, write, message) => {
    expect(verified(write)).toThrow(message);
  });
});

describe('a prefetch', () => {
  const prefetch =
    (fields: object, to: 'read' | 'write' = 'read') =>
    (d: Draft): Statement => ({
      op: 'prefetch',
      param: 0,
      address: d.set('index'),
      displacement: 0,
      to,
      ...fields,
    });

  it.each<Case>([
    ['of a number', prefetch({ param: 3 }), 'parameter n is a number, not a tensor'],
    [
      'of what is not written, to write it',
      prefetch({}, 'write'),
      "x, which is declared as 'in', is not going to be written",
    ],
    ['at an i32', (d) => prefetch({ address: d.set('i32') })(d), 'the address is i32, must be index'],
    [
      'at an address that nothing has written',
      (d) => prefetch({ address: d.unset('index') })(d),
      'is not written on every path that leads here',
    ],
    [
      'before the address',
      prefetch({ displacement: -64 }),
      'the displacement -64 must be an integer from 0 to 2³¹ − 1',
    ],
  ])('is refused %s', (_, write, message) => {
    expect(verified(write)).toThrow(message);
  });

  it('may be of what is only written, to read it, as both say where and not what', () => {
    expect(verified(prefetch({ param: 1 }))).not.toThrow();
    expect(verified(prefetch({ param: 1 }, 'write'))).not.toThrow();
  });
});

describe('a loop or branch', () => {
  const loop =
    (fields: (d: Draft) => object) =>
    (d: Draft): Statement => ({
      op: 'loop',
      counter: d.unset('index'),
      begin: d.set('index'),
      end: d.set('index'),
      step: 1,
      body: [],
      ...fields(d),
    });

  it.each<Case>([
    [
      'a counter that is an i32',
      loop((d) => ({ counter: d.unset('i32') })),
      'the counter is i32, must be index',
    ],
    [
      'a beginning that is an i32',
      loop((d) => ({ begin: d.set('i32') })),
      'the beginning is i32, must be index',
    ],
    ['an end that is an i64', loop((d) => ({ end: d.set('i64') })), 'the end is i64, must be index'],
    ['no step', loop(() => ({ step: 0 })), 'the step 0 must be an integer ≥ 1'],
    ['a step that is no integer', loop(() => ({ step: 1.5 })), 'the step 1.5 must be an integer ≥ 1'],
    [
      'a condition that is a number',
      (d) => ({ op: 'if', condition: d.set('i32'), then: [], otherwise: [] }),
      'the condition is i32, must be a scalar mask',
    ],
    [
      'a condition that is a vector',
      (d) => ({ op: 'if', condition: d.set('m32', 4), then: [], otherwise: [] }),
      'the condition is m32x4, must be a scalar mask',
    ],
  ])('is refused with %s', (_, write, message) => {
    expect(verified(write)).toThrow(message);
  });

  it('is told by its first line', () => {
    expect(verified(loop(() => ({ step: 0 })))).toThrow(
      new Error('kernel draft: loop %0 = 0; %0 < 0; %0 += 0: the step 0 must be an integer ≥ 1'),
    );
  });
});

it('accepts what is right, also where types seldom meet', () => {
  expect(
    verified((d) => {
      const [m32, m64, i64, f64, index] = [
        d.set('m32', 2),
        d.set('m64', 2),
        d.set('i64', 2),
        d.set('f64', 2),
        d.set('index'),
      ];
      return [
        { op: 'convert', dst: m64, a: m32 },
        { op: 'bitcast', dst: i64, a: m64 },
        { op: 'bitcast', dst: f64, a: i64 },
        { op: 'select', dst: f64, mask: m64, a: f64, b: f64 },
        { op: 'select', dst: index, mask: d.set('m32'), a: index, b: index },
        { op: 'any', dst: d.unset('m32'), a: m64 },
        { op: 'lt', dst: d.unset('m32'), a: index, b: index },
        { op: 'convert', dst: index, a: d.set('f32') },
        { op: 'shl', dst: i64, a: i64, b: 64 },
        { op: 'not', dst: m32, a: m32 },
        { op: 'load', dst: d.unset('f32'), ...place(d), count: index, stride: index },
        {
          op: 'store',
          src: d.set('f32', 8),
          param: 2,
          storage: 'f16',
          address: index,
          displacement: 2 ** 31 - 1,
        },
      ];
    }),
  ).not.toThrow();
});
