import { request as rawRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSampler } from '../../model/load-node.ts';
import type { Sampler } from '../../model/sampler.ts';
import { startTestServer, type TestServer } from '../../testing/http-server.ts';
import { infer, inferred, labelInput, z, zInput } from '../../testing/infer.ts';

let server: TestServer;
let sampler: Sampler;

beforeAll(async () => {
  server = await startTestServer();
  sampler = await loadSampler(`${server.engine.folder}/points`, { device: 'cpu' });
});
afterAll(async () => {
  await sampler.release();
  await server.end();
});

describe('endpoints', () => {
  it.each([
    [
      '/v2',
      {
        name: 'generatrix',
        version: '0.1.0',
        extensions: ['binary_tensor_data', 'model_repository', 'statistics'],
      },
    ],
    ['/v2/health/live', { live: true }],
    ['/v2/health/ready', { ready: true }],
    ['/v2/models/points/ready', { name: 'points', ready: true }],
    ['/v2/models/points_encode/ready', { name: 'points_encode', ready: true }],
    ['/v2/models/points/versions/1/ready', { name: 'points', ready: true }],
  ])('GET %s', async (path, body) => {
    const response = await server.fetch(path);
    expect([response.status, await response.json()]).toEqual([200, body]);
    expect((await server.fetch(path, { method: 'HEAD' })).status).toBe(200);
  });

  it.each(['/v2/models/points', '/v2/models/points/versions/1', '/v2/models/points_sample'])(
    'GET %s',
    async (path) => {
      const { name, ...metadata } = (await (await server.fetch(path)).json()) as { name: string };
      expect(name).toBe(path.includes('_sample') ? 'points_sample' : 'points');
      expect(metadata).toEqual({
        versions: ['1'],
        platform: 'onnx_onnxv1',
        inputs: [
          {
            name: 'z',
            datatype: 'FP32',
            shape: [-1, 3],
            parameters: { role: 'noise', optional: true, law: 'normal' },
          },
          {
            name: 'label',
            datatype: 'INT32',
            shape: [-1],
            parameters: { role: 'label', optional: true, classes: 2 },
          },
          {
            name: 'temperature',
            datatype: 'FP32',
            shape: [-1, 1],
            parameters: { role: 'scalar', optional: true, default: 1, min: 0, max: 2 },
          },
        ],
        outputs: [
          { name: 'data', datatype: 'FP32', shape: [-1, 3], parameters: { meaning: 'data' } },
          { name: 'level', datatype: 'INT32', shape: [-1], parameters: { meaning: 'label' } },
        ],
      });
    },
  );

  it('POST /v2/repository/index lists every name, and what is refused without saying where it lies', async () => {
    const all = (await (await server.post('/v2/repository/index', {})).json()) as {
      name: string;
      state: string;
    }[];
    expect(all.map(({ name }) => name)).toEqual([
      'points',
      ...['sample', 'encode', 'decode', 'logProb'].map((program) => `points_${program}`),
      'bound',
      'bound_sample',
      'bound_logWeight',
      'coder_encode',
      'broken',
      'spare',
    ]);
    expect(all.at(-1)).toEqual({ name: 'spare', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' });
    expect(JSON.stringify(all)).not.toContain(server.engine.folder);
    const ready = (await (await server.post('/v2/repository/index', { ready: true })).json()) as object[];
    expect(ready.length).toBe(all.length - 2);
    expect((await server.fetch('/v2/repository/index', { method: 'POST' })).status).toBe(200);
  });

  it('POST /v2/repository/models/NAME/load and /unload reach the engine by the name of the bundle', async () => {
    server.engine.events.length = 0;
    const ask = async (path: string) => {
      const response = await server.post(`/v2/repository/models/${path}`, {});
      return [response.status, await response.json()];
    };
    expect(await ask('spare/load')).toEqual([200, {}]);
    expect(await ask('points/unload')).toEqual([200, {}]);
    expect(await ask('nothing/unload')).toEqual([404, { error: "there is no model 'nothing'" }]);
    expect(server.engine.events).toEqual(['load spare', 'unload points']);
  });

  it('ready tells when it is not, and live stays', async () => {
    server.engine.isReady = false;
    expect((await server.fetch('/v2/health/live')).status).toBe(200);
    for (const path of ['/v2/health/ready', '/v2/models/points/ready']) {
      const response = await server.fetch(path);
      expect(response.status).toBe(503);
      expect(await response.json()).toHaveProperty('error');
    }
    server.engine.isReady = true;
  });
});

describe('infer', () => {
  it('with tensors for noise and class is the program itself', async () => {
    const body = await inferred(await server.post(infer(), { id: 'a-1', inputs: [zInput, labelInput] }));
    const { data } = await sampler.sample({ count: 2, seed: 9, label: Int32Array.of(1, 0) });
    expect(body).toEqual({
      model_name: 'points',
      model_version: '1',
      id: 'a-1',
      outputs: [
        { name: 'data', shape: [2, 3], datatype: 'FP32', data: [...data.data] },
        { name: 'level', shape: [2], datatype: 'INT32', data: [1, 0] },
      ],
    });
  });

  it('draws noise that is not given from the seed', async () => {
    const { data } = await sampler.sample({ count: 2, seed: 9, firstIndex: 4, label: 1 });
    const label = { ...labelInput, data: [1, 1] };
    const parameters = { seed: 9, first_index: 4 };
    const body = await inferred(await server.post(infer(), { inputs: [label], parameters }));
    expect(body.outputs[0]!.data).toEqual([...data.data]);
    expect(body.parameters).toEqual({ seed: 9 });
  });

  it('takes the number of rows from parameters where no tensor says it, else 1', async () => {
    const three = await inferred(
      await server.post(infer(), { inputs: [], parameters: { count: 3, seed: 1 } }),
    );
    expect(three.outputs[0]!.data).toEqual([...(await sampler.sample({ count: 3, seed: 1 })).data.data]);
    expect((await inferred(await server.post(infer(), {}))).outputs[0]!.shape).toEqual([1, 3]);
  });

  it('without a Content-Type, as stock clients send it', async () => {
    const body = Buffer.from(JSON.stringify({ inputs: [zInput] }));
    const status = await new Promise((resolve, reject) => {
      const request = rawRequest(server.url + infer(), { method: 'POST' }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      });
      request.once('error', reject).end(body);
    });
    expect(status).toBe(200);
  });

  it('takes nested data, scalars in each form, classes as a column, INT64 for INT32', async () => {
    const { data } = await sampler.sample({
      count: 2,
      seed: 9,
      label: Int32Array.of(1, 0),
      temperature: 0.5,
    });
    const nested = { ...zInput, data: [[...z.slice(0, 3)], [...z.slice(3)]] };
    for (const label of [
      labelInput,
      { ...labelInput, shape: [2, 1], data: [[1], [0]] },
      { ...labelInput, datatype: 'INT64' },
    ]) {
      for (const [shape, values] of [
        [[], [0.5]],
        [[1], [0.5]],
        [[1, 1], [0.5]],
        [
          [2, 1],
          [0.5, 0.5],
        ],
      ] as const) {
        const temperature = { name: 'temperature', shape, datatype: 'FP32', data: values };
        const body = await inferred(await server.post(infer(), { inputs: [nested, label, temperature] }));
        expect(body.outputs[0]!.data).toEqual([...data.data]);
      }
    }
  });

  it('answers with the outputs asked for, in their order', async () => {
    const ask = (...names: string[]) => ({ inputs: [zInput], outputs: names.map((name) => ({ name })) });
    const body = await inferred(await server.post(infer(), ask('level')));
    expect(body.outputs.map(({ name }) => name)).toEqual(['level']);
    const both = await inferred(await server.post(infer(), ask('level', 'data')));
    expect(both.outputs.map(({ name }) => name)).toEqual(['level', 'data']);
  });

  it('of another program by its name, and by version', async () => {
    const inputs = [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }];
    for (const path of [infer('points_encode'), '/v2/models/points_encode/versions/1/infer']) {
      const body = await inferred(await server.post(path, { inputs }));
      expect(body).toMatchObject({ model_name: 'points_encode', outputs: [{ name: 'y', data: [2, 4, 6] }] });
    }
  });

  it('passes a timeout in microseconds on', async () => {
    await server.post(infer(), { inputs: [zInput], parameters: { timeout: 250_000 } });
    expect(server.engine.calls.at(-1)!.timeoutMs).toBe(250);
  });
});

it.each(['load', 'unload'])('%s: refuses a body that is no object, and does nothing', async (action) => {
  server.engine.events.length = 0;
  const response = await server.post(`/v2/repository/models/points/${action}`, [null]);
  expect([response.status, await response.json()]).toEqual([
    400,
    { error: 'the body: expected object, got a list of 1' },
  ]);
  expect(server.engine.events).toEqual([]);
});
