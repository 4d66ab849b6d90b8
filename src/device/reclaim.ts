/**
 * Finds out synchronously which objects are dead. Only Node can: finalizers run between tasks, so within one
 * synchronous loop nothing ever tells that a tensor is gone. A microtask checkpoint in a context of its own ends the
 * time for which V8 keeps the targets of weak references alive; a collection then clears those that are dead.
 */

/** Collects garbage and makes dead weak references give undefined. Null where that is not possible, as in pages. */
export const collectNow: (() => void) | null = makeCollector();

function makeCollector(): (() => void) | null {
  // Not by imports of node: modules, at which bundlers for pages would stop.
  const process: Partial<NodeJS.Process> | undefined = globalThis.process;
  const v8 = process?.versions?.v8 === undefined ? undefined : process.getBuiltinModule?.('node:v8');
  const vm = process?.getBuiltinModule?.('node:vm');
  if (!v8 || !vm) return null;
  try {
    v8.setFlagsFromString('--expose-gc');
    const gc = vm.runInNewContext('gc') as () => void;
    v8.setFlagsFromString('--no-expose-gc');
    const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' });
    const checkpoint = new vm.Script('0');
    return () => {
      checkpoint.runInContext(context);
      gc();
    };
  } catch {
    return null;
  }
}
