import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    reporters: ['default', './test/count-reporter.ts'],
    // Kernels are assembled and training runs are short, but two busy cores can be slow.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A process per file: native code that goes wrong takes one test file down, not the whole run.
    pool: 'forks',
    poolOptions: { forks: { minForks: 1, maxForks: 2 } },
  },
});
