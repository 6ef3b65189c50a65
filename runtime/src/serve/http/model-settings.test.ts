import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { UserError } from '../../errors.ts';
import { type EngineServer, serveEngine } from '../../testing/engine-server.ts';
import { refusal, TestClient } from '../../testing/grpc-client.ts';
import { modelFolder, points } from '../../testing/serving-engine.ts';
import { GRPCInferenceService } from '../grpc/inference_pb.ts';
import { loadConfig } from './config.ts';
import type { ServeConfig } from './config-schema.ts';

const draw = (server: EngineServer, model: string, count = 1) =>
  server.post(`/v1/models/${model}/samples`, { count });
const sentence = async (response: Response) => ((await response.json()) as { error: string }).error;

/** A server of the models a and b. */
async function serveTwo(
  a: ServeConfig['modelSettings'][string],
  { b, ...settings }: Partial<ServeConfig> & { b?: ServeConfig['modelSettings'][string] } = {},
): Promise<EngineServer> {
  const folder = await modelFolder({ a: points(['sample', 'encode', 'logProb']), b: points() });
  return serveEngine(folder, { ...settings, modelSettings: { a, ...(b && { b }) } });
}

/** Waits until so many rows wait for a worker. */
const waiting = (server: EngineServer, rows: number) =>
  vi.waitFor(() => expect(server.engine.pending().rows).toBe(rows));
const running = (server: EngineServer, batches: number) =>
  vi.waitFor(() => expect(server.engine.pending().running).toBe(batches));

describe('a model with settings of its own', () => {
  it('maxCount: is refused more rows where others are not, whatever asks', async () => {
    const server = await serveTwo({ maxCount: 2 }, { maxCount: 6, b: { maxCount: 9 }, grpcPort: 0 });
    expect((await draw(server, 'a', 2)).status).toBe(200);
    const over = await draw(server, 'a', 3);
    expect([over.status, await sentence(over)]).toEqual([400, 'count: expected number to be <=2, got 3']);
    expect((await draw(server, 'b', 9)).status).toBe(200);
    expect((await draw(server, 'b', 10)).status).toBe(400);
    expect((await fetch(`${server.url}/v1/models/a/samples?count=3`)).status).toBe(400);
    const encode = await server.post('/v1/models/a/encode', { data: new Array(3).fill([1, 2, 3]) });
    expect([encode.status, await sentence(encode)]).toEqual([
      400,
      'data: expected at most 2 examples, got 3',
    ]);
    const infer = (model: string, count: number) =>
      server.post(`/v2/models/${model}/infer`, { inputs: [], parameters: { count } });
    expect((await infer('a', 3)).status).toBe(400);
    expect((await infer('b', 9)).status).toBe(200);
    const client = new TestClient(server.grpcAddress!);
    const { modelInfer } = GRPCInferenceService.method;
    const ask = (modelName: string, count: bigint) =>
      client.call(modelInfer, {
        modelName,
        parameters: { count: { parameterChoice: { case: 'int64Param', value: count } } },
      });
    expect(await refusal(ask('a', 3n))).toEqual({
      code: 'INVALID_ARGUMENT',
      details: 'parameters.count: expected number to be <=2, got 3',
    });
    expect((await ask('b', 9n)).outputs[0]!.shape[0]).toBe(9n);
    client.close();
  });

  it('queueLimit: gets 429 when so many of its rows wait, while others queue on', async () => {
    const server = await serveTwo({ queueLimit: 2 });
    const release = server.engine.hold(0);
    const first = draw(server, 'b');
    await running(server, 1);
    const queued = [draw(server, 'a'), draw(server, 'a')];
    await waiting(server, 2);
    const full = await draw(server, 'a');
    expect([full.status, full.headers.get('Retry-After'), await sentence(full)]).toEqual([
      429,
      '1',
      'the queue of model a is full (2 rows wait): try again later',
    ]);
    const other = draw(server, 'b', 3);
    await waiting(server, 5);
    release();
    const answers = await Promise.all([first, other, ...queued]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it('timeoutMs: gets 504 after a time of its own, shorter or longer than that of others', async () => {
    const server = await serveTwo({ timeoutMs: 50 }, { timeoutMs: 300, b: { timeoutMs: 60_000 } });
    const release = server.engine.hold(0);
    const long = draw(server, 'b');
    await running(server, 1);
    const late = await draw(server, 'a');
    expect([late.status, await sentence(late)]).toEqual([504, 'no answer within 50 ms']);
    // Longer than the time of all others, and the time to send an answer with it.
    await new Promise((resolve) => setTimeout(resolve, 600));
    release();
    expect((await long).status).toBe(200);
  });

  it('maxBatch: its requests share no larger run', async () => {
    const server = await serveTwo({ maxBatch: 2 });
    const runs = async (model: string) => {
      const release = server.engine.hold(0);
      const first = draw(server, 'b');
      await running(server, 1);
      const queued = Array.from({ length: 6 }, () => draw(server, model));
      await waiting(server, 6);
      release();
      await Promise.all([first, ...queued]);
      const text = await (await fetch(`${server.url}/metrics`)).text();
      const rows = [...text.matchAll(/^generatrix_batch_rows_bucket\{le="(\d+)",model="(\w)".*\} (\d+)$/gm)];
      const counts = rows.flatMap(([, le, of, count]) => (of === model ? [[Number(le), Number(count)]] : []));
      return counts.find(([le]) => le === 2)![1];
    };
    expect(await runs('a')).toBe(6);
    // b's first request was by itself, its six were one run.
    expect(await runs('b')).toBe(2);
  });

  it('workers: runs in so many of them, and leaves the others to others', async () => {
    const server = await serveTwo({ workers: 1 }, { workers: 2, b: { workers: 1 } });
    const release = server.engine.hold(0);
    const held = draw(server, 'a');
    await running(server, 1);
    const second = draw(server, 'a');
    await waiting(server, 1);
    // The other worker is idle, and has b alone.
    expect((await draw(server, 'b')).status).toBe(200);
    expect(server.engine.pending()).toMatchObject({ rows: 1, running: 1 });
    release();
    expect((await Promise.all([held, second])).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('priority: goes first, whoever came before', async () => {
    const server = await serveTwo({ priority: 1 });
    const release = server.engine.hold(0);
    const first = draw(server, 'b');
    await running(server, 1);
    const order: string[] = [];
    const asked = ['b', 'b', 'a'].map(async (model, i) => {
      await waiting(server, 64 * i);
      await server.engine.run({
        model,
        program: 'sample',
        sources: { seed: 1, firstIndex: 0, count: 64 },
      });
      order.push(model);
    });
    await waiting(server, 192);
    release();
    await Promise.all([first, ...asked]);
    expect(order).toEqual(['a', 'b', 'b']);
  });
});

describe('wrong settings are refused in one line', () => {
  it.each([
    ['{"a": {"maxCout": 1}}', '--model-settings.a.maxCout: there is no such setting'],
    ['{"a": {"maxCount": 0}}', '--model-settings.a.maxCount: expected number to be >=1, got 0'],
    ['{"a": {"timeoutMs": "1s"}}', '--model-settings.a.timeoutMs: expected number, got "1s"'],
    ['{"a": 3}', '--model-settings.a: expected object, got 3'],
    ['a=3', '--model-settings: expected record, got "a=3"'],
  ])('%s', async (modelSettings, message) => {
    await expect(loadConfig({ flags: { models: 'm', modelSettings } })).rejects.toThrow(
      new UserError(message),
    );
  });

  it('in a file, by its name and place', async () => {
    const folder = await modelFolder();
    const file = join(folder, 'serve.json');
    await writeFile(file, '{"models": "m", "modelSettings": {"a": {"priority": 0.5}}}');
    await expect(loadConfig({ file })).rejects.toThrow(
      new UserError(`${file}: modelSettings.a.priority: expected int, got 0.5`),
    );
    await writeFile(file, '{"models": "m", "modelSettings": {"a": {"priority": 2}}}');
    expect((await loadConfig({ file })).modelSettings).toEqual({ a: { priority: 2 } });
  });

  it.each([
    [
      { a: { workers: 3 } },
      /^modelSettings\.a\.workers: expected at most 1, the workers of the server, got 3$/,
    ],
    [{ a: { queueLimit: 10_000 } }, /^modelSettings\.a\.queueLimit: expected at most 4096, .*, got 10000$/],
    [{ c: { maxCount: 3 } }, /^modelSettings\.c: models folder \S+ has no such bundle \(it has: a\)$/],
  ])('when the server starts: %j', async (modelSettings, message) => {
    const folder = await modelFolder({ a: points() });
    await expect(serveEngine(folder, { modelSettings })).rejects.toThrow(message);
  });
});
