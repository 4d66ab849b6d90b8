import { launch } from '../device/launch.ts';
import { grainOf } from '../device/threads/grain.ts';
import { byteOffset, elementCount, storageOf, type View } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  eachLane,
  iota,
  isFloat,
  kernel,
  output,
  scalar,
  type KernelDefinition,
  type Value,
} from '../lang/index.ts';
import { elementOf } from './elementwise-kernel.ts';
import { map } from './elementwise.ts';
import { expression } from './math/expression.ts';

const constant = expression('fill', (value) => value);

/** `Backend.fill` on a CPU. */
export const fill = (out: View, value: number | bigint): void => map(constant, out.dtype, out, [], [value]);

/** `Backend.arange` on a CPU: integers are counted as int64, floats as float64 and rounded once. */
export const arange = (out: View, start: number, step: number): void => {
  let definition = aranges.get(out.dtype);
  if (definition === undefined) aranges.set(out.dtype, (definition = arangeKernel(out.dtype)));
  const { storage } = out;
  launch(
    definition,
    { out: { storage, byteOffset: byteOffset(out) }, start, step },
    0,
    elementCount(out.shape),
    { grain: grainOf({ bytes: 8 }) },
  );
};

type ArangeSpec = {
  readonly out: ReturnType<typeof output>;
  readonly start: ReturnType<typeof scalar>;
  readonly step: ReturnType<typeof scalar>;
};
const aranges = new Map<DType, KernelDefinition<ArangeSpec>>();

const arangeKernel = (dtype: DType): KernelDefinition<ArangeSpec> => {
  const element = elementOf(dtype);
  const counter = isFloat(element) ? 'f64' : 'i64';
  return kernel(
    `arange.${dtype}`,
    { out: output(storageOf[dtype]), start: scalar(counter), step: scalar(counter) },
    ({ out, start, step }, range) => {
      eachLane(range, (i) => {
        const first: Value = i.base.to(counter).splat(i.lanes);
        const position = first.add(iota('i32', i.lanes).to(counter));
        out.set(i, start.splat(i.lanes).add(position.mul(step)).to(element));
      });
    },
    { lanes: (machine) => machine.lanes(counter) },
  );
};
