import { once } from 'node:events';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { refusal, TestClient } from '../../testing/grpc-client.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import type { ServeConfig } from '../http/config-schema.ts';
import {
  GRPCInferenceService,
  type ModelInferRequest,
  ModelInferRequestSchema,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
} from './inference_pb.ts';

const { modelInfer } = GRPCInferenceService.method;
const int = (value: number) => ({
  parameterChoice: { case: 'int64Param' as const, value: BigInt(value) },
});
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function start(
  settings: Partial<ServeConfig> = {},
): Promise<{ server: TestServer; client: TestClient }> {
  const server = await startTestServer({ grpcPort: 0, ...settings });
  const client = new TestClient(server.grpcAddress!);
  cleanUps.push(
    () => client.close(),
    () => server.end(),
  );
  return { server, client };
}

/** A stream of requests that the client leaves open. */
function openStream({ client }: TestClient) {
  const call = client.makeBidiStreamRequest(
    `/${GRPCInferenceService.typeName}/ModelStreamInfer`,
    (request: ModelInferRequest) => Buffer.from(toBinary(ModelInferRequestSchema, request)),
    (answer) => fromBinary(ModelStreamInferResponseSchema, answer),
  );
  const answers: ModelStreamInferResponse[] = [];
  call.on('data', (answer: ModelStreamInferResponse) => answers.push(answer));
  const ended = new Promise<ServiceError>((resolve) => call.once('error', resolve));
  const ask = (id: string) => call.write(create(ModelInferRequestSchema, { modelName: 'points', id }));
  return { call, answers, ended, ask };
}

describe('the cache of answers', () => {
  it('answers a call that names its seed a second time without a run, and marks it', async () => {
    const { server, client } = await start();
    const ask = (seed: number, metadata = {}) =>
      client.call(modelInfer, { modelName: 'points', parameters: { seed: int(seed) } }, { metadata });
    const first = await ask(3);
    const runs = server.engine.calls.length;
    expect(await ask(3)).toEqual(first);
    expect(server.engine.calls.length).toBe(runs);
    await ask(4);
    await ask(3, { 'cache-control': 'no-store' });
    expect(server.engine.calls.length).toBe(runs + 2);
    const call = client.client.makeUnaryRequest(
      `/${GRPCInferenceService.typeName}/ModelInfer`,
      (request: ModelInferRequest) => Buffer.from(toBinary(ModelInferRequestSchema, request)),
      (bytes) => bytes,
      create(ModelInferRequestSchema, { modelName: 'points', parameters: { seed: int(3) } }),
      () => undefined,
    );
    const [metadata] = await once(call, 'metadata');
    expect(metadata.get('cache-status')).toEqual(['generatrix; hit']);
    const text = await (await server.fetch('/metrics')).text();
    expect(text).toContain('generatrix_cache_requests_total{model="points",result="hit"} 2');
    const stats = await client.call(GRPCInferenceService.method.modelStatistics, { name: 'points' });
    expect(stats.modelStats[0]!.inferenceStats).toMatchObject({
      cacheHit: { count: 2n },
      cacheMiss: { count: 2n },
      success: { count: 5n },
    });
  });

  it('keeps no answer of another bundle than it was asked for, and none without a seed', async () => {
    const { server, client } = await start();
    await client.call(modelInfer, { modelName: 'points' });
    await client.call(modelInfer, { modelName: 'points' });
    expect(server.engine.calls.length).toBe(2);
    const { run } = server.engine;
    server.engine.run = async (request) => ({ ...(await run(request)), digest: 'replaced' });
    const ask = () => client.call(modelInfer, { modelName: 'points', parameters: { seed: int(1) } });
    await ask();
    await ask();
    expect(server.engine.calls.length).toBe(4);
  });

  it('asks for the key before it gives an answer', async () => {
    const { hashKey } = await import('../http/api-key.ts');
    const { client } = await start({ apiKeys: [`alice:${hashKey('secret')}`] });
    const ask = (metadata = {}) =>
      client.call(modelInfer, { modelName: 'points', parameters: { seed: int(1) } }, { metadata });
    await ask({ 'x-api-key': 'secret' });
    expect((await refusal(ask())).code).toBe('UNAUTHENTICATED');
  });
});

describe('shutdown', () => {
  it('ends a stream on which nothing is asked, with a code to try again by', async () => {
    const { server, client } = await start({ shutdownTimeoutMs: 60_000 });
    const { answers, ended, ask } = openStream(client);
    ask('a');
    await vi.waitFor(() => expect(answers.length).toBe(1));
    await server.stop();
    const { code, details } = await ended;
    expect([status[code], details]).toEqual(['UNAVAILABLE', 'the server is shutting down']);
    expect(answers[0]).toMatchObject({ errorMessage: '', inferResponse: { id: 'a' } });
  });

  it('answers first what is asked on a stream', async () => {
    const { server, client } = await start({ shutdownTimeoutMs: 60_000 });
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.engine.before = () => held;
    const { answers, ended, ask } = openStream(client);
    ask('a');
    ask('b');
    await vi.waitFor(() => expect(server.engine.calls.length).toBe(1));
    // The second has arrived with the first.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const stopped = server.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answers.length).toBe(0);
    release();
    expect(status[(await ended).code]).toBe('UNAVAILABLE');
    expect(answers.map(({ inferResponse }) => inferResponse!.id)).toEqual(['a', 'b']);
    await stopped;
  });

  it('cuts a stream whose request is not answered when the time for shutdown is over', async () => {
    const { server, client } = await start({ shutdownTimeoutMs: 100 });
    server.engine.before = () => new Promise<void>(() => undefined);
    const { ended, ask } = openStream(client);
    ask('a');
    await vi.waitFor(() => expect(server.engine.calls.length).toBe(1));
    await server.stop();
    expect(['UNAVAILABLE', 'CANCELLED', 'INTERNAL']).toContain(status[(await ended).code]);
  });
});
