/** Named tensors to and from safetensors files. */
import { bytesOf } from '../device/memory.ts';
import { byteOffset } from '../device/view.ts';
import { dtypes } from '../dtype.ts';
import { ValueError } from '../errors.ts';
import { allocate, copyOf } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { parseSafetensors, serializeSafetensors } from './safetensors.ts';

/**
 * The bytes of a safetensors file with these tensors, such as a state dictionary. Tensors that share memory are each
 * written in full.
 *
 * @see https://huggingface.co/docs/safetensors
 */
export const saveSafetensors = (
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array => {
  const entries: [string, Tensor][] =
    tensors instanceof Map
      ? [...(tensors as Map<string, Tensor>)]
      : Object.entries(tensors as Record<string, Tensor>);
  const named = entries.map(([name, tensor]) => {
    const { dtype, shape } = tensor;
    const copy = copyOf(tensor.detach());
    const bytes = bytesOf(copy.storage).slice(
      byteOffset(copy),
      byteOffset(copy) + copy.numel() * dtypes[dtype].bytes,
    );
    copy.storage.dispose();
    return [name, { dtype, shape, bytes }] as const;
  });
  return serializeSafetensors(named, Object.entries(metadata));
};

/**
 * The tensors in the bytes of a safetensors file, in the file's order.
 *
 * @throws ValueError saying what is wrong with the file
 */
export const loadSafetensors = (file: Uint8Array | ArrayBuffer): Map<string, Tensor> => {
  const { tensors } = parseSafetensors(file);
  return new Map(
    [...tensors].map(([name, { dtype, shape, bytes }]) => {
      if (dtype === 'bool' && bytes.some((byte) => byte > 1)) {
        throw new ValueError(`safetensors: the bool tensor '${name}' has bytes other than 0 and 1`);
      }
      const tensor = allocate(shape, dtype, 'cpu');
      bytesOf(tensor.storage).set(bytes);
      return [name, tensor];
    }),
  );
};
