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
  }, 90_000);

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

describe('the table of the page of Conv2d', () => {
  const guide = readFileSync(`${root}/docs/coming-from-pytorch.md`, 'utf8');
  const rows = /^## The page of Conv2d[^]*?(?=^## )/m
    .exec(guide)![0]
    .split('\n')
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .filter(([, page]) => page !== undefined && /^`\w+(?:\(.*\))?`$/.test(page))
    .map(([, page, here]) => [/\w+/.exec(page!)![0], here!] as const);
  const module = new flow.nn.Conv2d(1, 1, 1);

  it('has all 59 names, each once, in order', () => {
    expect(rows.map(([page]) => page)).toEqual(pageNames);
  });

  it('is followed by names that are there', () => {
    const [, more] = /^PyTorch's Module has more([^]*?)\n\n/m.exec(guide)!;
    const names = Array.from(more!.matchAll(/`(\w+)`/g), ([, name]) => name!);
    expect(names.length).toBeGreaterThan(12);
    for (const name of names) expect(module.getAttribute(name)).toBeTypeOf('function');
  });

  it.each(rows)('%s is there: %s', (page, here) => {
    const members = Array.from(here.matchAll(/`!?m\.(\w+)/g), ([, name]) => name!).filter(
      (name) => name !== 'name',
    );
    for (const name of members) expect(module.getAttribute(name)).toBeDefined();
    if (here.includes('Symbol.toPrimitive')) expect(Symbol.toPrimitive in module).toBe(true);
    if (here.includes('fromSnapshot')) expect(flow.nn.Module.fromSnapshot).toBeTypeOf('function');
    // PyTorch's name in camelCase, or one of Python's own.
    if (!page.startsWith('__'))
      expect(members).toContain(
        page.replaceAll(/(?<=\w)_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      );
  });
});

/** In the order of the page. */
const pageNames = `
  __call__ __delattr__ __dir__ __eq__ __format__ __ge__ __getattr__ __getattribute__ __gt__ __hash__ __init__
  __init_subclass__ __le__ __lt__ __ne__ __new__ __reduce__ __reduce_ex__ __repr__ __setattr__ __sizeof__ __str__
  __subclasshook__ _apply _get_name _load_from_state_dict _named_members _save_to_state_dict _shallow_repr add_module
  apply buffers children cpu cuda double eval extra_repr float forward half load_state_dict modules named_buffers
  named_children named_modules named_parameters parameters register_buffer register_forward_hook
  register_forward_pre_hook register_parameter reset_parameters state_dict to to_consistent to_global train zero_grad
`
  .trim()
  .split(/\s+/);
