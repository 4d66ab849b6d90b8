/**
 * Scratch memory within a launch: a slot for each position. Positions are handed out some at a time, so that there are not
 * too many slots, and of those of a thread's range only the first is used, so that it stays in the first cache.
 */
import { workspace } from '../device/memory.ts';
import type { Storage } from '../device/storage.ts';
import {
  elementBytes,
  index,
  inout,
  type Arguments,
  type ElementType,
  type Pointer,
  type Value,
} from '../lang/index.ts';

/** What a kernel needs to know of them. */
export const slotSpec = (element: ElementType) => ({
  slots: inout(element),
  /** The position whose slot is the first, and elements of a slot. */
  firstPosition: index,
  slotSize: index,
});

type SlotSpec = ReturnType<typeof slotSpec>;

/** The slot for a range of positions. */
export const slotOf = (
  { slots, firstPosition, slotSize }: Arguments<SlotSpec>,
  { begin }: { readonly begin: Value },
): Pointer => slots.plus(begin.sub(firstPosition).mul(slotSize));

export interface Slots {
  /** Of the scratch memory. */
  readonly name: string;
  readonly element: ElementType;
  /** Elements of a slot. */
  readonly size: number;
  /** Positions in all, and those that are handed out at a time. */
  readonly positions: number;
  readonly most: number;
}

/**
 * Calls `run` for positions begin … end − 1, some at a time, with the arguments about their slots.
 *
 * Arguments are put together in one object that begins with those named there: to one that begins with a spread, V8 adds
 * each property in half a microsecond.
 */
export const eachShare = (
  { name, element, size, positions, most }: Slots,
  run: (
    slots: { readonly slots: Storage; readonly firstPosition: number; readonly slotSize: number },
    begin: number,
    end: number,
  ) => void,
): void => {
  const slots = workspace(`${name}.${element}`, Math.min(positions, most) * size * elementBytes[element]);
  for (let begin = 0; begin < positions; begin += most) {
    run({ slots, firstPosition: begin, slotSize: size }, begin, Math.min(begin + most, positions));
  }
};
