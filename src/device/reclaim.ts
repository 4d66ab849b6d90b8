/**
 * Finds out synchronously which objects are dead. Only Node can: finalizers run between tasks, so within one
 * synchronous loop nothing ever tells that a tensor is gone. A collection of what was made lately takes V8 about 0.1 ms
 * and drops the dead from weak sets; weak references it leaves alone, and finalizers are not run. What a weak set still
 * has, `util.inspect` shows (`showHidden`), by calling each member's own method of inspection.
 */
import type { inspect as Inspect } from 'node:util';

export interface Collector {
  /** Drops from weak sets what was made lately and is dead. */
  young(): void;
  /** Drops from weak sets all that is dead. */
  all(): void;
  /** Calls `visit` for each member of a weak set. Members answer `[INSPECT]` with `inspected`. */
  members<T extends object>(set: WeakSet<T>, visit: (member: T) => void): void;
}

/** The method by which Node asks an object how it is shown. */
export const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Hands a member of the set that is being looked through to whoever looks; false when nobody does. */
export const inspected = (member: object): boolean => {
  visitor?.(member);
  return visitor !== null;
};
let visitor: ((member: object) => void) | null = null;

const findCollector = (): Collector | null => {
  // Not by imports of node: modules, at which bundlers for pages would stop.
  const process: Partial<NodeJS.Process> | undefined = globalThis.process;
  const v8 = process?.versions?.v8 === undefined ? undefined : process.getBuiltinModule?.('node:v8');
  const vm = process?.getBuiltinModule?.('node:vm');
  const util = process?.getBuiltinModule?.('node:util');
  if (!v8 || !vm || !util) return null;
  try {
    v8.setFlagsFromString('--expose-gc');
    const gc = vm.runInNewContext('gc') as (options?: { type: 'minor' }) => void;
    v8.setFlagsFromString('--no-expose-gc');
    const found = connect(gc, util.inspect, (flag) => {
      v8.setFlagsFromString(flag);
    });
    return dropsTheDead(found) ? found : null;
  } catch {
    return null;
  }
};

const connect = (
  gc: (options?: { type: 'minor' }) => void,
  inspect: typeof Inspect,
  setFlag: (flag: string) => void,
): Collector => {
  const options = { showHidden: true, maxArrayLength: Infinity, breakLength: Infinity };
  return {
    young: () => {
      // So little takes one thread less time than it takes to wake others.
      setFlag('--no-parallel-scavenge');
      gc({ type: 'minor' });
      setFlag('--parallel-scavenge');
    },
    all: () => {
      gc();
    },
    members(set, visit) {
      visitor = visit as (member: object) => void;
      try {
        inspect(set, options);
      } finally {
        visitor = null;
      }
    },
  };
};

/** Whether an engine's weak sets lose their dead, and show all of the living. */
const dropsTheDead = (candidate: Collector): boolean => {
  const set = new WeakSet();
  const living = Array.from({ length: 8 }, () => new Probe());
  for (const probe of living) set.add(probe);
  for (let k = 0; k < 64; k++) set.add(new Probe());
  candidate.young();
  let seen = 0;
  let others = 0;
  candidate.members(set, (member) => {
    if (living.includes(member as Probe)) seen++;
    else others++;
  });
  return seen === living.length && others < 32;
};

class Probe {
  [INSPECT](): string {
    return String(inspected(this));
  }
}

/** The engine's collector. Null where it cannot be asked, as in pages, or does not behave as described above. */
export const collector: Collector | null = findCollector();
