import type { Access, Register, Statement } from './ir.ts';

/** How often the statements name each register, by its id. */

/** Registers written, loop counters among them. */
export const definitions = (statements: readonly Statement[]): Map<number, number> =>
  count(statements, (statement) => {
    if (statement.op === 'loop') return [statement.counter];
    return 'dst' in statement ? [statement.dst] : [];
  });

/** Registers read. A loop also reads its counter, at every turn. */
export const reads = (statements: readonly Statement[]): Map<number, number> => count(statements, readBy);

function count(
  statements: readonly Statement[],
  named: (statement: Statement) => readonly Register[],
): Map<number, number> {
  const counts = new Map<number, number>();
  const visit = (statement: Statement): void => {
    for (const { id } of named(statement)) counts.set(id, (counts.get(id) ?? 0) + 1);
    if (statement.op === 'loop') statement.body.forEach(visit);
    if (statement.op === 'if') {
      statement.then.forEach(visit);
      statement.otherwise.forEach(visit);
    }
  };
  statements.forEach(visit);
  return counts;
}

const present = (...registers: readonly (Register | undefined)[]): Register[] =>
  registers.filter((register) => register !== undefined);

const accessed = ({ address, stride, count }: Access): Register[] => present(address, stride, count);

function readBy(statement: Statement): readonly Register[] {
  switch (statement.op) {
    case 'loop':
      return [statement.begin, statement.end, statement.counter];
    case 'if':
      return [statement.condition];
    case 'load':
    case 'loadSplat':
      return accessed(statement);
    case 'prefetch':
      return [statement.address];
    case 'store':
      return [...accessed(statement), statement.src];
    case 'select':
      return [statement.mask, statement.a, statement.b];
    case 'const':
    case 'iota':
    case 'param':
    case 'begin':
    case 'end':
    case 'settle':
      return [];
    default: {
      const { a } = statement;
      const b = 'b' in statement && typeof statement.b === 'object' ? statement.b : undefined;
      const c = 'c' in statement ? statement.c : undefined;
      return present(a, b, c);
    }
  }
}
