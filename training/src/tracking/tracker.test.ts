import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { parseSettings } from '../record/settings.ts';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { loadTracker, type Tracker, TrackerCalls } from './tracker.ts';

const settings = parseSettings(
  {
    family: 'vae',
    options: { latent: 2 },
    data: { name: 'digits8' },
    seed: 1,
    steps: 40,
    batchSize: 8,
    learningRate: 1e-3,
    engine: 'onnx',
    device: 'cpu',
    reportEvery: 10,
    evaluateEvery: 20,
    checkpointEvery: 20,
  },
  'test',
);
const run = { folder: '/runs/one', settings, step: 0 };
const line = (step: number, loss = step / 2) => ({
  step,
  seconds: step,
  metrics: { loss, broken: Number.NaN },
});
const example = (name: string) =>
  fileURLToPath(new URL(`../../../docs/trackers/${name}.mjs`, import.meta.url));

afterEach(() => vi.unstubAllEnvs());

test('calls come one after another, in order, however long each takes', async () => {
  const seen: string[] = [];
  const tracker: Tracker = {
    start: async () => {
      await wait(20);
      seen.push('start');
    },
    metrics: ({ step }) => seen.push(`metrics ${step}`),
    end: ({ finished }) => seen.push(`end ${finished}`),
  };
  const calls = new TrackerCalls(tracker, () => {});
  calls.call('start', run);
  calls.call('metrics', line(1));
  calls.call('samples', { step: 1, path: '/x.png' });
  calls.call('metrics', line(2));
  calls.call('end', { step: 2, finished: true });
  expect(seen).toEqual([]);
  await calls.finish();
  expect(seen).toEqual(['start', 'metrics 1', 'metrics 2', 'end true']);
});

test('errors are said once, then counted, and later calls still come', async () => {
  const said: string[] = [];
  const seen: number[] = [];
  const tracker: Tracker = {
    metrics: ({ step }) => {
      seen.push(step);
      if (step === 2) throw new Error('fetch failed\n  at deep inside', { cause: new Error('no network') });
      return step === 3 ? Promise.reject(new Error('still none')) : undefined;
    },
  };
  const calls = new TrackerCalls(tracker, (text) => said.push(text));
  for (const step of [1, 2, 3, 4]) calls.call('metrics', line(step));
  await calls.finish();
  expect(seen).toEqual([1, 2, 3, 4]);
  expect(said).toEqual([
    "the tracker's metrics failed: fetch failed: no network; training goes on",
    '2 calls of the tracker failed in all',
  ]);
});

test('a tracker that never comes to an end is left behind', async () => {
  const said: string[] = [];
  const calls = new TrackerCalls({ end: () => new Promise(() => {}) }, (text) => said.push(text));
  calls.call('end', { step: 1, finished: true });
  await calls.finish(0.05);
  expect(said).toEqual(['the tracker has not come to an end within 0.05 s; what it still does is lost']);
});

test('a module that is no tracker is refused with the reason', async () => {
  const folder = await folderOf({
    'broken.mjs': 'throw new Error("no key\\nmore");',
    'empty.mjs': 'export const metrics = () => {};',
    'wrong.mjs': 'export default { metrics: 1 };',
    'right.mjs': 'export default { metrics() {} };',
  });
  await expectUserError(
    loadTracker(join(folder, 'absent.mjs')),
    /--tracker .*absent\.mjs: .*does not load: Cannot find module .*absent\.mjs.$/,
  );
  await expectUserError(loadTracker(join(folder, 'broken.mjs')), /does not load: no key$/);
  for (const name of ['empty', 'wrong']) {
    await expectUserError(
      loadTracker(join(folder, `${name}.mjs`)),
      /default export with functions among start/,
    );
  }
  expect(Object.keys(await loadTracker(join(folder, 'right.mjs')))).toEqual(['metrics']);
});

test('the example for MLflow sends settings, finite metrics and the end to its REST API', async () => {
  const requests: { url: string; body: Record<string, unknown> }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    requests.push({ url: request.url!, body: JSON.parse(Buffer.concat(chunks).toString()) as never });
    response.end(JSON.stringify({ run: { info: { run_id: 'r1' } } }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  vi.stubEnv('MLFLOW_TRACKING_URI', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const said: string[] = [];
  const calls = new TrackerCalls(await loadTracker(example('mlflow')), (text) => said.push(text));
  calls.call('start', run);
  calls.call('metrics', line(10));
  calls.call('end', { step: 10, finished: true });
  await calls.finish();
  server.close();
  expect(said).toEqual([]);
  expect(requests.map(({ url }) => url.replace('/api/2.0/mlflow/runs/', ''))).toEqual([
    'create',
    'log-batch',
    'log-batch',
    'update',
  ]);
  expect(requests[0]!.body).toMatchObject({ experiment_id: '0', run_name: '/runs/one' });
  expect(requests[1]!.body.params).toContainEqual({ key: 'family', value: 'vae' });
  expect(requests[1]!.body.params).toContainEqual({ key: 'options', value: '{"latent":2}' });
  expect(requests[2]!.body).toEqual({
    run_id: 'r1',
    metrics: [{ key: 'loss', value: 5, step: 10, timestamp: expect.any(Number) }],
  });
  expect(requests[3]!.body).toMatchObject({ run_id: 'r1', status: 'FINISHED' });
});

const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython) console.log('skipped: the example for Weights & Biases, since there is no python3');

test.skipIf(!hasPython)(
  'the example for Weights & Biases hands everything to its Python client',
  async () => {
    // A module of the client's name that writes down how it is called.
    const folder = await folderOf({
      'wandb.py': `
import json, os
def write(*call): open(os.environ['CALLS'], 'a').write(json.dumps(call) + '\\n')
Image = lambda path: 'image ' + path
class Run:
    def log(self, values, step): write('log', values, step)
    def finish(self): write('finish')
def init(project, name, config):
    write('init', project, name, config['family'])
    return Run()
`,
    });
    vi.stubEnv('PYTHONPATH', folder);
    vi.stubEnv('CALLS', join(folder, 'calls'));
    const said: string[] = [];
    const calls = new TrackerCalls(await loadTracker(example('wandb')), (text) => said.push(text));
    calls.call('start', run);
    calls.call('metrics', { step: 10, seconds: 1, metrics: { loss: 5 } });
    calls.call('samples', { step: 10, path: '/runs/one/x.png' });
    calls.call('end', { step: 10, finished: true });
    await calls.finish();
    expect(said).toEqual([]);
    const written = (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
    expect(written.map((text) => JSON.parse(text) as unknown)).toEqual([
      ['init', 'generatrix', '/runs/one', 'vae'],
      ['log', { loss: 5 }, 10],
      ['log', { samples: 'image /runs/one/x.png' }, 10],
      ['finish'],
    ]);
  },
);
