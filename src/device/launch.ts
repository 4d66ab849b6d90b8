/** Runs kernels: compiles them when they are first needed, puts their arguments where they look for them, calls. */
import { RuntimeError } from '../errors.ts';
import type { KernelDefinition, Spec } from '../lang/kernel.ts';
import { printKernel } from '../lang/print.ts';
import { MAX_PARAMETERS, type AddressSpace } from './address-space.ts';
import { debugging, debugPrint } from './debug.ts';
import type { Piece } from './gathering.ts';
import { quietly } from './quiet.ts';
import { recording, type Launched, type Recorder } from './recording.ts';
import { checkAlive, Storage, type Region } from './storage.ts';
import { gathered, strandNow } from './strands.ts';
import { currentTarget, type CompiledKernel, type Target } from './target.ts';
import { share } from './threads/share.ts';

export type { Region } from './storage.ts';

/** Arguments by the names of the kernel's parameters. */
export type LaunchArguments<S extends Spec> = {
  readonly [Name in keyof S]: S[Name] extends { readonly kind: 'tensor' }
    ? Region | Storage
    : S[Name] extends { readonly kind: 'number' }
      ? number | bigint
      : Region | Storage | number | bigint;
};

export interface LaunchOptions {
  /**
   * As many positions of the parallel axis as are worth a thread's while (see `threads/grain.ts`): a range of twice as
   * many is shared among threads. Default: the range stays on one thread.
   */
  readonly grain?: number;
}

const compiled = (definition: KernelDefinition, target: Target): CompiledKernel => {
  if (definition.parameters.length > MAX_PARAMETERS) {
    throw new RuntimeError(`${definition.name}: more than ${String(MAX_PARAMETERS)} parameters`);
  }
  const built = definition.build(target.machine);
  if (debugging('kernel')) debugPrint(printKernel(built));
  if (debugging('asm')) debugPrint(target.print(built));
  const run = target.compile(built);
  target.kernels.set(definition.name, run);
  return run;
};

type Given = Readonly<Record<string, Region | Storage | number | bigint>>;

/**
 * Runs a kernel over positions begin … end − 1 of its parallel axis.
 *
 * @throws RuntimeError when an argument is missing, a region does not lie in its storage, or an index is not one
 */
export const launch = <S extends Spec>(
  definition: KernelDefinition<S>,
  args: LaunchArguments<S>,
  begin: number,
  end: number,
  { grain = Infinity }: LaunchOptions = {},
): void => {
  const target = currentTarget();
  const { memory } = target;
  const run = target.kernels.get(definition.name) ?? quietly(() => compiled(definition, target));
  const given = args as Given;
  if (!isIndex(begin, memory) || !isIndex(end, memory)) {
    throw new RuntimeError(`${definition.name}: [${String(begin)}, ${String(end)}) is no range of indices`);
  }
  if (!writeArguments(definition, given, memory)) {
    bringIn(storagesOf(definition, given), memory);
    writeArguments(definition, given, memory);
  }
  // Kernels prepare the scratch memory of their first position before they come to it.
  if (begin >= end) return;
  const recorder = recording();
  if (recorder !== null) {
    recorder.launched({ ...writtenDown(definition, given, memory, recorder), run, begin, end, grain });
  }
  // Bringing storages in may have moved the block.
  const { address, words } = memory.argumentBlock();
  if (strandNow() !== null) {
    const pieces = piecesOf(definition, given);
    const held = storagesOf(definition, given);
    if (gathered({ run, words, count: 2 * definition.parameters.length, pieces, held, begin, end })) return;
  }
  if (debugging('time')) timed(definition.name, run, address, begin, end, grain);
  else share(target.pool, run, address, begin, end, grain);
};

const isIndex = (value: number, { maxIndex }: AddressSpace): boolean =>
  Number.isInteger(value) && value >= 0 && value <= maxIndex;

/** Puts the arguments into their block. False when a tensor must be brought in first. */
const writeArguments = (
  { name, parameters }: KernelDefinition,
  given: Given,
  memory: AddressSpace,
): boolean => {
  const { words, floats, doubles, longs } = memory.argumentBlock();
  let allIn = true;
  for (let k = 0; k < parameters.length; k++) {
    const parameter = parameters[k]!;
    const value = given[parameter.name];
    if (parameter.kind === 'tensor') {
      const storage = value instanceof Storage ? value : (value as Region | undefined)?.storage;
      if (!(storage instanceof Storage)) {
        throw new RuntimeError(`${name}: argument ${parameter.name} must be a storage or a region of one`);
      }
      const offset = value instanceof Storage ? 0 : (value as Region).byteOffset;
      if (!(Number.isInteger(offset) && offset >= 0 && offset <= storage.byteLength)) {
        throw new RuntimeError(
          `${name}: ${parameter.name} begins at byte ${String(offset)} of a storage of ${String(storage.byteLength)}`,
        );
      }
      checkAlive(storage);
      if (parameter.access !== 'in') storage.changes++;
      const start = memory.find(storage.slot);
      if (start === 0) allIn = false;
      const address = start + offset;
      // Stores keep the lowest 32 bits.
      words[2 * k] = address;
      words[2 * k + 1] = address / 2 ** 32;
    } else if (typeof value !== 'number' && typeof value !== 'bigint') {
      throw new RuntimeError(`${name}: argument ${parameter.name} must be a number, got ${typeof value}`);
    } else if (parameter.element === 'index') {
      const index = Number(value);
      if (!isIndex(index, memory)) {
        throw new RuntimeError(
          `${name}: ${parameter.name} = ${String(value)} is no index: an integer from 0 to ${String(memory.maxIndex)}`,
        );
      }
      words[2 * k] = index;
      words[2 * k + 1] = index / 2 ** 32;
    } else if (parameter.element === 'f32') floats[2 * k] = Number(value);
    else if (parameter.element === 'f64') doubles[k] = Number(value);
    else if (parameter.element === 'i32') words[2 * k] = Number(value);
    else longs[k] = typeof value === 'bigint' ? value : integer(name, parameter.name, value);
  }
  return allIn;
};

/** A number as 64-bit integer, its fraction dropped. */
const integer = (kernel: string, name: string, value: number): bigint => {
  if (!Number.isFinite(value)) {
    throw new RuntimeError(`${kernel}: ${name} = ${String(value)} is no integer`);
  }
  return BigInt(Math.trunc(value));
};

const storagesOf = ({ parameters }: KernelDefinition, given: Given): readonly Storage[] =>
  parameters
    .filter(({ kind }) => kind === 'tensor')
    .map(({ name }) => given[name] as Region | Storage)
    .map((value) => (value instanceof Storage ? value : value.storage));

const piecesOf = ({ parameters }: KernelDefinition, given: Given): readonly Piece[] =>
  parameters.flatMap(({ kind, name }, k) => {
    const apart = kind === 'tensor' ? (given[name] as Partial<Region>).apart : undefined;
    return apart === undefined ? [] : [{ word: 2 * k, apart }];
  });

/** The arguments as they are in their block. */
const writtenDown = (
  definition: KernelDefinition,
  given: Given,
  memory: AddressSpace,
  recorder: Recorder,
): Pick<Launched, 'words' | 'tensors' | 'pieces' | 'strand'> => ({
  strand: strandNow(),
  pieces: piecesOf(definition, given),
  words: memory.argumentBlock().words.slice(0, 2 * definition.parameters.length),
  tensors: definition.parameters.flatMap((parameter, k) => {
    if (parameter.kind !== 'tensor') return [];
    const value = given[parameter.name] as Region | Storage;
    const { storage, byteOffset } = value instanceof Storage ? { storage: value, byteOffset: 0 } : value;
    return [
      { word: 2 * k, source: recorder.sourceOf(storage), byteOffset, written: parameter.access !== 'in' },
    ];
  }),
});

/**
 * Makes a launch again.
 *
 * @param storages  by the numbers of its recorder
 */
export const relaunch = (launched: Launched, storages: readonly Storage[]): void => {
  const { pool, memory } = currentTarget();
  if (!rewriteArguments(launched, storages, memory)) {
    bringIn(
      launched.tensors.map(({ source }) => storages[source]!),
      memory,
    );
    rewriteArguments(launched, storages, memory);
  }
  const { address, words } = memory.argumentBlock();
  const { run, tensors, pieces, begin, end } = launched;
  if (strandNow() !== null) {
    const held = tensors.map(({ source }) => storages[source]!);
    if (gathered({ run, words, count: launched.words.length, pieces, held, begin, end })) return;
  }
  share(pool, run, address, begin, end, launched.grain);
};

/** As `writeArguments`, of a launch whose arguments were checked when it was made first. */
const rewriteArguments = (
  { words: given, tensors }: Launched,
  storages: readonly Storage[],
  memory: AddressSpace,
): boolean => {
  const { words } = memory.argumentBlock();
  for (let k = 0; k < given.length; k++) words[k] = given[k]!;
  let allIn = true;
  for (let k = 0; k < tensors.length; k++) {
    const { word, source, byteOffset, written } = tensors[k]!;
    const storage = storages[source]!;
    if (written) storage.changes++;
    const start = memory.find(storage.slot);
    if (start === 0) allIn = false;
    const address = start + byteOffset;
    words[word] = address;
    words[word + 1] = address / 2 ** 32;
  }
  return allIn;
};

/** Makes all tensors of a call resident; bringing one in must not push another out. */
const bringIn = (storages: readonly Storage[], memory: AddressSpace): void => {
  for (const { slot } of storages) slot.pins++;
  try {
    for (const storage of storages) memory.resident(storage);
  } finally {
    for (const { slot } of storages) slot.pins--;
  }
};

const timed = (
  name: string,
  run: CompiledKernel,
  args: number,
  begin: number,
  end: number,
  grain: number,
): void => {
  const start = performance.now();
  share(currentTarget().pool, run, args, begin, end, grain);
  debugPrint(
    `${name} [${String(begin)}, ${String(end)}) ${currentTarget().name} ${(performance.now() - start).toFixed(3)} ms`,
  );
};
