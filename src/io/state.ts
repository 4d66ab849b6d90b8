/** Named tensors to and from safetensors files. */
import type { Tensor } from '../tensor/tensor.ts';
import { elementBytes, storeElements } from './elements.ts';
import { Loading } from './loading.ts';
import { parseSafetensors, serializeSafetensors } from './safetensors.ts';
import { StateDict } from './state-dict.ts';

/**
 * The bytes of a safetensors file with these tensors, such as a state dictionary. Tensors that share memory are each
 * written in full.
 *
 * @see https://huggingface.co/docs/safetensors
 */
export const saveSafetensors = (
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> => {
  const entries: [string, Tensor][] =
    tensors instanceof Map
      ? [...(tensors as Map<string, Tensor>)]
      : Object.entries(tensors as Record<string, Tensor>);
  const named = entries.map(([name, tensor]) => {
    const { dtype, shape } = tensor;
    return [name, { dtype, shape, bytes: elementBytes(tensor) }] as const;
  });
  return serializeSafetensors(named, Object.entries(metadata));
};

/**
 * The tensors in the bytes of a safetensors file, in the file's order.
 *
 * @throws FileFormatError saying what is wrong with the file
 */
export const loadSafetensors = (file: Uint8Array | ArrayBuffer): Map<string, Tensor> => {
  const bytes = file instanceof ArrayBuffer ? new Uint8Array(file) : file;
  const loading = new Loading(bytes.length);
  return loading.guard(() => safetensorsInto(bytes, loading));
};

/** The same with memory owned by a loading. */
export const safetensorsInto = (bytes: Uint8Array, loading: Loading): StateDict => {
  const tensors = new StateDict();
  for (const [name, { dtype, shape, bytes: elements }] of parseSafetensors(bytes).tensors) {
    const storage = loading.own(storeElements(dtype, elements, `safetensors: tensor '${name}'`));
    tensors.set(name, loading.ordered(storage, dtype, shape));
  }
  return tensors;
};

/** Whether a file begins with a length that it can have, and an object in JSON. */
export const isSafetensors = (bytes: Uint8Array): boolean => {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  return length <= bytes.length - 8;
};
