/**
 * PyTorch's CPU random generator: the engine, the seed, and the normal value that small normal fills keep.
 *
 * @see torch.Generator
 */
import { RuntimeError } from '../../errors.ts';
import { MersenneTwister } from './mersenne.ts';

/** What a generator that nobody seeded starts from: c10::default_rng_seed_val, 0x3d30f1975c01. */
const DEFAULT_SEED = 67280421310721n;

/**
 * Where things lie in a state: at::CPUGeneratorImplState, little-endian. So a state that PyTorch saved
 * (`torch.get_rng_state()`) can be restored here, and the other way round.
 */
const STATE = {
  bytes: 5056,
  seed: 0,
  /** Words left in the block, plus one; 1 when a new block is due. */
  left: 8,
  seeded: 12,
  /** The block's next word. */
  next: 16,
  /** 624 words, each in 8 bytes. */
  words: 24,
  cachedNormal: 24 + 8 * 624 + 8,
  hasCachedNormal: 24 + 8 * 624 + 24,
} as const;
const BLOCK = 624;

/** A stream of random numbers, the same as a `torch.Generator`'s on the CPU for the same seed. */
export class Generator {
  readonly #engine = new MersenneTwister();
  #initialSeed = 0n;

  /**
   * The second value of a Box–Muller pair, for the next normal fill of fewer than 16 elements, whatever its
   * dtype; undefined when there is none. Other draws leave it alone; seeding forgets it.
   */
  cachedNormal: number | undefined;

  /** @param seed see {@link manualSeed}; default 67280421310721, as in PyTorch */
  constructor(seed: number | bigint = DEFAULT_SEED) {
    this.manualSeed(seed);
  }

  /**
   * Starts the stream again from `seed`, an integer in −2⁶³ … 2⁶⁴−1. Only its low 32 bits count: −3 and
   * 2³²−3 give the same stream, as do s and s + 2³².
   *
   * @throws RuntimeError when it is not an integer or out of range
   * @see torch.Generator.manual_seed
   */
  manualSeed(seed: number | bigint): this {
    const value = unpackLong(seed);
    this.#initialSeed = value;
    this.#engine.seed(Number(value & 0xffffffffn));
    this.cachedNormal = undefined;
    return this;
  }

  /** The seed that the stream was started from, as an unsigned 64-bit number: 2⁶⁴−3 for −3. */
  initialSeed(): bigint {
    return this.#initialSeed;
  }

  /** Seeds with 64 bits from the system's source of randomness, and returns them. */
  seed(): bigint {
    const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
    this.manualSeed(seed);
    return seed;
  }

  /** The next 32 bits, 0 … 2³²−1. */
  random32(): number {
    return this.#engine.next();
  }

  /** The next draws of 32 bits, as many as there is room for: in less time than one by one. */
  fill32(out: Uint32Array): void {
    this.#engine.fill(out);
  }

  /** The next 64 bits, 0 … 2⁶⁴−1: two 32-bit draws, the high one first. */
  random64(): bigint {
    const high = BigInt(this.random32());
    return (high << 32n) | BigInt(this.random32());
  }

  /** The low 53 bits of a 64-bit draw as a fraction, in [0, 1): what PyTorch's double uniforms start from. */
  random53(): number {
    const high = this.random32() & 0x1fffff;
    return (high * 2 ** 32 + this.random32()) * 2 ** -53;
  }

  /**
   * Everything the generator's future depends on, in the bytes of PyTorch's CPU generator state.
   *
   * @returns 5056 bytes, a copy
   * @see torch.Generator.get_state
   */
  getState(): Uint8Array {
    const state = new DataView(new ArrayBuffer(STATE.bytes));
    const { words, used } = this.#engine.state;
    state.setBigUint64(STATE.seed, this.#initialSeed, true);
    state.setInt32(STATE.left, BLOCK + 1 - used, true);
    state.setInt32(STATE.seeded, 1, true);
    state.setUint32(STATE.next, used, true);
    words.forEach((word, j) => state.setUint32(STATE.words + 8 * j, word, true));
    state.setFloat64(STATE.cachedNormal, this.cachedNormal ?? 0, true);
    state.setInt32(STATE.hasCachedNormal, this.cachedNormal === undefined ? 0 : 1, true);
    return new Uint8Array(state.buffer);
  }

  /**
   * Continues from a state that {@link getState} or PyTorch gave.
   *
   * @throws RuntimeError when it is not one
   * @see torch.Generator.set_state
   */
  setState(bytes: Uint8Array): this {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('RNG state must be a torch.ByteTensor');
    if (bytes.length !== STATE.bytes) {
      throw new RuntimeError(
        `Expected a CPUGeneratorImplState of size ${STATE.bytes} ` +
          `but found the input RNG state size to be ${bytes.length}`,
      );
    }
    const state = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const left = state.getInt32(STATE.left, true);
    const next = state.getUint32(STATE.next, true);
    const seeded = state.getInt32(STATE.seeded, true) === 1;
    if (!seeded || next > BLOCK || (left !== 1 && left + next !== BLOCK + 1)) {
      throw new RuntimeError('Invalid mt19937 state');
    }
    const words = Uint32Array.from({ length: BLOCK }, (_, j) => state.getUint32(STATE.words + 8 * j, true));
    // With left = 1 no word of the block is left, though a fresh PyTorch generator has next = 0.
    this.#engine.state = { words, used: left === 1 ? BLOCK : next };
    this.#initialSeed = state.getBigUint64(STATE.seed, true);
    const cached = state.getInt32(STATE.hasCachedNormal, true) !== 0;
    this.cachedNormal = cached ? state.getFloat64(STATE.cachedNormal, true) : undefined;
    return this;
  }
}

/** A seed as PyTorch takes one: any signed or unsigned 64-bit number, as its unsigned 64 bits. */
function unpackLong(seed: number | bigint): bigint {
  if (typeof seed !== 'bigint' && !Number.isInteger(seed)) {
    const got = typeof seed === 'number' ? 'float' : typeof seed;
    throw new RuntimeError(`manual_seed expected a long, but got ${got}`);
  }
  const value = BigInt(seed);
  if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new RuntimeError('Overflow when unpacking long');
  return BigInt.asUintN(64, value);
}

/** The generator of draws that name none, as `torch.default_generator`. */
export const defaultGenerator = new Generator();
