import { ValueError } from '../../errors.ts';

const utf8 = new TextEncoder();
const number = new DataView(new ArrayBuffer(8));

/** Bytes that grow as one writes, with the number formats of WebAssembly. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  bytes(values: ArrayLike<number>): void {
    if (this.#length + values.length > this.#bytes.length) this.#grow(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** An unsigned LEB128 number. @throws ValueError unless it is an integer from 0 to 2³² − 1. */
  u32(value: number): void {
    if (value >>> 0 !== value) throw new ValueError(`${value} is not an integer from 0 to 4294967295`);
    for (; value > 0x7f; value >>>= 7) this.byte((value & 0x7f) | 0x80);
    this.byte(value);
  }

  /** A signed LEB128 number; unsigned ones beyond 2³¹ wrap around. @throws ValueError beyond 32 bits. */
  s32(value: number): void {
    if (value >> 0 !== value && value >>> 0 !== value) {
      throw new ValueError(`${value} is not an integer of 32 bits`);
    }
    let rest = value | 0;
    for (; rest < -0x40 || rest > 0x3f; rest >>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest & 0x7f);
  }

  /** Likewise for 64 bits. @throws ValueError beyond 64 bits, or for a number that is no safe integer. */
  s64(value: number | bigint): void {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new ValueError(`${value} is not a safe integer; write it as a bigint`);
    }
    const given = BigInt(value);
    let rest = BigInt.asIntN(64, given);
    if (rest !== given && BigInt.asUintN(64, given) !== given) {
      throw new ValueError(`${value} is not an integer of 64 bits`);
    }
    for (; rest < -0x40n || rest > 0x3fn; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest & 0x7fn));
  }

  /** The four bytes of a float32, or of its bits. */
  f32(value: number | { readonly bits: number }): void {
    if (typeof value === 'number') number.setFloat32(0, value, true);
    else number.setUint32(0, value.bits, true);
    for (let i = 0; i < 4; i++) this.byte(number.getUint8(i));
  }

  /** The eight bytes of a float64, or of its bits. */
  f64(value: number | { readonly bits: bigint }): void {
    if (typeof value === 'number') number.setFloat64(0, value, true);
    else number.setBigUint64(0, value.bits, true);
    for (let i = 0; i < 8; i++) this.byte(number.getUint8(i));
  }

  /** Length, and then UTF-8. */
  name(text: string): void {
    const encoded = utf8.encode(text);
    this.u32(encoded.length);
    this.bytes(encoded);
  }

  /** What `write` writes, after its length in bytes. */
  sized(write: (inside: ByteWriter) => void): void {
    const inside = new ByteWriter();
    write(inside);
    this.u32(inside.#length);
    this.bytes(inside.#bytes.subarray(0, inside.#length));
  }

  /** How many there are, and then each. */
  list<T>(items: readonly T[], write: (item: T, index: number) => void): void {
    this.u32(items.length);
    items.forEach(write);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(extra: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + extra));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
