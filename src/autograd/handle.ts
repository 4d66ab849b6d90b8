/** What registering a hook gives back. */

let nextId = 0;

/**
 * Takes its hook out of the registry again: by `remove()`, or at the end of a block.
 *
 *     const handle = module.registerForwardHook(log);
 *     handle.remove();
 *
 *     {
 *       using handle = module.registerForwardHook(log); // removed at the end of the block
 *     }
 *
 * Holds the registry weakly, so that a handle somebody keeps does not keep the module.
 *
 * @see torch.utils.hooks.RemovableHandle
 */
export class RemovableHandle implements Disposable {
  /** Counts up through the process: no two handles have the same. */
  readonly id = nextId++;
  readonly #registry: WeakRef<Map<number, unknown>>;

  constructor(registry: Map<number, unknown>) {
    this.#registry = new WeakRef(registry);
  }

  /** The hooks among which this one is, by the ids of their handles; undefined when their owner is gone. */
  hooksDictRef(): Map<number, unknown> | undefined {
    return this.#registry.deref();
  }

  /** Takes the hook out. Doing so twice, or after the owner is gone, does nothing. */
  remove(): void {
    this.hooksDictRef()?.delete(this.id);
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

/** Puts an entry into a registry of hooks, behind those that are there. */
export const addHook = <H>(registry: Map<number, H>, hook: H): RemovableHandle => {
  const handle = new RemovableHandle(registry);
  registry.set(handle.id, hook);
  return handle;
};
