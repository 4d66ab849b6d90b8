/** The check sum of zip archives. @see ISO 3309; RFC 1952, section 8 */

/** The polynomial with its bits reversed, as the algorithm takes bits from the low end. */
const POLYNOMIAL = 0xedb88320;
/** Bytes taken in one step. */
const STEP = 8;

/** `tables[k][b]`: what byte b does to the sum once k more zero bytes have passed. */
const tables: readonly Int32Array[] = (() => {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? POLYNOMIAL : 0);
    return sum;
  });
  const all = [first];
  while (all.length < STEP) all.push(all.at(-1)!.map((sum) => (sum >>> 8) ^ first[sum & 0xff]!));
  return all;
})();

/** The CRC-32 of bytes, as an unsigned number. */
export const crc32 = (bytes: Uint8Array): number => {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as readonly [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let sum = -1;
  let k = 0;
  for (; k + STEP <= bytes.length; k += STEP) {
    sum ^= bytes[k]! | (bytes[k + 1]! << 8) | (bytes[k + 2]! << 16) | (bytes[k + 3]! << 24);
    sum =
      t7[sum & 0xff]! ^
      t6[(sum >>> 8) & 0xff]! ^
      t5[(sum >>> 16) & 0xff]! ^
      t4[sum >>> 24]! ^
      t3[bytes[k + 4]!]! ^
      t2[bytes[k + 5]!]! ^
      t1[bytes[k + 6]!]! ^
      t0[bytes[k + 7]!]!;
  }
  for (; k < bytes.length; k++) sum = (sum >>> 8) ^ t0[(sum ^ bytes[k]!) & 0xff]!;
  return ~sum >>> 0;
};
