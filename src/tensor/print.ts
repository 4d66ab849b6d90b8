/**
 * A tensor as PyTorch prints it, letter for letter.
 *
 *     tensor([[ 1.0000, -2.5000],
 *             [ 0.1250,  3.0000]], dtype=torch.float64, requires_grad=True)
 *
 * @see torch/_tensor_str.py in PyTorch 1.13
 */
import { type DType, isFloatingPoint } from '../dtype.ts';
import { type PrintOptions, printOptions } from './printoptions.ts';
import { fixed, scientific } from './pyformat.ts';

/** What the text of a tensor depends on. */
export interface PrintedTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The element at a row-major index, strided or not in memory. Only called for elements that are printed. */
  readonly read: (index: number) => number | bigint | boolean;
  /** Shown unless it is the CPU. Default `'cpu'`. */
  readonly device?: string | undefined;
  /** Shown unless `gradFn` is. Default false. */
  readonly requiresGrad?: boolean | undefined;
  /** The name of the function that gave the tensor, `MulBackward0`; null or absent for a leaf. */
  readonly gradFn?: string | null | undefined;
  /** Is it a Parameter? These have a line `Parameter containing:` above them. Default false. */
  readonly parameter?: boolean | undefined;
  /** The floating dtype that goes without saying. Default `'float32'`. */
  readonly defaultDtype?: DType | undefined;
}

/** PyTorch's `repr(tensor)` under the current {@link setPrintOptions}. */
export function formatTensor(tensor: PrintedTensor): string {
  const options = printOptions();
  const prefix = 'tensor(';
  const text = prefix + contents(tensor, prefix.length, options);
  return (
    (tensor.parameter ? 'Parameter containing:\n' : '') +
    addSuffixes(text, suffixes(tensor), prefix.length, options.linewidth)
  );
}

/** The nested brackets. `indent` is the column where they start. */
function contents({ shape, dtype, read }: PrintedTensor, indent: number, options: PrintOptions): string {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count === 0) return '[]';
  const { edgeitems, linewidth } = options;

  const summarize = count > options.threshold;
  const isCut = (size: number) => summarize && size > 2 * edgeitems;
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));

  /** The indices along `axis`, from `start`, that are printed; where they are cut, the gap is in the middle. */
  const shown = (axis: number, start: number): number[] => {
    const size = shape[axis]!;
    const index = (i: number) => start + i * strides[axis]!;
    return isCut(size)
      ? Array.from({ length: 2 * edgeitems }, (_, i) => index(i < edgeitems ? i : size - 2 * edgeitems + i))
      : Array.from({ length: size }, (_, i) => index(i));
  };
  const printed = shape.reduce((starts, _, axis) => starts.flatMap((start) => shown(axis, start)), [0]);
  const values = new Map(printed.map((index) => [index, read(index)]));
  const { format, width } = elementFormat([...values.values()], dtype, options);

  const vector = (start: number, column: number): string => {
    const elements = shown(shape.length - 1, start).map((index) => format(values.get(index)!));
    if (isCut(shape.at(-1)!)) elements.splice(edgeitems, 0, ' ...');
    const perLine = Math.max(1, Math.floor((linewidth - column) / (width + ', '.length)));
    const lines: string[] = [];
    for (let i = 0; i < elements.length; i += perLine) lines.push(elements.slice(i, i + perLine).join(', '));
    return '[' + lines.join(',\n' + ' '.repeat(column + 1)) + ']';
  };
  const nested = (axis: number, start: number, column: number): string => {
    const dimensions = shape.length - axis;
    if (dimensions === 0) return format(values.get(start)!);
    if (dimensions === 1) return vector(start, column);
    const slices = shown(axis, start).map((index) => nested(axis + 1, index, column + 1));
    if (isCut(shape[axis]!)) slices.splice(edgeitems, 0, '...');
    return '[' + slices.join(',' + '\n'.repeat(dimensions - 1) + ' '.repeat(column + 1)) + ']';
  };
  return nested(0, 0, indent);
}

type Value = number | bigint | boolean;

/** How every printed element is written: all in one style, right-aligned to a common width. */
interface ElementFormat {
  readonly format: (value: Value) => string;
  readonly width: number;
}

function elementFormat(values: readonly Value[], dtype: DType, options: PrintOptions): ElementFormat {
  if (isFloatingPoint(dtype)) return floatFormat(values.map(Number), options);
  const text = dtype === 'bool' ? (value: Value) => (value ? 'True' : 'False') : String;
  return aligned(text, widest(values, text));
}

/**
 * Three styles: `3.` when all are whole, `3.1416`, and `3.1416e+00` where magnitudes are large, small or far
 * apart. Zeros, infinities and NaNs have no say in it, nor in the width, which they may overstep.
 */
function floatFormat(values: readonly number[], { precision, sciMode }: PrintOptions): ElementFormat {
  const telling = values.filter((x) => Number.isFinite(x) && x !== 0);
  const magnitudes = telling.map(Math.abs);
  const max = magnitudes.reduce((a, b) => Math.max(a, b), 0);
  const min = magnitudes.reduce((a, b) => Math.min(a, b), Infinity);
  const whole = telling.every(Number.isInteger);

  const asScientific = (x: number) => scientific(x, precision);
  const asWhole = (x: number) => fixed(x, 0) + (Number.isFinite(x) ? '.' : '');
  const asFixed = whole ? asWhole : (x: number) => fixed(x, precision);

  const spread = max / min > 1000 || max > 1e8 || (!whole && min < 1e-4);
  const useScientific = telling.length > 0 && (sciMode ?? spread);
  // PyTorch measures in the style it would choose, even where the user has chosen the other one.
  const width = widest(telling, spread ? asScientific : asFixed);
  return aligned((value) => (useScientific ? asScientific : asFixed)(Number(value)), width);
}

function widest<T>(values: readonly T[], text: (value: T) => string): number {
  return values.reduce((width, value) => Math.max(width, text(value).length), 1);
}

function aligned(text: (value: Value) => string, width: number): ElementFormat {
  return { format: (value) => text(value).padStart(width), width };
}

/** What follows the numbers: only what a reader could not guess from them. */
function suffixes(tensor: PrintedTensor): string[] {
  const { shape, dtype, device = 'cpu', defaultDtype = 'float32' } = tensor;
  const empty = shape.includes(0);
  // Whole numbers look like int64 and True like bool; an empty tensor looks like the default.
  const obvious = dtype === defaultDtype || (!empty && (dtype === 'int64' || dtype === 'bool'));
  const parts: string[] = [];
  if (device !== 'cpu') parts.push(`device='${device}'`);
  if (empty && shape.length !== 1) parts.push(`size=(${shape.join(', ')})`);
  if (!obvious) parts.push(`dtype=torch.${dtype}`);
  if (tensor.gradFn) parts.push(`grad_fn=<${tensor.gradFn}>`);
  else if (tensor.requiresGrad) parts.push('requires_grad=True');
  return parts;
}

/** Each suffix on the last line if it fits there, otherwise on a new one. */
function addSuffixes(text: string, parts: readonly string[], indent: number, linewidth: number): string {
  // Two more than the last line has, which leaves room for the closing parenthesis.
  let length = text.length - text.lastIndexOf('\n') + 1;
  for (const part of parts) {
    if (length + part.length + 2 > linewidth) {
      text += ',\n' + ' '.repeat(indent) + part;
      length = indent + part.length;
    } else {
      text += ', ' + part;
      length += part.length + 2;
    }
  }
  return text + ')';
}
