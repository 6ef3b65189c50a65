import type { RunningServer } from '@generatrix/runtime/serve';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = await writeServedBundles(['vae', 'pixelcnn', 'wavenet']);
  server = await serveFolder(folder);
});
afterAll(async () => {
  await server.stop();
  await removeFolder(folder);
});

interface Event {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

const post = (path: string, body: object, accept = 'application/json', signal?: AbortSignal) =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: accept },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });

/** The events of a stream, as WHATWG HTML section 9.2.6 reads them, for one data line each. */
async function eventsOf(response: Response): Promise<Event[]> {
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toBe('text/event-stream; charset=utf-8');
  const blocks = (await response.text()).split('\n\n').filter((block) => block !== '');
  return blocks.map((block) => {
    const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
    return { event: event!, data: JSON.parse(data!) as Record<string, unknown> };
  });
}

/** Joins parts along the axis after the batch. */
function joined(events: readonly Event[], count: number): unknown[][] {
  const parts = events.filter(({ event }) => event === 'part').map(({ data }) => data.data as unknown[][]);
  return Array.from({ length: count }, (_, i) => parts.flatMap((part) => part[i]!));
}

async function plain(path: string, body: object): Promise<Record<string, unknown>> {
  return (await (await post(path, body)).json()) as Record<string, unknown>;
}

it.each(['pixelcnn', 'wavenet'])('%s: the parts together are the samples', async (name) => {
  const path = `/v1/models/${name}/samples`;
  const body = { count: 3, seed: 11, temperature: 0.8 };
  const response = await post(path, { ...body, stream: true });
  expect(response.headers.get('Generatrix-Seed')).toBe('11');
  const events = await eventsOf(response);
  const whole = await plain(path, body);
  const [first, last] = [events[0]!, events.at(-1)!];
  expect(first).toEqual({
    event: 'start',
    data: { model: name, version: '1', seed: 11, count: 3, shape: whole.shape, parts: events.length - 2 },
  });
  expect(events.length).toBeGreaterThan(3);
  expect(last.event).toBe('end');
  expect(joined(events, 3)).toEqual(whole.data);
  const byHeader = await eventsOf(await post(path, body, 'text/event-stream'));
  expect(byHeader).toEqual(events);
});

it('continues what is given', async () => {
  const given = Array.from({ length: 4 }, () => Array.from({ length: 5 }, (_, x) => [(x % 3) / 2]));
  const body = { given, rows: 2, seed: 3, label: 1, count: 2 };
  const events = await eventsOf(await post('/v1/models/pixelcnn/samples', { ...body, stream: true }));
  const { data } = await plain('/v1/models/pixelcnn/complete', body);
  expect(joined(events, 2)).toEqual(data);
});

it('what cannot be streamed, or is wrong, gets a status, not a stream', async () => {
  const vae = await post('/v1/models/vae/samples', { stream: true });
  expect([vae.status, await vae.json()]).toEqual([
    400,
    { error: 'model vae draws a sample in one piece: it cannot stream' },
  ]);
  const path = '/v1/models/pixelcnn/samples';
  expect((await post(path, { stream: true, label: 9 })).status).toBe(400);
  expect((await post(path, { stream: true, temperature: -1 })).status).toBe(400);
  expect((await post(path, { stream: true, count: 1e6 })).status).toBe(400);
});

it('a client that leaves midway ends the stream', async () => {
  const controller = new AbortController();
  const response = await post(
    '/v1/models/wavenet/samples',
    { stream: true, count: 200 },
    '*/*',
    controller.signal,
  );
  const reader = response.body!.getReader();
  await reader.read();
  controller.abort();
  await expect(reader.read()).rejects.toThrow();
  await expect.poll(() => server.engine.pending().requests).toBe(0);
  expect((await post('/v1/models/wavenet/samples', { seed: 1 })).status).toBe(200);
});
