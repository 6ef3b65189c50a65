import { hostTensor, loadSampler } from '@generatrix/runtime';
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

const samples = (body: unknown) =>
  fetch(`${server.url}/v1/models/rbm/samples`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

interface Part {
  readonly index: number;
  readonly start: number;
  readonly shape: readonly number[];
  readonly data: unknown[];
  readonly outputs: object;
}

it('a chain is streamed as samples after more and more steps, the last of which are the samples', async () => {
  const asked = { count: 2, seed: 5, steps: 130 };
  const text = await (await samples({ ...asked, stream: true })).text();
  const events = text
    .trim()
    .split('\n\n')
    .map((event) => /^event: (\w+)\ndata: (.*)$/.exec(event)!);
  expect(events.map(([, name]) => name)).toEqual(['start', ...new Array<string>(65).fill('part'), 'end']);
  expect(JSON.parse(events[0]![2]!)).toMatchObject({ count: 2, seed: 5, parts: 65 });
  const parts = events.slice(1, -1).map(([, , data]) => JSON.parse(data!) as Part);
  for (const [i, { index, start, shape }] of parts.entries()) {
    expect([index, start, ...shape]).toEqual([i, 0, 2, 3, 4, 1]);
  }
  const sampler = await loadSampler(`${folder}/rbm`, { device: 'cpu', threads: 1 });
  const here = await sampler.sample(asked);
  await sampler.release();
  expect((parts.at(-1)!.data.flat(4) as number[]).map(Math.fround)).toEqual([...here.data.data]);
});

it('a completion is streamed likewise', async () => {
  const given = Array.from({ length: 3 }, (_, y) => Array.from({ length: 4 }, () => [y % 2]));
  const text = await (await samples({ given, count: 2, rows: 2, seed: 5, steps: 30, stream: true })).text();
  const parts = [...text.matchAll(/^event: part\ndata: (.*)$/gm)].map(
    ([, data]) => JSON.parse(data!) as Part,
  );
  expect(parts).toHaveLength(30);
  const sampler = await loadSampler(`${folder}/rbm`, { device: 'cpu', threads: 1 });
  const data = hostTensor('float32', [2, 3, 4, 1], [given, given].flat(3));
  const here = await sampler.complete({ data, known: 2, seed: 5, steps: 30 });
  await sampler.release();
  expect((parts.at(-1)!.data.flat(4) as number[]).map(Math.fround)).toEqual([...here.data.data]);
});

it('refuses a stream that makes no sense with a status and one line', async () => {
  const image = Array.from({ length: 3 }, () => Array.from({ length: 4 }, () => [0]));
  for (const [body, message] of [
    [{ steps: 1 }, /steps.*from 2/],
    [{ steps: 2.5 }, /steps.*whole number/],
    [{ from: 3 }, /from/],
    [{ rows: 1, given: image, held: image }, /keeps the beginning of an example alone/],
    [{ rows: 4, given: image }, /expected 0 to 3 rows/],
  ] as const) {
    const response = await samples({ count: 1, seed: 1, stream: true, ...body });
    const { error } = (await response.json()) as { error: string };
    expect(response.status, error).toBe(400);
    expect(error).toMatch(message);
    expect(error).not.toContain('\n');
  }
});
