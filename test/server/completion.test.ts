import { loadSampler } from '@generatrix/runtime';
import { hostTensor } from '@generatrix/runtime/core';
import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = await writeServedBundles(['rbm']);
  server = await serveFolder(folder);
  expect(server.engine.refused()).toEqual([]);
});
afterAll(async () => {
  await server.stop();
  await removeFolder(folder);
});

const complete = (body: unknown) =>
  fetch(`${server.url}/v1/models/rbm/complete`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

it('a completion by a chain is the one that the sampler here draws, of any number of steps', async () => {
  const image = Array.from({ length: 3 }, (_, y) => Array.from({ length: 4 }, (_, x) => [(x + y) / 8]));
  const sampler = await loadSampler(`${folder}/rbm`, { device: 'cpu', threads: 1 });
  const data = hostTensor('float32', [3, 3, 4, 1], [image, image, image].flat(3));
  for (const steps of [5, 130]) {
    const body = { given: image, count: 3, rows: 2, seed: 5, steps, mean: 0 };
    const answer = (await (await complete(body)).json()) as { data: number[][][][] };
    const here = await sampler.complete({ data, known: 2, seed: 5, steps, draw: 'sample' });
    expect(answer.data.flat(3)).toEqual([...here.data.data]);
    for (const drawn of answer.data) expect(drawn.slice(0, 2)).toEqual(image.slice(0, 2));
  }
  await sampler.release();
});

it('refuses with a status and one line what makes no sense', async () => {
  const given = Array.from({ length: 3 }, () => Array.from({ length: 4 }, () => [0]));
  for (const [body, message] of [
    [{ given, rows: 4 }, /rows/],
    [{ given, steps: 1 }, /steps.*from 2/],
    [{ given, steps: 2.5 }, /steps.*whole number/],
    [{ given, from: 3 }, /from/],
    [{ given: [[1]] }, /given/],
  ] as const) {
    const response = await complete(body);
    const { error } = (await response.json()) as { error: string };
    expect(response.status, error).toBe(400);
    expect(error).toMatch(message);
    expect(error).not.toContain('\n');
  }
});
