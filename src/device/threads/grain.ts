/**
 * How much work is worth a thread's while: about two microseconds at full speed. A job costs half a microsecond to hand
 * out to threads that are awake. (Measured in WebAssembly on two cores: 64 KiB through one operation take 1.2 µs on one
 * thread and 1.7 on two, 512 KiB 7.6 and 4.4.)
 */
const BYTES = 128 * 1024;
const OPERATIONS = 200_000;

/** Positions of a longer range begin and end at whole cache lines, of whatever type. */
const ALIGNMENT = 64;

/**
 * The `grain` of a launch, from what one position of its parallel axis takes.
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
}): number => {
  const grain = Math.ceil(1 / (bytes / BYTES + flops / OPERATIONS));
  return grain <= ALIGNMENT ? grain : Math.ceil(grain / ALIGNMENT) * ALIGNMENT;
};
