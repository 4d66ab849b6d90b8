/**
 * The kernel language's definition: runs a kernel as `ir.ts` describes it, one statement after the other, and shares
 * nothing with the targets that must agree with it. Statements become closures once, so that tests with millions of
 * steps stay bearable.
 *
 * Moving lanes about (copies, loads, stores, selects, splats, bitcasts) keeps the bits of a NaN. A NaN that arithmetic,
 * a conversion or a 16-bit float gives is some NaN: its sign and payload are nothing that a kernel may rely on.
 */
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../half.ts';
import type { Access, Instruction, Kernel, Register, Statement, ZipOp } from './ir.ts';
import { arithmetic, compare, conversion, multiplyAdd, reduction, type Lane } from './meaning.ts';
import { isMask, storageBytes, type ElementType, type RegisterElement, type StorageType } from './types.ts';

/** The linear memory that the addresses in a kernel's argument block mean. */
export interface InterpreterMemory {
  readonly view: DataView;
}

/** Who watches a kernel run may stop it by throwing. */
export interface Observer {
  /** A block is about to run: the number of its statements. */
  readonly onBlock?: (statements: number) => void;
  /** Memory is about to be touched. */
  readonly onAccess?: (statement: Statement & Access, address: number, bytes: number) => void;
  /** An access is about to be made that is limited to `count` lanes. */
  readonly onCount?: (statement: Statement & Access, count: number, lanes: number) => void;
}

export interface InterpreterOptions extends Observer {
  /** Whether `fma` rounds once. Default true. */
  readonly fused?: boolean;
}

/** A kernel's calling convention, see `Kernel`. */
export type Interpreted = (memory: InterpreterMemory, args: number, begin: number, end: number) => void;

/** Makes a verified kernel callable. Its registers exist once, so calls must not overlap. */
export function compileInterpreted(kernel: Kernel, options: InterpreterOptions = {}): Interpreted {
  const compiler = new Compiler(kernel, options);
  const run = compiler.block(kernel.body);
  return (memory, args, begin, end) => {
    compiler.call = { view: memory.view, args, begin, end };
    run();
  };
}

/** A register's lanes in a typed array, which rounds or wraps what is put into it. */
type Lanes = Record<number, Lane>;

const typedArrays = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  i64: BigInt64Array,
  m32: Uint8Array,
  m64: Uint8Array,
  index: Float64Array,
} as const satisfies Record<RegisterElement, unknown>;

type Step = () => void;
type Call = InterpreterMemory & { readonly args: number; readonly begin: number; readonly end: number };

class Compiler {
  call: Call = { view: new DataView(new ArrayBuffer(0)), args: 0, begin: 0, end: 0 };
  private readonly arrays;
  /** The lanes of each register as numbers to compute with … */
  private readonly values: readonly Lanes[];
  /** … and as something to move: JavaScript's numbers are doubles, through which a float's NaN may change. */
  private readonly bits: readonly Lanes[];

  constructor(
    kernel: Kernel,
    private readonly options: InterpreterOptions,
  ) {
    this.arrays = kernel.registers.map(({ type }) => new typedArrays[type.element](type.lanes));
    this.values = this.arrays;
    this.bits = this.arrays.map((x) => (x instanceof Float32Array ? new Int32Array(x.buffer) : x));
  }

  block(statements: readonly Statement[]): Step {
    const steps = statements.map((s) => this.step(s));
    const { onBlock } = this.options;
    return () => {
      onBlock?.(steps.length);
      for (let i = 0; i < steps.length; i++) steps[i]!();
    };
  }

  private step(s: Statement): Step {
    if (s.op === 'loop') {
      const counter = this.number(s.counter);
      const begin = this.number(s.begin);
      const end = this.number(s.end);
      const body = this.block(s.body);
      return () => {
        const last = end[0]!;
        for (counter[0] = begin[0]!; counter[0] < last; counter[0] += s.step) body();
      };
    }
    if (s.op === 'if') {
      const condition = this.number(s.condition);
      const then = this.block(s.then);
      const otherwise = this.block(s.otherwise);
      return () => {
        if (condition[0] === 1) then();
        else otherwise();
      };
    }
    if (s.op === 'settle' || s.op === 'prefetch') return () => undefined;
    return this.instruction(s);
  }

  private instruction(s: Instruction): Step {
    switch (s.op) {
      case 'const': {
        const value = s.dst.type.element === 'i64' ? BigInt(s.value) : s.value;
        return this.fill(s.dst, () => value);
      }
      case 'param':
        return this.parameter(s.param, s.dst);
      case 'begin':
        return this.fill(s.dst, () => this.call.begin);
      case 'end':
        return this.fill(s.dst, () => this.call.end);
      case 'iota':
        return this.fill(s.dst, s.dst.type.element === 'i64' ? BigInt : (lane) => lane);
      case 'splat':
      case 'copy':
      case 'extract':
        return this.move(s);
      case 'select':
        return this.select(s);
      case 'bitcast':
        return this.bitcast(s.a, s.dst);
      case 'convert':
        return this.unary(s.dst, conversion(s.a.type.element, s.dst.type.element), s.a);
      case 'neg':
      case 'abs':
      case 'sqrt':
      case 'floor':
      case 'ceil':
      case 'trunc':
      case 'nearest':
      case 'not':
        return this.unary(s.dst, meaning(s, arithmetic[s.a.type.element].unary[s.op]), s.a);
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
      case 'rem':
      case 'min':
      case 'max':
      case 'and':
      case 'or':
      case 'xor':
        return this.binary(s.dst, meaning(s, arithmetic[s.a.type.element].binary[s.op]), s.a, s.b);
      case 'evens':
        return this.pick(s, (k) => 2 * k);
      case 'odds':
        return this.pick(s, (k) => 2 * k + 1);
      case 'zipLow':
        return this.pick(s, (k, lanes) => (k % 2) * lanes + Math.floor(k / 2));
      case 'zipHigh':
        return this.pick(s, (k, lanes) => (k % 2) * lanes + Math.floor((lanes + k) / 2));
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        return this.binary(s.dst, compare[s.op], s.a, s.b);
      case 'shl':
      case 'shr':
      case 'shru': {
        const shift = meaning(s, arithmetic[s.a.type.element].shift[s.op]);
        const amount = typeof s.b === 'number' ? [s.b] : this.number(s.b);
        return this.unary(s.dst, (a) => shift(a, amount[0]!), s.a);
      }
      case 'fma':
        return this.fma(s);
      case 'reduceAdd':
      case 'reduceMul':
      case 'reduceMin':
      case 'reduceMax':
        return this.reduce(s.dst, meaning(s, arithmetic[s.a.type.element].binary[reduction[s.op]]), s.a);
      case 'any': {
        const dst = this.number(s.dst);
        const a = this.arrays[s.a.id] as Uint8Array;
        return () => {
          dst[0] = a.includes(1) ? 1 : 0;
        };
      }
      case 'load':
      case 'loadSplat':
        return this.load(s);
      case 'store':
        return this.store(s);
    }
  }

  private fill(dst: Register, value: (lane: number) => Lane): Step {
    const to = this.values[dst.id]!;
    const { lanes } = dst.type;
    return () => {
      for (let k = 0; k < lanes; k++) to[k] = value(k);
    };
  }

  private unary(dst: Register, f: (a: Lane) => Lane, a: Register): Step {
    const [to, x] = [this.values[dst.id]!, this.values[a.id]!];
    const { lanes } = dst.type;
    return () => {
      for (let k = 0; k < lanes; k++) to[k] = f(x[k]!);
    };
  }

  private binary(dst: Register, f: (a: Lane, b: Lane) => Lane, a: Register, b: Register): Step {
    const [to, x, y] = [this.values[dst.id]!, this.values[a.id]!, this.values[b.id]!];
    const { lanes } = dst.type;
    return () => {
      for (let k = 0; k < lanes; k++) to[k] = f(x[k]!, y[k]!);
    };
  }

  private fma(s: Instruction & { op: 'fma' }): Step {
    const [to, a, b, c] = [s.dst, s.a, s.b, s.c].map((r) => this.number(r));
    const { element, lanes } = s.dst.type;
    const f = multiplyAdd[element as 'f32' | 'f64'][(this.options.fused ?? true) ? 'once' : 'twice'];
    return () => {
      for (let k = 0; k < lanes; k++) to![k] = f(a![k]!, b![k]!, c![k]!);
    };
  }

  private reduce(dst: Register, f: (a: Lane, b: Lane) => Lane, a: Register): Step {
    const [to, from] = [this.values[dst.id]!, this.values[a.id]!];
    const { element, lanes } = a.type;
    const work: Lanes = new typedArrays[element](lanes);
    return () => {
      for (let k = 0; k < lanes; k++) work[k] = from[k]!;
      for (let half = lanes / 2; half >= 1; half /= 2) {
        for (let k = 0; k < half; k++) work[k] = f(work[k]!, work[k + half]!);
      }
      to[0] = work[0]!;
    };
  }

  /** Lane k of the result is lane k of a copy's operand, and always the same one of a splat's and an extract's. */
  private move(s: Instruction & { op: 'copy' | 'splat' | 'extract' }): Step {
    const [to, from] = [this.bits[s.dst.id]!, this.bits[s.a.id]!];
    const { lanes } = s.dst.type;
    const first = s.op === 'extract' ? s.lane : 0;
    const step = s.op === 'copy' ? 1 : 0;
    return () => {
      for (let k = 0; k < lanes; k++) to[k] = from[first + k * step]!;
    };
  }

  /** Lane k of the result is lane `place(k, lanes)` of a followed by b. */
  private pick(s: Instruction & { op: ZipOp }, place: (lane: number, lanes: number) => number): Step {
    const [to, a, b] = [this.bits[s.dst.id]!, this.bits[s.a.id]!, this.bits[s.b.id]!];
    const { lanes } = s.dst.type;
    const from = Array.from({ length: lanes }, (_, k) => place(k, lanes));
    // The result may be one of the operands.
    const row: Lane[] = [];
    return () => {
      for (let k = 0; k < lanes; k++) {
        row[k] = a[k]!;
        row[lanes + k] = b[k]!;
      }
      for (let k = 0; k < lanes; k++) to[k] = row[from[k]!]!;
    };
  }

  private select(s: Instruction & { op: 'select' }): Step {
    const [to, a, b] = [this.bits[s.dst.id]!, this.bits[s.a.id]!, this.bits[s.b.id]!];
    const mask = this.number(s.mask);
    const { lanes } = s.dst.type;
    return () => {
      for (let k = 0; k < lanes; k++) to[k] = mask[k] === 1 ? a[k]! : b[k]!;
    };
  }

  private bitcast(a: Register, dst: Register): Step {
    const [to, from] = [this.arrays[dst.id]!, this.arrays[a.id]!];
    const toBytes = new Uint8Array(to.buffer);
    if (isMask(a.type.element)) {
      const width = toBytes.length / from.length;
      // The bits of a mask's lane are all alike.
      return () => toBytes.forEach((_, k) => (toBytes[k] = from[Math.floor(k / width)] === 1 ? 0xff : 0));
    }
    const fromBytes = new Uint8Array(from.buffer);
    return () => toBytes.set(fromBytes);
  }

  /** Parameter k is the eight bytes at offset 8k. */
  private parameter(param: number, dst: Register): Step {
    const to = this.bits[dst.id]!;
    const read = dst.type.element === 'index' ? readIndex : memory[dst.type.element as ElementType].read;
    return () => {
      to[0] = read(this.call.view, this.call.args + 8 * param);
    };
  }

  private load(s: Instruction & { op: 'load' | 'loadSplat' }): Step {
    const { lanes, read } = memory[s.storage];
    const to = this[lanes][s.dst.id]!;
    const zero = s.dst.type.element === 'i64' ? 0n : 0;
    const touch = (at: number, k: number): void => {
      to[k] = read(this.call.view, at);
    };
    if (s.op === 'load') return this.access(s, s.dst.type.lanes, touch, (k) => (to[k] = zero));
    const one = this.access(s, 1, touch);
    return () => {
      one();
      for (let k = 1; k < s.dst.type.lanes; k++) to[k] = to[0]!;
    };
  }

  private store(s: Instruction & { op: 'store' }): Step {
    const { lanes, write } = memory[s.storage];
    const from = this[lanes][s.src.id]!;
    return this.access(s, s.src.type.lanes, (at, k) => write(this.call.view, at, from[k]!));
  }

  /** Calls `touch` with the address of each lane that the access touches, and `skip` for the others. */
  private access(
    s: Statement & Access,
    lanes: number,
    touch: (at: number, lane: number) => void,
    skip: (lane: number) => void = () => undefined,
  ): Step {
    const { onAccess, onCount } = this.options;
    const bytes = storageBytes[s.storage];
    const address = this.number(s.address);
    const count = s.count && this.number(s.count);
    const stride = s.stride && this.number(s.stride);
    return () => {
      if (count) onCount?.(s, count[0]!, lanes);
      const touched = count ? Math.min(count[0]!, lanes) : lanes;
      const first = address[0]! + s.displacement;
      const step = stride ? stride[0]! : bytes;
      if (onAccess) for (let k = 0; k < touched; k++) onAccess(s, first + k * step, bytes);
      for (let k = 0; k < touched; k++) touch(first + k * step, k);
      for (let k = Math.max(touched, 0); k < lanes; k++) skip(k);
    };
  }

  /** The lanes of a register that holds no i64. */
  private number({ id }: Register): Record<number, number> {
    return this.values[id] as Record<number, number>;
  }
}

/** How one element is read and written, and whether its lanes are moved as bits or as values. */
interface Memory {
  readonly lanes: 'bits' | 'values';
  readonly read: (view: DataView, at: number) => Lane;
  readonly write: (view: DataView, at: number, value: Lane) => void;
}

const memory: Readonly<Record<StorageType, Memory>> = {
  f32: {
    lanes: 'bits',
    read: (view, at) => view.getInt32(at, true),
    write: (view, at, value) => view.setInt32(at, Number(value), true),
  },
  f64: {
    lanes: 'bits',
    read: (view, at) => view.getFloat64(at, true),
    write: (view, at, value) => view.setFloat64(at, Number(value), true),
  },
  i32: {
    lanes: 'bits',
    read: (view, at) => view.getInt32(at, true),
    write: (view, at, value) => view.setInt32(at, Number(value), true),
  },
  i64: {
    lanes: 'bits',
    read: (view, at) => view.getBigInt64(at, true),
    write: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  },
  f16: {
    lanes: 'values',
    read: (view, at) => f16ToF32(view.getUint16(at, true)),
    write: (view, at, value) => view.setUint16(at, f32ToF16(Number(value)), true),
  },
  bf16: {
    lanes: 'values',
    read: (view, at) => bf16ToF32(view.getUint16(at, true)),
    write: (view, at, value) => view.setUint16(at, f32ToBf16(Number(value)), true),
  },
  i8: {
    lanes: 'values',
    read: (view, at) => view.getInt8(at),
    write: (view, at, value) => view.setInt8(at, Number(value)),
  },
  u8: {
    lanes: 'values',
    read: (view, at) => view.getUint8(at),
    write: (view, at, value) => view.setUint8(at, Number(value)),
  },
};

const readIndex = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getInt32(at + 4, true) * 2 ** 32;

/** The function that gives an operation its meaning; a verified kernel has no other operations. */
function meaning<F>({ op }: Instruction, f: F | undefined): F {
  if (f === undefined) throw new Error(`${op} means nothing for such operands`);
  return f;
}
