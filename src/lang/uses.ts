import type { Access, Kernel, Statement } from './ir.ts';

/** How often a kernel's statements name each register, by its id. */
export interface Uses {
  /** Loop counters are written once. */
  readonly written: Uint32Array;
  /** A loop also reads its counter, at every turn. */
  readonly read: Uint32Array;
}

export const usesOf = ({ registers, body }: Kernel): Uses => {
  const uses = { written: new Uint32Array(registers.length), read: new Uint32Array(registers.length) };
  count(body, uses);
  return uses;
};

/** Whether one of the statements, or of those within them, writes the register. */
export const writes = (statements: readonly Statement[], id: number): boolean =>
  statements.some((s) => {
    if (s.op === 'loop') return s.counter.id === id || writes(s.body, id);
    if (s.op === 'if') return writes(s.then, id) || writes(s.otherwise, id);
    return 'dst' in s && s.dst.id === id;
  });

const count = (statements: readonly Statement[], uses: Uses): void => {
  const { written, read } = uses;
  for (const s of statements) {
    switch (s.op) {
      case 'const':
      case 'iota':
      case 'param':
      case 'begin':
      case 'end':
        written[s.dst.id]!++;
        break;
      case 'load':
      case 'loadSplat':
        written[s.dst.id]!++;
        countAccess(s, read);
        break;
      case 'store':
        read[s.src.id]!++;
        countAccess(s, read);
        break;
      case 'loop':
        written[s.counter.id]!++;
        read[s.begin.id]!++;
        read[s.end.id]!++;
        read[s.counter.id]!++;
        count(s.body, uses);
        break;
      case 'prefetch':
        read[s.address.id]!++;
        break;
      case 'if':
        read[s.condition.id]!++;
        count(s.then, uses);
        count(s.otherwise, uses);
        break;
      case 'settle':
        break;
      case 'select':
        written[s.dst.id]!++;
        read[s.mask.id]!++;
        read[s.a.id]!++;
        read[s.b.id]!++;
        break;
      default:
        written[s.dst.id]!++;
        read[s.a.id]!++;
        if ('b' in s && typeof s.b === 'object') read[s.b.id]!++;
        if ('c' in s) read[s.c.id]!++;
    }
  }
};

const countAccess = ({ address, stride, count }: Access, read: Uint32Array): void => {
  read[address.id]!++;
  if (stride !== undefined) read[stride.id]!++;
  if (count !== undefined) read[count.id]!++;
};
