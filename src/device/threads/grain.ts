/**
 * How much work is worth a thread's while: about two microseconds at full speed. A job costs 0.3 to 0.4 µs to hand out to
 * threads that are awake. (Measured with WebAssembly, and with AVX2, on two cores of an EPYC server: 256 KiB through one
 * operation take 3.3 and 2.1 µs on one thread, 2.1 and 1.5 on two; 1 MiB 11.9 and 7.8, and 6.7 and 4.6.)
 */
const BYTES = 128 * 1024;
const OPERATIONS = 200_000;

/**
 * The `grain` of a launch, from what one position of its parallel axis takes. Less than one where a position is worth
 * more than a thread's while: eight of those may be a long job.
 *
 * @param work.bytes  read and written
 * @param work.flops  additions and multiplications, of which memory is not the bound
 */
export const grainOf = ({
  bytes = 0,
  flops = 0,
}: {
  readonly bytes?: number;
  readonly flops?: number;
}): number => 1 / (bytes / BYTES + flops / OPERATIONS);
