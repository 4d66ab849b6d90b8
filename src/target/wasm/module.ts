import type { Instruction } from './instructions.ts';
import type { F32, F64, FunctionType, ValueType } from './row.ts';

/**
 * A WebAssembly module as plain data. encode.ts makes bytes of it, print.ts makes text.
 *
 *     const module: WasmModule = {
 *       memory: { import: { module: 'env', name: 'memory' }, min: 1 },
 *       functions: [
 *         {
 *           name: 'double',
 *           export: 'double',
 *           params: [{ name: 'at', type: 'i32' }],
 *           body: [
 *             ['local.get', 0],
 *             ['local.get', 0],
 *             ['v128.load', { offset: 16 }],
 *             ['v128.const', new Float32Array([2, 2, 2, 2])],
 *             ['f32x4.mul'],
 *             ['v128.store', { offset: 16 }],
 *           ],
 *         },
 *       ],
 *     };
 *
 * Blocks are written as in the binary format, `['loop', { label: 'k' }]` … `['br_if', 'k']` … `['end']`, without
 * the last `end` of the function. Names are for people and profilers only: a character that the text format does
 * not have becomes `_`, and a name that is taken gets a number.
 */
export interface WasmModule {
  /** Functions from outside. They have the first function indices. */
  readonly imports?: readonly FunctionImport[];
  readonly functions: readonly WasmFunction[];
  /** Memory 0. */
  readonly memory?: Memory;
  /** Table 0, of functions, for `call_indirect`. */
  readonly table?: Limits & Linkage;
  readonly globals?: readonly Global[];
}

/** Sizes: of a memory in pages of 65536 bytes, of a table in elements. */
export interface Limits {
  readonly min: number;
  /** Default: none, except that a shared memory must have one. */
  readonly max?: number;
}

export interface ImportName {
  readonly module: string;
  readonly name: string;
}

export interface Linkage {
  /** Where it comes from. Default: the module makes its own. */
  readonly import?: ImportName;
  /** The name under which others see it. Default: not exported. */
  readonly export?: string;
}

export interface Memory extends Limits, Linkage {
  readonly shared?: boolean;
}

export type Global = {
  readonly mutable?: boolean;
  readonly export?: string;
} & (
  | { readonly type: 'i32'; readonly value: number }
  | { readonly type: 'i64'; readonly value: number | bigint }
  | { readonly type: 'f32'; readonly value: F32 }
  | { readonly type: 'f64'; readonly value: F64 }
);

export interface FunctionImport extends FunctionType {
  readonly import: ImportName;
  readonly name?: string;
}

/** A parameter or a local: its type, or its type and name. */
export type Local = ValueType | { readonly type: ValueType; readonly name?: string };

export interface WasmFunction {
  readonly name?: string;
  /** The name under which others see it. Default: not exported. */
  readonly export?: string;
  readonly params?: readonly Local[];
  readonly results?: readonly ValueType[];
  /** Counted on from the parameters; zero at first. Equal types beside each other cost nothing. */
  readonly locals?: readonly Local[];
  readonly body: readonly Instruction[];
}

export const typeOf = (local: Local): ValueType => (typeof local === 'string' ? local : local.type);

/** The type of a function of the module. */
export const functionType = ({ params = [], results = [] }: WasmFunction): FunctionType => ({
  params: params.map(typeOf),
  results,
});

/** The function types of a module, each once, numbered in order of first use. */
export class TypeTable {
  readonly types: FunctionType[] = [];
  readonly #indices = new Map<string, number>();

  index(type: FunctionType): number {
    const key = `${type.params.join(' ')} -> ${type.results.join(' ')}`;
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.types.push(type) - 1;
      this.#indices.set(key, index);
    }
    return index;
  }
}

/** What the format needs to say of a block's type: a type of its own only for operands or several results. */
export function blockType(type: ValueType | FunctionType | undefined): ValueType | FunctionType | undefined {
  if (typeof type !== 'object' || type.params.length > 0 || type.results.length > 1) return type;
  return type.results[0];
}

/** The names of all functions by index, imports first, as both the text and the name section have them. */
export const functionNames = ({ imports = [], functions }: WasmModule): (string | undefined)[] =>
  identifiers([...imports, ...functions]);

/** The names of parameters and locals by index. */
export const localNames = ({ params = [], locals = [] }: WasmFunction): (string | undefined)[] =>
  identifiers([...params, ...locals].map((local) => (typeof local === 'string' ? {} : local)));

function identifiers(named: readonly { readonly name?: string }[]): (string | undefined)[] {
  const taken = new Set<string>();
  return named.map(({ name }) => {
    if (name === undefined) return undefined;
    const plain = identifier(name);
    let distinct = plain;
    for (let n = 2; taken.has(distinct); n++) distinct = `${plain}.${n}`;
    taken.add(distinct);
    return distinct;
  });
}

/** The name with `_` for every character that the text format does not have in names. */
export const identifier = (name: string): string =>
  name.replace(/[^\w!#$%&'*+\-./:<=>?@\\^`|~]/g, '_') || '_';
