/**
 * MT19937, the 32-bit Mersenne Twister with the standard tempering: the engine of PyTorch's CPU generator.
 *
 * @see Matsumoto & Nishimura 1998, doi:10.1145/272991.272995; at::mt19937 in PyTorch
 */
const N = 624;
const M = 397;
const MATRIX_A = 0x9908b0df;

export class MersenneTwister {
  /** The recurrence's words, from which the next block comes. */
  readonly #state = new Uint32Array(N);
  /** The current block, tempered: what callers get. Made N at a time, since a loop over arrays is fast. */
  readonly #words = new Uint32Array(N);
  /** How many words of the block are used up. */
  #used = N;

  /** Starts the stream of a 32-bit seed. */
  seed(seed: number): void {
    const state = this.#state;
    state[0] = seed;
    for (let j = 1; j < N; j++) {
      const previous = state[j - 1]!;
      state[j] = Math.imul(1812433253, previous ^ (previous >>> 30)) + j;
    }
    this.#used = N;
  }

  /** The next 32 bits, 0 … 2³²−1. */
  next(): number {
    if (this.#used === N) this.#nextBlock();
    return this.#words[this.#used++]!;
  }

  /** As many of the next as there is room for. */
  fill(out: Uint32Array): void {
    for (let filled = 0; filled < out.length;) {
      if (this.#used === N) this.#nextBlock();
      const count = Math.min(N - this.#used, out.length - filled);
      out.set(this.#words.subarray(this.#used, this.#used + count), filled);
      this.#used += count;
      filled += count;
    }
  }

  /** The words of the recurrence and how many of them were given out (N: all, so a new block is due). */
  get state(): { readonly words: Uint32Array; readonly used: number } {
    return { words: this.#state.slice(), used: this.#used };
  }

  set state({ words, used }: { readonly words: Uint32Array; readonly used: number }) {
    this.#state.set(words);
    this.#temper();
    this.#used = used;
  }

  #nextBlock(): void {
    const state = this.#state;
    for (let k = 0; k < N - M; k++) state[k] = state[k + M]! ^ twist(state[k]!, state[k + 1]!);
    for (let k = N - M; k < N - 1; k++) state[k] = state[k + M - N]! ^ twist(state[k]!, state[k + 1]!);
    state[N - 1] = state[M - 1]! ^ twist(state[N - 1]!, state[0]!);
    this.#temper();
    this.#used = 0;
  }

  #temper(): void {
    const state = this.#state;
    const words = this.#words;
    for (let k = 0; k < N; k++) {
      let y = state[k]!;
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      words[k] = y ^ (y >>> 18);
    }
  }
}

/** The upper bit of one word and the rest of the next, times the recurrence's matrix. */
function twist(upper: number, lower: number): number {
  const y = (upper & 0x80000000) | (lower & 0x7fffffff);
  return (y >>> 1) ^ (-(y & 1) & MATRIX_A);
}
