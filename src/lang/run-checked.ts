/** Runs a kernel in the interpreter while watching every access to memory: the oracle of all tests of kernels. */
import { compileInterpreted } from './interpret.ts';
import type { Access, Kernel, Parameter, Statement } from './ir.ts';
import { printStatement } from './print.ts';
import { verify } from './verify.ts';

export interface CheckedRun {
  /**
   * One for each of the kernel's parameters: a tensor's memory, which the kernel changes in place, or a number.
   * Tensors that overlap in one ArrayBuffer overlap for the kernel, too.
   */
  readonly parameters: readonly ({ readonly bytes: Uint8Array } | number | bigint)[];
  readonly begin: number;
  readonly end: number;
  /** Whether `fma` rounds once. Default true. */
  readonly fused?: boolean;
  /** Statements after which the run is given up. Default 10⁸. */
  readonly limit?: number;
}

/** Bytes between the tensors of different buffers, which belong to no tensor. */
const guard = 256;

/**
 * Verifies a kernel and runs it over begin … end.
 *
 * @returns how many statements were executed
 * @throws Error when the kernel touches a byte outside the tensor that the access names, when a `count` is not
 *   in 0 … lanes, or when more than `limit` statements are executed; the tensors are then as they were.
 */
export function runChecked(kernel: Kernel, run: CheckedRun): number {
  verify(kernel);
  const refuse = (problem: string): never => {
    throw new Error(`kernel ${kernel.name}: ${problem}`);
  };
  if (run.parameters.length !== kernel.parameters.length)
    refuse(`${run.parameters.length} parameters were given for ${kernel.parameters.length}`);

  // Each buffer is placed once, whole.
  const bases = new Map<ArrayBufferLike, number>();
  let size = 8 * kernel.parameters.length + guard;
  for (const given of run.parameters) {
    if (typeof given !== 'object' || bases.has(given.bytes.buffer)) continue;
    bases.set(given.bytes.buffer, size);
    size += Math.ceil(given.bytes.buffer.byteLength / 8) * 8 + guard;
  }
  const memory = new Uint8Array(size);
  for (const [buffer, base] of bases) memory.set(new Uint8Array(buffer), base);
  const view = new DataView(memory.buffer);

  const segments = kernel.parameters.map((parameter, k) => {
    const given = run.parameters[k]!;
    if ((parameter.kind === 'tensor') !== (typeof given === 'object'))
      refuse(`parameter ${parameter.name} is a ${parameter.kind}, but ${showKind(given)} was given`);
    if (typeof given !== 'object') {
      writeNumber(view, 8 * k, parameter, given);
      return { start: 0, size: 0 };
    }
    const start = bases.get(given.bytes.buffer)! + given.bytes.byteOffset;
    view.setBigInt64(8 * k, BigInt(start), true);
    return { start, size: given.bytes.length };
  });

  const limit = run.limit ?? 1e8;
  let executed = 0;
  const fail = (s: Statement & Access, problem: string): never =>
    refuse(`${printStatement(kernel, s)}: ${problem}`);
  const interpreted = compileInterpreted(kernel, {
    fused: run.fused ?? true,
    onBlock(statements) {
      executed += statements;
      if (executed > limit) refuse(`more than ${limit} statements were executed`);
    },
    onCount(s, count, lanes) {
      if (!(count >= 0 && count <= lanes)) fail(s, `count is ${count}, must be from 0 to ${lanes}`);
    },
    onAccess(s, address, bytes) {
      const segment = segments[s.param]!;
      const offset = address - segment.start;
      if (offset >= 0 && offset + bytes <= segment.size) return;
      const { name } = kernel.parameters[s.param]!;
      fail(s, `${bytes} bytes at offset ${offset} of ${name} lie outside its ${segment.size}`);
    },
  });
  interpreted({ view }, 0, run.begin, run.end);

  run.parameters.forEach((given, k) => {
    if (typeof given !== 'object') return;
    const { start, size } = segments[k]!;
    given.bytes.set(memory.subarray(start, start + size));
  });
  return executed;
}

function writeNumber(view: DataView, at: number, parameter: Parameter, value: number | bigint): void {
  const element = parameter.kind === 'number' ? parameter.element : 'index';
  if (element === 'f32') view.setFloat32(at, Number(value), true);
  else if (element === 'f64') view.setFloat64(at, Number(value), true);
  else view.setBigInt64(at, BigInt(value), true);
}

const showKind = (given: CheckedRun['parameters'][number]): string =>
  typeof given === 'object' ? 'memory' : `the number ${given}`;
