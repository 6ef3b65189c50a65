import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendRaw, startTestServer, type TestServer } from '../../testing/http-server.ts';

/** Requests that are malformed before any route sees them. */

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    maxBodyBytes: 4096,
    headersTimeoutMs: 300,
    requestTimeoutMs: 600,
    keepAliveTimeoutMs: 200,
  });
});
afterAll(() => server.end());

const samples = '/v1/models/points/samples';
const jsonType = { 'Content-Type': 'application/json' };

async function refusal(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as { error: string }).error];
}

const send = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  server.fetch(samples, { method: 'POST', body, headers: { ...jsonType, ...headers } });

describe('routes', () => {
  it.each([
    '/nothing',
    '/v1',
    '/v2/models',
    '/v2/models/points/config',
    '/v1/models/points/fly',
    '/..%2f..%2fetc/passwd',
  ])('%s is unknown', async (path) => {
    const [status, error] = await refusal(await server.fetch(path));
    expect(status).toBe(404);
    expect(error).toMatch(/^there is (nothing at|no model)/);
  });

  it.each([
    ['GET', '/v1/models/points/decode', 'POST, OPTIONS'],
    ['PUT', samples, 'GET, HEAD, POST, OPTIONS'],
    ['POST', '/v2/health/live', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/v1/models/points', 'GET, HEAD, OPTIONS'],
    ['POST', '/models/index.json', 'GET, HEAD, OPTIONS'],
    ['PATCH', '/metrics', 'GET, HEAD, OPTIONS'],
  ])('%s %s is not allowed', async (method, path, allow) => {
    const response = await server.fetch(path, { method });
    expect(response.headers.get('Allow')).toBe(allow);
    expect((await refusal(response))[0]).toBe(405);
    const options = await server.fetch(path, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('Allow')]).toEqual([204, allow]);
  });

  it('a malformed escape is a bad request', async () => {
    expect(await refusal(await server.fetch('/v1/models/%zz'))).toEqual([
      400,
      'the address has a malformed % escape',
    ]);
  });
});

describe('bodies', () => {
  it('of another type', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
    ]) {
      expect((await send('{}', { 'Content-Type': type })).status).toBe(415);
    }
    for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
      expect((await send('{}', { 'Content-Type': type })).status).toBe(200);
    }
  });

  it('of an unknown encoding, or not what it says', async () => {
    expect((await send('{}', { 'Content-Encoding': 'zstd' })).status).toBe(415);
    expect(await refusal(await send('{}', { 'Content-Encoding': 'gzip' }))).toEqual([
      400,
      'the body is not what its Content-Encoding says',
    ]);
    const cut = new Uint8Array(gzipSync(JSON.stringify({ count: 3, seed: 1 })).subarray(0, 20));
    expect((await send(cut, { 'Content-Encoding': 'gzip' })).status).toBe(400);
  });

  it('larger than the limit, also once unpacked', async () => {
    const text = JSON.stringify({ seed: '1'.repeat(5000) });
    const message = 'the body is larger than 4096 bytes, decompressed';
    expect(await refusal(await send(text))).toEqual([413, message]);
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(4_000_000, ' ')));
    expect(bomb.length).toBeLessThan(4096);
    expect(await refusal(await send(bomb, { 'Content-Encoding': 'gzip' }))).toEqual([413, message]);
  });

  it('that are no JSON', async () => {
    for (const text of ['{', '{]', 'nul', "{'a':1}", '{"count":NaN}', '{"count":1}x', '\u0000', '[1,2']) {
      const [status, error] = await refusal(await send(text));
      expect([text, status]).toEqual([text, 400]);
      expect(error).toMatch(
        /^the body is not JSON(: unexpected text (at position \d+|at its end|'.')|, which has no NaN: send finite numbers)$/,
      );
    }
    expect(await refusal(await send(new Uint8Array([0x7b, 0xff, 0x7d])))).toEqual([
      400,
      'the body is not UTF-8',
    ]);
  });

  it('nested too deeply', async () => {
    const nested = (depth: number) => `{"given": ${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(await refusal(await send(nested(33)))).toEqual([
      400,
      'the body is nested more than 32 levels deep',
    ]);
    expect((await refusal(await send(nested(32))))[1]).not.toContain('levels deep');
    expect((await refusal(await send('['.repeat(4000))))[1]).toContain('levels deep');
    // Brackets within strings are text.
    expect((await refusal(await send(`{"seed": "\\"${'['.repeat(99)}"}`)))[1]).not.toContain('levels deep');
  });

  it('with numbers that JSON can write and nobody can use', async () => {
    for (const text of ['1e400', '-1e400', '1e308', '0.1', '-0.5', '1e16', '99999999999999999999']) {
      expect([text, (await send(`{"count": ${text}}`)).status]).toEqual([text, 400]);
      expect([text, (await send(`{"seed": ${text}}`)).status]).toEqual([text, 400]);
    }
    expect((await send('{"temperature": 1e400}')).status).toBe(400);
  });
});

describe('what is not quite HTTP', () => {
  it.each([
    ['no HTTP at all', 'hello there\r\n\r\n', 400],
    ['TLS on a plain port', new Uint8Array([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]), 400],
    ['a bad Content-Length', `POST ${samples} HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n`, 400],
    [
      'both lengths, as smugglers send them',
      `POST ${samples} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['no Host', 'GET /v2 HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['headers beyond measure', `GET /v2 HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    [
      'an unknown expectation',
      'GET /v2 HTTP/1.1\r\nHost: a\r\nExpect: cake\r\nConnection: close\r\n\r\n',
      417,
    ],
    ['headers that never end', 'GET /v2 HTTP/1.1\r\nHost: a\r\nX-Slow: ', 408],
    ['a body that never ends', `POST ${samples} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{`, 408],
  ] as [string, string | Uint8Array, number][])('%s', async (_name, text, status) => {
    const answer = await sendRaw(server.url, text);
    expect(answer.split('\r\n')[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toEqual({ error: expect.any(String) });
  });

  it('slow requests hold no one up', async () => {
    const { port, hostname } = new URL(server.url);
    const slow = Array.from({ length: 50 }, () => {
      const socket = connect(Number(port), hostname);
      socket.write('GET /v2 HTTP/1.1\r\nHost: a\r\n');
      const drip = setInterval(() => socket.write('X: y\r\n'), 50);
      const cut = new Promise<void>((resolve) =>
        socket
          .on('error', () => undefined)
          .once('close', () => {
            clearInterval(drip);
            resolve();
          }),
      );
      return { cut };
    });
    expect((await server.post(samples, { seed: 1 })).status).toBe(200);
    await Promise.all(slow.map(({ cut }) => cut));
    expect((await server.post(samples, { seed: 1 })).status).toBe(200);
  });

  it('a client that leaves ends its run', async () => {
    let aborted: Promise<void> | undefined;
    const running = new Promise<void>((started) => {
      server.engine.before = ({ signal }) => {
        aborted = new Promise((resolve) => signal!.addEventListener('abort', () => resolve()));
        started();
        return aborted;
      };
    });
    const controller = new AbortController();
    const left = server
      .fetch(samples, { method: 'POST', signal: controller.signal })
      .catch((error: unknown) => (error as Error).name);
    await running;
    controller.abort();
    expect(await left).toBe('AbortError');
    await aborted;
    server.engine.before = undefined;
    expect((await server.post(samples, {})).status).toBe(200);
    expect(server.log.some(({ code }) => code === 499)).toBe(true);
  });
});
