/** Memory as kernel authors handle it: a pointer into one of the kernel's tensors, counted in elements. */
import type { Builder } from './builder.ts';
import type { Access } from './ir.ts';
import { loadedElement, storageBytes, type StorageType } from './types.ts';
import { Value, type Variable, type Operand } from './value.ts';

/**
 * A position that stands for as many consecutive elements as a vector has lanes. In the last step of a loop
 * over lanes only the first `count` of them exist.
 */
export interface LaneIndex {
  readonly base: Value;
  readonly lanes: number;
  readonly count?: Value;
}

export class Pointer {
  constructor(
    readonly builder: Builder,
    readonly param: number,
    readonly storage: StorageType,
    readonly address: Value,
    readonly displacement = 0,
  ) {}

  /** This pointer moved on by a number of elements. */
  plus(elements: Operand): Pointer {
    const bytes = storageBytes[this.storage];
    if (!(elements instanceof Value)) return this.plusBytes(elements * bytes);
    return this.plusBytes(bytes === 1 ? elements : elements.shl(Math.log2(bytes)));
  }

  plusBytes(bytes: Operand): Pointer {
    if (bytes instanceof Value) return this.to(this.address.add(bytes), this.displacement);
    const displacement = this.displacement + bytes;
    return displacement >= 0
      ? this.to(this.address, displacement)
      : this.to(this.address.add(displacement), 0);
  }

  /** A pointer of its own register that `advance` moves. */
  walk(name?: string): Walker {
    return new Walker(
      this.builder,
      this.param,
      this.storage,
      this.builder.variable(this.address, name),
      this.displacement,
    );
  }

  /** The element at `i`, widened as the storage type says. */
  scalar(i: Operand = 0): Value {
    return this.plus(i).load(1);
  }
  /** The element at `i` in every lane. */
  splat(i: Operand = 0, lanes: number = this.builder.lanes): Value {
    const p = this.plus(i);
    const type = { element: loadedElement[this.storage], lanes };
    const dst = this.builder.register(type);
    return this.builder.define(dst, { op: 'loadSplat', dst, ...p.access() });
  }
  /** Consecutive elements from `i` on; all lanes, or the first `count`, the others being 0. */
  vector(
    i: Operand = 0,
    { count, lanes = this.builder.lanes }: { count?: Value | undefined; lanes?: number } = {},
  ): Value {
    return this.plus(i).load(lanes, count);
  }
  /** The elements that a lane index stands for. */
  at(i: LaneIndex): Value {
    return this.plus(i.base).load(i.lanes, i.count);
  }
  /** Elements `stride` apart (in elements, possibly 0 or negative), lane 0 at `i`. */
  strided(
    i: Operand,
    stride: Value,
    { count, lanes = this.builder.lanes }: { count?: Value | undefined; lanes?: number } = {},
  ): Value {
    return this.plus(i).load(lanes, count, this.strideBytes(stride));
  }

  /** Writes a scalar, a vector, or as much of a vector as the lane index or `count` says. */
  set(
    i: Operand | LaneIndex,
    value: Value,
    { count, stride }: { count?: Value | undefined; stride?: Value | undefined } = {},
  ): void {
    const lane = i instanceof Value || typeof i === 'number' ? undefined : i;
    const p = this.plus(lane === undefined ? (i as Operand) : lane.base);
    const source = lane === undefined ? value : value.splat(lane.lanes);
    const access = p.access(count ?? lane?.count, stride && this.strideBytes(stride));
    this.builder.push({ op: 'store', src: source.register, ...access });
  }

  /**
   * Says that the cache line at `i` will soon be read, or written. Wherever that is, nothing happens; machines that
   * cannot be told ignore it.
   */
  prefetch(i: Operand, to: 'read' | 'write'): void {
    if (this.builder.machine.prefetches !== true) return;
    const { param, address, displacement } = this.plus(i);
    this.builder.push({ op: 'prefetch', param, address: address.register, displacement, to });
  }

  protected to(address: Value, displacement: number): Pointer {
    return new Pointer(this.builder, this.param, this.storage, address, displacement);
  }

  private strideBytes(stride: Value): Value {
    const bytes = storageBytes[this.storage];
    return bytes === 1 ? stride : stride.shl(Math.log2(bytes));
  }

  private load(lanes: number, count?: Value, stride?: Value): Value {
    const type = { element: loadedElement[this.storage], lanes };
    const dst = this.builder.register(type);
    return this.builder.define(dst, { op: 'load', dst, ...this.access(count, stride) });
  }

  private access(count?: Value, stride?: Value): Access {
    const { param, storage, displacement } = this;
    const access = { param, address: this.address.register, displacement, storage };
    if (count === undefined && stride === undefined) return access;
    return {
      ...access,
      ...(count && { count: count.register }),
      ...(stride && { stride: stride.register }),
    };
  }
}

/** A pointer that moves. */
export class Walker extends Pointer {
  declare readonly address: Variable;

  advance(elements: Operand): void {
    const bytes = storageBytes[this.storage];
    if (!(elements instanceof Value)) this.address.update('add', elements * bytes);
    else this.address.update('add', bytes === 1 ? elements : elements.shl(Math.log2(bytes)));
  }
  advanceBytes(bytes: Operand): void {
    this.address.update('add', bytes);
  }
}
