/**
 * Hands out addresses of one growing range of memory: segregated free lists, good fit, neighbours joined when freed.
 * It keeps its books outside the memory, so a kernel that went astray could not damage them.
 */

/** All blocks begin and end at a multiple of a cache line. */
export const LINE = 64;
/** Blocks are sorted into bins by their leading bits: eight bins for each power of two. */
const BINS_PER_OCTAVE = 8;

export class Allocator {
  /** Free blocks: size by start, start by end, and starts by bin. */
  private readonly sizes = new Map<number, number>();
  private readonly starts = new Map<number, number>();
  private readonly bins: Set<number>[] = Array.from({ length: 31 * BINS_PER_OCTAVE }, () => new Set());

  /** Bytes that are free, in however many pieces. */
  freeBytes = 0;

  /** What a request really takes. */
  static rounded(bytes: number): number {
    return Math.max(Math.ceil(bytes / LINE) * LINE, LINE);
  }

  /** Adds fresh memory; it joins what was free before it. */
  extend(start: number, bytes: number): void {
    this.free(start, bytes);
  }

  /** The address of a block of `size` bytes (as `rounded` gives it), or −1 when no free block is large enough. */
  allocate(size: number): number {
    const first = binOf(size);
    for (let bin = first; bin < this.bins.length; bin++) {
      for (const start of this.bins[bin]!) {
        const available = this.sizes.get(start)!;
        // In the first bin a block may be too small; in all others any block fits.
        if (available < size) continue;
        this.remove(start, available);
        if (available > size) this.insert(start + size, available - size);
        return start;
      }
    }
    return -1;
  }

  /** Takes a block back. */
  free(start: number, size: number): void {
    let from = start;
    let bytes = size;
    const following = this.sizes.get(start + size);
    if (following !== undefined) {
      this.remove(start + size, following);
      bytes += following;
    }
    const before = this.starts.get(start);
    if (before !== undefined) {
      const preceding = this.sizes.get(before)!;
      this.remove(before, preceding);
      from = before;
      bytes += preceding;
    }
    this.insert(from, bytes);
  }

  /** Takes memory out again that was added, if all of it is free and joined to nothing else. */
  withdraw(start: number, bytes: number): boolean {
    if (this.sizes.get(start) !== bytes) return false;
    this.remove(start, bytes);
    return true;
  }

  /** The largest block that could be handed out. */
  largestFree(): number {
    return Math.max(0, ...this.sizes.values());
  }

  private insert(start: number, size: number): void {
    this.sizes.set(start, size);
    this.starts.set(start + size, start);
    this.bins[binOf(size)]!.add(start);
    this.freeBytes += size;
  }

  private remove(start: number, size: number): void {
    this.sizes.delete(start);
    this.starts.delete(start + size);
    this.bins[binOf(size)]!.delete(start);
    this.freeBytes -= size;
  }
}

/** What is larger is in the last bin. */
const MOST_LINES = 2 ** 31 - 1;

/** Sizes of one bin share their leading four bits. */
const binOf = (size: number): number => {
  const lines = Math.min(size / LINE, MOST_LINES);
  const octave = 31 - Math.clz32(lines);
  const part = octave < 3 ? (lines << (3 - octave)) & 7 : (lines >>> (octave - 3)) & 7;
  return octave * BINS_PER_OCTAVE + part;
};
