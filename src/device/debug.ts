/** What the library tells of its inner life: MILLRACE_DEBUG, or `setDebug` in a page. */
import { ValueError } from '../errors.ts';

const topics = ['kernel', 'asm', 'time'] as const;
export type DebugTopic = (typeof topics)[number];

const parse = (words: string): ReadonlySet<DebugTopic> =>
  new Set(
    words
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '')
      .map((word): DebugTopic => {
        const topic = topics.find((known) => known === word);
        if (topic === undefined)
          throw new ValueError(`MILLRACE_DEBUG: unknown topic '${word}'; known are ${topics.join(', ')}`);
        return topic;
      }),
  );

let active = parse(globalThis.process?.env?.['MILLRACE_DEBUG'] ?? '');

/**
 * Chooses what to print: `'kernel'` each kernel's text when it is built, `'asm'` what the target made of it, `'time'` a
 * line per launch; several joined by commas, none for silence.
 *
 * @throws ValueError for an unknown word
 */
export const setDebug = (words: string): void => {
  active = parse(words);
};
export const debugging = (topic: DebugTopic): boolean => active.has(topic);

/** Where it is printed. */
export const debugPrint = (text: string): void => {
  console.error(text);
};
