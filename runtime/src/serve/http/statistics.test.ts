import { expect, it, vi } from 'vitest';
import { type EngineServer, serveEngine } from '../../testing/engine-server.ts';
import { refusal, TestClient } from '../../testing/grpc-client.ts';
import { modelFolder, points } from '../../testing/serving-engine.ts';
import { GRPCInferenceService } from '../grpc/inference_pb.ts';
import { hashKey } from './api-key.ts';

type Figures = Record<string, unknown>;
interface Shown {
  readonly models: (Figures & { readonly name: string; readonly programs: Record<string, Figures> })[];
}
interface Stats {
  readonly model_stats: {
    readonly name: string;
    readonly inference_count: number;
    readonly execution_count: number;
    readonly inference_stats: Record<string, { readonly count: number; readonly ns: number }>;
    readonly batch_stats: {
      readonly batch_size: number;
      readonly compute_infer: { readonly count: number };
    }[];
  }[];
}

const get = async <T>(server: EngineServer, path: string) =>
  (await (await fetch(server.url + path)).json()) as T;

/** The figures of a model, once so many requests to it are over: they end after their answers. */
async function figuresOf(server: EngineServer, model: string, requests: number) {
  return vi.waitFor(async () => {
    const found = (await get<Shown>(server, '/stats')).models.find(({ name }) => name === model)!;
    expect(found.requests).toBe(requests);
    return found;
  });
}

it('counts requests, failures, rows, runs, time and what the cache answered, by model and program', async () => {
  const folder = await modelFolder({ a: points(['sample', 'encode']), b: points() });
  const server = await serveEngine(folder, { grpcPort: 0 });
  const samples = (body: object) => server.post('/v1/models/a/samples', body);
  // Two requests wait for the worker, and are one run.
  const release = server.engine.hold(0);
  const first = server.post('/v1/models/b/samples', {});
  await vi.waitFor(() => expect(server.engine.pending().running).toBe(1));
  const together = [samples({ count: 2 }), samples({ count: 3 })];
  await vi.waitFor(() => expect(server.engine.pending().rows).toBe(5));
  await new Promise((resolve) => setTimeout(resolve, 30));
  release();
  await Promise.all([first, ...together]);
  expect((await samples({ seed: 1 })).status).toBe(200);
  expect((await samples({ seed: 1 })).headers.get('Cache-Status')).toBe('generatrix; hit');
  expect((await samples({ count: -1 })).status).toBe(400);
  expect((await server.post('/v2/models/a_encode/infer', { inputs: [] })).status).toBe(400);
  expect((await server.post('/v1/models/nothing/samples', {})).status).toBe(404);
  const a = await figuresOf(server, 'a', 6);
  expect(a).toMatchObject({ version: '1', failures: 2, rows: 6, runs: 2, cache_hits: 1, cache_misses: 1 });
  expect(a.programs).toMatchObject({
    sample: { requests: 4, failures: 0, rows: 6, runs: 2, cache_hits: 1 },
    encode: { requests: 1, failures: 1, rows: 0, runs: 0, last_answer: null },
  });
  // Two requests, 30 ms each at least.
  expect(a.queue_seconds).toBeGreaterThan(0.05);
  expect(a.compute_seconds).toBeGreaterThan(0);
  expect(a.serialise_seconds).toBeGreaterThan(0);
  expect(Date.now() - Date.parse(String(a.last_answer))).toBeLessThan(60_000);
  expect(await figuresOf(server, 'b', 1)).toMatchObject({ rows: 1, runs: 1, failures: 0 });

  const { model_stats: stats } = await get<Stats>(server, '/v2/models/a/stats');
  expect(stats).toMatchObject([
    {
      name: 'a',
      version: '1',
      inference_count: 6,
      execution_count: 2,
      inference_stats: {
        success: { count: 4 },
        fail: { count: 0, ns: 0 },
        queue: { count: 3 },
        compute_infer: { count: 3 },
        compute_output: { count: 3 },
        cache_hit: { count: 1 },
        cache_miss: { count: 1 },
      },
      batch_stats: [
        { batch_size: 1, compute_infer: { count: 1 } },
        { batch_size: 5, compute_infer: { count: 1 } },
      ],
    },
  ]);
  const { success, queue, compute_infer: run, compute_output: written } = stats[0]!.inference_stats;
  expect(success!.ns).toBeGreaterThan(queue!.ns + run!.ns + written!.ns);
  expect((await get<Stats>(server, '/v2/models/a/versions/1/stats')).model_stats).toEqual(stats);
  const all = (await get<Stats>(server, '/v2/models/stats')).model_stats;
  expect(all.map(({ name }) => name)).toEqual(['a', 'a_sample', 'a_encode', 'b', 'b_sample']);
  expect((await fetch(`${server.url}/v2/models/nothing/stats`)).status).toBe(404);

  const client = new TestClient(server.grpcAddress!);
  const { modelStatistics, modelInfer } = GRPCInferenceService.method;
  /** The figures of gRPC as REST's JSON has them. */
  const overGrpc = async (name: string) => {
    const { modelStats } = await client.call(modelStatistics, { name });
    return modelStats.map(({ name: of, inferenceCount, executionCount, inferenceStats, batchStats }) => ({
      name: of,
      inference_count: Number(inferenceCount),
      execution_count: Number(executionCount),
      success: Number(inferenceStats!.success!.count),
      queue_ns: Number(inferenceStats!.queue!.ns),
      written_ns: Number(inferenceStats!.computeOutput!.ns),
      hits: Number(inferenceStats!.cacheHit!.count),
      batches: batchStats.map(({ batchSize }) => Number(batchSize)),
    }));
  };
  const ofRest = {
    name: 'a',
    inference_count: 6,
    execution_count: 2,
    success: 4,
    queue_ns: queue!.ns,
    written_ns: written!.ns,
    hits: 1,
    batches: [1, 5],
  };
  expect(await overGrpc('a')).toEqual([ofRest]);
  expect(await refusal(client.call(modelStatistics, { name: 'nothing' }))).toMatchObject({
    code: 'NOT_FOUND',
  });
  await client.call(modelInfer, { modelName: 'a' });
  // Requests on a stream are counted one by one, those that fail too.
  await client.stream([{ modelName: 'a' }, { modelName: 'a', inputs: [{ name: 'x' }] }, { modelName: 'a' }]);
  const after = await figuresOf(server, 'a', 10);
  expect(after).toMatchObject({ failures: 3, rows: 9 });
  expect((await overGrpc(''))[0]).toMatchObject({ name: 'a', inference_count: 9, success: 7 });
  client.close();
});

it('GET /config says what is in force for each model, and no key and no path', async () => {
  const folder = await modelFolder({ a: points(), b: points() });
  const server = await serveEngine(folder, {
    apiKeys: [`alice:${hashKey('secret')}`],
    modelSettings: { a: { maxCount: 7, priority: 2 } },
  });
  expect((await fetch(`${server.url}/config`)).status).toBe(401);
  expect((await fetch(`${server.url}/stats`)).status).toBe(401);
  const response = await fetch(`${server.url}/config`, { headers: { 'X-API-Key': 'secret' } });
  const text = await response.text();
  expect(text).not.toContain(hashKey('secret'));
  expect(text).not.toContain(folder);
  const standard = {
    ...{ maxCount: 1024, maxBatch: 64, maxWaitMs: 5, queueLimit: 4096, timeoutMs: 30_000 },
    ...{ workers: 1, priority: 0 },
  };
  expect(JSON.parse(text)).toMatchObject({
    settings: { workers: 1, device: 'cpu', maxCount: 1024, grpcPort: null },
    tls: false,
    api_keys: ['alice'],
    models: { a: { ...standard, maxCount: 7, priority: 2 }, b: standard },
  });
});
