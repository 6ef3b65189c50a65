import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../testing/http-server.ts';
import { infer, zInput } from '../../../testing/infer.ts';
import { modelFolder, sums, writeBundle } from '../../../testing/serving-engine.ts';
import { ServeError } from '../../engine/engine.ts';
import { hashKey } from '../api-key.ts';
import { loadConfig } from '../config.ts';
import { startServer } from '../server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.end());

const samples = '/v1/models/points/samples';
const seeded = `${samples}?seed=42&count=3`;

const from = (response: Response, ...names: string[]) => names.map((name) => response.headers.get(name));
const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer()).toString('latin1');
/** A request that has its answer already. */
const again = (path: string, tag: string) => server.fetch(path, { headers: { 'If-None-Match': tag } });
const tagOf = async (response: Response | Promise<Response>) => {
  const answered = await response;
  await answered.arrayBuffer();
  expect(answered.status).toBe(200);
  return answered.headers.get('ETag');
};

async function counted(): Promise<Record<string, number>> {
  const text = await (await server.fetch('/metrics')).text();
  const lines = text.matchAll(/^generatrix_cache_requests_total\{model="points",result="(.*)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, result, value]) => [result!, Number(value)]));
}

describe('a seeded request', () => {
  it('runs once: the second visit gets the same bytes from the cache', async () => {
    const first = await server.fetch(seeded);
    expect(from(first, 'Cache-Control', 'Cache-Status')).toEqual([
      'public, max-age=0, must-revalidate',
      null,
    ]);
    const second = await server.fetch(seeded);
    expect(from(second, 'ETag', 'Cache-Status', 'Generatrix-Seed', 'Generatrix-Version')).toEqual([
      first.headers.get('ETag'),
      'generatrix; hit',
      '42',
      '1',
    ]);
    expect(from(second, 'Content-Type', 'Content-Length')).toEqual(
      from(first, 'Content-Type', 'Content-Length'),
    );
    expect(second.headers.get('X-Request-Id')).not.toBe(first.headers.get('X-Request-Id'));
    expect(await bytes(second)).toBe(await bytes(first));
    expect(server.engine.calls.length).toBe(1);
    expect(await counted()).toEqual({ hit: 1, miss: 1 });
    const metrics = await (await server.fetch('/metrics')).text();
    const length = Number(first.headers.get('Content-Length'));
    expect(metrics).toContain(`generatrix_cache_bytes ${length + 512}\n`);
    expect(metrics).toContain('generatrix_cache_answers 1\n');
    expect(metrics).toContain('generatrix_requests_total{model="points",program="sample",code="200"} 2\n');
  });

  it('gets 304 when it names the tag, whatever the method and the form of the list', async () => {
    const posted = () => server.post(samples, { seed: 42, count: 3 });
    const [tag, other] = [await tagOf(server.fetch(seeded)), await tagOf(posted())];
    expect(tag).toMatch(/^W\/"[\w-]{43}"$/);
    expect(other).not.toBe(tag);
    for (const list of [tag!, tag!.slice(2), `"a", ${tag}`, '*', ` ${tag} ,"b"`]) {
      const response = await again(seeded, list);
      expect([list, response.status, await response.text()]).toEqual([list, 304, '']);
      expect(response.headers.get('ETag')).toBe(tag);
      expect(response.headers.get('Vary')).toBe('Accept, Accept-Encoding');
    }
    const headers = { 'If-None-Match': other! };
    expect((await server.post(samples, { seed: 42, count: 3 }, headers)).status).toBe(304);
    expect((await server.post(samples, { seed: 43, count: 3 }, headers)).status).toBe(200);
    expect((await again(seeded, other!)).status).toBe(200);
    // One for each body that was new: a tag that does not fit is answered from the cache.
    expect(server.engine.calls.length).toBe(3);
    expect(await counted()).toEqual({ hit: 1, miss: 3, 'not-modified': 6 });
  });

  it('has a tag of its own for whatever changes the answer', async () => {
    const post = (body: object, headers?: Record<string, string>, path = samples) =>
      tagOf(server.post(path, { seed: 1, ...body }, headers));
    const z = { latent: [[1, 2, 3]] };
    const tags = await Promise.all([
      post({}),
      post({ count: 2 }),
      post({ first_index: 1 }),
      post({ label: 1 }),
      post({ temperature: 0.5 }),
      post({}, { Accept: 'application/x-npy' }),
      post({ format: 'npy' }),
      post({}, {}, '/v1/models/bound/samples'),
      post(z, {}, '/v1/models/points/decode'),
      post({ data: z.latent }, {}, '/v1/models/points/encode'),
      post({ data: z.latent, label: 0 }, {}, '/v1/models/points/logprob'),
      post({ from: 1, to: 2 }, {}, '/v1/models/points/interpolate'),
      tagOf(server.fetch(`${samples}?seed=1`)),
      tagOf(server.fetch(`${samples}?seed=1&version=1`)),
      tagOf(server.post(infer(), { inputs: [], parameters: { seed: 1 } })),
      tagOf(server.post(infer(), { inputs: [], parameters: { seed: 1, binary_data_output: true } })),
    ]);
    expect(tags.filter((tag) => tag === null)).toEqual([]);
    expect(new Set(tags).size).toBe(tags.length);
  });

  it('of the protocol comes back with its binary part', async () => {
    const ask = () =>
      server.post(infer(), { inputs: [], parameters: { seed: 5, count: 2, binary_data_output: true } });
    const [first, second] = [await ask(), await ask()];
    expect(second.headers.get('Cache-Status')).toBe('generatrix; hit');
    const names = ['Content-Type', 'Inference-Header-Content-Length', 'Generatrix-Seed'];
    expect(from(second, ...names)).toEqual(from(first, ...names));
    expect(await bytes(second)).toBe(await bytes(first));
  });

  it('is compressed for those who take it, from the same stored bytes', async () => {
    const large = `${samples}?seed=1&count=200`;
    const plain = await server.fetch(large, { headers: { 'Accept-Encoding': 'identity' } });
    const packed = await server.fetch(large, { headers: { 'Accept-Encoding': 'gzip' } });
    expect(from(plain, 'Content-Encoding', 'Cache-Status')).toEqual([null, null]);
    expect(from(packed, 'Content-Encoding', 'Cache-Status')).toEqual(['gzip', 'generatrix; hit']);
    expect([plain, packed].map(({ headers }) => headers.get('Vary'))).toEqual(
      Array(2).fill('Accept, Accept-Encoding'),
    );
    expect(await bytes(packed)).toBe(await bytes(plain));
  });

  it('by HEAD leaves nothing that GET would get', async () => {
    const head = await server.fetch(seeded, { method: 'HEAD' });
    expect(head.headers.get('ETag')).not.toBeNull();
    const response = await server.fetch(seeded);
    expect(((await response.json()) as { count: number }).count).toBe(3);
    const length = response.headers.get('Content-Length');
    expect((await server.fetch(seeded, { method: 'HEAD' })).headers.get('Content-Length')).toBe(length);
  });

  it('with no-store is drawn anew', async () => {
    const headers = { 'Cache-Control': 'no-store' };
    for (let i = 0; i < 2; i++) await tagOf(server.post(samples, { seed: 1 }, headers));
    expect(server.engine.calls.length).toBe(2);
  });
});

it('what does not name its seed, and every error, must not be kept', async () => {
  const unseeded = [
    server.fetch(samples),
    server.post(samples, {}),
    server.post('/v1/models/points/decode', { latent: [[1, 2, 3]] }),
    server.post(infer(), { inputs: [zInput] }),
  ];
  const refused = [
    server.post(samples, { seed: 1, count: -1 }),
    server.fetch(`${samples}?seed=1&label=9`),
    server.fetch('/v1/models/nothing/samples?seed=1'),
  ];
  for (const response of await Promise.all([...unseeded, ...refused])) {
    await response.arrayBuffer();
    expect([response.url, ...from(response, 'ETag', 'Cache-Control')]).toEqual([
      response.url,
      null,
      'no-store',
    ]);
  }
  server.engine.before = () => {
    throw new ServeError('overloaded', 'full', 1);
  };
  const failed = await server.fetch(seeded);
  expect([failed.status, ...from(failed, 'ETag', 'Cache-Control')]).toEqual([429, null, 'no-store']);
  server.engine.before = undefined;
  expect((await server.fetch(seeded)).status).toBe(200);
});

it('an answer of a bundle that took over meanwhile has no tag and is not kept', async () => {
  const model = server.engine.model('points') as { digest: string };
  const { digest } = model;
  server.engine.before = () => {
    model.digest = 'f'.repeat(64);
  };
  const mixed = await server.fetch(seeded);
  expect([mixed.status, ...from(mixed, 'ETag', 'Cache-Control')]).toEqual([200, null, 'no-store']);
  server.engine.before = undefined;
  model.digest = digest;
  expect((await server.fetch(seeded)).headers.get('Cache-Status')).toBeNull();
});

it('where keys are asked for, nobody gets an answer without one, and shared caches keep none', async () => {
  await server.end();
  server = await startTestServer({ apiKeys: [`alice:${hashKey('a')}`], cacheMaxAgeSeconds: 60 });
  const keyed = await server.fetch(seeded, { headers: { 'X-API-Key': 'a' } });
  expect(from(keyed, 'Cache-Control', 'Vary')).toEqual([
    'private, max-age=60, must-revalidate',
    'Accept, Accept-Encoding, Authorization, X-API-Key',
  ]);
  const without = await again(seeded, keyed.headers.get('ETag')!);
  expect([without.status, ...from(without, 'ETag', 'Cache-Control')]).toEqual([401, null, 'no-store']);
});

describe('GET of samples', () => {
  it('draws what POST draws', async () => {
    const query = 'seed=18446744073709551615&count=2&first_index=3&label=1&label=0&temperature=5e-1';
    const body = { seed: '18446744073709551615', count: 2, first_index: 3, label: [1, 0], temperature: 0.5 };
    const got = await (await server.fetch(`${samples}?${query}`)).json();
    expect(got).toEqual(await (await server.post(samples, body)).json());
    expect(got).toMatchObject({ seed: body.seed, count: 2 });
    const npy = await server.fetch(`${samples}?${query}&format=npy`);
    expect(await bytes(npy)).toBe(await bytes(await server.post(samples, { ...body, format: 'npy' })));
  });

  it.each([
    ['count=0', 'query.count: expected number to be >=1, got 0'],
    ['count=two', 'query.count: expected number, got "two"'],
    ['seed=-1', 'query.seed: expected a string of digits, got "-1"'],
    ['size=3', 'size: neither a field of this request nor a scalar of program sample (it has: temperature)'],
    ['given=1', 'query.given: examples come in a body: POST them'],
    ['count=1&count=2', 'query.count: expected number, got a list of 2'],
    ['labels=all', 'query.labels: expected one of "balanced"|"data", got "all"'],
  ])('?%s is refused in words', async (query, error) => {
    const response = await server.fetch(`${samples}?${query}`);
    expect([response.status, await response.json()]).toEqual([400, { error }]);
  });
});

it('a bundle that is replaced answers anew, with another tag, and what the old one answered is freed', async () => {
  const folder = await modelFolder({ m: sums(1, 2) });
  const config = await loadConfig({ flags: { models: folder, port: '0', workers: '1', logLevel: 'silent' } });
  const real = await startServer({ ...config, watch: false });
  try {
    const ask = async (tag = '"none"') => {
      const response = await fetch(`${real.url}/v2/models/m/infer`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'If-None-Match': tag },
        body: JSON.stringify({ inputs: [], parameters: { seed: 1 } }),
      });
      return { status: response.status, tag: response.headers.get('ETag')!, text: await response.text() };
    };
    const old = await ask();
    expect((await ask(old.tag)).status).toBe(304);
    await writeBundle(`${folder}/m`, sums(2, 2));
    expect(await real.engine.reload()).toEqual([]);
    const metrics = await (await fetch(`${real.url}/metrics`)).text();
    expect(metrics).toContain('generatrix_cache_answers 0\n');
    const renewed = await ask(old.tag);
    expect([old.status, renewed.status, renewed.tag === old.tag]).toEqual([200, 200, false]);
    const value = ({ text }: { text: string }) =>
      (JSON.parse(text) as { outputs: [{ data: [number] }] }).outputs[0].data[0];
    expect(value(renewed)).toBe(2 * value(old));
  } finally {
    await real.kill();
  }
});
