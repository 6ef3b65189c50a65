import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

/**
 * Worker threads and child processes run compiled files, since Node 20 runs no TypeScript: brings them up to date before
 * the tests, and again before those that watch mode repeats. What does not compile is `npm run check`'s to report.
 * Gives the test files a folder for what they share (`once-per-run.ts`), and removes it at the end.
 */
export default function setup(project: TestProject): () => void {
  compile();
  project.onTestsRerun(async () => compile());
  const shared = mkdtempSync(join(tmpdir(), 'generatrix-test-shared-'));
  process.env.GENERATRIX_TEST_SHARED = shared;
  return () => rmSync(shared, { recursive: true, force: true });
}

function compile(): void {
  const compiler = createRequire(import.meta.url)
    .resolve('typescript/package.json')
    .replace('package.json', 'bin/tsc');
  spawnSync(process.execPath, [compiler, '-b', 'training/cli'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
}
