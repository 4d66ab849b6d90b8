/** What differs between two transcripts of one program. */
import type { Bound, Program, Shown, ShownError, ShownTensor, Transcript } from './program.ts';

/** What we refuse and PyTorch spoils: what comes after it cannot be compared. */
const partings: readonly RegExp[] = [/^insert: the module '.*' is not counted but named/];

/** What PyTorch cannot do though it says nowhere that it may not be asked for: it ends there, and we do it. */
const limits: readonly RegExp[] = [
  // Of a weight that is a view, where the input's channels are last.
  /^slow_conv2d: grad_weight must be contiguous$/,
  // Where the padding is named, a bias of another dtype, but only by one of its libraries.
  /^Input type \(.*\) and bias type \(.*\) should be the same or input should be a MKLDNN tensor/,
];

/** The first difference as text, or null. `ours` and `theirs` are shown beside each other. */
export const difference = (program: Program, ours: Transcript, theirs: Transcript): string | null => {
  for (let k = 0; k < Math.max(ours.length, theirs.length); k++) {
    const [ourLabel, our] = ours[k] ?? ['nothing', { value: null }];
    const [theirLabel, their] = theirs[k] ?? ['nothing', { value: null }];
    if ('error' in our && partings.some((parting) => parting.test(our.text))) return null;
    if ('error' in their && !('error' in our) && limits.some((limit) => limit.test(their.text))) return null;
    const differs =
      ourLabel === theirLabel
        ? shownDifference(our, their, (dtype) => program.bound(ourLabel, dtype))
        : 'one went on, the other did not';
    if (differs !== null) {
      return `${ourLabel}: ${differs}\n  ours:    ${ourLabel} ${text(our)}\n  PyTorch: ${theirLabel} ${text(their)}`;
    }
  }
  return null;
};

const text = (shown: Shown): string => {
  if ('error' in shown) return `${shown.error}: ${shown.text}`;
  if ('value' in shown) return JSON.stringify(shown.value);
  const head = Array.from({ length: Math.min(8, shown.data.length) }, (_, k) => shown.data[k]!);
  return `${shown.dtype}[${shown.shape.join(', ')}] ${head.join(', ')}${shown.data.length > 8 ? ', …' : ''}`;
};

const shownDifference = (our: Shown, their: Shown, bound: (dtype: string) => Bound): string | null => {
  if ('error' in our || 'error' in their) {
    if (!('error' in our)) return 'PyTorch refuses';
    if (!('error' in their)) return 'only we refuse';
    return errorDifference(our, their);
  }
  if ('value' in our || 'value' in their) {
    return JSON.stringify(our) === JSON.stringify(their) ? null : 'values differ';
  }
  return tensorDifference(our, their, bound(their.dtype));
};

/** Where a text names a Python type, ours names JavaScript's. */
const inJavascript = (text: string): string =>
  text
    .replace(/<class '(?:[\w.]+\.)?(\w+)'>/g, (_, name: string) => typeIn(name))
    .replace(/'(?:torch\.[\w.]*?)?(\w+)'(?= (?:as|object) )/g, (_, name: string) => `'${typeIn(name)}'`)
    .replace(/^(\w+)(?= is not a Module subclass)/, (name) => typeIn(name))
    .replace(/(?<=Got )(\w+)/, (name) => typeIn(name));
const typeIn = (python: string): string =>
  python.endsWith('Tensor') ? 'Tensor' : (types.get(python) ?? python);
const types: ReadonlyMap<string, string> = new Map([
  ['int', 'number'],
  ['float', 'number'],
  ['str', 'string'],
  ['bool', 'boolean'],
  ['list', 'Array'],
  ['NoneType', 'null'],
]);

/**
 * Where builds of PyTorch differ among themselves, and ours agrees with another: [ours, theirs]. Dilations and groups
 * are checked earlier or later; some convolutions go through a library with checks of its own; Python's sets have no
 * order; halves stand in for themselves (`widened`); some texts are Python's own, or say less than ours;
 * negative sizes are multiplied before they are looked at.
 */
const otherBuilds: readonly (readonly [ours: RegExp, theirs: RegExp])[] = [
  [/^non-positive dilation is not supported$/, /./],
  [/^expected (?:stride|padding|dilation) to be a single integer/, /^non-positive groups is not supported$/],
  [/^expected scalar type/, /^Input type \(.*\) and weight type \(.*\) should be the same/],
  [/^Invalid padding string '.*', should/, /^Invalid padding string '.*', should/],
  [/^3D or 4D .* tensor expected/, /^3D or 4D .* tensor expected/],
  [
    /^kernel size should be greater than zero/,
    /^(?:could not create a descriptor|kernel size should|Input type)/,
  ],
  [/^module is not a function$/, /^'NoneType' object is not callable$/],
  [
    /^conv2d\(\): argument '\w+' \(position \d\) must be Tensor/,
    /^conv2d\(\) received an invalid combination/,
  ],
  [/^"slow_conv2d_cpu" not implemented/, /^(?:"slow_conv_dilated<>" not implemented|Only zero batch)/],
  [/^padding_mode must be one of/, /^padding_mode must be one of/],
  [/^Trying to create tensor with negative dimension/, /^numel: integer multiplication overflow$/],
];

const errorDifference = (our: ShownError, their: ShownError): string | null => {
  const expected = inJavascript(their.text);
  if (our.error !== their.error) return 'the errors are of different classes';
  if (our.text === expected) return null;
  const known = otherBuilds.some(([ours, theirs]) => ours.test(our.text) && theirs.test(their.text));
  return known ? null : 'the texts differ';
};

export const tensorDifference = (our: ShownTensor, their: ShownTensor, bound: Bound): string | null => {
  if (our.dtype !== their.dtype) return `dtypes ${our.dtype} and ${their.dtype}`;
  if (our.shape.join() !== their.shape.join())
    return `shapes [${our.shape.join(', ')}] and [${their.shape.join(', ')}]`;
  let largest = 0;
  for (let k = 0; k < their.data.length; k++) {
    if (Number.isFinite(their.data[k])) largest = Math.max(largest, Math.abs(their.data[k]!));
  }
  const allowed = bound.relative * largest + bound.absolute;
  for (let k = 0; k < their.data.length; k++) {
    const [a, b] = [our.data[k]!, their.data[k]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= allowed) continue;
    return `element ${String(k)} is ${String(a)}, in PyTorch ${String(b)}: apart ${String(Math.abs(a - b))}, allowed ${String(allowed)}`;
  }
  return null;
};
