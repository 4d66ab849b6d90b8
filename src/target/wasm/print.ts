import { instructions } from './instructions.ts';
import type { Instruction, InstructionWith } from './instructions.ts';
import {
  blockType,
  functionNames,
  functionType,
  identifier,
  localNames,
  TypeTable,
  typeOf,
} from './module.ts';
import type { Global, ImportName, Limits, Memory, WasmFunction, WasmModule } from './module.ts';
import { f32Text, f64Text, v128Text } from './print-number.ts';
import type { FunctionType, ImmediateKind, Label, MemArg, Row } from './row.ts';

/**
 * The text (WAT) of a module, which module.ts describes: one instruction a line, indented by nesting. An assembler
 * makes the same bytes of it as encode.ts does of the module.
 *
 * @see https://webassembly.github.io/spec/core/text/
 */
export function print(module: WasmModule): string {
  const { imports = [], functions, memory, table, globals = [] } = module;
  const types = new TypeTable();
  const importTypes = imports.map((type) => types.index(type));
  const ownTypes = functions.map((f) => types.index(functionType(f)));
  const names = functionNames(module);
  const bodies = functions.map((f) => printBody(f, names, types)); // first, because blocks have types too

  const lines: string[] = [];
  types.types.forEach((type, i) => lines.push(`(type (;${i};) (func${typeText(type)}))`));
  if (memory?.import) lines.push(importText(memory.import, `memory ${limitsText(memory)}`));
  if (table?.import) lines.push(importText(table.import, `table ${limitsText(table)} funcref`));
  imports.forEach((f, i) =>
    lines.push(importText(f.import, `func${dollar(names[i])} (type ${importTypes[i]!})`)),
  );
  if (table && !table.import) lines.push(`(table ${limitsText(table)} funcref)`);
  if (memory && !memory.import) lines.push(`(memory ${limitsText(memory)})`);
  for (const global of globals) lines.push(globalText(global));
  functions.forEach((f, i) => {
    lines.push(`(func${dollar(names[imports.length + i])} (type ${ownTypes[i]!})${signatureText(f)}`);
    lines.push(...localLines(f), ...bodies[i]!);
    lines[lines.length - 1] += ')';
  });
  lines.push(...exportLines('func', functions, imports.length));
  if (table) lines.push(...exportLines('table', [table]));
  if (memory) lines.push(...exportLines('memory', [memory]));
  lines.push(...exportLines('global', globals));
  return ['(module', ...lines.map((line) => `  ${line}`)].join('\n') + ')\n';
}

const dollar = (name: string | undefined): string => (name === undefined ? '' : ` $${name}`);

const typeText = ({ params, results }: FunctionType): string =>
  (params.length > 0 ? ` (param ${params.join(' ')})` : '') +
  (results.length > 0 ? ` (result ${results.join(' ')})` : '');

const limitsText = ({ min, max, shared }: Limits & Pick<Memory, 'shared'>): string =>
  `${min}${max === undefined ? '' : ` ${max}`}${shared ? ' shared' : ''}`;

/** A string in quotes: what would end it or cannot be seen is written as bytes. */
const quoted = (text: string): string =>
  `"${text.replace(/["\\\p{Cc}]/gu, (c) => [...utf8.encode(c)].map((b) => `\\${hexByte(b)}`).join(''))}"`;
const utf8 = new TextEncoder();
const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0');

const importText = ({ module, name }: ImportName, what: string): string =>
  `(import ${quoted(module)} ${quoted(name)} (${what}))`;

const exportLines = (kind: string, items: readonly { readonly export?: string }[], first = 0): string[] =>
  items.flatMap(({ export: name }, i) =>
    name === undefined ? [] : [`(export ${quoted(name)} (${kind} ${first + i}))`],
  );

function globalText(global: Global): string {
  const { type } = global;
  const value =
    type === 'f32' ? f32Text(global.value) : type === 'f64' ? f64Text(global.value) : `${global.value}`;
  return `(global ${global.mutable ? `(mut ${type})` : type} (${type}.const ${value}))`;
}

function signatureText(f: WasmFunction): string {
  const names = localNames(f);
  const params = (f.params ?? []).map((param, i) => ` (param${dollar(names[i])} ${typeOf(param)})`);
  return params.join('') + typeText({ params: [], results: f.results ?? [] });
}

/** Named locals stand alone, and equal types beside each other on one line. */
function localLines(f: WasmFunction): string[] {
  const { params = [], locals = [] } = f;
  const names = localNames(f).slice(params.length);
  const lines: string[] = [];
  locals.map(typeOf).forEach((type, i) => {
    const text = `(local${dollar(names[i])} ${type})`;
    if (i > 0 && typeOf(locals[i - 1]!) === type) lines[lines.length - 1] += ` ${text}`;
    else lines.push(`  ${text}`);
  });
  return lines;
}

interface BodyContext {
  readonly types: TypeTable;
  readonly functions: readonly (string | undefined)[];
  readonly locals: readonly (string | undefined)[];
}

function printBody(f: WasmFunction, functions: BodyContext['functions'], types: TypeTable): string[] {
  const context: BodyContext = { types, functions, locals: localNames(f) };
  let indent = '  ';
  return f.body.map((instruction) => {
    const [mnemonic] = instruction;
    if (mnemonic === 'else' || mnemonic === 'end') indent = indent.slice(2);
    const line = indent + instructionText(instruction, context);
    if (mnemonic === 'block' || mnemonic === 'loop' || mnemonic === 'if' || mnemonic === 'else')
      indent += '  ';
    return line;
  });
}

function instructionText(instruction: Instruction, context: BodyContext): string {
  const row: Row = instructions[instruction[0]];
  // The table gives this mnemonic this kind of immediate, and so did the type of Instruction.
  return instruction[0] + (immediateText[row.immediate] as ImmediateText)(instruction, context);
}

type ImmediateText = (instruction: unknown, context: BodyContext) => string;

const immediateText: {
  readonly [K in ImmediateKind]: (instruction: InstructionWith<K>, context: BodyContext) => string;
} = {
  none: () => '',
  memarg: ([, memarg]) => memargText(memarg),
  'memarg lane': ([, memarg, lane]) => `${memargText(memarg)} ${lane}`,
  lane: ([, lane]) => ` ${lane}`,
  shuffle: ([, lanes]) => ` ${lanes.join(' ')}`,
  local: ([, index], { locals }) => dollar(locals[index]) || ` ${index}`,
  global: ([, index]) => ` ${index}`,
  function: ([, index], { functions }) => dollar(functions[index]) || ` ${index}`,
  type: ([, type], { types }) => ` (type ${types.index(type)})`,
  block: ([, header], { types }) => {
    const label = header?.label === undefined ? '' : ` $${identifier(header.label)}`;
    const type = blockType(header?.type);
    if (type === undefined) return label;
    return `${label} ${typeof type === 'string' ? `(result ${type})` : `(type ${types.index(type)})`}`;
  },
  label: ([, label]) => ` ${labelText(label)}`,
  labels: ([, targets, otherwise]) => ` ${[...targets, otherwise].map(labelText).join(' ')}`,
  i32: ([, value]) => ` ${value}`,
  i64: ([, value]) => ` ${value}`,
  f32: ([, value]) => ` ${f32Text(value)}`,
  f64: ([, value]) => ` ${f64Text(value)}`,
  v128: ([, value]) => ` ${v128Text(value)}`,
};

const memargText = ({ offset, align }: MemArg = {}): string =>
  (offset ? ` offset=${offset}` : '') + (align === undefined ? '' : ` align=${align}`);

const labelText = (label: Label): string =>
  typeof label === 'number' ? `${label}` : `$${identifier(label)}`;
