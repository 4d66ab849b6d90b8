/** A case as a program in two languages: what is printed when it fails is what ran. */
import * as flow from '../../src/index.ts';
import type { DType } from '../../src/index.ts';

/** One statement or a few, in TypeScript and in Python; `show(label, value)` hands a value to the comparison. */
export interface Step {
  readonly ts: string;
  readonly py: string;
}

/** How far two numbers may lie apart: `relative` of the largest magnitude in the tensor, plus `absolute`. */
export interface Bound {
  readonly relative: number;
  readonly absolute: number;
}
export const exact: Bound = { relative: 0, absolute: 0 };

export interface Program {
  readonly steps: readonly Step[];
  /** The variables that the steps assign. */
  readonly names: readonly string[];
  /** Whether an error ends the program; otherwise the next step runs. */
  readonly stopsAtError: boolean;
  /** For tensors, by label and dtype; what is not a tensor must be equal. */
  bound(label: string, dtype: string): Bound;
}

export interface ShownTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}
export interface ShownError {
  readonly error: string;
  readonly text: string;
}
export type Plain = string | number | boolean | null | readonly Plain[];
export type Shown = ShownTensor | ShownError | { readonly value: Plain };
export type Transcript = readonly (readonly [label: string, shown: Shown])[];

const recorded = (value: unknown): Shown => {
  if (value instanceof flow.Tensor) {
    const data = value.detach().toTypedArray();
    return {
      dtype: value.dtype,
      shape: value.shape,
      data: data instanceof BigInt64Array ? Array.from(data, Number) : data,
    };
  }
  return { value: (value ?? null) as Plain };
};

const recordedError = (error: unknown): ShownError =>
  error instanceof Error
    ? { error: error.name, text: error.message }
    : { error: 'not an Error', text: String(error) };

/** Runs a program's TypeScript in this process. */
export const runHere = (program: Program): Transcript => {
  const transcript: [string, Shown][] = [];
  const show = (label: string, value: unknown): void => {
    transcript.push([label, recorded(value)]);
  };
  const attempt = (label: string, step: () => void): boolean => {
    try {
      step();
      return true;
    } catch (error) {
      transcript.push([label, recordedError(error)]);
      return false;
    }
  };
  const body = program.steps.map(
    ({ ts }, k) =>
      `if (!attempt('step ${String(k)}', () => {\n${ts}\n})${program.stopsAtError ? '' : ' && false'}) return;`,
  );
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the program that is printed must be the one that ran
  const run = new Function(
    'flow',
    'nn',
    'F',
    'show',
    'attempt',
    `${declared(program)}\n${body.join('\n')}`,
  ) as (...names: unknown[]) => void;
  flow.setDefaultDtype('float32');
  run(flow, flow.nn, flow.nn.functional, show, attempt);
  flow.setDefaultDtype('float32');
  flow.setFloat32ConvPrecision('high');
  return transcript;
};

const declared = ({ names }: Program): string => (names.length === 0 ? '' : `let ${names.join(', ')};`);

/** The program as a command line to paste into a shell, in the root of the project. */
export const runnableLine = (program: Program): string => {
  const show = 'const show = (label, value) => console.log(label, String(value));';
  const steps = program.steps.map(({ ts }) =>
    program.stopsAtError ? ts : `try { ${ts} } catch (error) { console.log(String(error)); }`,
  );
  const source = [
    'import * as flow from "./src/index.ts";',
    'const { nn } = flow, F = nn.functional;',
    show,
    declared(program),
    ...steps,
  ];
  return `npx tsx --input-type=module -e ${quoted(source)}`;
};

/** The same for the Python that ran beside it. */
export const pythonLine = (program: Program): string => {
  const source = ['import torch, copy', 'from torch import nn', 'F = nn.functional', 'show = print'];
  const steps = program.steps.map(({ py }) =>
    program.stopsAtError
      ? py
      : `try:\n${indented(py)}\nexcept Exception as error:\n  print(type(error).__name__, error)`,
  );
  return `python3 -c ${quoted([...source, ...steps])}`;
};

const indented = (text: string): string => text.replace(/^/gm, '  ');
const quoted = (lines: readonly string[]): string => `'${lines.join('\n').replaceAll("'", "'\\''")}'`;

/** Python's spelling of the values that programs are made of. */
export const py = (value: unknown): string => {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(py).join(', ')}]`;
  return ts(value);
};

/** TypeScript's. */
export const ts = (value: unknown): string => {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return `[${value.map(ts).join(', ')}]`;
  return JSON.stringify(value);
};

export const pyDtype = (dtype: DType): string => `torch.${dtype}`;
