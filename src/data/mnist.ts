/** The handwritten digits of MNIST, from the files in which they are handed out. */
import { ValueError } from '../errors.ts';
import { tensor } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { TensorDataset } from './dataset.ts';

/** Height and width of an image. */
const SIZE = 28;
/** Mean and standard deviation of the training pixels in [0, 1], by which images are customarily normalised. */
const MEAN = 0.1307;
const STD = 0.3081;

export interface MNISTOptions {
  /** Shift and scale pixels to zero mean and unit variance. Default true; false leaves them in [0, 1]. */
  readonly normalize?: boolean | undefined;
}

/**
 * Images [N, 1, 28, 28] (float32) with labels [N] (int64).
 *
 * @see LeCun, Cortes & Burges, "The MNIST database of handwritten digits"
 */
export class MNIST extends TensorDataset<readonly [images: Tensor, labels: Tensor]> {
  /** From pixels in [0, 1], 784 an image, and one label an image. */
  static fromPixels(
    pixels: Float32Array,
    labels: readonly number[],
    { normalize = true }: MNISTOptions = {},
  ): MNIST {
    if (pixels.length !== labels.length * SIZE * SIZE) {
      throw new ValueError(
        `MNIST: ${String(pixels.length)} pixels do not make ${String(labels.length)} images of ${String(SIZE)} x ${String(SIZE)}`,
      );
    }
    const values = normalize ? pixels.map((x) => (x - MEAN) / STD) : pixels;
    const images = tensor(values, { shape: [labels.length, 1, SIZE, SIZE] });
    return new MNIST(images, tensor(BigInt64Array.from(labels, BigInt)));
  }

  /**
   * From the original files, decompressed: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or the `t10k` ones.
   *
   * @throws ValueError when a file is not what its header says
   */
  static fromIdx(images: Uint8Array, labels: Uint8Array, options: MNISTOptions = {}): MNIST {
    const pixels = idx(images, [SIZE, SIZE]);
    const classes = idx(labels, []);
    return MNIST.fromPixels(
      Float32Array.from(pixels, (x) => x / 255),
      Array.from(classes),
      options,
    );
  }
}

/** The elements of an IDX file of unsigned bytes, whose items have the given shape. */
const idx = (file: Uint8Array, item: readonly number[]): Uint8Array => {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const axes = item.length + 1;
  const header = 4 + 4 * axes;
  const magic = 0x0800 + axes;
  if (file.length < header || view.getUint32(0) !== magic) {
    throw new ValueError(`IDX file: expected the magic number 0x${magic.toString(16).padStart(8, '0')}`);
  }
  const shape = Array.from({ length: axes }, (_, k) => view.getUint32(4 + 4 * k));
  if (!item.every((size, k) => shape[k + 1] === size)) {
    throw new ValueError(
      `IDX file: items have shape [${shape.slice(1).join(', ')}], expected [${item.join(', ')}]`,
    );
  }
  const bytes = shape.reduce((n, size) => n * size, 1);
  if (file.length !== header + bytes) {
    throw new ValueError(`IDX file: ${String(file.length)} bytes long, expected ${String(header + bytes)}`);
  }
  return file.subarray(header);
};
