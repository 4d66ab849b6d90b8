/**
 * Builds `dist/`: a declaration for each file of `src/`, and the JavaScript of all of them joined into a few files.
 * Linking some three hundred modules took two thirds of the time of `import 'millrace'`: 190 ms,
 * which are 74 now.
 *
 * Files are joined, without their comments, nothing else: names of classes and functions, which are printed, stay what they
 * are in `src/`.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = (...parts) => join(root, ...parts);

/** What users import, and beside it the rooms that the benchmarks look into: with the same state as the library's. */
const entries = ['index', 'lang/index', 'device/launch', 'device/memory', 'device/target'];

const { config } = ts.readConfigFile(path('tsconfig.json'), ts.sys.readFile);
const compilerOptions = {
  ...config.compilerOptions,
  module: 'esnext',
  moduleResolution: 'bundler',
  rewriteRelativeImportExtensions: false,
  noEmit: false,
  sourceMap: true,
  inlineSources: true,
  // V8 reads a function again when it is first called.
  removeComments: true,
};

const typescript = {
  name: 'typescript',
  transform(code, id) {
    const { outputText, sourceMapText } = ts.transpileModule(code, { compilerOptions, fileName: id });
    return { code: outputText.replace(/^\/\/# sourceMappingURL=.*$/m, ''), map: JSON.parse(sourceMapText) };
  },
};

/** Where two files have one name for something, one of both gets another; what users import is told its own again. */
const names = {
  name: 'names',
  renderChunk(code, { isEntry, exports }) {
    if (!isEntry) return null;
    const renamed = [...code.matchAll(/\b([\w$]+)\$\d+ as (\w+)/g)].filter(
      ([, before, name]) => before === name && exports.includes(name),
    );
    const told = renamed.map(
      ([as, , name]) =>
        `Object.defineProperty(${as.split(' ')[0]}, 'name', { value: '${name}', configurable: true });\n`,
    );
    return told.length === 0 ? null : { code: `${code}\n${told.join('')}`, map: null };
  },
};

rmSync(path('dist'), { recursive: true, force: true });
execFileSync(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', path('tsconfig.build.json')], {
  stdio: 'inherit',
});
const bundle = await rollup({
  input: Object.fromEntries(entries.map((name) => [name, path('src', `${name}.ts`)])),
  external: (id) => !id.startsWith('.') && !id.startsWith('/') && !/^[A-Za-z]:/.test(id),
  plugins: [typescript, names],
  // TypeScript's helpers for `using` ask a `this` whether there are others already.
  context: 'globalThis',
  preserveEntrySignatures: 'strict',
  onwarn: (warning) => {
    throw new Error(warning.message);
  },
});
await bundle.write({
  dir: path('dist'),
  format: 'es',
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name].js',
  generatedCode: 'es2015',
  sourcemap: true,
});
await bundle.close();
