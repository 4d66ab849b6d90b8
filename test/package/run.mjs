/**
 * Tries the package as its users get it: packs it, installs the tarball into an empty project, runs
 * consumer.mjs there and type-checks consumer.ts against the installed declarations.
 *
 *     node test/package/run.mjs [node executable …]    default: the one that runs this
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const nodes = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath];

const project = mkdtempSync(join(tmpdir(), 'millrace-consumer-'));
let passed = 0;
let failed = 0;

/** Runs a command and returns what it printed; its errors are shown. */
const run = (command, args, cwd = project) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

function check(sentence, body) {
  try {
    body();
    passed++;
    console.log(`✓ ${sentence}`);
  } catch (error) {
    failed++;
    console.log(`✗ ${sentence}\n${error.message}\n${error.stdout ?? ''}`);
  }
}

function expect(condition, complaint) {
  if (!condition) throw new Error(complaint);
}

const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', project], root));

check('the tarball holds what is used and nothing else', () => {
  const paths = packed.files.map((file) => file.path);
  for (const needed of ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']) {
    expect(paths.includes(needed), `${needed} is missing`);
  }
  const stray = paths.filter((path) => !/^(dist\/.*|package\.json|README\.md|LICENSE)$/.test(path));
  expect(stray.length === 0, `not wanted: ${stray.join(', ')}`);
});

check('it installs into an empty project and runs no install script', () => {
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', join(project, packed.filename)]);
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  const scripted = Object.keys(lock.packages).filter((path) => lock.packages[path].hasInstallScript);
  expect(scripted.length === 0, `has an install script: ${scripted.join(', ')}`);
});

for (const file of ['consumer.mjs', 'consumer.ts']) {
  copyFileSync(fileURLToPath(new URL(file, import.meta.url)), join(project, file));
}

for (const node of nodes) {
  const version = run(node, ['--version']).trim();
  check(`consumer.mjs runs on Node ${version}`, () => {
    process.stdout.write(run(node, ['consumer.mjs']));
  });
}

for (const [module, moduleResolution] of [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
]) {
  check(`consumer.ts type-checks with moduleResolution ${moduleResolution}`, () => {
    const options = { module, moduleResolution, target: 'es2022', strict: true, types: [], noEmit: true };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { ...options, exactOptionalPropertyTypes: true },
        files: ['consumer.ts'],
      }),
    );
    run(process.execPath, [tsc, '-p', project]);
  });
}

rmSync(project, { recursive: true });
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
