import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

/** Requests made from the served OpenAPI document by Schemathesis, for as many seconds. */
const seconds = 30;
const python = process.env.GENERATRIX_PYTHON ?? 'python3';

let folder: string;
let server: RunningServer;
beforeAll(async () => {
  folder = await writeServedBundles(['vae', 'gmm']);
  server = await serveFolder(folder, { maxCount: 16 });
});
afterAll(async () => {
  await server.stop();
  await removeFolder(folder);
});

function lacks(): boolean {
  const { status } = spawnSync(python, ['-c', 'import schemathesis.cli']);
  if (status !== 0) console.log('skipped: needs a Python (GENERATRIX_PYTHON) with schemathesis');
  return status !== 0;
}

it.skipIf(lacks())('answers as its OpenAPI document says, whatever is made from that', async () => {
  const flags = [
    ...['run', `${server.url}/openapi.json`, '--phases', 'examples,coverage,fuzzing', '--no-color'],
    ...['--max-examples', '10', '--max-time', String(seconds), '--request-timeout', '20'],
    ...['--generation-deterministic', '--no-shrink', '--continue-on-failure', '--warnings', 'off'],
    // What a model takes, such as labels, and the shape of its rows, is no part of the document.
    ...['--exclude-checks', 'positive_data_acceptance'],
  ];
  const { stdout } = await promisify(execFile)(python, ['-m', 'schemathesis.cli', ...flags], {
    cwd: folder,
    maxBuffer: 2 ** 26,
  }).catch((error: { stdout: string; stderr: string }) => error);
  expect(stdout).toMatch(/Tested: \d+/);
  expect(stdout, stdout.slice(-6000)).not.toMatch(/ failed| errors? in |Failures:|Errors:/);
});
