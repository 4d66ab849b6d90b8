import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Ends a run with the line `N passed, N failed, N skipped`, which continuous integration reads. A file that
 * could not be loaded and an error outside any test each count as one failure: neither belongs to a test, and
 * a run with one of them has failed.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === 'pending' ? 'skipped' : state]++;
      }
    }
    process.once('exit', () => {
      process.stdout.write(
        `\n${String(count.passed)} passed, ${String(count.failed)} failed, ${String(count.skipped)} skipped\n`,
      );
    });
  }
}
