import { describe, expect, it } from 'vitest';
import { eachLane, index, input, kernel, loop, output } from '../../src/lang/index.ts';
import { runChecked } from '../../src/lang/run-checked.ts';
import { bytes, machine, run } from './apply.ts';

describe('a checked run', () => {
  const add = (x: number, y: number) => ({ begin: x, end: y });
  const increment = kernel('increment', { x: input('f32'), out: output('f32') }, ({ x, out }, range) =>
    eachLane(range, (i) => out.set(i, x.at(i).add(1))),
  ).build(machine);

  it('counts statements and leaves everything outside the range alone', () => {
    const [x, out] = [new Float32Array(9), new Float32Array(9).fill(5)];
    expect(runChecked(increment, { parameters: [bytes(x), bytes(out)], ...add(2, 8) })).toBeGreaterThan(10);
    expect([...out]).toEqual([5, 5, 1, 1, 1, 1, 1, 1, 5]);
  });

  it('refuses an access beyond the end of a tensor, and changes nothing', () => {
    const [x, out] = [new Float32Array(9), new Float32Array(8)];
    expect(() => runChecked(increment, { parameters: [bytes(x), bytes(out)], ...add(0, 9) })).toThrow(
      'kernel increment: store.f32x4 out[%24] count %6, %22: 4 bytes at offset 32 of out lie outside its 32',
    );
    expect([...out]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('refuses an access before the beginning of a tensor, though other memory lies there', () => {
    const memory = new Float32Array(8);
    const x = memory.subarray(4);
    expect(() => runChecked(increment, { parameters: [bytes(x), bytes(memory)], ...add(-1, 2) })).toThrow(
      'at offset -4 of x lie outside its 16',
    );
  });

  it('refuses an address of another tensor', () => {
    expect(() =>
      run(
        { x: input('f32'), y: input('f32'), out: output('f32'), d: index },
        [new Float32Array(4), new Float32Array(4), new Float32Array(4), 0],
        ({ x, y, out }) => out.set(0, x.plusBytes(y.address.sub(x.address)).vector()),
      ),
    ).toThrow(/kernel test: %\d+ = load\.f32x4 x\[%\d+\]: 4 bytes at offset \d+ of x lie outside its 16/);
  });

  it('lets a prefetch point anywhere, as it touches nothing', () => {
    const told = { ...machine, name: 'told', prefetches: true };
    const far = kernel('far', { x: input('f32'), out: output('f32') }, ({ x, out }, { begin }) => {
      x.prefetch(100, 'read');
      out.plus(begin.sub(1000)).prefetch(0, 'write');
      out.set(0, x.vector(0));
    }).build(told);
    const [x, out] = [new Float32Array(4).fill(3), new Float32Array(4)];
    runChecked(far, { parameters: [bytes(x), bytes(out)], ...add(0, 1) });
    expect([...out]).toEqual([3, 3, 3, 3]);
  });

  it('refuses a count that is negative or more than the lanes', () => {
    const load = (n: number) => () =>
      run(
        { x: input('f32'), out: output('f32'), n: index },
        [new Float32Array(9), new Float32Array(9), n],
        ({ x, out, n }) => out.set(0, x.vector(0, { count: n })),
      );
    expect(load(5)).toThrow('count is 5, must be from 0 to 4');
    expect(load(-1)).toThrow('count is -1, must be from 0 to 4');
  });

  it('gives up after a limit of statements', () => {
    const endless = () => run({ n: index }, [1e9], ({ n }) => loop(n, (i) => void i.add(1)), { limit: 1000 });
    expect(endless).toThrow('kernel test: more than 1000 statements were executed');
  });

  it('lets tensors that share memory share it for the kernel, too', () => {
    const x = Float32Array.of(1, 2, 3, 4, 5);
    // Each vector is read after the one before it, a lane behind, has been written.
    const parameters = [bytes(x.subarray(0, 4)), bytes(x.subarray(1))];
    const shift = kernel('shift', { x: input('f32'), out: output('f32') }, ({ x, out }) =>
      loop(4, (i) => out.set(i, x.scalar(i))),
    ).build(machine);
    runChecked(shift, { parameters, begin: 0, end: 0 });
    expect([...x]).toEqual([1, 1, 1, 1, 1]);
  });

  it('checks what it is given', () => {
    expect(() => runChecked(increment, { parameters: [], begin: 0, end: 0 })).toThrow(
      'kernel increment: 0 parameters were given for 2',
    );
    expect(() => runChecked(increment, { parameters: [3, 4], begin: 0, end: 0 })).toThrow(
      'kernel increment: parameter x is a tensor, but the number 3 was given',
    );
  });
});
