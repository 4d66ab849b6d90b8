/** Bytes of a file read one after another, with every length checked before it is used. */
import { FileFormatError } from '../errors.ts';
import { decodeUtf8 } from './text.ts';

export class Cursor {
  private readonly view: DataView;

  /**
   * @param source  what the bytes are, for error messages: `data.pkl`
   * @param position  where to begin
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly source: string,
    public position = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.position;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }
  u16(): number {
    return this.view.getUint16(this.advance(2), true);
  }
  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }
  i32(): number {
    return this.view.getInt32(this.advance(4), true);
  }
  /** Big-endian, as pickles hold it. */
  f64(): number {
    return this.view.getFloat64(this.advance(8));
  }
  /** Of 64 bits; what a number does not hold exactly is longer than any file. */
  u64(): number {
    const value = this.view.getBigUint64(this.advance(8), true);
    if (value > Number.MAX_SAFE_INTEGER) this.fail(`the number ${value}, beyond any size`);
    return Number(value);
  }

  /** The next bytes, as a window on the file. */
  take(length: number): Uint8Array {
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  text(length: number): string {
    return decodeUtf8(this.take(length)) ?? this.fail('text that is not UTF-8');
  }

  /** Text up to the next line feed, which is passed. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) this.fail('a line that does not end');
    const line = this.text(end - this.position);
    this.position++;
    return line;
  }

  fail(problem: string): never {
    throw new FileFormatError(`${this.source}, byte ${this.position}: ${problem}`);
  }

  private advance(length: number): number {
    if (length > this.remaining) {
      this.fail(`cut off: ${length} bytes are wanted where ${this.remaining} are left`);
    }
    const start = this.position;
    this.position += length;
    return start;
  }
}
