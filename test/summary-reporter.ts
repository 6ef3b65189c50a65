import type { Reporter, TestModule } from 'vitest/node';

/** How many of the slowest files are named. */
const slowest = 10;

/**
 * Closes the run with the files that took longest, where there are more than those, and one plain line,
 * `N passed, N failed, N skipped`, for scripts that read the output.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== 'pending') counts[state]++;
      }
      // A file that does not even load has no tests to count.
      if (module.children.size === 0 && module.state() === 'failed') counts.failed++;
    }
    if (modules.length > slowest) console.log(slowestFiles(modules).join('\n'));
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}

/** The seconds that each of the slowest files took, its imports and hooks included. */
function slowestFiles(modules: readonly TestModule[]): string[] {
  const seconds = (module: TestModule) => {
    const { collectDuration, prepareDuration, setupDuration, duration } = module.diagnostic();
    return (collectDuration + prepareDuration + setupDuration + duration) / 1000;
  };
  return modules
    .map((module) => ({ path: module.relativeModuleId, took: seconds(module) }))
    .toSorted((a, b) => b.took - a.took)
    .slice(0, slowest)
    .map(({ path, took }) => `${took.toFixed(1).padStart(7)} s  ${path}`);
}
