import { ValueError } from '../../errors.ts';
import { ByteWriter } from './bytes.ts';
import { instructions } from './instructions.ts';
import type { InstructionWith } from './instructions.ts';
import { blockType, functionNames, functionType, localNames, TypeTable, typeOf } from './module.ts';
import type { Global, ImportName, Limits, Memory, WasmFunction, WasmModule } from './module.ts';
import type { FunctionType, ImmediateKind, Label, MemArg, Row, ValueType } from './row.ts';

/**
 * The bytes of a module, which module.ts describes:
 *
 *     const bytes = encode({ functions: [{ export: 'two', results: ['i32'], body: [['i32.const', 2]] }] });
 *     const { two } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
 *
 * What a number's format cannot hold and what names nothing is an error here; whether the types fit is for
 * WebAssembly.validate to say.
 *
 * @throws ValueError with function, instruction and reason
 * @see https://webassembly.github.io/spec/core/binary/
 */
export function encode(module: WasmModule): Uint8Array<ArrayBuffer> {
  const { imports = [], functions, memory, table, globals = [] } = module;
  const types = new TypeTable();
  const importTypes = imports.map((type) => types.index(type));
  const ownTypes = functions.map((f) => types.index(functionType(f)));
  const code = new ByteWriter(); // first, because blocks have types too
  code.list(functions, (f, i) => code.sized((out) => writeFunction(out, f, i, types)));

  const out = new ByteWriter();
  out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]); // \0asm, version 1
  const section = (id: number, items: Item[]): void => {
    if (items.length === 0) return;
    out.byte(id);
    out.sized((inside) => inside.list(items, (item) => item(inside)));
  };
  section(
    1,
    types.types.map((type) => (o) => writeFunctionType(o, type)),
  );
  section(2, [
    ...(memory?.import ? [importItem(memory.import, 2, (o) => writeLimits(o, memory))] : []),
    ...(table?.import ? [importItem(table.import, 1, (o) => writeTable(o, table))] : []),
    ...imports.map((f, i) => importItem(f.import, 0, (o) => o.u32(importTypes[i]!))),
  ]);
  section(
    3,
    ownTypes.map((type) => (o) => o.u32(type)),
  );
  section(4, table && !table.import ? [(o) => writeTable(o, table)] : []);
  section(5, memory && !memory.import ? [(o) => writeLimits(o, memory)] : []);
  section(
    6,
    globals.map((global) => (o) => writeGlobal(o, global)),
  );
  section(7, [
    ...exportItems(0, functions, imports.length),
    ...exportItems(1, table ? [table] : []),
    ...exportItems(2, memory ? [memory] : []),
    ...exportItems(3, globals),
  ]);
  if (functions.length > 0) {
    out.byte(10);
    out.sized((inside) => inside.bytes(code.finish()));
  }
  writeNames(out, module);
  return out.finish();
}

type Item = (out: ByteWriter) => void;

const typeCode: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const endCode = instructions.end.code[0]!;

function writeFunctionType(out: ByteWriter, { params, results }: FunctionType): void {
  out.byte(0x60);
  for (const side of [params, results]) out.list(side, (type) => out.byte(typeCode[type]));
}

function writeLimits(out: ByteWriter, { min, max, shared }: Limits & Pick<Memory, 'shared'>): void {
  out.byte((max === undefined ? 0 : 1) | (shared ? 2 : 0));
  out.u32(min);
  if (max !== undefined) out.u32(max);
}

function writeTable(out: ByteWriter, limits: Limits): void {
  out.byte(0x70); // funcref
  writeLimits(out, limits);
}

function writeGlobal(out: ByteWriter, global: Global): void {
  out.bytes([typeCode[global.type], global.mutable ? 1 : 0]);
  out.bytes(instructions[`${global.type}.const`].code);
  switch (global.type) {
    case 'i32':
      out.s32(global.value);
      break;
    case 'i64':
      out.s64(global.value);
      break;
    case 'f32':
      out.f32(global.value);
      break;
    case 'f64':
      out.f64(global.value);
      break;
    default:
      global satisfies never;
  }
  out.byte(endCode);
}

const importItem =
  ({ module, name }: ImportName, kind: number, write: Item): Item =>
  (out) => {
    out.name(module);
    out.name(name);
    out.byte(kind);
    write(out);
  };

const exportItems = (kind: number, items: readonly { readonly export?: string }[], first = 0): Item[] =>
  items.flatMap(({ export: name }, i) =>
    name === undefined
      ? []
      : (out: ByteWriter) => {
          out.name(name);
          out.byte(kind);
          out.u32(first + i);
        },
  );

function writeFunction(out: ByteWriter, f: WasmFunction, index: number, types: TypeTable): void {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of (f.locals ?? []).map(typeOf)) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  out.list(runs, ({ type, count }) => {
    out.u32(count);
    out.byte(typeCode[type]);
  });

  const context: BodyContext = { out, types, labels: [] };
  f.body.forEach((instruction, i) => {
    const mnemonic = instruction[0];
    const row: Row = instructions[mnemonic];
    const { code } = row;
    for (let b = 0; b < code.length; b++) out.byte(code[b]!);
    try {
      // The table gives this mnemonic this kind of immediate, and so did the type of Instruction.
      (writeImmediate[row.immediate] as ImmediateWriter)(context, instruction, row);
      if (mnemonic === 'end') context.labels.pop();
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw new ValueError(
        `${f.name ?? `function ${index}`}, instruction ${i}, ${mnemonic}: ${error.message}`,
      );
    }
  });
  out.byte(endCode);
}

interface BodyContext {
  readonly out: ByteWriter;
  readonly types: TypeTable;
  /** Of the open blocks, outermost first. */
  readonly labels: (string | undefined)[];
}

type ImmediateWriter = (context: BodyContext, instruction: unknown, row: Row) => void;

const writeIndex = ({ out }: BodyContext, [, index]: readonly [string, number]): void => out.u32(index);

const writeImmediate: {
  readonly [K in ImmediateKind]: (context: BodyContext, instruction: InstructionWith<K>, row: Row) => void;
} = {
  none: () => undefined,
  memarg: ({ out }, [, memarg], row) => writeMemArg(out, memarg, row.align),
  'memarg lane': ({ out }, [, memarg, lane], row) => {
    writeMemArg(out, memarg, row.align);
    writeLane(out, lane);
  },
  lane: ({ out }, [, lane]) => writeLane(out, lane),
  shuffle: ({ out }, [, lanes]) => {
    if (lanes.length !== 16) throw new ValueError(`has ${lanes.length} lane indices, expected 16`);
    for (const lane of lanes) writeLane(out, lane);
  },
  local: writeIndex,
  global: writeIndex,
  function: writeIndex,
  type: ({ out, types }, [, type]) => {
    out.u32(types.index(type));
    out.byte(0); // table 0
  },
  block: ({ out, types, labels }, [, header]) => {
    labels.push(header?.label);
    const type = blockType(header?.type);
    if (type === undefined) out.byte(0x40);
    else if (typeof type === 'string') out.byte(typeCode[type]);
    else out.s32(types.index(type));
  },
  label: ({ out, labels }, [, label]) => out.u32(depth(label, labels)),
  labels: ({ out, labels }, [, targets, otherwise]) => {
    out.list(targets, (label) => out.u32(depth(label, labels)));
    out.u32(depth(otherwise, labels));
  },
  i32: ({ out }, [, value]) => out.s32(value),
  i64: ({ out }, [, value]) => out.s64(value),
  f32: ({ out }, [, value]) => out.f32(value),
  f64: ({ out }, [, value]) => out.f64(value),
  v128: ({ out }, [, value]) => {
    if (value.byteLength !== 16) throw new ValueError(`has ${value.byteLength} bytes, expected 16`);
    out.bytes(new Uint8Array(value.buffer, value.byteOffset, 16));
  },
};

function writeMemArg(out: ByteWriter, memarg: MemArg | undefined, natural: number): void {
  const align = memarg?.align ?? natural;
  const log2 = 31 - Math.clz32(align);
  if (2 ** log2 !== align) throw new ValueError(`align is ${align}, expected a power of two`);
  out.u32(log2);
  out.u32(memarg?.offset ?? 0);
}

function writeLane(out: ByteWriter, lane: number): void {
  if ((lane & 0xff) !== lane) throw new ValueError(`lane is ${lane}, expected an integer from 0 to 255`);
  out.byte(lane);
}

/** How many blocks outward the label is. */
function depth(label: Label, labels: readonly (string | undefined)[]): number {
  if (typeof label === 'number') return label;
  const at = labels.lastIndexOf(label);
  if (at < 0) throw new ValueError(`no enclosing block has the label ${label}`);
  return labels.length - 1 - at;
}

/** The custom section from which profilers and disassemblers take names; absent where nothing has one. */
function writeNames(out: ByteWriter, module: WasmModule): void {
  const ofFunctions = functionNames(module);
  const imports = module.imports ?? [];
  const ofLocals = [...imports.map(() => []), ...module.functions.map(localNames)];
  if (![ofFunctions, ...ofLocals].flat().some((name) => name !== undefined)) return;
  out.byte(0);
  out.sized((section) => {
    section.name('name');
    section.byte(1);
    section.sized((inside) => writeNameMap(inside, ofFunctions));
    section.byte(2);
    section.sized((inside) =>
      inside.list(ofLocals, (names, index) => {
        inside.u32(index);
        writeNameMap(inside, names);
      }),
    );
  });
}

function writeNameMap(out: ByteWriter, names: readonly (string | undefined)[]): void {
  const given = names.flatMap((name, index) => (name === undefined ? [] : [{ name, index }]));
  out.list(given, ({ name, index }) => {
    out.u32(index);
    out.name(name);
  });
}
