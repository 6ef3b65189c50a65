import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { recordedFile } from './longest-first.ts';

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
    const byTime = modules
      .map((module) => ({ path: module.relativeModuleId, took: seconds(module) }))
      .toSorted((a, b) => b.took - a.took);
    if (modules.length > slowest)
      for (const { path, took } of byTime.slice(0, slowest))
        console.log(`${took.toFixed(1).padStart(7)} s  ${path}`);
    if (process.env.GENERATRIX_RECORD_SECONDS) {
      const longer = byTime.filter(({ took }) => took >= 2).map(({ path, took }) => [path, Math.round(took)]);
      writeFileSync(recordedFile, `${JSON.stringify(Object.fromEntries(longer), null, 2)}\n`);
    }
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}

/** What a file took, its imports and hooks included. */
function seconds(module: TestModule): number {
  const { collectDuration, prepareDuration, setupDuration, duration } = module.diagnostic();
  return (collectDuration + prepareDuration + setupDuration + duration) / 1000;
}
