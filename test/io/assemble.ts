/** Pickles put together by hand, good and bad. */
import { opcodes, type OpcodeName } from '../../src/io/pickle-opcodes.ts';

type Part = OpcodeName | number | `text:${string}` | Uint8Array;

/** Bytes of instructions (by name), numbers (one byte each), and texts written `'text:…'`. */
export const assemble = (...parts: readonly Part[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) => {
      if (typeof part === 'number') return [part];
      if (typeof part !== 'string') return [...part];
      if (part.startsWith('text:')) return [...new TextEncoder().encode(part.slice(5))];
      return [opcodes[part as OpcodeName]];
    }),
  );

/** A pickle of protocol 4 around instructions. */
export const pickleOf = (...parts: readonly Part[]): Uint8Array => assemble('PROTO', 4, ...parts, 'STOP');

export const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
export const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);

/** Pushes a short text. */
export const text = (value: string): Uint8Array => {
  const bytes = new TextEncoder().encode(value);
  return assemble('BINUNICODE', u32(bytes.length), bytes);
};

/** Pushes what a name of Python's stands for. */
export const named = (module: string, name: string): Uint8Array =>
  assemble('GLOBAL', `text:${module}\n${name}\n`);
