/** The keys that a state dictionary of a module has for sure, as far as types can say. */
import type { Parameter } from '../tensor/parameter.ts';

/** What tells a module from other values. */
interface ModuleLike {
  readonly _modules: ReadonlyMap<string, unknown>;
}

/** One level less, down to none: modules may contain modules of their own class. */
type Below = [never, 0, 1, 2, 3, 4];

type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * `'conv.weight' | 'conv.bias'`: attributes that are declared as parameters, and those of attributes that are declared as
 * modules, five levels deep. What may be null, and what is registered by name only, is no such key.
 */
export type StateKey<M, Depth extends number = 5> = Depth extends 0
  ? never
  : {
      [Name in keyof M & string]: Name extends `_${string}`
        ? never
        : IsAny<M[Name]> extends true
          ? never
          : M[Name] extends Parameter
            ? Name
            : M[Name] extends ModuleLike
              ? `${Name}.${StateKey<M[Name], Below[Depth]>}`
              : never;
    }[keyof M & string];
