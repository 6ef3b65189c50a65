import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

/** Workspace packages resolve to their TypeScript sources, so tests never see a stale build. */
const conditions = ['generatrix-source', 'node'];

/** Tests that replace modules or globals, or measure what a process holds: each gets a process of its own. */
const alone = [
  'runtime/src/bundle/digest.test.ts',
  'runtime/src/bundle/safetensors.test.ts',
  'runtime/src/serve/engine/lifecycle.test.ts',
  'training/src/run/finish.test.ts',
  'test/server/soak.test.ts',
];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    exclude: ['**/node_modules/**', '**/dist/**'],
    reporters: ['default', './test/summary-reporter.ts'],
    globalSetup: './test/global-setup.ts',
    pool: 'forks',
    maxWorkers: Number(process.env.GENERATRIX_TEST_WORKERS ?? 2),
    sequence: { sequencer: LongestFirst },
    // For what hangs: beside other work everything takes several times as long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Nothing that is polled for has to come at a time: a second, as is usual, is too short beside other work.
    expect: { poll: { timeout: 60_000 } },
    // Two workers share the cores: sessions of several spinning threads would only slow each other down.
    env: { GENERATRIX_THREADS: '1' },
    projects: [
      // One project for all that may share processes: each imports the sources, and transforms them, anew.
      {
        extends: true,
        test: {
          name: 'together',
          include: ['*/src/**/*.test.ts', 'training/cli/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: alone,
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', include: alone } },
    ],
  },
});
