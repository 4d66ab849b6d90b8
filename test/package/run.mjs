/**
 * Tries the package as its users get it: packs it, installs the tarball into empty projects, with its optional
 * dependency and without, runs consumer.mjs there, natively and on WebAssembly, and type-checks consumer.ts against the
 * installed declarations.
 *
 *     node test/package/run.mjs [node executable …]    default: the one that runs this
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const nodes = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath];

const folder = mkdtempSync(join(tmpdir(), 'millrace-consumer-'));
let passed = 0;
let failed = 0;

/** Runs a command and returns what it printed; its errors are shown. */
const run = (command, args, cwd) =>
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

const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], root));

/** A new project with the tarball installed. */
function project(name, ...options) {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts'];
  run('npm', ['install', ...quiet, ...options, join(folder, packed.filename)], path);
  for (const file of ['consumer.mjs', 'consumer.ts']) {
    copyFileSync(fileURLToPath(new URL(file, import.meta.url)), join(path, file));
  }
  return path;
}

/** Runs consumer.mjs on a target; it must print nothing but what it is asked to. */
function consume(path, node, expected, target = '') {
  const env = { ...process.env, MILLRACE_TARGET: target, MILLRACE_EXPECT: expected };
  const { status, stdout, stderr } = spawnSync(node, ['consumer.mjs'], { cwd: path, env, encoding: 'utf8' });
  expect(status === 0 && stderr === '', `status ${status}\n${stdout}${stderr}`);
  process.stdout.write(stdout);
}

/** What must run by default: machine code where the processor has what it takes. */
const fastest =
  process.arch === 'x64' &&
  existsSync('/proc/cpuinfo') &&
  /\bavx2\b.*\bfma\b|\bfma\b.*\bavx2\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))
    ? 'avx2|avx512'
    : '.*';

check('the tarball holds what is used and nothing else', () => {
  const paths = packed.files.map((file) => file.path);
  for (const needed of ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']) {
    expect(paths.includes(needed), `${needed} is missing`);
  }
  const stray = paths.filter((path) => !/^(dist\/.*|package\.json|README\.md|LICENSE)$/.test(path));
  expect(stray.length === 0, `not wanted: ${stray.join(', ')}`);
});

let whole, plain;
check('it installs into an empty project and needs no install script', () => {
  whole = project('whole');
  const { packages } = JSON.parse(readFileSync(join(whole, 'package-lock.json'), 'utf8'));
  const installed = Object.keys(packages).filter((path) => /^node_modules\/[^@]/.test(path));
  expect(
    installed.sort().join() === 'node_modules/fflate,node_modules/koffi,node_modules/millrace',
    `installs ${installed.join(', ')}`,
  );
  // koffi's only checks for its binary, which comes as a package; without the script it works as well.
  const scripted = installed.filter((path) => packages[path].hasInstallScript && !path.endsWith('/koffi'));
  expect(scripted.length === 0, `has an install script: ${scripted.join(', ')}`);
});
check('it installs without its optional dependency', () => {
  plain = project('plain', '--omit=optional');
  expect(!existsSync(join(plain, 'node_modules/koffi')), 'koffi was installed');
});

for (const node of nodes) {
  const version = run(node, ['--version'], root).trim();
  check(`consumer.mjs runs on Node ${version}`, () => consume(whole, node, fastest));
  check(`consumer.mjs runs on Node ${version} with MILLRACE_TARGET=wasm`, () =>
    consume(whole, node, 'wasm', 'wasm'),
  );
  check(`consumer.mjs runs on Node ${version} without koffi, on WebAssembly and silently`, () =>
    consume(plain, node, 'wasm'),
  );
}

for (const [module, moduleResolution] of [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
]) {
  check(`consumer.ts type-checks with moduleResolution ${moduleResolution}`, () => {
    const options = { module, moduleResolution, target: 'es2022', strict: true, types: [], noEmit: true };
    writeFileSync(
      join(whole, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { ...options, exactOptionalPropertyTypes: true },
        files: ['consumer.ts'],
      }),
    );
    run(process.execPath, [tsc, '-p', whole], whole);
  });
}

rmSync(folder, { recursive: true });
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
