/**
 * Which keys of a state dictionary did not meet their counterpart: what `loadStateDict` returns. Post-hooks of loading
 * may change the lists.
 */
export class IncompatibleKeys {
  constructor(
    /** Names of the module that the dictionary lacks. */
    readonly missingKeys: string[],
    /** Keys of the dictionary that the module does not know. */
    readonly unexpectedKeys: string[],
  ) {}

  /** `<All keys matched successfully>`, or both lists as PyTorch prints them. */
  toString(): string {
    if (this.missingKeys.length === 0 && this.unexpectedKeys.length === 0)
      return '<All keys matched successfully>';
    const list = (keys: readonly string[]): string => `[${keys.map((key) => `'${key}'`).join(', ')}]`;
    return `_IncompatibleKeys(missing_keys=${list(this.missingKeys)}, unexpected_keys=${list(this.unexpectedKeys)})`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
