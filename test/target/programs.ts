/** Random kernels: arithmetic of every type, variables, memory, loops and branches, the same for the same seed. */
import { binaryOps, compareOps, reduceOps, unaryOps, type Kernel, type Register } from '../../src/lang/ir.ts';
import {
  elementBytes,
  isFloat,
  loadedElement,
  maskOf,
  showType,
  storageBytes,
  type ElementType,
  type StorageType,
  type Type,
} from '../../src/lang/types.ts';
import { Author } from './author.ts';
import { awkward, sequence } from './awkward.ts';

const elements: readonly ElementType[] = ['f32', 'f64', 'i32', 'i64'];
export const storages = Object.keys(storageBytes) as StorageType[];
/** Elements in each of a program's tensors. */
export const tensorLength = 160;

/** Programs take one input and one output of every storage type, in the order of `storages`. */
export function randomProgram(seed: number, vectorBytes = 16): Kernel {
  return new Generator(seed, vectorBytes).program();
}

interface Tensor {
  readonly param: number;
  readonly address: Register;
}

class Generator {
  private readonly author = new Author();
  private readonly random: (n: number) => number;
  /** Registers by type, that may be read where the program is being written. */
  private readonly known = new Map<string, Register[]>();
  /** Those of them that may be written again. */
  private readonly variables: Register[] = [];
  private inputs: Record<StorageType, Tensor>;
  private outputs: Record<StorageType, Tensor>;
  private depth = 0;

  constructor(
    seed: number,
    private readonly vectorBytes: number,
  ) {
    this.random = sequence(seed);
    const tensors = (access: 'in' | 'inout'): Record<StorageType, Tensor> =>
      Object.fromEntries(storages.map((s) => [s, this.author.tensor(s, access)])) as Record<
        StorageType,
        Tensor
      >;
    this.inputs = tensors('in');
    this.outputs = tensors('inout');
  }

  program(): Kernel {
    for (const op of ['begin', 'end'] as const) this.remember(this.author.make('index', 1, { op }));
    for (let i = 0; i < 3; i++) this.variable();
    this.statements(10 + this.random(25));
    for (const pool of [...this.known.values()])
      for (const register of pool.slice(-2)) this.storeAny(register);
    return this.author.finish();
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random(choices.length)]!;
  }

  private remember(register: Register): Register {
    const type = showType(register.type);
    const pool = this.known.get(type);
    if (pool) pool.push(register);
    else this.known.set(type, [register]);
    return register;
  }

  /** What a block defines is forgotten at its end. */
  private scope(body: () => void): () => void {
    return () => {
      const lengths = new Map([...this.known].map(([type, pool]) => [type, pool.length]));
      const variables = this.variables.length;
      this.depth++;
      body();
      this.depth--;
      this.variables.length = variables;
      for (const [type, pool] of this.known) pool.length = lengths.get(type) ?? 0;
    };
  }

  private type(): Type {
    const element = this.pick(elements);
    return { element, lanes: this.laneCount(element) };
  }

  private laneCount(element: ElementType): number {
    const most = Math.log2(this.vectorBytes / elementBytes[element]);
    return 2 ** this.random(most + 1);
  }

  private operand({ element, lanes }: Type): Register {
    const pool = this.known.get(showType({ element, lanes }));
    // Often the last one, so that values used once are common.
    if (pool && pool.length > 0 && this.random(8) > 0) {
      return this.random(2) ? pool.at(-1)! : this.pick(pool);
    }
    if (element === 'index') return this.remember(this.author.index(this.random(6)));
    const values = element === 'm32' || element === 'm64' ? [0, 1] : awkward[element];
    return this.remember(this.author.constant(element, lanes, this.pick(values)));
  }

  private variable(): void {
    const type = this.type();
    const dst = this.author.register(type.element, type.lanes, 'v');
    this.author.push({ op: 'copy', dst, a: this.operand(type) });
    this.variables.push(this.remember(dst));
  }

  private statements(count: number): void {
    for (let i = 0; i < count; i++) this.statement();
  }

  private statement(): void {
    const kind = this.random(21);
    if (kind < 5) this.arithmetic(this.type());
    else if (kind < 7) this.comparison();
    else if (kind < 9) this.conversion();
    else if (kind < 11) this.lanes();
    else if (kind < 13) this.load();
    else if (kind < 14) this.storeAny(this.operand(this.type()));
    else if (kind < 15) this.variable();
    else if (kind < 17) this.update();
    else if (kind < 18) this.prefetch();
    else if (this.depth < 3) {
      if (kind < 19) this.branch();
      else this.loop();
    }
  }

  private arithmetic(type: Type, dst?: Register): void {
    const { author } = this;
    const { element, lanes } = type;
    const float = isFloat(element);
    const make = (rest: Parameters<Author['make']>[2]): void => {
      if (dst) author.push({ ...rest, dst });
      else this.remember(author.make(element, lanes, rest));
    };
    const a = this.operand(type);
    const kind = this.random(4);
    if (kind === 0) {
      const fitting = unaryOps.filter((op) => (float ? op !== 'not' : ['neg', 'abs', 'not'].includes(op)));
      make({ op: this.pick(fitting), a });
    } else if (kind === 1 && float) {
      make({ op: 'fma', a, b: this.operand(type), c: dst ?? this.operand(type) });
    } else if (kind === 1) {
      make({ op: this.pick(['shl', 'shr', 'shru']), a, b: this.random(70) });
    } else {
      const fitting = binaryOps.filter((op) => !(float && ['rem', 'and', 'or', 'xor'].includes(op)));
      make({ op: this.pick(fitting), a, b: this.operand(type) });
    }
  }

  private comparison(): void {
    const { author } = this;
    const type = this.type();
    const { lanes } = type;
    const element = maskOf(type.element);
    const op = this.pick(compareOps);
    const mask = this.remember(
      author.make(element, lanes, { op, a: this.operand(type), b: this.operand(type) }),
    );
    if (this.random(2)) {
      this.remember(author.make(element, lanes, { op: 'xor', a: mask, b: this.operand({ element, lanes }) }));
    }
    const chooser = this.operand({ element, lanes });
    const [a, b] = [this.operand(type), this.operand(type)];
    this.remember(author.make(type.element, lanes, { op: 'select', mask: chooser, a, b }));
  }

  private conversion(): void {
    const from = this.type();
    const fits = elements.filter(
      (to) => to !== from.element && elementBytes[to] * from.lanes <= this.vectorBytes,
    );
    if (fits.length > 0) {
      this.remember(this.author.make(this.pick(fits), from.lanes, { op: 'convert', a: this.operand(from) }));
    }
  }

  private lanes(): void {
    const { author } = this;
    const type = this.type();
    const { element, lanes } = type;
    if (lanes === 1) return;
    switch (this.random(4)) {
      case 0:
        this.remember(author.make(element, 1, { op: this.pick(reduceOps), a: this.operand(type) }));
        break;
      case 1:
        this.remember(
          author.make(element, 1, { op: 'extract', a: this.operand(type), lane: this.random(lanes) }),
        );
        break;
      case 2:
        this.remember(
          author.make('m32', 1, { op: 'any', a: this.operand({ element: maskOf(element), lanes }) }),
        );
        break;
      default:
        this.remember(author.make(element, lanes, { op: 'splat', a: this.operand({ element, lanes: 1 }) }));
    }
  }

  /** Somewhere in the tensor, all lanes inside. */
  private access(tensors: Record<StorageType, Tensor>, storage: StorageType, lanes: number) {
    const { author } = this;
    const bytes = storageBytes[storage];
    const { param, address } = tensors[storage];
    const steps = author.binary('and', this.operand({ element: 'index', lanes: 1 }), author.index(15));
    const moved = author.binary('add', address, author.binary('mul', steps, author.index(bytes)));
    const count = author.binary('min', this.operand({ element: 'index', lanes: 1 }), author.index(lanes));
    return {
      param,
      storage,
      address: this.random(2) ? moved : address,
      displacement: this.random(16) * bytes,
      ...(this.random(3) === 0 && { count }),
      ...(this.random(4) === 0 && { stride: author.index(bytes * this.random(6)) }),
    };
  }

  private load(): void {
    const storage = this.pick(storages);
    const element = loadedElement[storage];
    const lanes = this.laneCount(element);
    if (this.random(4) === 0) {
      const { param, address } = this.inputs[storage];
      const displacement = this.random(tensorLength) * storageBytes[storage];
      const place = { param, address, displacement, storage };
      this.remember(this.author.make(element, lanes, { op: 'loadSplat', ...place }));
    } else {
      const tensors = this.pick([this.inputs, this.outputs]);
      this.remember(this.author.load(this.access(tensors, storage, lanes), lanes));
    }
  }

  /** Of any address, most of them nobody's. */
  private prefetch(): void {
    const { param, address } = this.outputs[this.pick(storages)];
    const anywhere = this.operand({ element: 'index', lanes: 1 });
    this.author.push({
      op: 'prefetch',
      param,
      address: this.random(2) ? address : anywhere,
      displacement: this.random(1000),
      to: this.pick(['read', 'write'] as const),
    });
  }

  private storeAny(register: Register): void {
    const { author } = this;
    const { element, lanes } = register.type;
    let value = register;
    if (element === 'm32' || element === 'm64') {
      const integer = element === 'm32' ? 'i32' : 'i64';
      const [a, b] = [this.operand({ element: integer, lanes }), this.operand({ element: integer, lanes })];
      value = author.make(integer, lanes, { op: 'select', mask: register, a, b });
    } else if (element === 'index') value = author.make('i32', 1, { op: 'convert', a: register });
    const fitting = storages.filter((s) => loadedElement[s] === value.type.element);
    const storage = this.pick(fitting);
    author.store(this.access(this.outputs, storage, lanes), value);
  }

  private update(): void {
    const variable = this.pick(this.variables);
    this.arithmetic(variable.type, variable);
  }

  private branch(): void {
    const { author } = this;
    const condition = this.operand({ element: this.pick(['m32', 'm64'] as const), lanes: 1 });
    const then = author.inside(this.scope(() => this.statements(1 + this.random(5))));
    const otherwise = author.inside(this.scope(() => this.statements(this.random(4))));
    author.push({ op: 'if', condition, then, otherwise });
  }

  private loop(): void {
    const { author } = this;
    const index: Type = { element: 'index', lanes: 1 };
    const small = (): Register => author.binary('and', this.operand(index), author.index(7));
    const bound = (): Register => (this.random(2) ? author.index(this.random(5)) : small());
    const [begin, end] = [bound(), bound()];
    const counter = author.register('index', 1, 'i');
    const body = author.inside(
      this.scope(() => {
        this.remember(counter);
        this.statements(1 + this.random(6));
        if (this.random(3) === 0) {
          author.push({ op: 'settle' });
          this.statements(1 + this.random(3));
        }
      }),
    );
    author.push({ op: 'loop', counter, begin, end, step: 1 + this.random(3), body });
  }
}
