/**
 * 16-bit floats where elements are read often or added to: such primitives run on float32 in scratch memory, and what
 * they find is rounded once. Everything else widens as it loads and rounds as it stores.
 */
import type { Backend } from '../device/backend.ts';
import type { View } from '../device/view.ts';
import { isHalf } from '../dtype.ts';
import { freshView } from './compact.ts';
import * as conv from './conv/index.ts';
import { copy } from './copy.ts';
import * as indexing from './indexing.ts';
import * as product from './matmul.ts';
import * as pool from './pool.ts';

/**
 * Runs `work` on float32 copies of the 16-bit floats among its operands.
 *
 * @param keeps  whether what `out` holds before matters
 */
const asFloat32 = <Inputs extends readonly (View | null)[]>(
  out: View,
  inputs: Inputs,
  work: (out: View, inputs: Inputs) => void,
  { keeps = false } = {},
): void => {
  if (!isHalf(out.dtype)) {
    work(out, inputs);
    return;
  }
  const scratch: View[] = [];
  const widened = (view: View, filled: boolean): View => {
    const wide = freshView(view.shape, 'float32');
    scratch.push(wide);
    if (filled) copy(wide, view);
    return wide;
  };
  try {
    const wideOut = widened(out, keeps);
    work(
      wideOut,
      inputs.map((view) =>
        view !== null && isHalf(view.dtype) ? widened(view, true) : view,
      ) as unknown as Inputs,
    );
    copy(out, wideOut);
  } finally {
    for (const { storage } of scratch) storage.dispose();
  }
};

export const matmul: Backend['matmul'] = (out, a, b, bias = null) => {
  asFloat32(out, [a, b, bias] as const, (o, [x, y, z]) => {
    product.matmul(o, x, y, z);
  });
};

export const conv2d: Backend['conv2d'] = (out, input, weight, bias, geometry, epilogue) => {
  asFloat32(out, [input, weight, bias, epilogue?.residual ?? null] as const, (o, [x, w, b, residual]) => {
    conv.conv2d(o, x, w, b, geometry, epilogue && { ...epilogue, residual });
  });
};
export const conv2dInputGrad: Backend['conv2dInputGrad'] = (gradInput, grad, weight, geometry) => {
  asFloat32(gradInput, [grad, weight] as const, (o, [g, w]) => {
    conv.conv2dInputGrad(o, g, w, geometry);
  });
};
export const conv2dWeightGrad: Backend['conv2dWeightGrad'] = (gradWeight, grad, input, geometry) => {
  asFloat32(gradWeight, [grad, input] as const, (o, [g, x]) => {
    conv.conv2dWeightGrad(o, g, x, geometry);
  });
};

export const maxPool2dGrad: Backend['maxPool2dGrad'] = (gradInput, grad, positions) => {
  asFloat32(gradInput, [grad] as const, (o, [g]) => {
    pool.maxPool2dGrad(o, g, positions);
  });
};
export const avgPool2dGrad: Backend['avgPool2dGrad'] = (gradInput, grad, geometry, options) => {
  asFloat32(gradInput, [grad] as const, (o, [g]) => {
    pool.avgPool2dGrad(o, g, geometry, options);
  });
};
export const adaptiveAvgPool2dGrad: Backend['adaptiveAvgPool2dGrad'] = (gradInput, grad) => {
  asFloat32(gradInput, [grad] as const, (o, [g]) => {
    pool.adaptiveAvgPool2dGrad(o, g);
  });
};

export const indexAdd: Backend['indexAdd'] = (out, axis, index, source) => {
  asFloat32(
    out,
    [source] as const,
    (o, [x]) => {
      indexing.indexAdd(o, axis, index, x);
    },
    { keeps: true },
  );
};
export const scatterAdd: Backend['scatterAdd'] = (out, axis, index, source) => {
  asFloat32(
    out,
    [source] as const,
    (o, [x]) => {
      indexing.scatterAdd(o, axis, index, x);
    },
    { keeps: true },
  );
};
