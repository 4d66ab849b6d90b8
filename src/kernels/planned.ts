/**
 * Primitives whose decisions are made once for calls of a form. The first call of a form runs as it is written, the second
 * is written down (`plan.ts`), and from then on what it launched is launched again.
 */
import { debugging } from '../device/debug.ts';
import { recordedBy, recording } from '../device/recording.ts';
import type { Storage } from '../device/storage.ts';
import { currentTarget, type Target } from '../device/target.ts';
import { getNumThreads } from '../device/threads/number.ts';
import type { View } from '../device/view.ts';
import { dtypeCodes } from '../dtype.ts';
import { beginCall } from './packed.ts';
import { Plan } from './plan.ts';

/** More numbers than any call has that is worth a plan. */
const MOST_NUMBERS = 96;

/** What tells a call from others: all that its launches depend on, but for the values of its operands. */
export class Form {
  readonly operands: Storage[] = [];
  private readonly numbers = new Float64Array(MOST_NUMBERS);
  private size = 0;
  /** Equal for equal forms. */
  hash = 0;

  clear(): void {
    while (this.operands.length > 0) this.operands.pop();
    this.size = 0;
    this.hash = 0;
  }

  add(number: number): void {
    this.numbers[this.size++] = number;
    this.hash = Math.imul(this.hash ^ number ^ (this.hash >>> 15), 0x2c1b3c6d);
  }

  /** One of not too many texts. */
  addText(text: string): void {
    let number = texts.get(text);
    if (number === undefined) texts.set(text, (number = texts.size));
    this.add(number);
  }

  addAll(numbers: readonly number[]): void {
    for (let k = 0; k < numbers.length; k++) this.add(numbers[k]!);
  }

  /** An operand, or null where one is absent. */
  operand(view: View | null): void {
    if (view === null) {
      this.add(-1);
      return;
    }
    const { storage, dtype, shape, strides, offset } = view;
    // Operands in one memory are a case of their own.
    const known = this.operands.indexOf(storage);
    this.add(known < 0 ? this.operands.push(storage) - 1 : known);
    this.add(dtypeCodes[dtype]);
    this.add(shape.length);
    this.addAll(shape);
    this.addAll(strides);
    this.add(offset);
  }

  /** Its numbers, to compare others with; null when there are too many. */
  kept(): Float64Array | null {
    return this.size > MOST_NUMBERS ? null : this.numbers.slice(0, this.size);
  }

  equals(numbers: Float64Array): boolean {
    if (numbers.length !== this.size) return false;
    for (let k = 0; k < numbers.length; k++) if (numbers[k] !== this.numbers[k]) return false;
    return true;
  }
}

const texts = new Map<string, number>();

/** Calls of one form on one target. */
interface Known {
  readonly numbers: Float64Array;
  readonly target: Target;
  readonly plans: Plan[];
  /** How often one was made, of use or not. */
  made: number;
}

/** One for packed operands, one for others, and some that were made while a table was. */
const MOST_MADE = 4;
/** Forms that a primitive remembers are between so many and twice as many. */
const REMEMBERED = 128;

/** The form of the call that is looked up. */
const form = new Form();

/**
 * A primitive that plans.
 *
 * @param describe  gives the form all that the launches depend on, the operands among it
 */
export const planned = <A extends readonly unknown[]>(
  primitive: (...args: A) => void,
  describe: (form: Form, ...args: A) => void,
): ((...args: A) => void) => {
  let recent = new Map<number, Known>();
  let older = new Map<number, Known>();

  const remember = (known: Known, hash: number): void => {
    if (recent.size === REMEMBERED) [recent, older] = [new Map<number, Known>(), recent];
    recent.set(hash, known);
  };

  /** What is known of such calls; null at the first. */
  const find = (target: Target): Known | null => {
    const { hash } = form;
    let known = recent.get(hash);
    if (known === undefined) {
      known = older.get(hash);
      if (known !== undefined) remember(known, hash);
    }
    if (known?.target === target && form.equals(known.numbers)) return known;
    const numbers = form.kept();
    if (numbers !== null) remember({ numbers, target, plans: [], made: 0 }, hash);
    return null;
  };

  const run = (known: Known, args: A): void => {
    for (let k = 0; k < known.plans.length; k++) if (known.plans[k]!.run(form.operands)) return;
    if (known.made === MOST_MADE) {
      primitive(...args);
      return;
    }
    known.made++;
    const plan = new Plan(form.operands);
    recordedBy(plan, () => {
      primitive(...args);
    });
    if (plan.finish()) known.plans.push(plan);
  };

  return (...args) => {
    // What a primitive calls is part of its own plan.
    if (recording() !== null) {
      primitive(...args);
      return;
    }
    beginCall();
    // Times are measured where launches are made.
    if (debugging('time')) {
      primitive(...args);
      return;
    }
    const target = currentTarget();
    form.clear();
    form.addText(target.machine.name);
    // Work is parted for so many.
    form.add(getNumThreads());
    describe(form, ...args);
    const known = find(target);
    try {
      if (known === null) primitive(...args);
      else run(known, args);
    } finally {
      form.clear();
    }
  };
};
