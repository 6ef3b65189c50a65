import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as rawRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { UserError } from '../../errors.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import { hashKey } from './api-key.ts';

const servers: TestServer[] = [];

async function start(...options: Parameters<typeof startTestServer>): Promise<TestServer> {
  const server = await startTestServer(...options);
  servers.push(server);
  return server;
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.end();
});

const samples = '/v1/models/points/samples';

/** `fetch` may not set Host and Origin. */
function status(url: string, method: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = rawRequest(url, { method, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode!));
    });
    request.once('error', reject).end();
  });
}

it('API keys open what is not open to all, by either header', async () => {
  const server = await start({ apiKeys: [`alice:${hashKey('k-alice')}`, `bob:${hashKey('k-bob')}`] });
  for (const path of ['/v1/models', '/v2', '/v2/models/points', '/metrics', '/models/index.json']) {
    const response = await server.fetch(path);
    expect([path, response.status, await response.json()]).toEqual([
      path,
      401,
      { error: 'an API key is needed: send Authorization: Bearer KEY' },
    ]);
    expect(response.headers.get('WWW-Authenticate')).toContain('Bearer');
  }
  const key = (headers: Record<string, string>) => server.post(samples, { seed: 1 }, headers);
  expect((await key({ Authorization: 'Bearer k-alice' })).status).toBe(200);
  expect((await key({ 'X-API-Key': 'k-bob' })).status).toBe(200);
  for (const wrong of ['k-carol', '', hashKey('k-alice'), 'k-alice ,']) {
    expect((await key({ Authorization: `Bearer ${wrong}` })).status).toBe(401);
  }
  for (const open of ['/v2/health/live', '/v2/health/ready', '/openapi.json', '/docs']) {
    expect([open, (await server.fetch(open)).status]).toEqual([open, 200]);
  }
  expect(server.log.some((line) => line.key === 'alice' && line.path === samples)).toBe(true);
  expect(JSON.stringify(server.log)).not.toContain('k-alice');
});

it('wrong keys from one address are refused with 429 after a while, a right one is not', async () => {
  const server = await start({ apiKeys: [`alice:${hashKey('k-alice')}`] });
  const ask = (key: string) => server.fetch('/v1/models', { headers: { 'X-API-Key': key } });
  const codes = [];
  for (let i = 0; i < 22; i++) codes.push((await ask(`guess ${i}`)).status);
  expect(codes).toEqual([...Array<number>(20).fill(401), 429, 429]);
  const refused = await ask('another');
  expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(await refused.json()).toEqual({ error: 'more than 20 wrong API keys in a minute; try again later' });
  expect((await ask('k-alice')).status).toBe(200);
  // Without any key nothing is tried.
  expect((await server.fetch('/v1/models')).status).toBe(401);
});

it('metrics have a rate of their own', async () => {
  const server = await start({ rateLimitPerMinute: 2 });
  const codes = async (path: string) => {
    const answered = [];
    for (let i = 0; i < 3; i++) answered.push((await server.fetch(path)).status);
    return answered;
  };
  expect(await codes('/v1/models')).toEqual([200, 200, 429]);
  expect(await codes('/metrics')).toEqual([200, 200, 429]);
});

it('files that are no certificate and key are refused in one line that names them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-tls-'));
  const [tlsCert, tlsKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await writeFile(tlsCert, 'no certificate');
  await writeFile(tlsKey, 'no key');
  const attempt = startTestServer({ tlsCert, tlsKey, logLevel: 'silent' });
  await expect(attempt).rejects.toThrow(UserError);
  await expect(attempt).rejects.toThrow(
    new RegExp(`^--tls-cert ${tlsCert}, --tls-key ${tlsKey}: expected [^\\n]*$`),
  );
  await rm(folder, { recursive: true });
});

it('each key has its own rate, and health has none', async () => {
  const server = await start({
    apiKeys: [`alice:${hashKey('a')}`, `bob:${hashKey('b')}`],
    rateLimitPerMinute: 3,
  });
  const of = (key: string) => server.post(samples, { seed: 1 }, { 'X-API-Key': key });
  for (let i = 0; i < 3; i++) expect((await of('a')).status).toBe(200);
  const response = await of('a');
  expect(response.status).toBe(429);
  expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(await response.json()).toEqual({ error: 'more than 3 requests in a minute; try again later' });
  expect((await of('b')).status).toBe(200);
  for (let i = 0; i < 5; i++) expect((await server.fetch('/v2/health/live')).status).toBe(200);
});

it('a full queue refuses before it reads the body, and health is answered', async () => {
  const server = await start({ queueLimit: 8 });
  server.engine.load = { requests: 8, rows: 8, running: 1, workersAlive: 1 };
  const response = await server.post(samples, { seed: 1 });
  expect([response.status, response.headers.get('Retry-After')]).toEqual([429, '1']);
  expect((await server.fetch('/v2/health/live')).status).toBe(200);
  expect((await server.fetch('/v2/health/ready')).status).toBe(200);
});

it('pages of listed origins may call, others may not', async () => {
  const server = await start({ corsOrigins: ['https://a.example'] });
  const preflight = (origin: string) =>
    server.fetch(samples, {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    });
  const listed = await preflight('https://a.example');
  expect(listed.status).toBe(204);
  expect(listed.headers.get('Access-Control-Allow-Origin')).toBe('https://a.example');
  expect(listed.headers.get('Access-Control-Allow-Methods')).toContain('POST');
  expect((await preflight('https://b.example')).headers.get('Access-Control-Allow-Origin')).toBeNull();
  const answer = await server.post(samples, { seed: 1 }, { Origin: 'https://a.example' });
  expect(answer.headers.get('Access-Control-Expose-Headers')).toContain('Generatrix-Seed');
  const closed = await start();
  const plain = await closed.post(samples, { seed: 1 }, { Origin: 'https://a.example' });
  expect(plain.headers.get('Access-Control-Allow-Origin')).toBeNull();
});

it('every answer has the security headers, errors too', async () => {
  const server = await start();
  for (const path of ['/v1/models', '/nothing', '/docs', '/models/points/model.json']) {
    const { headers } = await server.fetch(path);
    expect(headers.get('Content-Security-Policy')).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect(headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
    expect(headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('X-Powered-By')).toBeNull();
    expect(headers.get('Strict-Transport-Security')).toBeNull();
  }
});

it('requests keep a sane id, and get one instead of another', async () => {
  const server = await start();
  const id = async (given: string) =>
    (await server.fetch('/v2', { headers: { 'X-Request-Id': given } })).headers.get('X-Request-Id');
  expect(await id('trace-1.2:3')).toBe('trace-1.2:3');
  for (const bad of ['a b', 'x'.repeat(200), '{"a":1}']) {
    expect(await id(bad)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  }
});

it('metrics count by model, program and code, and never by a name that a client made up', async () => {
  const server = await start();
  await server.post(samples, { seed: 1 });
  await server.post(samples, { count: -1 });
  for (let i = 0; i < 20; i++) {
    await server.fetch(`/v1/models/made-up-${i}`);
    await server.fetch(`/v2/models/points_made-up-${i}/ready`);
    await server.fetch(`/made-up-${i}`);
  }
  const response = await server.fetch('/metrics');
  expect(response.headers.get('Content-Type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  expect(text).not.toContain('made-up');
  for (const line of [
    'generatrix_requests_total{model="points",program="sample",code="200"} 1',
    'generatrix_requests_total{model="points",program="none",code="400"} 1',
    'generatrix_requests_total{model="unknown",program="none",code="404"} 40',
    'generatrix_requests_total{model="none",program="none",code="404"} 20',
    'generatrix_failures_total{model="points",program="none",reason="bad-request"} 1',
    'generatrix_pending_requests 0',
    'generatrix_models{model="points",version="1"} 1',
    'generatrix_refused_models 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});

it('bundles are served by URL, only the files that their manifests name', async () => {
  const server = await start();
  expect(await (await server.fetch('/models/index.json')).json()).toContainEqual({
    name: 'points',
    path: 'models/points',
    title: 'test-points',
  });
  const onnx = await server.fetch('/models/points/sample.onnx');
  expect([onnx.status, onnx.headers.get('Cache-Control')]).toEqual([200, 'no-cache']);
  const tag = onnx.headers.get('ETag')!;
  const address = `${server.url}/models/points/sample.onnx`;
  expect(await status(address, 'GET', { 'If-None-Match': tag })).toBe(304);
  for (const path of ['points/nothing', 'points/', 'points/%2e%2e%2fcoder%2fmodel.json', 'none/model.json']) {
    expect([path, (await server.fetch(`/models/${path}`)).status]).toEqual([path, 404]);
  }
  expect(await status(`${server.url}/models/points/../../secret`, 'GET', {})).toBe(404);
});

it('the page is served at / from the folder of the built site', async () => {
  const site = await mkdtemp(join(tmpdir(), 'generatrix-site-'));
  await mkdir(join(site, 'assets'));
  await writeFile(join(site, 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(site, 'assets', 'engine.wasm'), new Uint8Array([0, 97, 115, 109]));
  await writeFile(join(site, '.secret'), 'no');
  const server = await start({ apiKeys: [`alice:${hashKey('a')}`] }, { site });
  const page = await server.fetch('/');
  expect([page.status, page.headers.get('Cache-Control')]).toEqual([200, 'no-cache']);
  expect(page.headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
  expect(await page.text()).toContain('<title>page</title>');
  const wasm = await server.fetch('/assets/engine.wasm');
  expect(wasm.headers.get('Content-Type')).toBe('application/wasm');
  expect((await server.fetch('/.secret')).status).toBe(404);
  expect((await server.fetch('/assets/none.js')).status).toBe(404);
  await rm(site, { recursive: true });
});

it('management is elsewhere: on a port of its own, for local tools, when asked for', async () => {
  const server = await start({ managementPort: 0 });
  const management = server.managementUrl!;
  expect(new URL(management).hostname).toBe('127.0.0.1');
  for (const path of ['/reload', '/status']) {
    expect((await server.fetch(path, { method: path === '/reload' ? 'POST' : 'GET' })).status).toBe(404);
  }
  const statusBody = (await (await fetch(`${management}/status`)).json()) as Record<string, unknown>;
  expect(statusBody).toMatchObject({ ready: true, draining: false, refused: [{ name: 'broken' }] });
  const reloaded = await fetch(`${management}/reload`, { method: 'POST' });
  expect([reloaded.status, server.engine.events]).toEqual([200, ['reload']]);
  expect((await fetch(`${management}/metrics`)).status).toBe(200);
  expect((await fetch(`${management}/reload`)).status).toBe(405);
  const foreign: Record<string, string>[] = [{ Origin: 'https://evil.example' }, { Host: 'evil.example' }];
  for (const headers of foreign) {
    expect(await status(`${management}/reload`, 'POST', headers)).toBe(403);
  }
  expect((await start()).managementUrl).toBeUndefined();
});

it('shutdown: readiness drops first, what is open ends, nothing new is taken', async () => {
  const server = await start({ shutdownGraceMs: 300 });
  let release = () => {};
  const running = new Promise<void>((started) => {
    server.engine.before = () => {
      started();
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
  });
  const open = server.post(samples, { seed: 1 });
  await running;
  server.engine.before = undefined;
  const stopped = server.stop();
  expect(server.stop()).toBe(stopped);
  // Within the grace time: not ready, alive, and still serving.
  expect((await server.fetch('/v2/health/ready')).status).toBe(503);
  expect((await server.fetch('/v2/health/live')).status).toBe(200);
  const late = await server.post(samples, { seed: 1 });
  expect([late.status, late.headers.get('Connection')]).toEqual([200, 'close']);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await expect(server.fetch('/v2/health/live')).rejects.toThrow();
  expect(server.engine.events).toEqual([]);
  release();
  expect((await open).status).toBe(200);
  await stopped;
  expect(server.engine.events).toEqual(['drain', 'close']);
});

it('shutdown cuts what does not end in its time', async () => {
  const server = await start({ shutdownTimeoutMs: 100 });
  const running = new Promise<void>((started) => {
    server.engine.before = () => {
      started();
      return new Promise<void>(() => {});
    };
  });
  const open = server.post(samples, { seed: 1 }).catch(() => 'cut');
  await running;
  await server.stop();
  expect(await open).toBe('cut');
});

it('shutdown does not wait for connections on which nothing was asked', async () => {
  // An hour for the headers: only the server's own end can close what is silent.
  const server = await start({
    headersTimeoutMs: 3_600_000,
    requestTimeoutMs: 3_600_000,
    shutdownTimeoutMs: 3_600_000,
  });
  const { hostname, port } = new URL(server.url);
  const silent = connect(Number(port), hostname);
  await once(silent, 'connect');
  expect((await server.fetch('/v2/health/live')).status).toBe(200);
  const closed = once(silent, 'close');
  await server.stop();
  await closed;
});
