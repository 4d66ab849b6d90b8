/** Deflated data, made whole again. Every use of the library for it is here. */
import { Inflate } from 'fflate';
import { FileFormatError } from '../errors.ts';

/** How much is given to the library in one go. It may become a thousand times as much before it can be stopped. */
const PIECE = 2 ** 14;
/** A pair of a length and a distance takes at least two bits and stands for at most 258 bytes. */
const LARGEST_RATIO = 1032;

/**
 * @param size  how many bytes there must be in the end
 * @param what  the data's name, for error messages
 * @throws FileFormatError when the data are damaged, or become more or less than `size` bytes
 * @see RFC 1951
 */
export const inflate = (data: Uint8Array, size: number, what: string): Uint8Array => {
  const fail = (problem: string): never => {
    throw new FileFormatError(`${what}: ${problem}`);
  };
  if (size > data.length * LARGEST_RATIO) fail(`${data.length} deflated bytes cannot become ${size}`);
  const pieces: Uint8Array[] = [];
  let total = 0;
  const inflater = new Inflate((piece) => {
    total += piece.length;
    if (total > size) fail(`inflates to more than the ${size} bytes that it should have`);
    pieces.push(piece);
  });
  try {
    for (let start = 0; start < data.length; start += PIECE) {
      inflater.push(data.subarray(start, start + PIECE), start + PIECE >= data.length);
    }
  } catch (error) {
    if (error instanceof FileFormatError) throw error;
    fail(`damaged deflated data (${error instanceof Error ? error.message : String(error)})`);
  }
  if (total !== size) fail(`inflates to ${total} bytes, expected ${size}`);
  const result = new Uint8Array(size);
  let position = 0;
  for (const piece of pieces) {
    result.set(piece, position);
    position += piece.length;
  }
  return result;
};
