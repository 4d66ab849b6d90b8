import type { Label } from './operands.ts';

/** Four bytes that will hold the distance from `end` to a label plus `addend`. */
export interface Reference {
  readonly label: Label;
  readonly addend: number;
  readonly at: number;
  /** Where the instruction ends. */
  end: number;
}

/** Bytes of code, growing, with what has to be filled in once all places are known. */
export class CodeBuffer {
  bytes = new Uint8Array(4096);
  length = 0;
  readonly references: Reference[] = [];

  /** Makes room for so many bytes, which `byte` and `integer` rely on. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + count));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** Little-endian, two's complement. */
  integer(value: number | bigint, count: number): void {
    if (count === 8) {
      const wide = BigInt.asUintN(64, BigInt(value));
      this.integer(Number(wide & 0xffff_ffffn), 4);
      this.integer(Number(wide >> 32n), 4);
      return;
    }
    let rest = Number(value) | 0;
    for (let i = 0; i < count; i++, rest >>= 8) this.bytes[this.length++] = rest & 0xff;
  }

  /** Four bytes again, at a place already written. */
  overwrite(at: number, value: number): void {
    new DataView(this.bytes.buffer).setInt32(at, value, true);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }

  append(data: Uint8Array): void {
    this.reserve(data.length);
    this.bytes.set(data, this.length);
    this.length += data.length;
  }
}
