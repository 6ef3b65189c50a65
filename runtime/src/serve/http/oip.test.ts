import { request as rawRequest } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSampler } from '../../load-node.ts';
import { fillNoise } from '../../noise.ts';
import type { Sampler } from '../../sampler.ts';
import { ServeError } from '../engine/engine.ts';
import { startTestServer, type TestServer } from './test-server.ts';

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

const infer = (model = 'points') => `/v2/models/${model}/infer`;
const z = fillNoise({ law: 'normal', seed: 9, stream: 'sample/z', firstIndex: 0, count: 2, shape: [3] });
const zInput = { name: 'z', shape: [2, 3], datatype: 'FP32', data: [...z] };
const labelInput = { name: 'label', shape: [2], datatype: 'INT32', data: [1, 0] };

interface Output {
  name: string;
  shape: number[];
  datatype: string;
  data?: unknown[];
  parameters?: { binary_data_size: number };
}
interface Inferred {
  model_name: string;
  model_version: string;
  id?: string;
  parameters?: Record<string, unknown>;
  outputs: Output[];
}

async function inferred(response: Response): Promise<Inferred> {
  const body = (await response.json()) as Inferred;
  expect(response.status, JSON.stringify(body)).toBe(200);
  return body;
}

/** A body of the binary extension. */
function binaryBody(
  json: object,
  ...tensors: Uint8Array[]
): { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> } {
  const head = Buffer.from(JSON.stringify(json));
  const body = new Uint8Array(Buffer.concat([head, ...tensors]));
  return { body, headers: { 'Inference-Header-Content-Length': String(head.length) } };
}

const bytesOf = (values: Float32Array | Int32Array | BigInt64Array) => new Uint8Array(values.buffer);

describe('endpoints', () => {
  it.each([
    ['/v2', { name: 'generatrix', version: '0.1.0', extensions: ['binary_tensor_data', 'model_repository'] }],
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
    ]);
    expect(JSON.stringify(all)).not.toContain(server.engine.folder);
    const ready = (await (await server.post('/v2/repository/index', { ready: true })).json()) as object[];
    expect(ready.length).toBe(all.length - 1);
    expect((await server.fetch('/v2/repository/index', { method: 'POST' })).status).toBe(200);
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

describe('binary tensor data', () => {
  const inputs = [
    { name: 'z', shape: [2, 3], datatype: 'FP32', parameters: { binary_data_size: 24 } },
    { name: 'label', shape: [2], datatype: 'INT64', parameters: { binary_data_size: 16 } },
  ];
  const tensors = [bytesOf(z), bytesOf(BigInt64Array.of(1n, 0n))];

  it('goes both ways', async () => {
    const { data } = await sampler.sample({ count: 2, seed: 9, label: Int32Array.of(1, 0) });
    const response = await server.fetch(infer(), {
      method: 'POST',
      ...binaryBody({ inputs, parameters: { binary_data_output: true } }, ...tensors),
    });
    expect(response.headers.get('Content-Type')).toBe('application/octet-stream');
    const length = Number(response.headers.get('Inference-Header-Content-Length'));
    const bytes = new Uint8Array(await response.arrayBuffer());
    const head = JSON.parse(Buffer.from(bytes.subarray(0, length)).toString()) as Inferred;
    expect(head.outputs).toEqual([
      { name: 'data', shape: [2, 3], datatype: 'FP32', parameters: { binary_data_size: 24 } },
      { name: 'level', shape: [2], datatype: 'INT32', parameters: { binary_data_size: 8 } },
    ]);
    expect(new Float32Array(bytes.slice(length, length + 24).buffer)).toEqual(data.data);
    expect(new Int32Array(bytes.slice(length + 24).buffer)).toEqual(Int32Array.of(1, 0));
  });

  it('may be wanted of one output only, and mixed with JSON', async () => {
    const outputs = [{ name: 'data' }, { name: 'level', parameters: { binary_data: true } }];
    const response = await server.post(infer(), { inputs: [zInput, labelInput], outputs });
    const length = Number(response.headers.get('Inference-Header-Content-Length'));
    const bytes = Buffer.from(await response.arrayBuffer());
    const head = JSON.parse(bytes.subarray(0, length).toString()) as Inferred;
    expect(head.outputs[0]!.data).toHaveLength(6);
    expect(bytes.length - length).toBe(8);
  });

  it('with gzip, whose lengths are those of what is packed', async () => {
    const { body, headers } = binaryBody({ inputs }, ...tensors);
    const response = await server.fetch(infer(), {
      method: 'POST',
      body: new Uint8Array(gzipSync(body)),
      headers: { ...headers, 'Content-Encoding': 'gzip' },
    });
    expect(response.status).toBe(200);
  });

  it.each([
    ['more bytes than said', [...tensors, new Uint8Array(3)], {}, /^the body has 3 bytes more/],
    ['fewer bytes', [tensors[0]!], {}, /^input 'label': its 16 bytes go beyond the body's end$/],
    [
      'a header beyond the body',
      tensors,
      { 'Inference-Header-Content-Length': '99999' },
      /from 1 to the body's/,
    ],
    ['a header that is no number', tensors, { 'Inference-Header-Content-Length': '1e3' }, /got '1e3'$/],
    ['a negative header', tensors, { 'Inference-Header-Content-Length': '-1' }, /got '-1'$/],
    [
      'NaN',
      [bytesOf(z.map(() => Number.NaN)), tensors[1]!],
      {},
      /^input 'z': expected finite numbers, got NaN$/,
    ],
    [
      'an INT64 beyond 32 bits',
      [tensors[0]!, bytesOf(BigInt64Array.of(1n << 40n, 0n))],
      {},
      /^input 'label': 1099511627776 does not fit in 32 bits/,
    ],
  ] as [string, Uint8Array[], Record<string, string>, RegExp][])(
    '%s',
    async (_name, parts, extra, message) => {
      const { body, headers } = binaryBody({ inputs }, ...parts);
      const response = await server.fetch(infer(), {
        method: 'POST',
        body,
        headers: { ...headers, ...extra },
      });
      expect([response.status, await response.json()]).toEqual([
        400,
        { error: expect.stringMatching(message) },
      ]);
    },
  );
});

describe('compression', () => {
  it('unpacks bodies, and packs answers where the client takes it', async () => {
    const inputs = [{ ...labelInput, shape: [200], data: new Array(200).fill(1) }];
    for (const accepted of ['gzip', 'deflate', 'identity']) {
      const { encoding, bytes } = await new Promise<{ encoding?: string; bytes: Buffer }>(
        (resolve, reject) => {
          const headers = { 'Content-Encoding': 'gzip', 'Accept-Encoding': accepted };
          const request = rawRequest(server.url + infer(), { method: 'POST', headers }, (response) => {
            const parts: Buffer[] = [];
            response.on('data', (part: Buffer) => parts.push(part));
            response.once('end', () =>
              resolve({ encoding: response.headers['content-encoding'], bytes: Buffer.concat(parts) }),
            );
          });
          request.once('error', reject).end(gzipSync(JSON.stringify({ inputs, parameters: { seed: 1 } })));
        },
      );
      expect(encoding).toBe(accepted === 'identity' ? undefined : accepted);
      if (accepted === 'gzip') {
        const body = JSON.parse(gunzipSync(bytes).toString()) as Inferred;
        expect(body.outputs[0]!.shape).toEqual([200, 3]);
      }
    }
  });
});

describe('errors', () => {
  const cases: [string, string, unknown, number, string | RegExp][] = [
    ['no such model', infer('none'), {}, 404, "there is no model 'none'"],
    ['no such program', infer('points_fly'), {}, 404, "there is no model 'points_fly'"],
    ['a bundle without sample', infer('coder'), {}, 404, "there is no model 'coder'"],
    ['no such version', '/v2/models/points/versions/7/infer', {}, 404, /^there is no model/],
    [
      'no such input',
      infer(),
      { inputs: [{ ...zInput, name: 'y' }] },
      400,
      "model points has no input 'y' (it has: z, label, temperature)",
    ],
    ['an input twice', infer(), { inputs: [zInput, zInput] }, 400, "input 'z' is given twice"],
    [
      'another type',
      infer(),
      { inputs: [{ ...zInput, datatype: 'INT32', data: [1, 2, 3, 4, 5, 6] }] },
      400,
      "input 'z': expected FP32, got INT32",
    ],
    [
      'an unknown type',
      infer(),
      { inputs: [{ ...zInput, datatype: 'BYTES' }] },
      400,
      /^inputs\.0\.datatype: expected one of "BOOL"\|"INT32"\|"INT64"\|"FP32", got "BYTES"$/,
    ],
    [
      'another shape',
      infer(),
      { inputs: [{ ...zInput, shape: [3, 2] }] },
      400,
      "input 'z': expected shape [N,3], got [3,2]",
    ],
    [
      'a shape that its data is not of',
      infer(),
      { inputs: [{ ...zInput, shape: [3, 3] }] },
      400,
      "input 'z': expected 9 values, got 6",
    ],
    [
      'a shape beyond memory',
      infer(),
      { inputs: [{ ...zInput, shape: [2 ** 31, 2 ** 31, 2 ** 31] }] },
      400,
      /^input 'z': expected .* values, got 6$/,
    ],
    [
      'a negative shape',
      infer(),
      { inputs: [{ ...zInput, shape: [-1, 3] }] },
      400,
      /^inputs\.0\.shape\.0: expected number to be >=0/,
    ],
    [
      'no rows',
      infer(),
      { inputs: [{ ...zInput, shape: [0, 3], data: [] }] },
      400,
      "input 'z': expected at least one row, got none",
    ],
    [
      'no data',
      infer(),
      { inputs: [{ ...zInput, data: undefined }] },
      400,
      "input 'z': there is neither data nor binary data",
    ],
    [
      'rows that differ',
      infer(),
      { inputs: [zInput, { ...labelInput, shape: [3], data: [0, 1, 0] }] },
      400,
      "input 'label' has 3 rows where input 'z' says 2",
    ],
    [
      'rows other than count',
      infer(),
      { inputs: [zInput], parameters: { count: 5 } },
      400,
      "input 'z' has 2 rows where parameters.count says 5",
    ],
    [
      'too many rows',
      infer(),
      { parameters: { count: 1025 } },
      400,
      /^parameters\.count: expected number to be <=1024/,
    ],
    [
      'too many rows in a tensor',
      infer(),
      { inputs: [{ ...labelInput, shape: [1025], data: new Array(1025).fill(0) }] },
      400,
      "input 'label': expected at most 1024 rows, got 1025",
    ],
    [
      'a class there is not',
      infer(),
      { inputs: [{ ...labelInput, data: [0, 2] }] },
      400,
      /label 2 is out of range: the classes are 0 to 1$/,
    ],
    [
      'a class that is no number',
      infer(),
      { inputs: [{ ...labelInput, data: [0, 'x'] }] },
      400,
      /^input 'label': expected whole numbers of 32 bits, got "x"$/,
    ],
    [
      'INT64 beyond 32 bits',
      infer(),
      { inputs: [{ ...labelInput, datatype: 'INT64', data: [0, 2 ** 32] }] },
      400,
      /got 4294967296$/,
    ],
    [
      'a scalar out of range',
      infer(),
      { inputs: [{ name: 'temperature', shape: [1], datatype: 'FP32', data: [3] }] },
      400,
      /expected a number from 0 to 2, got 3$/,
    ],
    [
      'a scalar of unequal rows',
      infer(),
      { inputs: [{ name: 'temperature', shape: [2, 1], datatype: 'FP32', data: [1, 2] }] },
      400,
      /^input 'temperature': expected one number, .* got \[2,1\]$/,
    ],
    [
      'a missing input',
      infer('points_encode'),
      { inputs: [] },
      400,
      "model points_encode needs the input 'x'",
    ],
    [
      'a missing class',
      infer('points_logProb'),
      { inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }] },
      400,
      "model points_logProb needs the input 'label'",
    ],
    [
      'no such output',
      infer(),
      { inputs: [zInput], outputs: [{ name: 'nope' }] },
      400,
      "model points has no output 'nope' (it has: data, level)",
    ],
    [
      'an output twice',
      infer(),
      { inputs: [zInput], outputs: [{ name: 'data' }, { name: 'data' }] },
      400,
      "output 'data' is asked for twice",
    ],
    [
      'classification',
      infer(),
      { inputs: [zInput], outputs: [{ name: 'data', parameters: { classification: 3 } }] },
      400,
      "output 'data': classification is not supported",
    ],
    [
      'shared memory',
      infer(),
      { inputs: [{ ...zInput, parameters: { shared_memory_region: 'r' } }] },
      400,
      "input 'z': shared memory is not supported",
    ],
    ['a bad seed', infer(), { inputs: [], parameters: { seed: 1.5 } }, 400, /^parameters\.seed: expected/],
    ['an id that is no text', infer(), { id: 7 }, 400, 'id: expected string, got 7'],
    ['no object', infer(), 3, 400, 'the body: expected object, got 3'],
  ];
  it.each(cases)('%s', async (_name, path, body, status, message) => {
    const response = await server.post(path, body);
    expect([response.status, await response.json()]).toEqual([
      status,
      { error: typeof message === 'string' ? message : expect.stringMatching(message) },
    ]);
  });

  it.each([
    ['bad-request', 400],
    ['not-found', 404],
    ['overloaded', 429],
    ['timeout', 504],
    ['unavailable', 503],
    ['internal', 500],
  ] as const)('what the engine calls %s is a %d', async (kind, status) => {
    server.engine.before = () => {
      throw new ServeError(kind, 'its reason', kind === 'overloaded' ? 3 : undefined);
    };
    const response = await server.post(infer(), { inputs: [zInput] });
    server.engine.before = undefined;
    expect(response.status).toBe(status);
    expect(response.headers.get('Retry-After')).toBe(kind === 'overloaded' ? '3' : null);
    const { error } = (await response.json()) as { error: string };
    if (kind === 'internal') expect(error).not.toContain('its reason');
    else expect(error).toBe('its reason');
  });

  it('a defect shows nothing of itself, but is in the log', async () => {
    server.engine.before = () => {
      throw new TypeError('secret of line 12');
    };
    const response = await server.post(infer(), { inputs: [zInput] }, { 'X-Request-Id': 'defect-1' });
    server.engine.before = undefined;
    const text = await response.text();
    expect([response.status, text.includes('secret'), text.includes('at ')]).toEqual([500, false, false]);
    const line = server.log.find(({ requestId }) => requestId === 'defect-1');
    expect(JSON.stringify(line)).toContain('secret of line 12');
  });
});
