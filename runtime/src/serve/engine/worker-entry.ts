/**
 * Where a worker thread starts. Node 20 runs no TypeScript: from the sources, as in tests, this is the compiled file
 * of the same checkout, which vitest's global setup brings up to date.
 */
export const workerEntry = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/serve/engine/worker.js' : './worker.js',
  import.meta.url,
);
