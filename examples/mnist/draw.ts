import type { Tensor } from 'millrace';

/** Shades from dark to bright. */
const SHADES = [' ', '░', '▒', '▓', '█'] as const;

/** An image [1, 28, 28] as lines of text: two rows of pixels a line, since characters are taller than wide. */
export const drawDigit = (image: Tensor): string[] => {
  const [, height, width] = image.shape as [number, number, number];
  const pixels = image.toTypedArray() as Float32Array;
  const low = Math.min(...pixels);
  const high = Math.max(...pixels);
  const brightness = (row: number, column: number): number =>
    (pixels[row * width + column]! - low) / (high - low);
  return Array.from({ length: height / 2 }, (_, line) =>
    Array.from({ length: width }, (_, column) => {
      const mean = (brightness(2 * line, column) + brightness(2 * line + 1, column)) / 2;
      return SHADES[Math.min(Math.floor(mean * SHADES.length), SHADES.length - 1)]!;
    }).join(''),
  );
};

/** Drawings side by side, each under its caption. */
export const besideEachOther = (
  drawings: readonly { readonly caption: string; readonly lines: readonly string[] }[],
): string => {
  const widths = drawings.map(({ caption, lines }) =>
    Math.max(caption.length, ...lines.map((line) => line.length)),
  );
  const row = (cells: readonly string[]): string =>
    `  ${cells.map((cell, k) => cell.padEnd(widths[k]!)).join('  ')}`.trimEnd();
  const height = Math.max(...drawings.map(({ lines }) => lines.length));
  return [
    row(drawings.map(({ caption }) => caption)),
    ...Array.from({ length: height }, (_, k) => row(drawings.map(({ lines }) => lines[k] ?? ''))),
  ].join('\n');
};
