import { expect, it } from 'vitest';
import {
  accumulator,
  eachLane,
  index,
  inout,
  input,
  iota,
  kernel,
  loop,
  output,
  scalar,
  settle,
  variable,
  when,
} from '../../src/lang/index.ts';
import { printKernel, printStatement } from '../../src/lang/print.ts';
import { describeMachine } from '../../src/lang/types.ts';
import { machine } from './apply.ts';

const relu = kernel('relu', { x: input('f32'), out: output('f32') }, ({ x, out }, range) =>
  eachLane(range, (i) => out.set(i, x.at(i).max(0))),
);

it('prints a kernel with its parameters, one statement per line', () => {
  expect(printKernel(relu.build(machine))).toMatchInlineSnapshot(`
    "kernel relu(x: in f32, out: out f32)
      %x = param x
      %out = param out
      %begin = begin
      %end = end
      %4 = sub.index %end, %begin
      %6 = rem.index %4, 4
      %7 = sub.index %end, %6
      loop %8 = %begin; %8 < %7; %8 += 4:
        %9 = shl.index %8, 2
        %10 = add.index %x, %9
        %11 = load.f32x4 x[%10]
        %13 = max.f32x4 %11, 0
        %14 = shl.index %8, 2
        %15 = add.index %out, %14
        store.f32x4 out[%15], %13
      %17 = gt.index %6, 0
      if %17:
        %18 = shl.index %7, 2
        %19 = add.index %x, %18
        %20 = load.f32x4 x[%19] count %6
        %22 = max.f32x4 %20, 0
        %23 = shl.index %7, 2
        %24 = add.index %out, %23
        store.f32x4 out[%24] count %6, %22"
  `);
});

it('shows the lanes that the machine has', () => {
  const avx512 = describeMachine({ ...machine, name: 'avx512', vectorBytes: 64 });
  expect(printKernel(relu.build(avx512))).toContain('= load.f32x16 x[');
});

it('lets arithmetic settle only on machines that would move it behind loads', () => {
  const settling = kernel('settling', { x: input('f32'), out: output('f32') }, ({ x, out }, range) => {
    const sum = accumulator('f32');
    loop(range, (i) => {
      sum.accumulate(x.vector(0), x.splat(i));
      settle();
    });
    out.set(0, sum);
  });
  const sinking = describeMachine({ ...machine, name: 'sinking', sinksArithmetic: true });
  expect(printKernel(settling.build(machine))).not.toContain('settle');
  expect(printKernel(settling.build(sinking))).toContain(
    '    %5 = fma.f32x4 %7, %10, %5\n    settle\n  store',
  );
});

it('says what memory will be needed only to machines that can be told', () => {
  const asking = kernel('asking', { x: input('f32'), out: output('f32') }, ({ x, out }) => {
    x.prefetch(16, 'read');
    out.prefetch(0, 'write');
    out.set(0, x.vector(0));
  });
  const told = describeMachine({ ...machine, name: 'told', prefetches: true });
  expect(printKernel(asking.build(machine))).not.toContain('prefetch');
  expect(printKernel(asking.build(told))).toContain(
    '  prefetch x[%x + 64] to read\n  prefetch out[%out] to write\n',
  );
});

it('prints every kind of operation', () => {
  const all = kernel(
    'all',
    { x: input('f16'), y: inout('f64'), out: output('i64'), n: index, alpha: scalar('f32') },
    ({ x, y, out, n, alpha }, { begin, end }) => {
      const sum = accumulator('f64');
      const count = variable(begin, 'count');
      const p = x.walk('p');
      loop(
        { begin, end },
        (i) => {
          sum.accumulate(p.vector().to('f64'), y.splat(i));
          p.advance(2);
          count.update('add', i);
        },
        { step: 2 },
      );
      const v = p.strided(3, n, { count }).fma(alpha, -0);
      const mask = v.sqrt().neg().lt(x.splat(1));
      const chosen = mask.select(v, v.nearest());
      when(
        mask.not(),
        () => {
          y.set(1, sum.reduceMax());
          y.set(n, sum.lane(1).mul(1e-9));
        },
        () => when(n.eq(3), () => y.set(0, alpha.to('f64'))),
      );
      const bits = chosen.to('f64').bits('i64');
      out.set(0, bits.shl(n.to('i32')).xor(iota('i64').shru(3)), { stride: n });
    },
  );
  expect(printKernel(all.build(machine))).toMatchInlineSnapshot(`
    "kernel all(x: in f16, y: inout f64, out: out i64, n, alpha: f32)
      %x = param x
      %y = param y
      %out = param out
      %n = param n
      %alpha = param alpha
      %begin = begin
      %end = end
      %8 = copy.f64x2 0
      %count = copy.index %begin
      %p = copy.index %x
      loop %11 = %begin; %11 < %end; %11 += 2:
        %12 = load.f16x2 x[%p]
        %13 = convert.f32x2→f64x2 %12
        %14 = shl.index %11, 3
        %15 = add.index %y, %14
        %16 = loadSplat.f64x2 y[%15]
        %8 = fma.f64x2 %13, %16, %8
        %p = add.index %p, 4
        %count = add.index %count, %11
      %18 = shl.index %n, 1
      %19 = load.f16x2 x[%p + 6] stride %18 count %count
      %20 = splat.f32x2 %alpha
      %22 = fma.f32x2 %19, %20, -0
      %23 = sqrt.f32x2 %22
      %24 = neg.f32x2 %23
      %25 = loadSplat.f16x2 x[%x + 2]
      %26 = lt.f32x2 %24, %25
      %27 = nearest.f32x2 %22
      %28 = select.f32x2 %26, %22, %27
      %29 = not.m32x2 %26
      %30 = any.m32x2 %29
      if %30:
        %31 = reduceMax.f64x2 %8
        store.f64 y[%y + 8], %31
        %32 = extract.f64x2 %8[1]
        %34 = mul.f64 %32, 1e-9
        %35 = shl.index %n, 3
        %36 = add.index %y, %35
        store.f64 y[%36], %34
      else:
        %38 = eq.index %n, 3
        if %38:
          %39 = convert.f32→f64 %alpha
          store.f64 y[%y], %39
      %40 = convert.f32x2→f64x2 %28
      %41 = bitcast.f64x2→i64x2 %40
      %42 = convert.index→i32 %n
      %43 = shl.i64x2 %41, %42
      %44 = iota.i64x2
      %45 = shru.i64x2 %44, 3
      %46 = xor.i64x2 %43, %45
      %47 = shl.index %n, 3
      store.i64x2 out[%out] stride %47, %46"
  `);
});

it('tells registers of one name apart, and does not take a name for a number', () => {
  const definition = kernel('names', { out: output('f32') }, ({ out }) => {
    const a = variable(out.address, 'p');
    const b = variable(a, 'p');
    variable(b, '7');
  });
  expect(printKernel(definition.build(machine))).toMatchInlineSnapshot(`
    "kernel names(out: out f32)
      %out = param out
      %begin = begin
      %end = end
      %p.3 = copy.index %out
      %p.4 = copy.index %p.3
      %5 = copy.index %p.4"
  `);
});

it('prints a single statement as it stands in its kernel, of a loop the first line', () => {
  const built = kernel('k', { n: index }, ({ n }) => loop(n, (i) => void i.add(1))).build(machine);
  expect(built.body.map((s) => printStatement(built, s))).toMatchInlineSnapshot(`
    [
      "%n = param n",
      "%begin = begin",
      "%end = end",
      "%4 = const.index 0",
      "loop %3 = 0; %3 < %n; %3 += 1",
    ]
  `);
});
