import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../../src/errors.ts';
import { Cursor } from '../../src/io/cursor.ts';
import { Loading } from '../../src/io/loading.ts';
import { unpickle } from '../../src/io/pickle.ts';
import { opcodes, type OpcodeName } from '../../src/io/pickle-opcodes.ts';
import { containerNames } from '../../src/io/pickle-names.ts';
import { pickle } from '../../src/io/pickle-writer.ts';
import { StateDict } from '../../src/io/state-dict.ts';
import { assemble, named, pickleOf, text, u32, u64 } from './assemble.ts';

const read = (bytes: Uint8Array): unknown => {
  const loading = new Loading(bytes.length);
  const names = new Map(containerNames(loading));
  return unpickle(new Cursor(bytes, 'test'), { names, spend: (size) => loading.spend(size) });
};
const noTensors = (): never => {
  throw new Error('no tensors here');
};

describe('a pickle', () => {
  it.each<[string, Uint8Array, unknown]>([
    ['None', pickleOf('NONE'), null],
    ['True', pickleOf('NEWTRUE'), true],
    ['-2, of 32 bits', pickleOf('BININT', u32(-2)), -2],
    ['300, of 16 bits', pickleOf('BININT2', 44, 1), 300],
    ['0, of no bytes', pickleOf('LONG1', 0), 0],
    ['-128, of one byte', pickleOf('LONG1', 1, 0x80), -128],
    ['255, of two bytes', pickleOf('LONG1', 2, 0xff, 0), 255],
    ['2⁶⁴, of nine bytes', pickleOf('LONG4', u32(9), ...u64(0n), 1), 2n ** 64n],
    ['a float', pickleOf('BINFLOAT', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0), 1.5],
    ['bytes', pickleOf('SHORT_BINBYTES', 2, 7, 200), Uint8Array.of(7, 200)],
    ["a text of Python 2's", pickleOf('SHORT_BINSTRING', 1, 'text:a'), 'a'],
    ['nested lists', pickleOf('EMPTY_LIST', 'MARK', 'NONE', 'EMPTY_LIST', 'APPENDS'), [null, []]],
    ['a frame around all', pickleOf('FRAME', u64(2n), 'NONE'), null],
    ['a frozenset', pickleOf('MARK', 'BININT1', 1, 'BININT1', 2, 'FROZENSET'), new Set([1, 2])],
    [
      'a set of protocol 2',
      pickleOf(named('__builtin__', 'set'), 'EMPTY_LIST', 'TUPLE1', 'REDUCE'),
      new Set(),
    ],
    [
      'bytes of protocol 2',
      pickleOf(named('_codecs', 'encode'), text('aÿ'), text('latin1'), 'TUPLE2', 'REDUCE'),
      Uint8Array.of(97, 255),
    ],
    [
      'no bytes of protocol 2',
      pickleOf(named('__builtin__', 'bytes'), 'EMPTY_TUPLE', 'REDUCE'),
      new Uint8Array(),
    ],
    [
      'a name from the stack',
      pickleOf(text('collections'), text('OrderedDict'), 'STACK_GLOBAL', 'EMPTY_TUPLE', 'REDUCE'),
      new StateDict(),
    ],
    ['what was remembered', pickleOf('EMPTY_LIST', 'MEMOIZE', 'BINGET', 0, 'TUPLE2'), [[], []]],
  ])('holds %s', (_, bytes, expected) => {
    expect(read(bytes)).toEqual(expected);
  });

  it('keeps apart keys that are dangerous as properties', () => {
    const map = read(pickleOf('EMPTY_DICT', text('__proto__'), 'BININT1', 1, 'SETITEM')) as Map<
      string,
      number
    >;
    expect([map.get('__proto__'), Object.getPrototypeOf(map) === Map.prototype]).toEqual([1, true]);
  });

  it('keeps one list one list', () => {
    const [a, b] = read(pickleOf('EMPTY_LIST', 'BINPUT', 5, 'BINGET', 5, 'TUPLE2')) as [unknown[], unknown[]];
    expect(a).toBe(b);
  });
});

describe('a pickle is refused', () => {
  const refused: readonly OpcodeName[] = [
    'POP',
    'POP_MARK',
    'DUP',
    'FLOAT',
    'INT',
    'LONG',
    'PERSID',
    'STRING',
    'UNICODE',
    'DICT',
    'GET',
    'INST',
    'LIST',
    'OBJ',
    'PUT',
    'EXT1',
    'EXT2',
    'EXT4',
    'NEWOBJ_EX',
    'NEXT_BUFFER',
    'READONLY_BUFFER',
  ];
  it.each(refused)('for the instruction %s, by its name', (name) => {
    expect(() => read(pickleOf('NONE', 'NONE', name))).toThrow(
      new FileFormatError(`test, byte 4: the instruction ${name}, which no file of tensors needs; refused`),
    );
  });

  it.each([
    ['os', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['builtins', 'getattr'],
    ['builtins', '__import__'],
    ['torch.storage', '_load_from_bytes'],
    ['copyreg', '_reconstructor'],
    ['numpy', '__proto__'],
    ['', ''],
    ['__proto__', ''],
    ['constructor', 'constructor'],
  ])('for the name %s.%s, by that name, however it is asked for', (module, name) => {
    const message = `test, byte 2: asks for "${module}.${name}", which is not among the names that a file of tensors needs; refused`;
    expect(() => read(pickleOf(named(module, name)))).toThrow(new FileFormatError(message));
    const onStack = pickleOf(text(module), text(name), 'STACK_GLOBAL');
    expect(() => read(onStack)).toThrow(message.replace(/byte \d+/, `byte ${onStack.length - 2}`));
  });

  it.each<[string, Uint8Array, string]>([
    ['is empty', new Uint8Array(), 'byte 0: cut off: 1 bytes are wanted where 0 are left'],
    ['is no pickle', Uint8Array.of(1, 2), 'not a pickle of protocol 2 or above'],
    ['is of protocol 0', assemble('NONE', 'STOP'), 'not a pickle of protocol 2 or above'],
    ['is of protocol 6', assemble('PROTO', 6, 'NONE', 'STOP'), 'pickle protocol 6, expected 2 to 5'],
    ['has an instruction that is none', pickleOf(0xff), 'byte 2: 0xff is no instruction of pickles'],
    ['does not stop', assemble('PROTO', 2, 'NONE'), 'byte 3: cut off'],
    ['stops with nothing', pickleOf(), 'takes a value from an empty stack'],
    ['stops with two values', pickleOf('NONE', 'NONE'), 'ends with values left over'],
    ['stops with an open mark', pickleOf('NONE', 'MARK'), 'takes a value from an empty stack'],
    [
      'takes from below a mark',
      pickleOf('NONE', 'MARK', 'TUPLE1', 'TUPLE'),
      'byte 4: takes a value from an empty stack',
    ],
    ['has no mark', pickleOf('TUPLE'), 'goes back to a mark that is not there'],
    ['recalls what it never put away', pickleOf('BINGET', 7), 'byte 2: recalls memo 7, which was never set'],
    [
      'recalls far away',
      pickleOf('LONG_BINGET', u32(0xffffffff)),
      'recalls memo 4294967295, which was never set',
    ],
    [
      'has a text longer than itself',
      pickleOf('BINUNICODE', u32(0xffffffff)),
      'cut off: 4294967295 bytes are wanted',
    ],
    [
      'has bytes longer than all',
      pickleOf('BINBYTES8', u64(2n ** 63n)),
      'the number 9223372036854775808, beyond any size',
    ],
    ['has a text that is not UTF-8', pickleOf('SHORT_BINUNICODE', 1, 0xff), 'text that is not UTF-8'],
    ['has a frame longer than itself', pickleOf('FRAME', u64(100n), 'NONE'), 'cut off: a frame of 100 bytes'],
    ['has an endless name', assemble('PROTO', 2, 'GLOBAL', 'text:os'), 'a line that does not end'],
    ['has a huge int', pickleOf('LONG4', u32(2000), ...new Uint8Array(2000)), 'an int of 2000 bytes'],
    ['appends to a tuple', pickleOf('EMPTY_TUPLE', 'NONE', 'APPEND'), 'appends to a tuple'],
    ['sets an item of a list', pickleOf('EMPTY_LIST', 'NONE', 'NONE', 'SETITEM'), 'sets items of a list'],
    [
      'sets a key without value',
      pickleOf('EMPTY_DICT', 'MARK', 'NONE', 'SETITEMS'),
      'sets a key without a value',
    ],
    ['has a list for a key', pickleOf('EMPTY_DICT', 'EMPTY_LIST', 'NONE', 'SETITEM'), 'a key that is a list'],
    ['calls a text', pickleOf(text('f'), 'EMPTY_TUPLE', 'REDUCE'), 'calls a string, which is no function'],
    [
      'calls without a tuple',
      pickleOf(named('collections', 'OrderedDict'), 'NONE', 'REDUCE'),
      'calls with None in place of a tuple',
    ],
    [
      'calls with what is not expected',
      pickleOf(named('collections', 'OrderedDict'), 'NONE', 'TUPLE1', 'REDUCE'),
      'an OrderedDict made with arguments',
    ],
    [
      'makes an object of a function',
      pickleOf(named('_codecs', 'encode'), 'EMPTY_TUPLE', 'NEWOBJ'),
      'makes an object of "_codecs.encode", which is no class for that',
    ],
    ['sets the state of a dict', pickleOf('EMPTY_DICT', 'EMPTY_DICT', 'BUILD'), 'sets the state of a Map'],
    [
      'sets an attribute',
      pickleOf(
        named('collections', 'OrderedDict'),
        'EMPTY_TUPLE',
        'REDUCE',
        'EMPTY_DICT',
        text('__class__'),
        'NONE',
        'SETITEM',
        'BUILD',
      ),
      'the attribute __class__ of an OrderedDict',
    ],
    ['refers outside', pickleOf('EMPTY_TUPLE', 'BINPERSID'), 'refers to something outside of the pickle'],
    [
      'leaves a class',
      pickleOf(named('collections', 'OrderedDict')),
      '"collections.OrderedDict" stands where a value is expected',
    ],
    [
      'puts a list into itself',
      pickleOf('EMPTY_LIST', 'MEMOIZE', 'BINGET', 0, 'APPEND'),
      'a container lies inside itself',
    ],
    [
      'nests too deep',
      pickleOf('NONE', ...Array.from({ length: 1001 }, () => 'TUPLE1' as const)),
      'containers nested more than 1000 deep',
    ],
  ])('when it %s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(FileFormatError);
    expect(() => read(bytes)).toThrow(message);
  });

  it('when it asks for the same text as bytes again and again', () => {
    const size = 10_000;
    const once = assemble('BINGET', 0, 'BINGET', 1, 'REDUCE', 'APPEND');
    const bytes = pickleOf(
      named('_codecs', 'encode'),
      'BINPUT',
      0,
      text('x'.repeat(size)),
      text('latin1'),
      'TUPLE2',
      'BINPUT',
      1,
      'TUPLE2',
      'EMPTY_LIST',
      ...Array.from({ length: 50 }, () => once),
    );
    expect(() => read(bytes)).toThrow('more memory than the length of the file explains');
  });

  it('when tuples share parts to be exponentially large, unless nobody has to copy them', () => {
    const doubling = Array.from({ length: 60 }, (_, k) => assemble('BINGET', k, 'TUPLE2', 'BINPUT', k + 1));
    const bytes = pickleOf('EMPTY_TUPLE', 'BINPUT', 0, ...doubling);
    expect((read(bytes) as unknown[]).length).toBe(2);
  });

  it('never by a crash: random instructions give a value or an error of ours', () => {
    const piece = fc.oneof(
      fc.constantFrom(...Object.values(opcodes)).map((code) => Uint8Array.of(code)),
      fc.uint8Array({ maxLength: 3 }),
      fc.nat({ max: 4 }).map((k) => assemble('BINPUT', k)),
      fc.nat({ max: 4 }).map((k) => assemble('BINGET', k)),
      fc.string({ maxLength: 3 }).map(text),
      fc.constantFrom(
        ...[...new Map(containerNames(new Loading(0))).keys()].map((name) => {
          const dot = name.lastIndexOf('.');
          return named(name.slice(0, dot), name.slice(dot + 1));
        }),
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          read(pickleOf(...pieces));
        } catch (error) {
          expect(error).toBeInstanceOf(FileFormatError);
        }
      }),
      { numRuns: 2000, seed: 11 },
    );
  });
});

describe('what is pickled', () => {
  const value = fc.letrec((tie) => ({
    leaf: fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noDefaultInfinity: false }),
      fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }).filter((x) => !Number.isSafeInteger(Number(x))),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 20 }),
    ),
    any: fc.oneof(
      { depthSize: 'small' },
      tie('leaf'),
      fc.array(tie('any'), { maxLength: 5 }),
      fc.array(tie('any'), { maxLength: 5 }).map((items) => Object.freeze(items)),
      fc.array(fc.tuple(fc.string(), tie('any')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
      fc.uniqueArray(fc.integer(), { maxLength: 5 }).map((items) => new Set(items)),
    ),
  })).any;

  it('comes back the same', () => {
    fc.assert(
      fc.property(value, (x) => {
        expect(read(pickle(x, noTensors))).toEqual(x);
      }),
      { numRuns: 500, seed: 12 },
    );
  });

  it('comes back the same beyond the limits of short forms and batches', () => {
    const long = Array.from({ length: 3001 }, (_, k) => `text ${k}`);
    expect(read(pickle(long, noTensors))).toEqual(long);
    const map = new Map(long.map((key, k) => [key, k]));
    expect(read(pickle(map, noTensors))).toEqual(map);
    const many = [[], ...long].map((x) => [x, x]);
    expect(read(pickle(many, noTensors))).toEqual(many);
  });

  it('keeps lists shared, and state dictionaries with their versions', () => {
    const shared = [1];
    const [a, b] = read(pickle([shared, shared], noTensors)) as [unknown, unknown];
    expect(a).toBe(b);
    const state = new StateDict();
    state.metadata.set('conv', { version: 2 });
    expect([...(read(pickle(state, noTensors)) as StateDict).metadata]).toEqual([['conv', { version: 2 }]]);
  });

  it.each<[unknown, string]>([
    [undefined, 'save: a undefined cannot be saved'],
    [{ a: [1, () => 1] }, 'save: value["a"][1]: a function cannot be saved'],
    [new Map([[1, Symbol('x')]]), 'save: value[1]: a symbol cannot be saved'],
    [[new Float32Array(2)], 'save: value[0]: an object of class Float32Array cannot be saved'],
    [{ when: new Date() }, 'save: value["when"]: an object of class Date cannot be saved'],
    ['\ud800', 'save: text with half a surrogate pair cannot be saved'],
    [2n ** 2040n, 'save: an integer of 256 bytes cannot be saved'],
  ])('may not be %s', (x, message) => {
    expect(() => pickle(x, noTensors)).toThrow(new TypeError(message));
  });

  it('may not contain itself', () => {
    const list: unknown[] = [];
    list.push([list]);
    expect(() => pickle(list, noTensors)).toThrow('save: value[0][0]: a container that contains itself');
  });
});
