import { coreInstructions } from './instructions-core.ts';
import { relaxedInstructions } from './instructions-relaxed.ts';
import { simdInstructions } from './instructions-simd.ts';
import { threadInstructions } from './instructions-threads.ts';
import type { FunctionType, ImmediateKind, Immediates, Row, ValueType } from './row.ts';

/**
 * Every instruction, by the specification's spelling: opcode, operand and result types, immediate, alignment.
 *
 * @see https://webassembly.github.io/spec/core/appendix/index-instructions.html, and the proposals relaxed-simd
 * and threads
 */
export const instructions = {
  ...coreInstructions,
  ...simdInstructions,
  ...relaxedInstructions,
  ...threadInstructions,
};

type Table = typeof instructions;

export type Mnemonic = keyof Table;

/** The instructions that have immediates of one kind. */
export type MnemonicWith<K extends ImmediateKind> = {
  [M in Mnemonic]: Table[M] extends Row<K> ? M : never;
}[Mnemonic];

export type InstructionWith<K extends ImmediateKind> = readonly [MnemonicWith<K>, ...Immediates[K]];

/** A mnemonic and its immediates: `['f32x4.mul']`, `['local.get', 0]`, `['v128.load', { offset: 16 }]`. */
export type Instruction = { [K in ImmediateKind]: InstructionWith<K> }[ImmediateKind];

/**
 * Operand and result types. Letters in a row's type stand for a type that the opcode alone does not give.
 *
 * @returns undefined for a control instruction, whose types depend on where it stands
 */
export function signature(mnemonic: Mnemonic): FunctionType | undefined {
  const { type } = instructions[mnemonic];
  if (type === '*') return undefined;
  const [params = [], results = []] = type
    .split('->')
    .map((side) => side.split(' ').filter((word) => word !== '') as ValueType[]);
  return { params, results };
}
