/** Conversions of elements, where tensors want something else than a machine's own conversion. */
import { isFloat, type ElementType, type Value } from '../../lang/index.ts';

/**
 * A value as another element type. Floats lose their fraction and, where an integer type ends, go on at its other end;
 * NaN and infinities become 0.
 */
export const converted = (x: Value, to: ElementType): Value => {
  if (!isFloat(x.type.element) || isFloat(to)) return x.to(to);
  const turn = to === 'i64' ? 2 ** 64 : 2 ** 32;
  const whole = x.trunc();
  // Powers of two change exponents only, so nothing is rounded here. What remains lies within one turn of 0.
  const rest = whole.sub(
    whole
      .mul(1 / turn)
      .trunc()
      .mul(turn),
  );
  const below = rest.ge(turn / 2).select(rest.sub(turn), rest);
  return rest
    .lt(-turn / 2)
    .select(rest.add(turn), below)
    .to(to);
};
