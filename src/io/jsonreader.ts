/**
 * JSON read piece by piece, by somebody who knows what should come next. Unlike JSON.parse it sees duplicate
 * keys, builds no objects (so `__proto__` is a key like any other) and tells `1` from `1.0`; and what a hostile
 * text makes large is noticed before memory is spent on it.
 *
 * @see RFC 8259
 */
import { FileFormatError } from '../errors.ts';
import { quoted } from './text.ts';

const MAX_DEPTH = 128;

const isSpace = (c: string | undefined): boolean => c === ' ' || c === '\n' || c === '\r' || c === '\t';

export class JsonReader {
  private position = 0;
  private readonly text: string;
  private readonly source: string;

  /** @param source  what the text is, for error messages: `safetensors header` */
  constructor(text: string, source: string) {
    this.text = text;
    this.source = source;
  }

  /** The keys of an object. The caller reads each one's value before asking for the next. */
  *members(): Generator<string, void> {
    this.expect('{', 'an object');
    const seen = new Set<string>();
    if (this.accept('}')) return;
    do {
      const key = this.string('a key');
      if (seen.has(key)) this.fail(`duplicate key ${quoted(key)}`);
      seen.add(key);
      this.expect(':');
      yield key;
    } while (this.accept(','));
    this.expect('}', "',' or '}'");
  }

  /** Once for each element of an array, with its index. The caller reads it before asking for the next. */
  *elements(): Generator<number, void> {
    this.expect('[', 'an array');
    if (this.accept(']')) return;
    let index = 0;
    do yield index++;
    while (this.accept(','));
    this.expect(']', "',' or ']'");
  }

  string(what = 'a string'): string {
    this.expect('"', what);
    const start = this.position;
    for (;;) {
      const c = this.text[this.position++];
      if (c === '"') break;
      if (c === undefined || c < ' ') this.fail('a string that does not end on its line');
      if (c === '\\') this.position++;
    }
    const inside = this.text.slice(start, this.position - 1);
    const value = inside.includes('\\') ? this.unescape(inside) : inside;
    if (/\p{Surrogate}/u.test(value)) this.fail('half a surrogate pair in a string');
    return value;
  }

  /** A whole number, not negative, written without point or exponent, that a double holds exactly. */
  whole(): number {
    const token = this.token();
    const value = /^(0|[1-9][0-9]{0,15})$/.test(token) ? Number(token) : NaN;
    if (!Number.isSafeInteger(value)) {
      this.fail(`${token === '' ? this.found() : quoted(token)} where a whole number was expected`);
    }
    return value;
  }

  /** Passes over any one value, which must be valid all the same. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) this.fail(`nested more than ${MAX_DEPTH} deep`);
    const c = this.peek();
    if (c === '{') for (const _ of this.members()) this.skip(depth + 1);
    else if (c === '[') for (const _ of this.elements()) this.skip(depth + 1);
    else if (c === '"') this.string();
    else if (!/^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/.test(this.token())) {
      this.fail('not a JSON value');
    }
  }

  /** Nothing but space may follow. */
  end(): void {
    if (this.peek() !== undefined) this.fail(`${this.found()} after the end`);
  }

  fail(problem: string): never {
    throw new FileFormatError(`${this.source}: ${problem} (near character ${this.position})`);
  }

  private unescape(inside: string): string {
    try {
      return JSON.parse(`"${inside}"`) as string;
    } catch {
      return this.fail('an invalid escape in a string');
    }
  }

  /** The letters, digits, signs and points that follow: a number or a word. */
  private token(): string {
    this.peek();
    const start = this.position;
    while (/[\w+.-]/.test(this.text[this.position] ?? '')) this.position++;
    return this.text.slice(start, this.position);
  }

  private peek(): string | undefined {
    while (isSpace(this.text[this.position])) this.position++;
    return this.text[this.position];
  }

  private accept(c: string): boolean {
    const found = this.peek() === c;
    if (found) this.position++;
    return found;
  }

  private expect(c: string, what = `'${c}'`): void {
    if (!this.accept(c)) this.fail(`${this.found()} where ${what} was expected`);
  }

  private found(): string {
    const c = this.peek();
    return c === undefined ? 'the end' : JSON.stringify(c);
  }
}
