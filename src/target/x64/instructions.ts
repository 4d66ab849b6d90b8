import { parseRow } from './form.ts';
import type { Form, Row } from './form.ts';
import { convertInstructions } from './instructions-convert.ts';
import { floatInstructions } from './instructions-float.ts';
import { generalInstructions } from './instructions-general.ts';
import { integerInstructions } from './instructions-integer.ts';
import { moveInstructions } from './instructions-moves.ts';
import { opmaskInstructions } from './instructions-opmask.ts';
import { shuffleInstructions } from './instructions-shuffle.ts';

/** Every instruction this encoder knows, under its name in Intel's manual. The first form that fits is taken. */
export const instructions = {
  ...generalInstructions,
  ...moveInstructions,
  ...shuffleInstructions,
  ...floatInstructions,
  ...integerInstructions,
  ...convertInstructions,
  ...opmaskInstructions,
} satisfies Record<string, Row>;

export type Mnemonic = keyof typeof instructions;

const parsed = new Map<string, readonly Form[]>();

/** The forms of an instruction, in the order in which they are tried. */
export function formsOf(mnemonic: Mnemonic): readonly Form[] {
  let forms = parsed.get(mnemonic);
  if (!forms) parsed.set(mnemonic, (forms = instructions[mnemonic].flatMap(parseRow)));
  return forms;
}
