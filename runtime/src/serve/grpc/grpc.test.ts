import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { setTimeout } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadSampler } from '../../model/load-node.ts';
import type { Sampler } from '../../model/sampler.ts';
import { refusal, TestClient } from '../../testing/grpc-client.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import { infer, inferred, labelInput, z, zInput } from '../../testing/infer.ts';
import { ServeError, type ServeErrorKind } from '../engine/engine.ts';
import { hashKey } from '../http/api-key.ts';
import { GRPCInferenceService, ModelInferRequestSchema, type ModelInferResponse } from './inference_pb.ts';

const { method } = GRPCInferenceService;
let server: TestServer;
let client: TestClient;
let sampler: Sampler;

beforeAll(async () => {
  server = await startTestServer({ grpcPort: 0 });
  client = new TestClient(server.grpcAddress!);
  sampler = await loadSampler(`${server.engine.folder}/points`, { device: 'cpu' });
});
afterAll(async () => {
  client.close();
  await sampler.release();
  await server.end();
});

const int = (value: number | bigint) => ({
  parameterChoice: { case: 'int64Param' as const, value: BigInt(value) },
});
const flag = (value: boolean) => ({ parameterChoice: { case: 'boolParam' as const, value } });
const text = (value: string) => ({ parameterChoice: { case: 'stringParam' as const, value } });
const rawZ = { name: 'z', datatype: 'FP32', shape: [2n, 3n] };
const rawLabel = { name: 'label', datatype: 'INT32', shape: [2n] };
const bytes = (data: Float32Array | Int32Array | BigInt64Array) => new Uint8Array(data.buffer);
/** The output of a name, from raw contents, as REST's JSON has it. */
function output({ outputs, rawOutputContents }: ModelInferResponse, name: string) {
  const at = outputs.findIndex((one) => one.name === name);
  const { datatype, shape } = outputs[at]!;
  const { buffer } = new Uint8Array(rawOutputContents[at]!);
  const data = datatype === 'FP32' ? new Float32Array(buffer) : new Int32Array(buffer);
  return { name, shape: shape.map(Number), datatype, data: [...data] };
}

describe('what a server says of itself', () => {
  it('is what REST says', async () => {
    expect(await client.call(method.serverLive, {})).toMatchObject({ live: true });
    expect(await client.call(method.serverReady, {})).toMatchObject({ ready: true });
    expect(await client.call(method.modelReady, { name: 'points_encode' })).toMatchObject({ ready: true });
    const rest = async (path: string) => (await (await server.fetch(path)).json()) as object;
    expect(await client.call(method.serverMetadata, {})).toMatchObject(await rest('/v2'));
    const metadata = await client.call(method.modelMetadata, { name: 'points' });
    const known = (await rest('/v2/models/points')) as Record<'inputs' | 'outputs', { shape: number[] }[]>;
    const plain = (tensors: typeof metadata.inputs) =>
      tensors.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(Number) }));
    expect({ ...metadata, inputs: plain(metadata.inputs), outputs: plain(metadata.outputs) }).toMatchObject({
      ...known,
      inputs: known.inputs.map(
        ({ parameters: _, ...input }: { shape: number[]; parameters?: unknown }) => input,
      ),
      outputs: known.outputs.map(
        ({ parameters: _, ...one }: { shape: number[]; parameters?: unknown }) => one,
      ),
    });
  });

  it('follows readiness, in the health service at once', async () => {
    const health = () =>
      new Promise((resolve, reject) => {
        client.client.makeUnaryRequest(
          '/grpc.health.v1.Health/Check',
          () => Buffer.from([]),
          (answer) => answer[1],
          {},
          (error, answer) => (error ? reject(error) : resolve(answer)),
        );
      });
    expect(await health()).toBe(1);
    server.engine.isReady = false;
    expect(await health()).toBe(2);
    expect(await client.call(method.serverReady, {})).toMatchObject({ ready: false });
    expect(await client.call(method.modelReady, { name: 'points' })).toMatchObject({ ready: false });
    server.engine.isReady = true;
    expect(await health()).toBe(1);
  });

  it('loads and unloads bundles by name', async () => {
    server.engine.events.length = 0;
    await client.call(method.repositoryModelLoad, { modelName: 'spare' });
    await client.call(method.repositoryModelUnload, { modelName: 'points' });
    expect(server.engine.events).toEqual(['load spare', 'unload points']);
    await expect(client.call(method.repositoryModelUnload, { modelName: 'nothing' })).rejects.toMatchObject({
      code: 5,
      details: "there is no model 'nothing'",
    });
  });

  it('model config has the dimensions of one row, and says what may be left out', async () => {
    const { config } = await client.call(method.modelConfig, { name: 'points' });
    expect(config).toMatchObject({ name: 'points', backend: 'onnxruntime', maxBatchSize: 1024 });
    const ports = config!.input.map(({ name, dataType, dims, optional }) => [name, dataType, dims, optional]);
    expect(ports).toEqual([
      ['z', 11, [3n], true],
      ['label', 8, [], true],
      ['temperature', 11, [1n], true],
    ]);
  });
});

describe('inference', () => {
  it('gives what REST gives for the same seed, raw', async () => {
    const parameters = { seed: int(42), first_index: int(3), count: int(5) };
    const answer = await client.call(method.modelInfer, { modelName: 'points', id: 'a7', parameters });
    const rest = await inferred(
      await server.post(infer(), { id: 'a7', parameters: { seed: 42, first_index: 3, count: 5 } }),
    );
    expect([answer.modelName, answer.modelVersion, answer.id]).toEqual(['points', '1', 'a7']);
    expect(answer.parameters.seed!.parameterChoice).toEqual({ case: 'int64Param', value: 42n });
    expect(rest.outputs.map(({ name }) => output(answer, name))).toEqual(rest.outputs);
  });

  it.each([
    ['raw', { inputs: [rawZ, rawLabel], rawInputContents: [bytes(z), bytes(Int32Array.of(1, 0))] }],
    [
      'in typed fields',
      {
        inputs: [
          { ...rawZ, contents: { fp32Contents: [...z] } },
          { ...rawLabel, contents: { intContents: [1, 0] } },
        ],
      },
    ],
    [
      'with wide integers',
      {
        inputs: [
          { ...rawZ, contents: { fp32Contents: [...z] } },
          { ...rawLabel, datatype: 'INT64', contents: { int64Contents: [1n, 0n] } },
        ],
      },
    ],
  ])('takes tensors %s', async (_, request) => {
    const answer = await client.call(method.modelInfer, { modelName: 'points', ...request });
    const rest = await inferred(await server.post(infer(), { inputs: [zInput, labelInput] }));
    expect(rest.outputs.map(({ name }) => output(answer, name))).toEqual(rest.outputs);
    expect(answer.parameters).toEqual({});
  });

  it('answers in typed fields when asked, with the outputs asked for', async () => {
    const answer = await client.call(method.modelInfer, {
      modelName: 'points',
      parameters: { seed: int(1), binary_data_output: flag(false) },
      outputs: [{ name: 'level' }, { name: 'data' }],
    });
    const { data, level } = await sampler.run('sample', { count: 1, seed: 1, firstIndex: 0 });
    expect(answer.rawOutputContents).toEqual([]);
    expect(answer.outputs.map(({ name, contents }) => [name, contents])).toMatchObject([
      ['level', { intContents: [...level!.data] }],
      ['data', { fp32Contents: [...data!.data] }],
    ]);
  });

  it('seeds have 64 bits', async () => {
    const seed = 2n ** 64n - 1n;
    const given = [text(String(seed)), { parameterChoice: { case: 'uint64Param' as const, value: seed } }];
    const answers = await Promise.all(
      given.map((one) => client.call(method.modelInfer, { modelName: 'points', parameters: { seed: one } })),
    );
    const { data } = await sampler.run('sample', { count: 1, seed, firstIndex: 0 });
    for (const answer of answers) {
      expect(output(answer, 'data').data).toEqual([...data!.data]);
      expect(answer.parameters.seed!.parameterChoice).toEqual({ case: 'stringParam', value: String(seed) });
    }
  });
});

describe('a call that is refused', () => {
  it.each([
    [{ modelName: 'nobody' }, 'NOT_FOUND', "there is no model 'nobody'"],
    [{ modelName: 'points', modelVersion: '2' }, 'NOT_FOUND', /model 'points'/],
    [
      { modelName: 'points', inputs: [{ ...rawZ, shape: [2n, 4n] }], rawInputContents: [bytes(z)] },
      'INVALID_ARGUMENT',
      "input 'z': FP32 [2,4] needs 32 bytes, got 24",
    ],
    [
      { modelName: 'points', inputs: [rawZ, rawLabel], rawInputContents: [bytes(z)] },
      'INVALID_ARGUMENT',
      'raw_input_contents: expected 2, one for each input, got 1',
    ],
    [
      {
        modelName: 'points',
        inputs: [{ ...rawZ, contents: { fp32Contents: [1] } }],
        rawInputContents: [bytes(z)],
      },
      'INVALID_ARGUMENT',
      "input 'z': contents and raw_input_contents are both given",
    ],
    [{ modelName: 'points', parameters: { count: int(2000) } }, 'INVALID_ARGUMENT', /count: expected/],
    [{ modelName: 'points', outputs: [{ name: 'no' }] }, 'INVALID_ARGUMENT', /has no output 'no'/],
    [{ modelName: 'points', inputs: [{ name: 'constructor' }] }, 'INVALID_ARGUMENT', /datatype/],
  ])('by what is wrong with it: %#', async (request, code, details) => {
    expect(await refusal(client.call(method.modelInfer, request))).toEqual({
      code,
      details: typeof details === 'string' ? details : expect.stringMatching(details),
    });
  });

  it.each<[ServeErrorKind, string]>([
    ['overloaded', 'RESOURCE_EXHAUSTED'],
    ['timeout', 'DEADLINE_EXCEEDED'],
    ['unavailable', 'UNAVAILABLE'],
    ['internal', 'INTERNAL'],
  ])('when the engine says %s', async (kind, code) => {
    server.engine.before = () => {
      throw new ServeError(kind, 'why', 3);
    };
    const { details, ...refused } = await refusal(client.call(method.modelInfer, { modelName: 'points' }));
    server.engine.before = undefined;
    expect(refused).toEqual({ code });
    expect(details === 'why').toBe(kind !== 'internal');
  });

  it('before its message is built, when it has more than any request needs', async () => {
    const send = (message: Uint8Array) => refusal(client.send(method.modelInfer, message));
    // `inputs: [{}, {}, ...]`, two bytes each.
    expect(await send(Uint8Array.from({ length: 1e6 }, (_, i) => (i % 2 ? 0 : 0x2a)))).toEqual({
      code: 'INVALID_ARGUMENT',
      details: 'the message has more than 4096 fields',
    });
    const many = { inputs: [{ ...rawLabel, contents: { intContents: new Array(20_000).fill(1) } }] };
    expect(await send(toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, many)))).toEqual({
      code: 'INVALID_ARGUMENT',
      details: expect.stringMatching(/^the message has more than the \d+ values that a request can need$/),
    });
    expect(await send(Uint8Array.of(0x2a, 0x7f))).toEqual({
      code: 'INVALID_ARGUMENT',
      details: 'the message is not of the type inference.ModelInferRequest',
    });
  });

  it('that nobody waits for any more frees its place', async () => {
    let aborted: (() => void) | undefined;
    const left = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    server.engine.before = ({ signal }) =>
      new Promise((_, reject) => {
        signal!.addEventListener('abort', () => {
          aborted!();
          reject(new ServeError('cancelled', 'the request was cancelled'));
        });
      });
    const call = client.call(method.modelInfer, { modelName: 'points' }, { timeoutMs: 50 });
    expect(await refusal(call)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await left;
    server.engine.before = undefined;
  });
});

describe('limits', () => {
  let guarded: TestServer;
  let guest: TestClient;
  beforeAll(async () => {
    const apiKeys = [`alice:${hashKey('secret')}`];
    guarded = await startTestServer({ grpcPort: 0, apiKeys, rateLimitPerMinute: 3, maxBodyBytes: 4096 });
    guest = new TestClient(guarded.grpcAddress!);
  });
  afterAll(async () => {
    guest.close();
    await guarded.end();
  });

  it('a key is asked for, as REST does, and its requests are counted with those of REST', async () => {
    const ask = (metadata: Record<string, string>) =>
      guest.call(method.serverMetadata, {}, { metadata: { ...metadata, 'x-request-id': 'r1' } });
    expect(await refusal(ask({}))).toEqual({
      code: 'UNAUTHENTICATED',
      details: 'an API key is needed: send Authorization: Bearer KEY',
    });
    expect(await refusal(ask({ 'x-api-key': 'wrong' }))).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await guest.call(method.serverLive, {})).toMatchObject({ live: true });
    expect(await ask({ authorization: 'Bearer secret' })).toMatchObject({ name: 'generatrix' });
    expect((await guarded.fetch('/v2', { headers: { 'X-API-Key': 'secret' } })).status).toBe(200);
    await ask({ 'x-api-key': 'secret' });
    expect(await refusal(ask({ 'x-api-key': 'secret' }))).toEqual({
      code: 'RESOURCE_EXHAUSTED',
      details: 'more than 3 requests in a minute; try again later',
    });
    const lines = guarded.log.filter(({ method: kind }) => kind === 'gRPC');
    expect(
      lines.filter(({ key }) => key === 'alice').map(({ code, requestId }) => [code, requestId]),
    ).toEqual([
      ['OK', 'r1'],
      ['OK', 'r1'],
      ['RESOURCE_EXHAUSTED', 'r1'],
    ]);
  });

  it('messages have a size, compressed or not', async () => {
    const large = new Uint8Array(5000);
    expect(await refusal(guest.send(method.serverLive, large))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    const zipping = new TestClient(guarded.grpcAddress!, { 'grpc.default_compression_algorithm': 2 });
    expect(await zipping.call(method.serverLive, {})).toMatchObject({ live: true });
    expect(await refusal(zipping.send(method.serverLive, large))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    zipping.close();
  });
});

describe('an answer that is not read', () => {
  let strict: TestServer;
  let session: ClientHttp2Session;
  beforeAll(async () => {
    strict = await startTestServer({ grpcPort: 0, timeoutMs: 1000, maxCount: 8192 });
  });
  afterAll(() => strict.end());
  beforeEach(() => {
    // No stream of the session may be sent a byte of its answer.
    session = connect(`http://${strict.grpcAddress}`, { settings: { initialWindowSize: 0 } });
  });
  afterEach(() => session.destroy());

  const held = async () =>
    /^generatrix_answer_bytes (\d+)$/m.exec(await (await strict.fetch('/metrics')).text())?.[1];
  const ask = (): ClientHttp2Stream => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/inference.GRPCInferenceService/ModelInfer',
      'content-type': 'application/grpc',
    });
    const parameters = { count: int(8192), seed: int(1) };
    const message = create(ModelInferRequestSchema, { modelName: 'points', parameters });
    const body = toBinary(ModelInferRequestSchema, message);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    return stream.on('error', () => {}).end(Buffer.concat([head, body]));
  };

  it('keeps its memory counted until its client is cut off', async () => {
    const closed = once(session, 'close');
    await once(ask(), 'response');
    expect(Number(await held())).toBeGreaterThan(8192 * 3 * 4);
    await closed;
    expect(await held()).toBe('0');
    expect(strict.log).toContainEqual(
      expect.objectContaining({ level: 'warn', msg: 'the answer is not sent within 1000 ms' }),
    );
  });

  it('and that its client gives up, frees its memory and leaves the connection alone', async () => {
    const stream = ask();
    await once(stream, 'response');
    stream.close(constants.NGHTTP2_CANCEL);
    await vi.waitFor(async () => expect(await held()).toBe('0'));
    await setTimeout(1200);
    expect(session.destroyed).toBe(false);
    await once(ask(), 'response');
  });
});
