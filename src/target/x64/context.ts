/** What the parts of selection share: the registers and constants of the kernel, and short ways to write instructions. */
import type { Register } from '../../lang/ir.ts';
import { elementBytes, isMask, type Type } from '../../lang/types.ts';
import type { Uses } from '../../lang/uses.ts';
import type { Mnemonic } from './encode.ts';
import { Lir, type Decoration } from './lir.ts';
import type { Gpr, Label, Memory, Operand, Opmask, Vector } from './operands.ts';

/** Where a mask of several lanes is: in AVX-512 an opmask, before it a vector of ones and zeros. */
export type MaskOperand = Opmask | Vector;

/** Bits of an element; a scalar mask's width means nothing. */
export const elementBits = ({ element }: Type): 32 | 64 =>
  element === 'index' || elementBytes[element] === 8 ? 64 : 32;

/** Bits of the vector register that holds such a value. */
export const vectorBits = (type: Type): Vector['bits'] =>
  Math.max(128, type.lanes * elementBits(type)) as Vector['bits'];

/** The conditions of jcc, setcc and cmovcc that are used here. */
export type Condition =
  'e' | 'ne' | 'l' | 'le' | 'g' | 'ge' | 'a' | 'ae' | 'b' | 'be' | 'p' | 'np' | 's' | 'ns';

/** A sum of general-purpose registers that keep their values, by number; see `select-address.ts`. */
export interface Sum {
  readonly base: number | undefined;
  readonly index: number | undefined;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: number;
}

export class Context {
  readonly lir = new Lir();
  /** By the kernel's registers: where they are, or which number they always are. */
  private readonly operands: (Gpr | MaskOperand | undefined)[] = [];
  private readonly literals: (number | bigint | undefined)[] = [];
  private readonly sums: (Sum | undefined)[] = [];
  private readonly waiters: Register[] = [];
  /** Masks of the lanes below a count, as far as they were made on every path that leads here. */
  private countMasks = new Map<number, Opmask>();

  /**
   * @param avx512  whether AVX-512 F, VL, BW and DQ are there
   * @param uses    of the kernel
   */
  constructor(
    readonly avx512: boolean,
    private readonly uses: Uses,
  ) {}

  /** Whether a register of the kernel keeps its value once it has one. */
  writtenOnce({ id }: Register): boolean {
    return this.uses.written[id] === 1;
  }
  readOnce({ id }: Register): boolean {
    return this.uses.read[id] === 1;
  }

  emit(mnemonic: Mnemonic, ...operands: readonly Operand[]): void {
    this.lir.push({ mnemonic, operands });
  }
  emitMasked(decoration: Decoration, mnemonic: Mnemonic, ...operands: readonly Operand[]): void {
    this.lir.push({ mnemonic, operands, ...decoration });
  }

  /** Says that a register of the kernel is always this number, in every lane. */
  setLiteral({ id }: Register, value: number | bigint): void {
    this.literals[id] = value;
  }
  literal({ id }: Register): number | bigint | undefined {
    return this.literals[id];
  }
  /** The literal as a whole number that fits the immediate operand of an instruction. */
  immediate(register: Register): number | undefined {
    const value = this.literals[register.id];
    if (value === undefined) return undefined;
    const whole = Number(value);
    return Number.isInteger(whole) && whole >= -(2 ** 31) && whole < 2 ** 31 ? whole + 0 : undefined;
  }

  /** A register of the kernel where it is written. */
  place(register: Register): Gpr | MaskOperand {
    const sum = this.sums[register.id];
    if (sum !== undefined) this.compute(register, sum);
    return (this.operands[register.id] ??= this.fresh(register.type));
  }
  /** Says that a register of the kernel, which one statement reads, is a sum that is not computed yet. */
  wait(register: Register, sum: Sum): void {
    this.sums[register.id] = sum;
    this.waiters.push(register);
  }
  waiting({ id }: Register): Sum | undefined {
    return this.sums[id];
  }
  /** Says that the reader has made do with the sum. */
  spend({ id }: Register): void {
    this.sums[id] = undefined;
  }
  /** Computes what waits. */
  computeAll(): void {
    for (const register of this.waiters) {
      const sum = this.sums[register.id];
      if (sum !== undefined) this.compute(register, sum);
    }
    this.waiters.length = 0;
  }
  private compute(register: Register, { base, index, scale, displacement }: Sum): void {
    this.spend(register);
    const to = this.place(register) as Gpr;
    if (base === undefined && index === undefined) this.emit('mov', to, displacement);
    else if (index === undefined && displacement === 0)
      this.emit('mov', to, { kind: 'gpr', number: base!, bits: 64 });
    else if (base === undefined && displacement === 0) {
      this.emit('mov', to, { kind: 'gpr', number: index!, bits: 64 });
      this.emit('shl', to, Math.log2(scale));
    } else this.emit('lea', to, memoryAt({ base, index, scale, displacement }, 64, 0));
  }

  /** Memory at the address that a register of the kernel holds. */
  memory(address: Register, bits: number, displacement: number): Memory {
    const sum = this.sums[address.id];
    const more = sum === undefined ? 0 : sum.displacement + displacement;
    if (sum !== undefined && more === (more | 0) && (sum.base ?? sum.index) !== undefined)
      return memoryAt(sum, bits, displacement);
    return { kind: 'memory', bits, base: this.gpr(address).number, displacement };
  }

  /** A new machine register for values of a type. */
  fresh(type: Type): Gpr | MaskOperand {
    const { element, lanes } = type;
    if (isMask(element)) {
      if (lanes === 1) return this.lir.gpr(32);
      return this.avx512 ? this.lir.opmask() : this.lir.vector(vectorBits(type));
    }
    if (lanes === 1 && element !== 'f32' && element !== 'f64') return this.lir.gpr(elementBits(type));
    return this.lir.vector(vectorBits(type));
  }

  /** A scalar whole number, or a scalar mask (0 or 1), to be read. */
  gpr(register: Register): Gpr {
    const value = this.literals[register.id];
    if (value === undefined) return this.place(register) as Gpr;
    const temporary = this.fresh(register.type) as Gpr;
    this.emit('mov', temporary, immediateOf(value, temporary.bits));
    return temporary;
  }
  /** The same, or the literal if it fits an instruction. */
  gprOrImmediate(register: Register): Gpr | number {
    return this.immediate(register) ?? this.gpr(register);
  }
  /** A float, or a vector of numbers, to be read. */
  vector(register: Register): Vector {
    const value = this.literals[register.id];
    if (value === undefined) return this.place(register) as Vector;
    return this.literalVector(value, register.type);
  }
  /** The same, or, if it is a literal, memory that holds it: for an instruction's last operand. */
  vectorOrMemory(register: Register): Vector | Memory {
    const value = this.literals[register.id];
    if (value === undefined) return this.place(register) as Vector;
    return this.literalMemory(value, register.type);
  }
  /** A mask of several lanes, to be read. */
  mask(register: Register): MaskOperand {
    const value = this.literals[register.id];
    if (value === undefined) return this.place(register) as MaskOperand;
    const { type } = register;
    if (!this.avx512) return this.literalVector(value === 0 ? 0 : -1, integerLike(type));
    const mask = this.lir.opmask();
    this.emit(value === 0 ? 'kxorq' : 'kxnorq', mask, mask, mask);
    return mask;
  }

  /** A number in every lane, as memory beside the code. */
  literalMemory(value: number | bigint, type: Type): Memory {
    const pattern = patternOf(value, type);
    if (type.lanes === 1 || this.avx512) return this.element(pattern, type.lanes > 1);
    const size = vectorBits(type) / 8;
    const key = `${String(size)} ${typeof pattern} ${String(pattern)}`;
    return this.lir.constant(key, () => {
      const element = bytesOf(pattern);
      return Uint8Array.from({ length: size }, (_, at) => element[at % element.length]!);
    });
  }
  /** A number in every lane of a register of its own. */
  literalVector(value: number | bigint, type: Type): Vector {
    const register = this.lir.vector(vectorBits(type));
    const pattern = patternOf(value, type);
    if (pattern === 0 || pattern === 0n) this.emit('vxorps', register, register, register);
    else if (type.lanes > 1) this.broadcast(register, this.element(pattern, false));
    else this.emit(typeof pattern === 'number' ? 'vmovss' : 'vmovsd', register, this.element(pattern, false));
    return register;
  }
  private element(pattern: number | bigint, broadcast: boolean): Memory {
    return this.lir.constant(pattern, () => bytesOf(pattern), broadcast);
  }
  /** One element of memory, or of a vector's lane 0, to all lanes. */
  broadcast(to: Vector, from: Memory | Vector, bits = from.kind === 'memory' ? from.bits : 32): void {
    if (bits === 32) this.emit('vbroadcastss', to, from);
    else if (to.bits === 128) this.emit('vmovddup', to, from);
    else this.emit('vbroadcastsd', to, from);
  }

  maskOfCount({ id }: Register): Opmask | undefined {
    return this.countMasks.get(id);
  }
  noteMaskOfCount(count: Register, mask: Opmask): void {
    if (this.writtenOnce(count)) this.countMasks.set(count.id, mask);
  }
  /** Selects the statements of a block: what is known within it holds only there. */
  within(block: () => void): void {
    const before = this.countMasks;
    this.countMasks = new Map(before);
    block();
    this.countMasks = before;
  }

  temporaryLike(vector: Vector): Vector {
    return this.lir.vector(vector.bits);
  }

  /** A copy, unless both are one. */
  move(to: Gpr | MaskOperand, from: Gpr | MaskOperand): void {
    if (to.kind === from.kind && to.number === from.number) return;
    if (to.kind === 'gpr') this.emit('mov', { ...to, bits: 64 }, { ...(from as Gpr), bits: 64 });
    else if (to.kind === 'opmask') this.emit('kmovq', to, from);
    else this.emit('vmovaps', to, { ...(from as Vector), bits: to.bits });
  }

  jump(condition: Condition, to: Label): void {
    this.emit(`j${condition}`, to);
  }
  /** 0 or 1 by the flags. */
  setByFlags(to: Gpr, condition: Condition): void {
    const byte = this.lir.gpr(8);
    this.emit(`set${condition}`, byte);
    this.emit('movzx', { ...to, bits: 32 }, byte);
  }
}

const memoryAt = ({ base, index, scale, displacement }: Sum, bits: number, more: number): Memory => ({
  kind: 'memory',
  bits,
  ...(base !== undefined && { base }),
  ...(index !== undefined && { index, scale }),
  displacement: displacement + more,
});

/** The type of whole numbers as wide as these elements. */
export const integerLike = (type: Type): Type => ({
  element: elementBits(type) === 32 ? 'i32' : 'i64',
  lanes: type.lanes,
});

/** A whole number as `mov` takes it: what does not fit 32 bits goes as a bigint of 64. */
export const immediateOf = (value: number | bigint, bits: number): number | bigint => {
  const whole = Number(value);
  if (whole >= -(2 ** 31) && whole < 2 ** 31) return whole;
  return bits === 32 ? whole | 0 : BigInt.asIntN(64, BigInt(value));
};

const view = new DataView(new ArrayBuffer(8));

/** One element's bits: a number if there are 32, a bigint of 64. */
const patternOf = (value: number | bigint, { element }: Type): number | bigint => {
  switch (element) {
    case 'f32':
      view.setFloat32(0, Number(value), true);
      return view.getInt32(0, true);
    case 'f64':
      view.setFloat64(0, Number(value), true);
      return view.getBigInt64(0, true);
    case 'i64':
    case 'm64':
    case 'index':
      return BigInt.asIntN(64, BigInt(value));
    case 'i32':
    case 'm32':
      return Number(value) | 0;
  }
};

const bytesOf = (pattern: number | bigint): Uint8Array => {
  if (typeof pattern === 'bigint') view.setBigInt64(0, pattern, true);
  else view.setInt32(0, pattern, true);
  return new Uint8Array(view.buffer.slice(0, typeof pattern === 'bigint' ? 8 : 4));
};

/** Lowest bits of a register. */
export const low = (vector: Vector, bits: Vector['bits'] = 128): Vector => ({ ...vector, bits });
