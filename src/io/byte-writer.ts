/** Bytes of a file written one after another. */
export class ByteWriter {
  private bytes: Uint8Array<ArrayBuffer>;
  private view: DataView;
  length = 0;

  /** @param capacity  how many bytes there will be, if that is known */
  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  u8(value: number): void {
    this.room(1).setUint8(this.length - 1, value);
  }
  u16(value: number): void {
    this.room(2).setUint16(this.length - 2, value, true);
  }
  u32(value: number): void {
    this.room(4).setUint32(this.length - 4, value, true);
  }
  i32(value: number): void {
    this.room(4).setInt32(this.length - 4, value, true);
  }
  u64(value: number): void {
    this.room(8).setBigUint64(this.length - 8, BigInt(value), true);
  }
  /** Big-endian, as pickles hold it. */
  f64(value: number): void {
    this.room(8).setFloat64(this.length - 8, value);
  }
  raw(bytes: ArrayLike<number>): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length - bytes.length);
  }

  /** What was written, as an array of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.length === this.length ? this.bytes : this.bytes.slice(0, this.length);
  }

  /** Lengthens what is written; the new bytes are the last ones of the view. */
  private room(count: number): DataView {
    this.length += count;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, 2 * this.bytes.length));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return this.view;
  }
}
