import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as flow from '../src/index.ts';
import { blocksOf, keeps, programOf, promisesOf, root, runProgram, typeErrors } from './docs/examples.ts';

const pages = readdirSync(`${root}/docs`)
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const documents = ['README.md', 'bench/README.md', ...pages];

describe('the documents', () => {
  const withExamples = documents.filter((document) => blocksOf(document).some(({ source }) => source === ''));
  const runnable = (document: string): ReturnType<typeof blocksOf> =>
    blocksOf(document).filter(({ source }) => source === '');

  it.each(withExamples)('%s: every example runs, and does what its comments say', async (document) => {
    const blocks = runnable(document);
    const results = await runProgram(programOf(blocks), flow);
    for (const [line, promised] of promisesOf(blocks)) {
      const said = results.get(line) ?? 'nothing';
      expect(
        keeps(said, promised),
        `${document}:${String(line)} promises\n${promised}\nbut gives\n${said}`,
      ).toBe(true);
    }
  });

  it('have examples that type-check', () => {
    const programs = new Map(withExamples.map((document) => [document, programOf(runnable(document))]));
    expect(typeErrors(programs)).toEqual([]);
  });

  it('quote files as they are', () => {
    const quotes = documents.flatMap((document) => blocksOf(document).filter(({ source }) => source !== ''));
    const plain = (text: string): string => text.replaceAll(/^\s+/gm, '');
    for (const { source, lines } of quotes) {
      expect(plain(readFileSync(`${root}/${source}`, 'utf8'))).toContain(plain(lines.join('\n')));
    }
  });

  it.each(documents)('%s: what it links to is there', (document) => {
    const text = readFileSync(`${root}/${document}`, 'utf8').replaceAll(/```[^]*?```/g, '');
    const links = Array.from(text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g), ([, target]) => target!);
    const missing = links.filter(
      (target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, dirname(document), target)),
    );
    expect(missing).toEqual([]);
  });
});

describe('commands in the documents', () => {
  it('are scripts of the package', () => {
    const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { scripts: object };
    const known = new Set([...Object.keys(scripts), 'ci']);
    for (const document of documents) {
      const text = readFileSync(`${root}/${document}`, 'utf8');
      for (const [, name] of text.matchAll(/npm run ([a-z][\w:-]*)/g)) {
        expect(known, `${document}: npm run ${String(name)}`).toContain(name);
      }
    }
  });
});
