/** The examples of a document: its ```ts blocks, as one program, with what their comments promise. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'node:util';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

interface Block {
  /** Line of the document at which the code begins, from 1. */
  readonly line: number;
  /** What stands on the fence after `ts`: a file that contains the code, word for word, or nothing. */
  readonly source: string;
  readonly lines: readonly string[];
}

export const blocksOf = (document: string): Block[] => {
  const lines = readFileSync(`${root}/${document}`, 'utf8').split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^```ts\b *(.*)$/.exec(lines[at]!);
    if (!fence) continue;
    const end = lines.indexOf('```', at);
    blocks.push({ line: at + 2, source: fence[1]!, lines: lines.slice(at + 1, end) });
    at = end;
  }
  return blocks;
};

const imports = /^import (.+) from '([^']+)';$/;
const throwing = /^(\s*)(.*;) \/\/ throws (\w+: .*)$/;

/**
 * The blocks as one module. A block sees the names of those before it, and may use them anew. A statement with a
 * comment `// throws ValueError: …` must throw that; `console.log(x); // text` must print that, and may go on in lines
 * of comments below.
 */
export const programOf = (blocks: readonly Block[]): string => {
  const heads = new Set<string>();
  const body = blocks.map(({ line, lines }) => {
    const code = lines.map((text, k) => {
      if (imports.test(text)) {
        heads.add(text);
        return '';
      }
      const throws = throwing.exec(text);
      if (throws) return `${throws[1]!}__throws(${String(line + k)}, () => { ${throws[2]!} });`;
      return text.replace('console.log(', `__log(${String(line + k)}, `);
    });
    return `{\n${code.join('\n')}\n`;
  });
  return `${[...heads].join('\n')}\n${body.join('')}${'}'.repeat(blocks.length)}\nexport {};\n`;
};

/** What a document promises at each line. */
export const promisesOf = (blocks: readonly Block[]): Map<number, string> => {
  const promises = new Map<number, string>();
  for (const { line, lines } of blocks) {
    lines.forEach((text, k) => {
      const throws = throwing.exec(text);
      if (throws) promises.set(line + k, throws[3]!);
      if (!text.includes('console.log(')) return;
      let end = k;
      while (end < lines.length - 1 && !/\);( \/\/ .*)?$/.test(lines[end]!)) end++;
      const said = / \/\/ (.*)$/.exec(lines[end]!);
      if (!said) return;
      const more = lines.slice(end + 1);
      const rest = more.slice(0, more.findIndex((each) => !each.trimStart().startsWith('//')) >>> 0);
      promises.set(line + k, [said[1]!, ...rest.map((each) => each.replace(/^\s*\/\/ ?/, ''))].join('\n'));
    });
  }
  return promises;
};

/** Runs a document's program; returns what it printed or threw, by line of the document. */
export const runProgram = async (program: string, library: object): Promise<Map<number, string>> => {
  const results = new Map<number, string>();
  const { outputText } = ts.transpileModule(program, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const code = outputText
    .split('\n')
    .map((line) => line.replace(imports, bound).replace(/^export \{\};$/, ''))
    .join('\n');
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the documents' examples are to be run
  const run = new Function('__modules', '__log', '__throws', `return (async () => {${code}\n})()`) as (
    ...args: unknown[]
  ) => Promise<void>;
  await run(
    (name: string) => (name === 'millrace' ? library : import(name)),
    (line: number, ...values: unknown[]) => {
      const before = results.get(line);
      results.set(line, (before === undefined ? '' : `${before}\n`) + format(...values));
    },
    (line: number, statement: () => void) => {
      try {
        statement();
        results.set(line, 'nothing was thrown');
      } catch (error) {
        results.set(line, String(error));
      }
    },
  );
  return results;
};

/** An import as a constant. */
const bound = (_: string, what: string, from: string): string => {
  const names = what.replace(/^\* as /, '').replaceAll(' as ', ': ');
  return `const ${names} = await __modules('${from}');`;
};

/** Whether a text is what was promised: `…` stands for anything, blanks within brackets do not count. */
export const keeps = (said: string, promised: string): boolean => {
  const plain = (text: string): string =>
    text
      .replaceAll(/\s+/g, ' ')
      .replaceAll(/(?<=[[({]) | (?=[\])}])/g, '')
      .trim();
  const pattern = plain(promised)
    .split('…')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`, 's').test(plain(said));
};

/** What the compiler says about programs, by document. */
export const typeErrors = (programs: ReadonlyMap<string, string>): string[] => {
  const config = ts.readConfigFile(`${root}/tsconfig.json`, (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false });
  const files = new Map(
    Array.from(programs, ([document, program]) => [
      `${root}/test/docs/${document.replaceAll(/\W/g, '-')}.ts`,
      `${program}declare const __log: (line: number, ...values: readonly unknown[]) => void;
declare const __throws: (line: number, statement: () => void) => void;\n`,
    ]),
  );
  const disk = ts.createCompilerHost(options);
  host.fileExists = (path) => files.has(path) || disk.fileExists(path);
  host.readFile = (path) => files.get(path) ?? disk.readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = files.get(path);
    return text === undefined
      ? disk.getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, text, version);
  };
  const program = ts.createProgram(
    [...files.keys()],
    { ...options, noUnusedLocals: false, noEmit: true },
    host,
  );
  return [...files.keys()].flatMap((path) => {
    const source = program.getSourceFile(path)!;
    return program
      .getSemanticDiagnostics(source)
      .concat(program.getSyntacticDiagnostics(source))
      .map((each) => {
        const { line } = source.getLineAndCharacterOfPosition(each.start ?? 0);
        const text = ts.flattenDiagnosticMessageText(each.messageText, '\n');
        return `${path}: ${source.text.split('\n')[line]!.trim()}\n  ${text}`;
      });
  });
};
