import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sendRaw, startTestServer, type TestServer } from '../../testing/http-server.ts';
import { float32s } from '../../testing/infer.ts';
import type { ServedModel } from '../engine/engine.ts';
import type { ServeConfig } from './config-schema.ts';
import { checkSize, checkTextSize } from './sampling/present.ts';

let server: TestServer;
afterEach(() => server.end());
const start = async (settings: Partial<ServeConfig> = {}) => {
  server = await startTestServer({ logLevel: 'silent', ...settings });
};
const samples = '/v1/models/points/samples';
const infer = '/v2/models/points/infer';
const json = { 'Content-Type': 'application/json' };
const errorOf = async (response: Response) => [
  response.status,
  ((await response.json()) as { error: string }).error,
];
/** A metric's value. */
const metric = async (line: string) => {
  const text = await (await server.fetch('/metrics')).text();
  return Number(
    text
      .split('\n')
      .find((each) => each.startsWith(`${line} `))
      ?.slice(line.length + 1),
  );
};

describe('a body', () => {
  it('that unpacks to more than any request here can need is not unpacked to its end', async () => {
    await start();
    const bomb = gzipSync(`{"inputs":[${Array(1_000_000).fill('{}').join(',')}]}`);
    for (const path of [infer, samples, '/v2/repository/index']) {
      const headers = { ...json, 'Content-Encoding': 'gzip' };
      const [status, error] = await errorOf(
        await server.fetch(path, { method: 'POST', headers, body: new Uint8Array(bomb) }),
      );
      expect([path, status]).toEqual([path, 413]);
      expect(error).toMatch(/^the body is larger than \d{6} bytes, decompressed$/);
    }
    expect(server.engine.calls).toEqual([]);
  });

  it.each([
    ['objects', `{"inputs":[${Array(5000).fill('{}').join(',')}]}`, /more than 4096 objects/],
    [
      'unknown keys',
      `{${Array.from({ length: 9000 }, (_, i) => `"k${i}":1`).join(',')}}`,
      /more than 4096 members/,
    ],
    ['empty lists', `{"given":[${Array(25_000).fill('[]').join(',')}]}`, /more than \d+ values/],
  ])('of many %s is refused by what it has, not for what it is', async (_, body, reason) => {
    await start({ maxCount: 16 });
    for (const path of [infer, samples]) {
      const [status, error] = await errorOf(
        await server.fetch(path, { method: 'POST', headers: json, body }),
      );
      expect([status, error]).toEqual([400, expect.stringMatching(reason) as string]);
    }
  });

  it('that announces too much is refused before it comes, and one that asks first is not asked for', async () => {
    await start();
    const head = `POST ${samples} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n`;
    expect(await sendRaw(server.url, `${head}\r\n`)).toMatch(/^HTTP\/1.1 413 .*\r\nConnection: close\r\n/s);
    expect(await sendRaw(server.url, `${head}Expect: 100-continue\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /);
  });

  it('of a model that there is not is not read', async () => {
    await start();
    const head =
      'POST /v1/models/none/samples HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n';
    expect(await sendRaw(server.url, head)).toMatch(/^HTTP\/1.1 404 /);
  });

  it('that another thread has read is still there: for what follows its JSON, and for the tag of its answer', async () => {
    await start({ maxCount: 5000 });
    const tensor = { name: 'x', shape: [1, 3], datatype: 'FP32' };
    const ask = async (tail: readonly number[], text: string) => {
      const bytes = new Uint8Array(Float32Array.from(tail).buffer);
      const given = { ...tensor, parameters: { binary_data_size: bytes.length } };
      const head = `${JSON.stringify({ inputs: [given], parameters: { seed: 1 } })}${text}`;
      const response = await server.fetch('/v2/models/coder_encode/infer', {
        method: 'POST',
        headers: { ...json, 'Inference-Header-Content-Length': String(head.length) },
        body: Buffer.concat([Buffer.from(head), bytes]),
      });
      const { outputs } = (await response.json()) as { outputs: { data: number[] }[] };
      return { tag: response.headers.get('ETag'), data: outputs[0]!.data };
    };
    const long = ' '.repeat(100_000);
    const first = await ask([1, 2, 3], long);
    expect(first.data).toEqual([2, 4, 6]);
    expect(await ask([1, 2, 3], long)).toEqual(first);
    const other = await ask([1, 2, 4], long);
    expect(other.data).toEqual([2, 4, 8]);
    expect(other.tag).not.toBe(first.tag);
    expect((await ask([1, 2, 3], '')).tag).not.toBe(first.tag);
    expect(server.engine.calls).toHaveLength(3);
  });

  it('of megabytes is the same whether its length is announced or not; half of one harms nobody', async () => {
    await start({ maxCount: 5000 });
    const data = Array.from({ length: 5000 }, (_, i) => [i, 0.5, -1 - i]);
    const path = '/v1/models/coder/encode';
    const text = JSON.stringify({ data }).padEnd(1_500_000);
    const latent = async (body: string | ReadableStream, extra: object = {}) => {
      const response = await server.fetch(path, { method: 'POST', headers: json, body, ...extra });
      return ((await response.json()) as { latent: number[][] }).latent;
    };
    const wanted = data.map((row) => row.map((value) => 2 * value));
    expect(await latent(text)).toEqual(wanted);
    expect(await latent(new Blob([text]).stream(), { duplex: 'half' })).toEqual(wanted);
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${text.length}`;
    socket.write(`${head}\r\n\r\n${text.slice(0, 1_200_000)}`, () => socket.destroy());
    const gone = 'generatrix_requests_total{model="coder",program="none",code="499"}';
    await vi.waitFor(async () => expect(await metric(gone)).toBe(1), 5000);
    expect(await latent(text)).toEqual(wanted);
    expect(server.engine.calls).toHaveLength(3);
  });

  it('that is long is read by another thread, to the same values', async () => {
    await start({ maxCount: 5000 });
    const data = Array.from({ length: 5000 }, (_, i) => [i / 8, 1 - i, 1e-3 * i]);
    const wide = JSON.stringify({ data }, null, 2);
    expect(wide.length).toBeGreaterThan(100_000);
    const long = await server.fetch('/v1/models/coder/encode', { method: 'POST', headers: json, body: wide });
    expect(long.status).toBe(200);
    const { latent, shape } = (await long.json()) as { latent: number[][]; shape: number[] };
    expect(shape).toEqual([5000, 3]);
    expect(float32s(latent)).toEqual(
      data.map((row) => row.map((value) => Math.fround(2 * Math.fround(value)))),
    );
    const flat = { name: 'x', shape: [5000, 3], datatype: 'FP32', data: data.flat() };
    const inferred = await server.post('/v2/models/coder_encode/infer', { inputs: [flat] });
    const { outputs } = (await inferred.json()) as { outputs: { data: number[] }[] };
    expect(outputs[0]!.data).toEqual(latent.flat());
    const ragged = data.map((row, i) => (i === 4000 ? [1] : row));
    const wrong = await server.post('/v1/models/coder/encode', { data: ragged });
    expect(await errorOf(wrong)).toEqual([
      400,
      expect.stringMatching(/^data: .*where value 12000 comes, a list of 3$/),
    ]);
    const huge = data.map((row, i) => (i === 4000 ? [1, 2, -1e39] : row));
    expect(await errorOf(await server.post('/v1/models/coder/encode', { data: huge }))).toEqual([
      400,
      'data: expected finite numbers of single precision, got -1e+39',
    ]);
    const many = await server.post('/v1/models/coder/encode', { data: [...data, ...data.slice(0, 1)] });
    expect(await errorOf(many)).toEqual([400, 'data: expected at most 5000 examples, got 5001']);
    const shallow = await server.post('/v1/models/coder/encode', { data: data.map(([, ...rest]) => rest) });
    expect(await errorOf(shallow)).toEqual([400, expect.stringMatching(/^data: expected lists of \[n,3\]/)]);
  });
});

it.each([
  ['GET /v2/health/live HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n', 'the request has more than one Host header'],
  ['GET /v2/health/live HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n', 'the request has more than one Host header'],
])('which host is meant must be clear: %j', async (text, error) => {
  await start();
  const answer = await sendRaw(server.url, text.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(answer).toContain(error);
});

it.each([
  ['[1,NaN]', 'which has no NaN: send finite numbers'],
  ['{"a \\" NaN":[1.5, -Infinity]}', 'which has no Infinity: send finite numbers'],
  ['{"a":"NaN", "b":tru}', /^the body is not JSON: unexpected text/],
])('numbers that JSON does not have are named: %s', async (body, reason) => {
  await start();
  const [status, error] = await errorOf(await server.fetch(infer, { method: 'POST', headers: json, body }));
  expect(status).toBe(400);
  expect(error).toMatch(typeof reason === 'string' ? `the body is not JSON, ${reason}` : reason);
});

describe('an answer', () => {
  it('that is long is written by another thread, to the same values, while others are answered', async () => {
    await start({ maxCount: 5000 });
    const body = { count: 5000, seed: 7 };
    const text = (await (await server.post(samples, body)).json()) as { data: number[][]; count: number };
    const npy = await (await server.post(samples, { ...body, format: 'npy' })).arrayBuffer();
    const values = new Float32Array(npy.slice(npy.byteLength - 4 * 15_000));
    expect(float32s(text.data.flat())).toEqual([...values]);
    const asked = { parameters: { seed: 7, count: 5000 } };
    const flat = (await (await server.post(infer, asked)).json()) as {
      outputs: { name: string; data: number[] }[];
    };
    expect(float32s(flat.outputs.find(({ name }) => name === 'data')!.data)).toEqual([...values]);
  });

  it('that would be too large is refused before it is drawn, with what can be asked for instead', () => {
    const image = { kind: 'image', shape: [256, 256, 3], range: [0, 1] };
    const model = { manifest: { data: image } } as unknown as ServedModel;
    expect(() => checkSize(model, 1024, { format: 'json' })).toThrow(
      'the answer would be about 3221225472 bytes of JSON: ask for at most 85 rows at a time, or for it as application/x-npy',
    );
    expect(() => checkSize(model, 1024, { format: 'png', scale: 2 })).toThrow(
      /PNG would have 268435456 pixels/,
    );
    checkSize(model, 1024, { format: 'npy' });
    checkSize(model, 85, { format: 'json' });
    expect(() => checkTextSize(1, 2 ** 25, 'in binary')).toThrow(/JSON: ask for it in binary$/);
  });

  it('that its client does not read ends in time; until then it counts, and others are told to come again', async () => {
    await start({ maxCount: 1_000_000, timeoutMs: 1500, answerBytes: 30_000_000, queueLimit: 10_000_000 });
    const body = JSON.stringify({ count: 600_000, seed: 1, format: 'npy' });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(
      `POST ${samples} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await vi.waitFor(() => expect(server.engine.calls.length).toBe(1), 5000);
    expect(await metric('generatrix_answer_bytes')).toBeGreaterThan(7_000_000);
    const refused = await server.post(samples, { count: 600_000, seed: 2, format: 'npy' });
    expect(refused.status).toBe(429);
    expect(refused.headers.get('Retry-After')).toBe('1');
    expect((await server.post(samples, { count: 1, seed: 3 })).status).toBe(200);
    expect(await errorOf(await server.post(samples, { count: 1_000_000, seed: 2 }))).toEqual([
      400,
      expect.stringMatching(/^1000000 rows take 32000000 bytes/),
    ]);
    await vi.waitFor(async () => expect(await metric('generatrix_answer_bytes')).toBe(0), 10_000);
    expect(await metric('generatrix_failures_total{model="points",program="sample",reason="timeout"}')).toBe(
      1,
    );
    socket.resume();
    await closed;
  });
});
