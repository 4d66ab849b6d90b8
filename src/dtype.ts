/**
 * Element types. They are string constants, so `flow.float32 === 'float32'`.
 *
 * @see torch.dtype; promotion: https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
 */
export type DType =
  'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';

/** Which kind of number a dtype holds; promotion goes by kind first, then by width. */
export type Category = 'bool' | 'integer' | 'float';

export interface DTypeInfo {
  /** Size of one element in bytes. */
  readonly bytes: number;
  readonly category: Category;
  /** PyTorch's name of a tensor of this dtype on the CPU, used in its error texts. */
  readonly tensorType: string;
  /** How PyTorch's native code names the scalar: `Float`, `Long`. */
  readonly scalarType: string;
  /** How its C++ names the scalar in texts such as "Input type (double) and bias type (float)". */
  readonly cName: string;
}

export const dtypes: Readonly<Record<DType, DTypeInfo>> = {
  float32: {
    bytes: 4,
    category: 'float',
    tensorType: 'torch.FloatTensor',
    scalarType: 'Float',
    cName: 'float',
  },
  float64: {
    bytes: 8,
    category: 'float',
    tensorType: 'torch.DoubleTensor',
    scalarType: 'Double',
    cName: 'double',
  },
  float16: {
    bytes: 2,
    category: 'float',
    tensorType: 'torch.HalfTensor',
    scalarType: 'Half',
    cName: 'c10::Half',
  },
  bfloat16: {
    bytes: 2,
    category: 'float',
    tensorType: 'torch.BFloat16Tensor',
    scalarType: 'BFloat16',
    cName: 'c10::BFloat16',
  },
  int64: {
    bytes: 8,
    category: 'integer',
    tensorType: 'torch.LongTensor',
    scalarType: 'Long',
    cName: 'long int',
  },
  int32: { bytes: 4, category: 'integer', tensorType: 'torch.IntTensor', scalarType: 'Int', cName: 'int' },
  int8: {
    bytes: 1,
    category: 'integer',
    tensorType: 'torch.CharTensor',
    scalarType: 'Char',
    cName: 'signed char',
  },
  uint8: {
    bytes: 1,
    category: 'integer',
    tensorType: 'torch.ByteTensor',
    scalarType: 'Byte',
    cName: 'unsigned char',
  },
  bool: { bytes: 1, category: 'bool', tensorType: 'torch.BoolTensor', scalarType: 'Bool', cName: 'bool' },
};

export const isFloatingPoint = (dtype: DType): boolean => dtypes[dtype].category === 'float';

/** Of 16 bits: stored narrow, computed with as float32. */
export const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** What one computes with: float32 in place of the 16-bit floats. */
export const widened = (dtype: DType): DType => (isHalf(dtype) ? 'float32' : dtype);

/** Numbers that stand for the dtypes in keys. */
export const dtypeCodes: Readonly<Record<DType, number>> = {
  float32: 0,
  float64: 1,
  float16: 2,
  bfloat16: 3,
  int64: 4,
  int32: 5,
  int8: 6,
  uint8: 7,
  bool: 8,
};
