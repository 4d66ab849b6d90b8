// Starts the benchmarks: plain JavaScript, so that it can say what is missing before anything else is loaded.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
if (!existsSync(`${here}/node_modules/tsx`)) {
  console.error(
    'bench: its own packages are missing; install them once with\n\n  npm ci --prefix bench --ignore-scripts\n',
  );
  process.exit(1);
}
const { register } = await import('tsx/esm/api');
register();
const { main } = await import('./cli.ts');
await main(process.argv.slice(2));
