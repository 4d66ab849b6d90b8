/**
 * Writes a one-node ONNX model as protobuf bytes: as much of onnx.proto (IR version 8, opset 17) as that takes.
 * Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import type { HostTensor } from '../task.ts';

export interface OnnxNode {
  readonly opType: string;
  /** Inputs in the operator's order: a constant travels in the model, a variable is fed at each run. */
  readonly inputs: readonly OnnxInput[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface OnnxInput {
  readonly name: string;
  readonly kind: 'constant' | 'variable';
  readonly tensor: HostTensor;
}

/** The model's bytes. Its one output is called `output`; whole-number attributes only. */
export function onnxModel({ opType, inputs, attributes = {} }: OnnxNode): Uint8Array {
  const node = message(
    ...inputs.map(({ name }) => text(1, name)),
    text(2, 'output'),
    text(4, opType),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
  );
  const graph = message(
    bytes(1, node),
    text(2, opType),
    ...inputs.filter((i) => i.kind === 'constant').map((i) => bytes(5, initializer(i))),
    ...inputs.filter((i) => i.kind === 'variable').map((i) => bytes(11, valueInfo(i.name, i.tensor.shape))),
    bytes(12, valueInfo('output')),
  );
  return message(integer(1, 8), bytes(7, graph), bytes(8, message(integer(2, 17))));
}

const FLOAT = 1; // TensorProto.DataType
const INT = 2; // AttributeProto.AttributeType
const INTS = 7;

function attribute(name: string, value: number | readonly number[]): Uint8Array {
  return typeof value === 'number'
    ? message(text(1, name), integer(3, value), integer(20, INT))
    : message(text(1, name), ...value.map((v) => integer(8, v)), integer(20, INTS));
}

function initializer({ name, tensor: { shape, data } }: OnnxInput): Uint8Array {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(...shape.map((size) => integer(1, size)), integer(2, FLOAT), text(8, name), bytes(9, raw));
}

/** A name and its type; without a shape, ONNX infers it. */
function valueInfo(name: string, shape?: readonly number[]): Uint8Array {
  const dims = shape && bytes(2, message(...shape.map((size) => bytes(1, message(integer(1, size))))));
  const tensorType = message(integer(1, FLOAT), ...(dims ? [dims] : []));
  return message(text(1, name), bytes(2, message(bytes(1, tensorType))));
}

// Protobuf: a field is its number and wire type (0 varint, 2 length-delimited), then its value.

const message = (...fields: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(fields));

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value)); // negative numbers as two's complement, ten bytes
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return Uint8Array.of(...out, Number(rest));
}

const integer = (field: number, value: number): Uint8Array => message(varint(field * 8), varint(value));

const bytes = (field: number, value: Uint8Array): Uint8Array =>
  message(varint(field * 8 + 2), varint(value.length), value);

const text = (field: number, value: string): Uint8Array => bytes(field, new TextEncoder().encode(value));
