/**
 * The error classes that PyTorch programs know, as JavaScript errors. Python's TypeError is JavaScript's own.
 * Messages are PyTorch's, word for word, where PyTorch has one.
 */
class NamedError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** An argument has the right type and a value that does not fit. */
export class ValueError extends NamedError {}
/** A file is not what it says it is: cut off, contradictory, or asking for what a reader must not do. */
export class FileFormatError extends ValueError {}
/** A name is already taken, or not there. */
export class KeyError extends NamedError {}
/** An object has no such attribute. */
export class AttributeError extends NamedError {}
/** What PyTorch raises from its native code: shapes, dtypes, autograd. */
export class RuntimeError extends NamedError {}
/** An index lies outside its dimension. */
export class IndexError extends NamedError {}
/** The operation exists, but not for this. */
export class NotImplementedError extends NamedError {}
/** A condition that must hold does not. */
export class AssertionError extends NamedError {}

/**
 * A shape that does not fit an operation where PyTorch has no text of its own: names the op, the argument,
 * the shape it got and the shape it needs.
 *
 *     linear: input has shape [3, 5], expected [..., 4] for weight [2, 4]
 */
export class ShapeError extends RuntimeError {
  constructor(
    op: string,
    argument: string,
    got: readonly number[],
    expected: readonly (number | string)[],
    reason?: string,
  ) {
    super(
      `${op}: ${argument} has shape [${got.join(', ')}], expected [${expected.join(', ')}]` +
        (reason === undefined ? '' : ` for ${reason}`),
    );
  }
}
