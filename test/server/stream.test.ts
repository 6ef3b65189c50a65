import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { RunningServer } from '@generatrix/runtime/serve';
import { credentials as keys, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, serveFolder, writeServedBundles } from './serve-bundles.ts';

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = await writeServedBundles(['vae', 'pixelcnn', 'wavenet']);
  server = await serveFolder(folder, { grpcPort: 0 });
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

describe('over gRPC, by a client made of the published interface', () => {
  type Choice = {
    readonly int64_param?: number;
    readonly bool_param?: boolean;
    readonly double_param?: number;
  };
  interface Streamed {
    readonly error_message?: string;
    readonly infer_response: {
      readonly id: string;
      readonly parameters: Record<string, Choice>;
      readonly outputs: { readonly name: string; readonly shape: number[] }[];
      readonly raw_output_contents: Buffer[];
    };
  }
  const proto = fileURLToPath(new URL('../../runtime/src/serve/grpc/inference.proto', import.meta.url));

  /** All answers to some requests on one stream. */
  async function streamed(...requests: object[]): Promise<Streamed[]> {
    const options = { keepCase: true, longs: Number, arrays: true, objects: true };
    const { inference } = loadPackageDefinition(loadSync(proto, options));
    const Client = (inference as Record<string, ServiceClientConstructor>).GRPCInferenceService!;
    const client = new Client(server.grpcAddress!, keys.createInsecure());
    const call = client.makeBidiStreamRequest<object, Streamed>(
      Client.service.ModelStreamInfer!.path,
      Client.service.ModelStreamInfer!.requestSerialize,
      Client.service.ModelStreamInfer!.responseDeserialize,
    );
    for (const request of requests) call.write(request);
    call.end();
    const answers = (await call.toArray()) as Streamed[];
    client.close();
    return answers;
  }
  const values = (bytes: Buffer) => [...new Float32Array(new Uint8Array(bytes).buffer)];
  const parameters = { seed: { int64_param: 11 }, count: { int64_param: 2 } };

  it('parts are those of the samples, requests are answered in order, and one that fails ends nothing', async () => {
    const answers = await streamed(
      { model_name: 'wavenet', id: 'a', parameters: { ...parameters, stream: { bool_param: true } } },
      { model_name: 'vae', id: 'b', parameters: { ...parameters, stream: { bool_param: true } } },
      { model_name: 'wavenet', id: 'c', parameters },
    );
    expect(answers.slice(-2).map(({ error_message: error, infer_response: { id } }) => [id, error])).toEqual([
      ['b', 'model vae draws its answer in one piece: it cannot stream'],
      ['c', undefined],
    ]);
    const parts = answers.slice(0, -2).map(({ infer_response: part }) => part);
    const last = parts.map((part) => part.parameters.triton_final_response!.bool_param);
    expect(parts.length).toBeGreaterThan(1);
    expect(last).toEqual([...new Array<boolean>(parts.length - 1).fill(false), true]);
    expect(parts.map((part) => part.parameters.index!.int64_param)).toEqual([...parts.keys()]);
    const whole = answers.at(-1)!.infer_response;
    const at = whole.outputs.findIndex(({ name }) => name === 'data');
    const samples = values(whole.raw_output_contents[at]!);
    const rows = [0, 1].map((row) =>
      parts.flatMap(({ raw_output_contents: [part] }) => {
        const both = values(part!);
        return both.slice((row * both.length) / 2, ((row + 1) * both.length) / 2);
      }),
    );
    expect(rows.flat()).toEqual(samples);
    expect(samples.length).toBeGreaterThan(0);
  });
});

describe("by Triton's and KServe's clients for Python", () => {
  const python = process.env.GENERATRIX_PYTHON ?? 'python3';
  const lacks = (modules: string): boolean => {
    const { status, stderr } = spawnSync(python, ['-c', `import numpy, ${modules}`], { encoding: 'utf8' });
    if (status === 0) return false;
    const reason = (stderr ?? `no ${python}`).trim().split('\n').at(-1);
    console.log(`skipped: needs a Python (GENERATRIX_PYTHON) with ${modules}: ${reason}`);
    return true;
  };
  const found = async (flag?: string, asked = server): Promise<Record<string, Record<string, unknown>>> => {
    const script = fileURLToPath(new URL('clients.py', import.meta.url));
    const at = [new URL(asked.url).host, asked.grpcAddress!, 'wavenet'];
    const flags = flag === undefined ? [] : [flag];
    const { stdout } = await promisify(execFile)(python, [script, ...at, ...flags]);
    return JSON.parse(stdout) as Record<string, Record<string, unknown>>;
  };
  const samples = async () => {
    const { data } = await plain('/v1/models/wavenet/samples', { count: 2, seed: 7, temperature: 0.5 });
    return (data as number[][][]).flat(2);
  };

  it.skipIf(lacks('tritonclient.grpc, tritonclient.http'))('Triton gets the samples of REST', async () => {
    const { http, grpc, stream, statistics, config, index } = await found();
    const data = await samples();
    const refused = expect.stringMatching(/parameters\.count: expected/);
    expect([http, grpc]).toMatchObject(new Array(2).fill({ ready: true, data, refused }));
    expect(grpc!.inputs).toEqual(http!.inputs);
    expect(stream!.data).toEqual(data);
    expect(stream!.parts).toBeGreaterThan(1);
    const counted = { requests: 1, timed: true };
    expect(statistics).toEqual({ http: counted, grpc: counted });
    expect([config, index]).toEqual(['onnxruntime', expect.arrayContaining(['wavenet_sample'])]);
  });

  it.skipIf(lacks('tritonclient.grpc, tritonclient.http'))('Triton loads and unloads models', async () => {
    const explicit = await serveFolder(folder, {
      grpcPort: 0,
      modelControl: 'explicit',
      loadModels: ['vae'],
    });
    const { steps, errors } = await found('--control', explicit).finally(() => explicit.stop());
    const loaded = [['READY'], ['READY'], true];
    const unloaded = [['UNAVAILABLE'], ['UNAVAILABLE'], false];
    expect(steps).toEqual([loaded, unloaded, loaded, unloaded]);
    const missing = "there is no bundle 'nothing' in the models folder";
    expect(errors).toEqual([expect.stringContaining(missing), missing]);
  });

  it.skipIf(lacks('grpc_reflection'))('reflection says what a client in Python needs to know', async () => {
    const { services, methods, fields } = await found('--reflection');
    expect(services).toEqual(
      expect.arrayContaining(['grpc.health.v1.Health', 'inference.GRPCInferenceService']),
    );
    expect(methods).toEqual(expect.arrayContaining(['ModelInfer', 'ModelStatistics', 'ModelStreamInfer']));
    expect(fields).toEqual(expect.arrayContaining(['model_name', 'raw_input_contents']));
  });

  it.skipIf(lacks('kserve'))('KServe gets the samples of REST', async () => {
    expect((await found('--kserve')).kserve).toEqual({ ready: true, data: await samples() });
  });
});
