import { rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { float32s } from '../../testing/infer.ts';
import { busy, modelFolder, startEngine, sums, writeBundle } from '../../testing/serving-engine.ts';
import type { EngineOptions } from '../engine/engine.ts';
import { loadConfig } from './config.ts';
import type { ServeConfig } from './config-schema.ts';
import { startServer } from './server.ts';

/** What goes wrong in operation, over real sockets, real workers and real sessions. */

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** A server of one model, `sums`, whose samples are `factor` times known numbers. */
async function serveSums(options: Partial<EngineOptions> = {}, settings: Partial<ServeConfig> = {}) {
  const folder = await modelFolder({ sums: sums(1) });
  const engine = await startEngine(folder, { queueLimit: 1000, ...options });
  const defaults = await loadConfig({ flags: { models: folder, port: '0' } });
  // Every request has to run: none is answered from the cache.
  const quiet = { shutdownGraceMs: 0, logLevel: 'silent', cacheBytes: 0 } as const;
  const config: ServeConfig = { ...defaults, ...quiet, ...settings };
  const server = await startServer(config, { makeEngine: async () => engine });
  cleanUps.push(() => server.kill());
  const ask = (count: number, signal?: AbortSignal) =>
    fetch(`${server.url}/v2/models/sums/infer`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ inputs: [], parameters: { seed: 1, count } }),
      ...(signal && { signal }),
    });
  const values = async (response: Response): Promise<number[]> => {
    const body = (await response.json()) as { outputs?: { data: number[] }[] };
    expect(response.status, JSON.stringify(body)).toBe(200);
    return float32s(body.outputs![0]!.data);
  };
  return { folder, engine, url: server.url, ask, values };
}

const counts = Array.from({ length: 40 }, (_, i) => 1 + (i % 9));

test('a worker killed in a run: each of the clients that wait gets its samples', async () => {
  const { engine, ask, values } = await serveSums();
  const known = await values(await ask(9));
  const { release, first } = await busy(engine, 'sums', 'exit');
  const answers = counts.map(async (count) => values(await ask(count)));
  await vi.waitFor(() => expect(engine.pending().requests).toBeGreaterThan(10), 10_000);
  release();
  for (const [i, answer] of answers.entries()) expect(await answer).toEqual(known.slice(0, counts[i]));
  await first;
  expect(engine.pending()).toMatchObject({ requests: 0, rows: 0, workersAlive: 1 });
});

test('a bundle swapped under load: every answer is one of the two bundles’, none is lost', async () => {
  const { folder, engine, ask, values } = await serveSums({ workers: 2 });
  const known = await values(await ask(9));
  const times = (factor: number, count: number) => known.slice(0, count).map((x) => Math.fround(factor * x));
  const seen = new Set<number>();
  let [latest, loading, over] = [1, 1, false];
  const client = async (number: number) => {
    for (let turn = number; !over; turn++) {
      const count = counts[turn % counts.length]!;
      const before = latest;
      const answer = await values(await ask(count));
      const factor = Math.round(answer[0]! / known[0]!);
      seen.add(factor);
      expect(factor).toBeGreaterThanOrEqual(before);
      expect(factor).toBeLessThanOrEqual(loading);
      expect(answer).toEqual(times(factor, count));
    }
  };
  const clients = Array.from({ length: 6 }, (_, i) => client(i));
  for (loading = 2; loading <= 4; loading++) {
    await writeBundle(join(folder, '.new'), sums(loading));
    await rm(join(folder, 'sums'), { recursive: true });
    await rename(join(folder, '.new'), join(folder, 'sums'));
    expect(await engine.reload()).toEqual([]);
    latest = loading;
    await vi.waitFor(() => expect(seen).toContain(latest));
  }
  loading = 4;
  over = true;
  await Promise.all(clients);
});

test('clients that leave give their places to those that stay', async () => {
  const { engine, ask, values } = await serveSums({ queueLimit: 20 });
  const known = await values(await ask(9));
  const { release, first } = await busy(engine, 'sums');
  const leaving = Array.from({ length: 20 }, () => new AbortController());
  const left = leaving.map(({ signal }) => ask(1, signal).catch((error: Error) => error.name));
  await vi.waitFor(() => expect(engine.pending().rows).toBeGreaterThanOrEqual(20));
  expect((await ask(9)).status).toBe(429);
  for (const controller of leaving) controller.abort();
  expect(await Promise.all(left)).toEqual(leaving.map(() => 'AbortError'));
  await vi.waitFor(() => expect(engine.pending().rows).toBeLessThan(10));
  const stays = ask(9);
  await vi.waitFor(() => expect(engine.pending().requests).toBe(2));
  release();
  expect(await values(await stays)).toEqual(known);
  await first;
  expect(engine.pending()).toMatchObject({ requests: 0, rows: 0 });
});

test('clients that send a byte now and then are cut off, and hold no one up', async () => {
  const { url, ask, values } = await serveSums({}, { headersTimeoutMs: 300, requestTimeoutMs: 600 });
  const known = await values(await ask(9));
  const { hostname, port } = new URL(url);
  const request = 'POST /v2/models/sums/infer HTTP/1.1\r\nHost: a\r\nX-Slow: yes\r\n\r\n';
  const slow = Array.from({ length: 60 }, () => {
    let answer = '';
    const socket = connect(Number(port), hostname);
    let sent = 0;
    // The last bytes never come.
    const timer = setInterval(() => socket.write(request[Math.min(sent++, request.length - 5)]!), 15);
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
    });
    socket.on('error', () => undefined);
    return new Promise<string>((resolve) => {
      socket.once('close', () => {
        clearInterval(timer);
        resolve(answer);
      });
    });
  });
  for (let turn = 0; turn < 30; turn++) expect(await values(await ask(9))).toEqual(known);
  for (const answer of await Promise.all(slow)) expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/);
});

test('a full queue refuses at once, says when to come again, and answers all that it took', async () => {
  const { engine, ask, values } = await serveSums({ queueLimit: 10 });
  const known = await values(await ask(1));
  const { release, first } = await busy(engine, 'sums');
  const answers = Array.from({ length: 40 }, () => ask(1));
  const refused: Response[] = [];
  const taken: Promise<number[]>[] = [];
  for (const answer of answers) {
    void answer.then((response) => {
      if (response.status === 429) refused.push(response);
      else taken.push(values(response));
    });
  }
  // The refusals come while the only worker stands still.
  await vi.waitFor(() => expect(refused.length).toBeGreaterThanOrEqual(25));
  expect(taken).toEqual([]);
  for (const response of refused) {
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(((await response.json()) as { error: string }).error).toMatch(/^[^\n]{10,200}$/);
  }
  release();
  await Promise.all(answers);
  expect(taken.length).toBeGreaterThanOrEqual(10);
  expect(refused.length + taken.length).toBe(40);
  for (const answer of taken) expect(await answer).toEqual(known);
  await first;
});

test('a request that waits too long is a 504, and those after it are answered', async () => {
  const { engine, ask, values, url } = await serveSums();
  const known = await values(await ask(3));
  const { release } = await busy(engine, 'sums');
  const late = await fetch(`${url}/v2/models/sums/infer`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ parameters: { count: 3, timeout: 200_000 } }),
  });
  expect(late.status).toBe(504);
  expect(((await late.json()) as { error: string }).error).toMatch(/200 ms/);
  release();
  await vi.waitFor(() => expect(engine.pending().running).toBe(0));
  expect(await values(await ask(3))).toEqual(known);
});
