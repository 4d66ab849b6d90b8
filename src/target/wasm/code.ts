import type { RegisterElement, Type } from '../../lang/types.ts';
import type { Instruction, MnemonicWith } from './instructions.ts';
import type { Local } from './module.ts';
import type { V128, ValueType } from './row.ts';

/**
 * Stretches of instructions, as the parts of the selector hand them to each other. Most push one value; an
 * operand that is needed more than once is kept in a local first.
 */
export type Code = readonly Instruction[];

/** Pushes the operands, then runs the instruction: `op('f32x4.add', a, b)`. */
export function op(instruction: MnemonicWith<'none'> | Instruction, ...operands: readonly Code[]): Code {
  const code: Instruction[] = [];
  for (const operand of operands) for (const part of operand) code.push(part);
  code.push(typeof instruction === 'string' ? [instruction] : instruction);
  return code;
}

export const i32 = (value: number): Code => [['i32.const', value]];
export const i64 = (value: bigint): Code => [['i64.const', value]];
export const get = (local: number): Code => [['local.get', local]];

/** Chooses by an i32; both branches push a value of the type, or none does. */
export const ifElse = (type: ValueType | undefined, condition: Code, then: Code, otherwise: Code): Code => [
  ...condition,
  type === undefined ? ['if'] : ['if', { type }],
  ...then,
  ...(otherwise.length === 0 ? [] : ([['else'], ...otherwise] satisfies Code)),
  ['end'],
];

/** The number that the code pushes, where it is nothing but an `i32.const`. */
export const constantOf = (code: Code): number | undefined => {
  const [first] = code;
  return code.length === 1 && first?.[0] === 'i32.const' ? first[1] : undefined;
};

/** Scalars by element. A scalar mask is an i32, 0 or 1. */
export const scalarType: Readonly<Record<RegisterElement, Exclude<ValueType, 'v128'>>> = {
  f32: 'f32',
  f64: 'f64',
  i32: 'i32',
  i64: 'i64',
  m32: 'i32',
  m64: 'i32',
  index: 'i32',
};

/** How instructions see a vector's lanes. A mask's lanes are 0 or −1. */
export const shapeOf = {
  f32: 'f32x4',
  f64: 'f64x2',
  i32: 'i32x4',
  i64: 'i64x2',
  m32: 'i32x4',
  m64: 'i64x2',
} as const satisfies Partial<Record<RegisterElement, string>>;

/**
 * The type of the local that holds a register. A vector with fewer lanes than fit is in the low ones; what is in
 * the others is anyone's guess.
 */
export const valueType = ({ element, lanes }: Type): ValueType =>
  lanes === 1 ? scalarType[element] : 'v128';

/** The locals of the function that is being made. */
export class Frame {
  /** Whether the code that is being selected lies in a loop. */
  inLoop = false;
  /** What the function does first: it fills the locals that hold constants. */
  readonly prologue: Instruction[] = [];
  readonly locals: Local[] = [];
  readonly #constants = new Map<string, number>();
  readonly #scratch: Record<ValueType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #inUse: Record<ValueType, number> = { i32: 0, i64: 0, f32: 0, f64: 0, v128: 0 };

  constructor(private readonly parameterCount: number) {}

  /** A new local. */
  local(type: ValueType, name?: string): number {
    this.locals.push(name === undefined ? type : { type, name });
    return this.parameterCount + this.locals.length - 1;
  }

  /**
   * Lets a value be pushed several times: run `before` once, then push `value` as often as needed, until `release`.
   */
  keep(code: Code, type: ValueType): { readonly before: Code; readonly value: Code } {
    const [first] = code;
    const cheap = code.length === 1 && (first![0] === 'local.get' || first![0].endsWith('.const'));
    if (cheap) return { before: [], value: code };
    const locals = this.#scratch[type];
    const local = (locals[this.#inUse[type]++] ??= this.local(type));
    return { before: [...code, ['local.set', local]], value: get(local) };
  }

  /** Ends the use of all kept values. */
  release(): void {
    for (const type of Object.keys(this.#inUse) as ValueType[]) this.#inUse[type] = 0;
  }

  /** A constant; in a loop one that waits in a local. */
  f32(value: number): Code {
    return this.#constant('f32', ['f32.const', Math.fround(value)], new Float32Array([value]));
  }
  f64(value: number): Code {
    return this.#constant('f64', ['f64.const', value], new Float64Array([value]));
  }
  v128(value: V128): Code {
    return this.#constant('v128', ['v128.const', value], value);
  }
  /** The same 32 bits in every lane. */
  bits(value: number): Code {
    return this.v128(new Uint32Array(4).fill(value));
  }

  #constant(type: ValueType, instruction: Instruction, value: V128): Code {
    if (!this.inLoop) return [instruction];
    const key = `${type} ${new Uint8Array(value.buffer, value.byteOffset, value.byteLength).join(' ')}`;
    let local = this.#constants.get(key);
    if (local === undefined) {
      local = this.local(type);
      this.#constants.set(key, local);
      this.prologue.push(instruction, ['local.set', local]);
    }
    return get(local);
  }
}
