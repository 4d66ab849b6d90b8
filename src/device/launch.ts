/** Runs kernels: compiles them when they are first needed, puts their arguments where they look for them, calls. */
import { RuntimeError } from '../errors.ts';
import type { KernelDefinition, Spec } from '../lang/kernel.ts';
import { printKernel } from '../lang/print.ts';
import { debugging, debugPrint } from './debug.ts';
import { heap } from './heap.ts';
import { Storage } from './storage.ts';
import { currentTarget, type CompiledKernel, type Target } from './target.ts';

/** A tensor argument: its memory from a byte on. */
export interface Region {
  readonly storage: Storage;
  readonly byteOffset: number;
}

/** Arguments by the names of the kernel's parameters. */
export type LaunchArguments<S extends Spec> = {
  readonly [Name in keyof S]: S[Name] extends { readonly kind: 'tensor' }
    ? Region | Storage
    : S[Name] extends { readonly kind: 'number' }
      ? number | bigint
      : Region | Storage | number | bigint;
};

/** No kernel has more parameters. */
const MAX_PARAMETERS = 64;
const ARGS = heap.reserve(8 * MAX_PARAMETERS);

const caches = new WeakMap<Target, Map<string, CompiledKernel>>();

const compiled = (definition: KernelDefinition): CompiledKernel => {
  const target = currentTarget();
  let cache = caches.get(target);
  if (cache === undefined) caches.set(target, (cache = new Map<string, CompiledKernel>()));
  let run = cache.get(definition.name);
  if (run === undefined) cache.set(definition.name, (run = compile(definition, target)));
  return run;
};

const compile = (definition: KernelDefinition, target: Target): CompiledKernel => {
  if (definition.parameters.length > MAX_PARAMETERS) {
    throw new RuntimeError(`${definition.name}: more than ${String(MAX_PARAMETERS)} parameters`);
  }
  const built = definition.build(target.machine);
  if (debugging('kernel')) debugPrint(printKernel(built));
  if (debugging('asm')) debugPrint(target.print(built));
  return target.compile(built);
};

/** The memory as arrays, renewed when it has grown. */
let words = new Uint32Array(0);
let floats = new Float32Array(0);
let doubles = new Float64Array(0);
let longs = new BigInt64Array(0);
const renew = (): void => {
  const { buffer } = heap.memory;
  words = new Uint32Array(buffer);
  floats = new Float32Array(buffer);
  doubles = new Float64Array(buffer);
  longs = new BigInt64Array(buffer);
};

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
): void => {
  const run = compiled(definition);
  const given = args as Readonly<Record<string, Region | Storage | number | bigint>>;
  const { parameters } = definition;
  if (!isIndex(begin) || !isIndex(end)) {
    throw new RuntimeError(`${definition.name}: [${String(begin)}, ${String(end)}) is no range of indices`);
  }
  bringIn(definition.name, parameters, given);
  if (words.buffer !== heap.memory.buffer) renew();
  for (let k = 0; k < parameters.length; k++) {
    const parameter = parameters[k]!;
    const value = given[parameter.name];
    if (parameter.kind === 'tensor') {
      const storage = value instanceof Storage ? value : (value as Region).storage;
      const offset = value instanceof Storage ? 0 : (value as Region).byteOffset;
      words[ARGS / 4 + 2 * k] = heap.resident(storage) + offset;
      words[ARGS / 4 + 2 * k + 1] = 0;
    } else if (typeof value !== 'number' && typeof value !== 'bigint') {
      throw new RuntimeError(
        `${definition.name}: argument ${parameter.name} must be a number, got ${typeof value}`,
      );
    } else if (parameter.element === 'index') {
      const index = Number(value);
      if (!isIndex(index)) {
        throw new RuntimeError(
          `${definition.name}: ${parameter.name} = ${String(value)} is no index: an integer from 0 to 4294967295`,
        );
      }
      words[ARGS / 4 + 2 * k] = index;
      words[ARGS / 4 + 2 * k + 1] = 0;
    } else if (parameter.element === 'f32') floats[ARGS / 4 + 2 * k] = Number(value);
    else if (parameter.element === 'f64') doubles[ARGS / 8 + k] = Number(value);
    else if (parameter.element === 'i32') words[ARGS / 4 + 2 * k] = Number(value);
    else
      longs[ARGS / 8 + k] =
        typeof value === 'bigint' ? value : integer(definition.name, parameter.name, value);
  }
  if (debugging('time')) timed(definition.name, run, begin, end);
  else run(ARGS, begin, end);
};

const isIndex = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0xffffffff;

/** A number as 64-bit integer, its fraction dropped. */
const integer = (kernel: string, name: string, value: number): bigint => {
  if (!Number.isFinite(value)) {
    throw new RuntimeError(`${kernel}: ${name} = ${String(value)} is no integer`);
  }
  return BigInt(Math.trunc(value));
};

/** Makes all tensors of a call resident; bringing one in must not push another out. */
const bringIn = (
  name: string,
  parameters: KernelDefinition['parameters'],
  given: Readonly<Record<string, Region | Storage | number | bigint>>,
): void => {
  let absent = false;
  for (const parameter of parameters) {
    if (parameter.kind !== 'tensor') continue;
    const value = given[parameter.name];
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
    if (storage.slot.address === 0) absent = true;
  }
  if (!absent) return;
  const pinned: Storage[] = [];
  try {
    for (const parameter of parameters) {
      if (parameter.kind !== 'tensor') continue;
      const value = given[parameter.name]!;
      const storage = value instanceof Storage ? value : (value as Region).storage;
      storage.slot.pins++;
      pinned.push(storage);
    }
    for (const storage of pinned) heap.resident(storage);
  } finally {
    for (const storage of pinned) storage.slot.pins--;
  }
};

const timed = (name: string, run: CompiledKernel, begin: number, end: number): void => {
  const start = performance.now();
  run(ARGS, begin, end);
  debugPrint(
    `${name} [${String(begin)}, ${String(end)}) ${currentTarget().name} ${(performance.now() - start).toFixed(3)} ms`,
  );
};
