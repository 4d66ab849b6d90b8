/**
 * The types of the kernel language. A register holds a scalar or a vector; how many lanes a vector has is the
 * machine's affair, so a kernel asks (`machine.lanes('f32')`) and never writes the number.
 */

/** What a register's lanes hold when one computes with them. */
export type ElementType = 'f32' | 'f64' | 'i32' | 'i64';

/**
 * What memory holds. `f16`, `bf16`, `i8` and `u8` exist in memory only: a load widens them to `f32` or `i32`,
 * a store narrows (floats to nearest even, integers by dropping high bits).
 */
export type StorageType = ElementType | 'f16' | 'bf16' | 'i8' | 'u8';

/** Truth values, as wide as the elements they were compared from. */
export type MaskType = 'm32' | 'm64';

/** `index` is an address or a count: as wide as the machine's pointers, scalar only, never negative when used. */
export type RegisterElement = ElementType | MaskType | 'index';

/** The type of a register. One lane is a scalar. */
export interface Type {
  readonly element: RegisterElement;
  readonly lanes: number;
}

export const elementBytes: Readonly<Record<ElementType | MaskType, number>> = {
  f32: 4,
  i32: 4,
  m32: 4,
  f64: 8,
  i64: 8,
  m64: 8,
};

export const storageBytes: Readonly<Record<StorageType, number>> = {
  f32: 4,
  f64: 8,
  i32: 4,
  i64: 8,
  f16: 2,
  bf16: 2,
  i8: 1,
  u8: 1,
};

/** What a load of this storage type leaves in a register. */
export const loadedElement: Readonly<Record<StorageType, ElementType>> = {
  f32: 'f32',
  f64: 'f64',
  i32: 'i32',
  i64: 'i64',
  f16: 'f32',
  bf16: 'f32',
  i8: 'i32',
  u8: 'i32',
};

export const isFloat = (element: RegisterElement): boolean => element === 'f32' || element === 'f64';
export const isInteger = (element: RegisterElement): boolean =>
  element === 'i32' || element === 'i64' || element === 'index';
export const isMask = (element: RegisterElement): boolean => element === 'm32' || element === 'm64';

/** The mask that a comparison of such elements gives; an index compares to `m32`. */
export const maskOf = (element: RegisterElement): MaskType =>
  element === 'f64' || element === 'i64' || element === 'm64' ? 'm64' : 'm32';

export const sameType = (a: Type, b: Type): boolean =>
  a === b || (a.element === b.element && a.lanes === b.lanes);

/** `f32`, `f32x4`, `index` */
export const showType = (type: Type): string =>
  type.lanes === 1 ? type.element : `${type.element}x${String(type.lanes)}`;

/**
 * What kernels may know of the machine they are built for. Tile sizes are computed from it; two machines that
 * differ in any field have different names, since compiled kernels are cached by it.
 */
export interface Machine {
  readonly name: string;
  /** Bytes of a vector register: 16 in WebAssembly, 32 in AVX2, 64 in AVX-512. */
  readonly vectorBytes: number;
  /** Vector registers that a kernel may fill before spilling begins. */
  readonly vectorRegisters: number;
  /** Whether `fma` is one instruction; it is then rounded once. */
  readonly fma: boolean;
  /** Whether arithmetic is moved behind all loads of its basic block, so that what they load is live at once. */
  readonly sinksArithmetic?: boolean;
  /** Whether values of a loop are kept in registers only where few loops are around it. */
  readonly shallow?: boolean;
  /** Whether it can be told what memory will soon be needed. */
  readonly prefetches?: boolean;
  /** Data cache sizes in bytes, for blocking. */
  readonly l1: number;
  readonly l2: number;
  lanes(element: ElementType): number;
}

/** Completes a machine's description: its lanes follow from the size of its vectors. */
export const describeMachine = (fields: Omit<Machine, 'lanes'>): Machine => ({
  ...fields,
  lanes: (element) => fields.vectorBytes / elementBytes[element],
});
