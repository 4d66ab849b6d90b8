/** How tensors print: PyTorch's `torch.set_printoptions`, one setting for the whole program. */
import { ValueError } from '../errors.ts';
import { MAX_DIGITS } from './pyformat.ts';

export interface PrintOptions {
  /** Digits after the decimal point. Default 4. */
  readonly precision: number;
  /** The most elements that are printed in full. Default 1000; may be Infinity. */
  readonly threshold: number;
  /** How many elements a summary shows at each end of a dimension. Default 3. */
  readonly edgeitems: number;
  /** Columns after which lines are broken. Default 80; may be Infinity. */
  readonly linewidth: number;
  /** Scientific notation always (true), never (false), or where magnitudes ask for it (null). Default null. */
  readonly sciMode: boolean | null;
}

/** Settings that go together: PyTorch's names. */
export type PrintProfile = 'default' | 'short' | 'full';

const usual: PrintOptions = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null };

const profiles: Readonly<Record<PrintProfile, PrintOptions>> = {
  default: usual,
  short: { ...usual, precision: 2, edgeitems: 2 },
  full: { ...usual, threshold: Infinity },
};

let current = usual;

/** The options in force. */
export const printOptions = (): PrintOptions => current;

/**
 * Sets how tensors print from now on. What is absent stays, except `sciMode`, which goes back to null, as in
 * PyTorch.
 *
 * @param options.precision  digits after the decimal point, 0 … 99
 * @param options.threshold  the most elements that are printed in full
 * @param options.edgeitems  elements at each end of a summarized dimension, at least 1
 * @param options.linewidth  columns after which lines are broken, at least 1
 * @param options.sciMode    true, false, or null to choose by the numbers
 * @param options.profile    start from `default`, `short` (2 digits, 2 edge items) or `full` (no summaries)
 * @throws ValueError for a value outside these; nothing is changed then.
 * @see torch.set_printoptions
 */
export function setPrintOptions(options: Partial<PrintOptions> & { readonly profile?: PrintProfile }): void {
  const { profile, ...settings } = options;
  if (profile !== undefined && !Object.hasOwn(profiles, profile)) {
    throw new ValueError(
      `setPrintOptions: profile is '${profile as string}', expected 'default', 'short' or 'full'`,
    );
  }
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const next: PrintOptions = {
    ...(profile === undefined ? current : profiles[profile]),
    sciMode: null,
    ...given,
  };
  const { precision, threshold, edgeitems, linewidth, sciMode } = next;
  check('precision', precision, isWhole(precision, 0, MAX_DIGITS), `a whole number from 0 to ${MAX_DIGITS}`);
  check('threshold', threshold, threshold >= 0, 'a number that is not negative');
  check('edgeitems', edgeitems, isWhole(edgeitems, 1, Infinity), 'a positive whole number');
  check('linewidth', linewidth, linewidth >= 1, 'a positive number');
  check('sciMode', sciMode, sciMode === null || typeof sciMode === 'boolean', 'true, false or null');
  current = next;
}

const isWhole = (x: number, min: number, max: number): boolean => Number.isInteger(x) && x >= min && x <= max;

function check(name: keyof PrintOptions, value: unknown, valid: boolean, expected: string): void {
  if (!valid) throw new ValueError(`setPrintOptions: ${name} is ${String(value)}, expected ${expected}`);
}
